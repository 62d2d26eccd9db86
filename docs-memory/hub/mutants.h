// The bugs that can be planted in this folder: see framework/base/mutant.h.
#ifndef LOCKSTEP_DOCS_MEMORY_HUB_MUTANTS_H_
#define LOCKSTEP_DOCS_MEMORY_HUB_MUTANTS_H_

#include "framework/base/mutant.h"

namespace lockstep::mutant {

// A pull tells the winner and no conflicts.
inline constexpr Id kM64ConflictsNotPulled{64};
// A page's checkpoint is beyond what is in it.
inline constexpr Id kM66CheckpointAfterFilter{66};
// The hub forgets that a document was deleted.
inline constexpr Id kM104TombstoneForgotten{104};
// The hub does not remember what it has processed.
inline constexpr Id kM105PushAppliedTwice{105};
// A token reaches every tenant.
inline constexpr Id kM106TenantIgnored{106};
// A purged deletion is never told to who was away.
inline constexpr Id kM190PullFromBelowTheFloor{190};
// An old change brings a purged document back.
inline constexpr Id kM191PurgedDocumentRisesAgain{191};
// A document goes when its last version had to.
inline constexpr Id kM192ExpiryOfAnOldVersion{192};
// Old versions go although they are still in use.
inline constexpr Id kM193VersionsOfHeadsTrimmed{193};
// A restored hub believes checkpoints of before.
inline constexpr Id kM194OldEpochAccepted{194};
// A second life takes changes of the first.
inline constexpr Id kM200NewLifeTakesOldChanges{200};
// Who lags tells what was purged elsewhere.
inline constexpr Id kM203FloorOfAnotherReplica{203};
// What may have been deleted begins anew.
inline constexpr Id kM205AgainTakenForNew{205};
// Each event of a page resumes behind it.
inline constexpr Id kM206EventsResumeTooFar{206};

}  // namespace lockstep::mutant

#endif  // LOCKSTEP_DOCS_MEMORY_HUB_MUTANTS_H_
