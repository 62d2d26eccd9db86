// Registers in which every value is written once: linearizable or not, without a search.
//
// A write and the reads of its value form a cluster; its zone is the time between its first return
// and its last call [Gibbons & Korach, "Testing shared memories", 1997]. If the first return comes
// first, the value was surely there all that time. The history is linearizable iff no read returns
// before its write is called, no two such zones overlap, and no zone of the other kind lies inside
// of one. O(n log n), whatever overlaps.
#ifndef LOCKSTEP_CHECKERS_REGISTER_ZONES_H_
#define LOCKSTEP_CHECKERS_REGISTER_ZONES_H_

#include <optional>
#include <vector>

#include "checkers/linearizability.h"
#include "checkers/models/register.h"

namespace lockstep::checkers {

// Absent: a value is written twice, a write of "nothing", or a compare-and-set, so that this says
// nothing.
std::optional<LinearizabilityResult> CheckZones(const RegisterModel& model,
                                                const std::vector<RegisterOperation>& operations);

// By zones where they say something, by search elsewhere.
LinearizabilityResult CheckRegisters(const RegisterModel& model,
                                     const std::vector<RegisterOperation>& operations,
                                     const LinearizabilityLimits& limits = {});

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_REGISTER_ZONES_H_
