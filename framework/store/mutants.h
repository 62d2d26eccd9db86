// The bugs that can be planted in this folder: see framework/base/mutant.h.
#ifndef LOCKSTEP_FRAMEWORK_STORE_MUTANTS_H_
#define LOCKSTEP_FRAMEWORK_STORE_MUTANTS_H_

#include "framework/base/mutant.h"

namespace lockstep::mutant {

// Only sorted tables are sealed.
inline constexpr Id kM122SmallFilesInClear{122};
// A row of a file that is not open reads as empty.
inline constexpr Id kM188ClosedFileHoldsNothing{188};
// A snapshot's chunks are of different instants.
inline constexpr Id kM210SnapshotNotPinned{210};

}  // namespace lockstep::mutant

#endif  // LOCKSTEP_FRAMEWORK_STORE_MUTANTS_H_
