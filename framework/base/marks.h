// Marks: "sometimes" this happens. States that simulated runs have to reach now and then, or they
// test less than they seem to.
//
// As with planted bugs, the objects are the same everywhere and what is linked differs: with
// `lockstep_mutants_on` somebody may listen, with `lockstep_mutants_off` nobody ever does.
#ifndef LOCKSTEP_FRAMEWORK_BASE_MARKS_H_
#define LOCKSTEP_FRAMEWORK_BASE_MARKS_H_

#include <cstdint>
#include <map>
#include <string_view>

namespace lockstep::marks {

// A constant of the folder that reaches it; the name is stable and dotted, and outlives everything.
struct Mark final {
  std::string_view name;
};

void Reach(const Mark& mark);

// The condition is true in some run, some time.
inline void Sometimes(bool condition, const Mark& mark) {
  if (condition) Reach(mark);
}

// How often each mark was reached.
using Counts = std::map<std::string_view, uint64_t>;

// For whoever runs universes: what is reached from now on is counted there; null: nobody listens.
// Returns who did before.
Counts* Listen(Counts* counts);

}  // namespace lockstep::marks

#endif  // LOCKSTEP_FRAMEWORK_BASE_MARKS_H_
