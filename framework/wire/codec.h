// Structs to bytes and back: peer frames, bodies of log batches, configurations and snapshot metas.
//
// Bodies are Cap'n Proto messages of one segment without a segment table (`capnp decode --flat`).
// Equal values have equal bytes. Nothing here suspends. Input is never trusted: whatever is
// malformed is INVALID_ARGUMENT.
#ifndef LOCKSTEP_FRAMEWORK_WIRE_CODEC_H_
#define LOCKSTEP_FRAMEWORK_WIRE_CODEC_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "framework/wire/frames.h"
#include "framework/wire/log_record.h"

namespace lockstep::wire {

// Everything that is encoded is a multiple of this, and is written where that many bytes align.
inline constexpr size_t kAlignment = 8;

// Bound of what the message adds to the frame that carries it: collect messages into one frame
// while the sum stays below limits::kPeerFrameBytesMax - kFrameOverheadBytesMax.
size_t EncodedBytesMax(const GroupMessage& message);
size_t EncodedBytesMax(const ForwardItem& item);
size_t EncodedBytesMax(const SnapshotRow& row);
inline constexpr size_t kFrameOverheadBytesMax = 256;

// Appends the whole frame, header included. Payloads are copied once. REQUIRES: the frame is not
// larger than limits::kPeerFrameBytesMax (see EncodedBytesMax), out->size() is a multiple of
// kAlignment.
void EncodeFrame(const Frame& frame, std::string* out);

// Cuts a stream of bytes into frames. Feed it by reading into Prepare()'s room, then Commit; or
// with Feed, which copies. After an error the stream is lost: every later Next repeats the error.
class FrameDecoder final {
 public:
  FrameDecoder() = default;
  FrameDecoder(const FrameDecoder&) = delete;
  FrameDecoder& operator=(const FrameDecoder&) = delete;

  // Room for at least `bytes_min` bytes; valid until the next call.
  absl::Span<char> Prepare(size_t bytes_min);
  // The first `bytes` of the room are filled. REQUIRES: it was that large.
  void Commit(size_t bytes);
  void Feed(std::string_view bytes);

  // The next whole frame, or nothing until more bytes are fed. INVALID_ARGUMENT: not a frame, too
  // large, bad checksum or malformed body. FAILED_PRECONDITION: a frame of another version.
  absl::StatusOr<std::optional<Frame>> Next();

  // Bytes fed and not yet taken as frames. At the end of a stream anything but 0 is a cut frame.
  size_t buffered_bytes() const { return end_ - begin_; }

 private:
  absl::StatusOr<std::optional<Frame>> Take();

  std::string buffer_;  // [begin_, end_) holds what is not taken; begin_ is aligned
  size_t begin_ = 0;
  size_t end_ = 0;
  absl::Status failure_;
};

// Appends the body of one log batch. REQUIRES: out->size() is a multiple of kAlignment.
void EncodeLogBatch(absl::Span<const GroupRecord> records, std::string* out);
absl::StatusOr<std::vector<GroupRecord>> DecodeLogBatch(std::string_view body);

std::string EncodeConfiguration(const raft::Configuration& configuration);
absl::StatusOr<raft::Configuration> DecodeConfiguration(std::string_view bytes);

std::string EncodeSnapshotMeta(const raft::SnapshotMeta& meta);
absl::StatusOr<raft::SnapshotMeta> DecodeSnapshotMeta(std::string_view bytes);

}  // namespace lockstep::wire

#endif  // LOCKSTEP_FRAMEWORK_WIRE_CODEC_H_
