// Registers in which every value is written once: linearizable or not, without a search.
//
// Each key by its chains of versions (version_chains.h): O(n log n), whatever overlaps.
#ifndef LOCKSTEP_CHECKERS_REGISTER_ZONES_H_
#define LOCKSTEP_CHECKERS_REGISTER_ZONES_H_

#include <optional>
#include <vector>

#include "checkers/linearizability.h"
#include "checkers/models/register.h"

namespace lockstep::checkers {

// Absent: a value is written twice, a write of "nothing", or a compare-and-set that did not hold
// and does not fit the order that is tried, so that this says nothing.
std::optional<LinearizabilityResult> CheckZones(const RegisterModel& model,
                                                const std::vector<RegisterOperation>& operations);

// Keys by their chains where those say something, the others by search.
LinearizabilityResult CheckRegisters(const RegisterModel& model,
                                     const std::vector<RegisterOperation>& operations,
                                     const LinearizabilityLimits& limits = {});

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_REGISTER_ZONES_H_
