// Mending a log in which acknowledged batches are damaged, with what is left of it.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_LOG_REPAIR_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_LOG_REPAIR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/replica/log_format.h"
#include "framework/runtime/disk.h"

namespace lockstep::replica {

struct LogRepair final {
  uint64_t kept_batches = 0;           // from the log's start up to the first that is damaged
  uint64_t lost_batches = 0;           // behind them, damaged or not
  std::vector<std::string> set_aside;  // names of the files that held the old log
};

// Cuts the log before its first damaged batch: what is left is the log as it was at an earlier
// time. Term and vote of each group are those of the last intact batch that tells them, and say
// that the group abstains until it has caught up (docs/decisions/0011). All this becomes one new
// segment; the old ones are set aside under names that end in ".damaged" (those of the last repair
// go). Suspends.
//
// `groups`: that the shard has. DATA_LOSS: a vote of one of them may have been lost, so that
// nothing less than new data from the peers helps; nothing was changed then. FAILED_PRECONDITION:
// see Log::Open.
absl::StatusOr<LogRepair> RepairLog(Fiber& fiber, runtime::Disk& disk, const std::string& directory,
                                    const LogIdentity& identity,
                                    const std::vector<GroupId>& groups = {});

// Sets aside segments that a repair left behind.
absl::Status SetSegmentsAside(Fiber& fiber, runtime::Disk& disk, const std::string& directory,
                              const std::vector<uint64_t>& sequences);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_LOG_REPAIR_H_
