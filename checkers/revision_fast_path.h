// The revision certificate for plain histories: puts, gets and deletes of single keys, each
// answered.
//
// Checks the same facts as the certificate, in flat arrays: a proof, or nothing. What it cannot
// prove the certificate decides, and puts into words.
#ifndef LOCKSTEP_CHECKERS_REVISION_FAST_PATH_H_
#define LOCKSTEP_CHECKERS_REVISION_FAST_PATH_H_

#include <cstddef>
#include <optional>

#include "checkers/kv_history.h"

namespace lockstep::checkers {

// The number of writes, if the history is proven correct. Absent: it is not, or it holds something
// else than plain operations.
std::optional<size_t> ProvePlainHistory(const KvHistory& history, int64_t initial_revision);

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_REVISION_FAST_PATH_H_
