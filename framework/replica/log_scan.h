// Finding the batches in the bytes of one segment.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_LOG_SCAN_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_LOG_SCAN_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "framework/replica/log_format.h"

namespace lockstep::replica {

struct ScannedBatch final {
  uint64_t offset = 0;
  uint64_t batch = 0;
  std::string_view body;
  bool sealed = false;
};

// The header of a batch that recovery cannot reach.
struct LaterBatch final {
  uint64_t offset = 0;
  uint64_t batch = 0;
};

struct ScannedSegment final {
  bool begun = false;                 // its header is there and its own
  uint64_t first_batch = 0;           // if begun
  std::vector<ScannedBatch> batches;  // numbered without gaps from first_batch
  uint64_t end = 0;                   // where the next batch would be
  bool holds_batches = false;  // if not begun: an intact header of a batch of its own all the same
  // If not begun: in the place of its header is neither nothing nor an older segment's header. It
  // was torn while it was begun, or damaged.
  bool garbled = false;
  // An intact header of a batch after the one that should be at `end`: what is there is rot.
  std::optional<LaterBatch> later;
};

// Everything in a segment's file that makes sense by itself, whatever is between.
struct SegmentParts final {
  std::optional<SegmentHeader> header;  // intact and of this segment
  std::vector<ScannedBatch> batches;    // intact, in order of their places
  std::vector<uint64_t> damaged;        // numbers of batches of which only the header is intact
};

// Reads segment `sequence` from the bytes of its file, which the result refers to. `next_batch` is
// the batch that follows those of earlier segments. FAILED_PRECONDITION: another version or
// identity; DATA_LOSS: the file belongs elsewhere. REQUIRES: bytes are aligned.
absl::StatusOr<ScannedSegment> ScanSegment(const LogIdentity& identity, uint64_t sequence,
                                           uint64_t next_batch, std::string_view bytes);

// Reads all that can be read. FAILED_PRECONDITION as ScanSegment. REQUIRES: bytes are aligned.
absl::StatusOr<SegmentParts> ScanParts(const LogIdentity& identity, uint64_t sequence,
                                       std::string_view bytes);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_LOG_SCAN_H_
