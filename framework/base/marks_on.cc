#include <utility>

#include "framework/base/marks.h"

namespace lockstep::marks {
namespace {
Counts* listener = nullptr;  // as with the planted bug: only simulators link this
}  // namespace

void Reach(const Mark& mark) {
  if (listener != nullptr) ++(*listener)[mark.name];
}
Counts* Listen(Counts* counts) { return std::exchange(listener, counts); }

}  // namespace lockstep::marks
