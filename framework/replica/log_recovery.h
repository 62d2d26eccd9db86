// Reading the log back after a restart.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_LOG_RECOVERY_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_LOG_RECOVERY_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/replica/log.h"
#include "framework/replica/log_format.h"
#include "framework/replica/log_segments.h"
#include "framework/runtime/cipher.h"
#include "framework/runtime/disk.h"

namespace lockstep::replica {

struct RecoveredLog final {
  SegmentSet segments;  // all that were begun
  std::map<GroupId, RecoveredGroup> groups;
  uint64_t last_batch = 0;
  uint64_t next_sequence = 1;      // of the segment to begin next; its file may exist, empty
  std::vector<uint64_t> outdated;  // segments from before a repair, of no meaning any more
};

// Recovers the log in `directory`, which exists. On return everything that was recovered is
// durable and the torn tail, if any, is cut off the file. Errors as Log::Open.
//
// Torn or rotten? A batch is written only after all earlier ones are durable. So a bad batch with
// any later one behind it, or with a begun segment behind its own, was acknowledged: rot. A bad
// batch with nothing behind it was being written when the node died: it is cut. (Rot of the very
// last batch looks the same; its entries are then missing here, as after a lost disk, and Raft's
// quorum has them.)
//
// `cipher`: null if the log is not sealed. FAILED_PRECONDITION: it is, or is not, or by other keys.
absl::StatusOr<RecoveredLog> RecoverLog(Fiber& fiber, runtime::Disk& disk,
                                        const std::string& directory, const LogIdentity& identity,
                                        const runtime::Cipher* cipher = nullptr);

// The same verdict and content, and no file is changed.
absl::StatusOr<RecoveredLog> ExamineLog(Fiber& fiber, runtime::Disk& disk,
                                        const std::string& directory, const LogIdentity& identity,
                                        const runtime::Cipher* cipher = nullptr);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_LOG_RECOVERY_H_
