// Looking for rot in a log that is in use, before a restart finds it.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_LOG_SCRUB_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_LOG_SCRUB_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "framework/replica/log_format.h"
#include "framework/replica/pace.h"
#include "framework/runtime/disk.h"

namespace lockstep::replica {

// Reads the first `used_bytes` of segment `sequence`, which are batches that were acknowledged, and
// compares all checksums. DATA_LOSS: they are damaged, or the medium does not give them back. Other
// errors say nothing of that. Suspends.
absl::Status CheckSegment(Fiber& fiber, runtime::Disk& disk, const std::string& directory,
                          const LogIdentity& identity, uint64_t sequence, uint64_t used_bytes,
                          Pace& pace);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_LOG_SCRUB_H_
