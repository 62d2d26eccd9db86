// Queues, locks and growing sets without a search, where values are unique.
//
// What makes such a history impossible is a conflict of two or three operations, and the conflicts
// are known: for queues [Henzinger, Sezgin & Vafeiadis, "Aspect-oriented linearizability proofs",
// CONCUR 2013] a value out of nowhere or dequeued twice, two values that leave in another order
// than they came, and an empty queue that surely was not. O(n log n).
#ifndef LOCKSTEP_CHECKERS_COLLECTIONS_H_
#define LOCKSTEP_CHECKERS_COLLECTIONS_H_

#include <vector>

#include "checkers/linearizability.h"
#include "checkers/models/collections.h"

namespace lockstep::checkers {

// Falls back to the search where values are enqueued twice, and where a dequeue of unknown outcome
// may have removed what is missing.
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

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_COLLECTIONS_H_
