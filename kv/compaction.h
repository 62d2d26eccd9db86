// Compaction: forgetting old revisions, in two steps.
//
// Compact moves the mark below which reads are refused; from then on nothing can see what a sweep
// will remove. Sweep removes, a bounded number of changes at a time, what only the revisions before
// the mark could see: a version when its successor is before the mark, a tombstone when it is
// before the mark itself. Changes at the mark stay until the next compaction, because a watch may
// start there. How far the sweep has come is part of the replicated state.
#ifndef LOCKSTEP_KV_COMPACTION_H_
#define LOCKSTEP_KV_COMPACTION_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/machine/ordered_store.h"
#include "kv/head.h"
#include "kv/verdict.h"

namespace lockstep::kv {

// Changes that one entry sweeps at most: some milliseconds of work.
inline constexpr int64_t kSweepChangesMax = 500;

// Refuses revisions that are compacted already or still to come.
Verdict Compact(machine::StoreTransaction& store, int64_t revision, Head& head);

// Sweeps the next changes before the mark. True if more are left.
absl::StatusOr<bool> Sweep(Fiber& fiber, machine::StoreTransaction& store, const Head& head);

// The first revision that the sweep has not passed.
absl::StatusOr<Revision> SweepPosition(Fiber& fiber, const machine::StoreView& view);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_COMPACTION_H_
