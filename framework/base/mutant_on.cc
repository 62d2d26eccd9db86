#include "framework/base/mutant_on.h"

namespace lockstep::mutant {
namespace {
Id planted = Id::kNone;  // the one mutable static that design.md section 3 allows
}  // namespace

void Plant(Id id) { planted = id; }
bool Enabled(Id id) { return planted == id; }

}  // namespace lockstep::mutant
