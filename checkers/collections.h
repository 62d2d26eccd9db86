// Queues, stacks, priority queues, locks, sets and counters without a search, where values are
// unique.
//
// What makes such a history impossible is a conflict of a few operations, and the conflicts are
// known. Queues [Henzinger, Sezgin & Vafeiadis, "Aspect-oriented linearizability proofs", CONCUR
// 2013]: a value out of nowhere or taken twice, two values that leave in another order than they
// came, an empty queue that surely was not. Stacks and priority queues by taking values away that
// change nothing for the others [Lee & Mathur, 2024]. O(n log n), but for stacks O(n^2) at worst.
#ifndef LOCKSTEP_CHECKERS_COLLECTIONS_H_
#define LOCKSTEP_CHECKERS_COLLECTIONS_H_

#include <vector>

#include "checkers/linearizability.h"
#include "checkers/models/collections.h"
#include "checkers/models/counter.h"
#include "checkers/models/membership.h"

namespace lockstep::checkers {

// Of any discipline. Falls back to the search where values are put twice, and where a take of
// unknown outcome may have removed what is missing.
LinearizabilityResult CheckQueue(const QueueModel& model,
                                 const std::vector<QueueOperation>& operations,
                                 const LinearizabilityLimits& limits = {});

// Falls back to the search where a client acquires twice without a release between, or releases
// what it did not acquire.
LinearizabilityResult CheckLock(const std::vector<LockOperation>& operations,
                                const LinearizabilityLimits& limits = {});

// Falls back to the search where a value is added twice.
LinearizabilityResult CheckSet(const SetModel& model, const std::vector<SetOperation>& operations,
                               const LinearizabilityLimits& limits = {});

// Falls back to the search for elements that are added or removed more than once.
LinearizabilityResult CheckMembership(const MembershipModel& model,
                                      const std::vector<MembershipOperation>& operations,
                                      const LinearizabilityLimits& limits = {});

// Falls back to the search where increments differ, and where one of unknown outcome may have been
// counted in the place of another.
LinearizabilityResult CheckCounter(const CounterModel& model,
                                   const std::vector<CounterOperation>& operations,
                                   const LinearizabilityLimits& limits = {});

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_COLLECTIONS_H_
