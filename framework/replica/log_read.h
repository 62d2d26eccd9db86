// Reading a segment's file from a medium that may not give back all of it.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_LOG_READ_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_LOG_READ_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "framework/runtime/disk.h"

namespace lockstep::replica {

struct SegmentBytes final {
  std::string bytes;
  // Offsets of pieces of kUnreadableBytes that the medium did not give back; zeros stand for them.
  std::vector<uint64_t> unreadable;

  // Whether one of them overlaps [begin, end).
  bool UnreadableWithin(uint64_t begin, uint64_t end) const;
};
inline constexpr uint64_t kUnreadableBytes = 512;

// The whole file, each part tried a few times. Suspends. Fails only if the file cannot be opened.
absl::StatusOr<SegmentBytes> ReadSegmentFile(Fiber& fiber, runtime::Disk& disk,
                                             const std::string& path);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_LOG_READ_H_
