// Reading a segment's file from a medium that may not give back all of it.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_LOG_READ_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_LOG_READ_H_

#include <cstddef>
#include <cstdint>
#include <optional>
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

  bool operator==(const SegmentBytes&) const = default;
};
inline constexpr uint64_t kUnreadableBytes = 512;

// The whole file, each part tried a few times, and read again until two readings agree: who
// recovers a log cuts what is not there, and a read that went to a wrong place (once) would look
// like that. Suspends. Errors: of opening the file; UNAVAILABLE: no two readings agree.
absl::StatusOr<SegmentBytes> ReadSegmentFile(Fiber& fiber, runtime::Disk& disk,
                                             const std::string& path);

// Its first bytes, read until two readings agree; nothing if there are not as many or they cannot
// be read. Suspends. Errors: as above.
absl::StatusOr<std::optional<std::string>> ReadSegmentStart(Fiber& fiber, runtime::Disk& disk,
                                                            const std::string& path, size_t bytes);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_LOG_READ_H_
