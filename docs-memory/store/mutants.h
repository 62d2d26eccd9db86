// The bugs that can be planted in this folder: see framework/base/mutant.h.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_MUTANTS_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_MUTANTS_H_

#include "framework/base/mutant.h"

namespace lockstep::mutant {

// An update leaves the old version's index entries.
inline constexpr Id kM80IndexEntryNotRemoved{80};
// The oplog row is in a batch of its own.
inline constexpr Id kM81OplogOutsideBatch{81};
// Revisions start again from the clock.
inline constexpr Id kM82RevisionsForgotten{82};
// A durable write is acknowledged before its sync.
inline constexpr Id kM83AcknowledgedBeforeSync{83};
// Of two concurrent versions only one is kept.
inline constexpr Id kM102ConflictDropped{102};
// A revision may be smaller than what was seen.
inline constexpr Id kM109ClockIgnoresOthers{109};
// A word that an update takes away still finds.
inline constexpr Id kM120GoneWordStays{120};
// A collection's old versions go before their time.
inline constexpr Id kM195YoungVersionsGo{195};
// Old keys go before the rows are sealed anew.
inline constexpr Id kM196KeysForgottenFirst{196};
// A clean close cuts the log of what is in memory.
inline constexpr Id kM197LogCutBeforeFlush{197};
// What cannot be read of what is synced is passed over.
inline constexpr Id kM218UnreadablePassedOver{218};
// Copies of a store make the same revisions.
inline constexpr Id kM220CopiesWriteAlike{220};
// A changed document comes back as it was.
inline constexpr Id kM217AfterIsBefore{217};

}  // namespace lockstep::mutant

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_MUTANTS_H_
