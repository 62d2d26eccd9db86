// The bugs that can be planted in this folder: see framework/base/mutant.h.
#ifndef LOCKSTEP_DOCS_MEMORY_SYNC_MUTANTS_H_
#define LOCKSTEP_DOCS_MEMORY_SYNC_MUTANTS_H_

#include "framework/base/mutant.h"

namespace lockstep::mutant {

// A change counts as synced when it is sent.
inline constexpr Id kM62MarkedSyncedWhenSent{62};
// A change is dropped once the hub has processed it.
inline constexpr Id kM100DroppedWhenProcessed{100};
// A change is dropped once a page ends behind it.
inline constexpr Id kM101DroppedAtPageCheckpoint{101};
// The checkpoint is written before what it covers.
inline constexpr Id kM103CheckpointBeforeData{103};
// A change is pushed that a power loss takes back.
inline constexpr Id kM107PushedBeforeDurable{107};
// A change that was refused vanishes.
inline constexpr Id kM108RejectionForgotten{108};
// Answers count although all began anew.
inline constexpr Id kM201VerdictsOfBefore{201};
// Pages count although all began anew.
inline constexpr Id kM202PageOfBefore{202};
// The hub hears what a power loss takes back.
inline constexpr Id kM208ReportedBeforeDurable{208};
// What was pushed counts as pulled.
inline constexpr Id kM215PushMovesCheckpoint{215};
// A store takes no deletions from the hub.
inline constexpr Id kM216DeletionsNotPulled{216};

// What the hub says of a copy's change counts as said of one's own.
inline constexpr Id kM219VerdictOfACopy{219};

}  // namespace lockstep::mutant

#endif  // LOCKSTEP_DOCS_MEMORY_SYNC_MUTANTS_H_
