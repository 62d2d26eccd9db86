// Strings under keys in which everything that is put or appended is unique: without a search.
//
// A string that was read tells what was put or appended, in which order; so every string that a key
// has held is a version that follows on another by one append, as a compare-and-set would, and
// chains of versions decide (version_chains.h). What was never read may have come at the end of any
// chain. O(bytes read + n log n), whatever overlaps.
#ifndef LOCKSTEP_CHECKERS_STRING_VERSIONS_H_
#define LOCKSTEP_CHECKERS_STRING_VERSIONS_H_

#include <vector>

#include "checkers/linearizability.h"
#include "checkers/models/string_store.h"

namespace lockstep::checkers {

// By versions where they say something: where no value of a key is empty or the beginning of
// another, so that strings can be taken apart in one way. By search elsewhere.
LinearizabilityResult CheckStringStore(const StringModel& model,
                                       const std::vector<StringOperation>& operations,
                                       const LinearizabilityLimits& limits = {});

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_STRING_VERSIONS_H_
