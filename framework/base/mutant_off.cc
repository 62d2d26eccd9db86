#include "framework/base/mutant.h"

namespace lockstep::mutant {

bool Enabled(Id) { return false; }

}  // namespace lockstep::mutant
