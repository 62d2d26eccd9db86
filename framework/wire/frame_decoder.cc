#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/limits.h"
#include "framework/wire/body_codec.h"
#include "framework/wire/codec.h"
#include "framework/wire/frame_format.h"

namespace lockstep::wire {
namespace {

absl::Status CheckHeader(const FrameHeader& header) {
  if (header.magic != kFrameMagic) {
    return absl::InvalidArgumentError(absl::StrCat("not a peer frame: magic ", header.magic));
  }
  if (header.version != kFrameVersion) {
    return absl::FailedPreconditionError(absl::StrCat("peer frame of version ", header.version,
                                                      ", this node speaks ", kFrameVersion));
  }
  if (header.body_bytes == 0 || header.body_bytes % kAlignment != 0) {
    return absl::InvalidArgumentError(absl::StrCat("frame body of ", header.body_bytes, " bytes"));
  }
  if (header.body_bytes > limits::kPeerFrameBytesMax - sizeof(header)) {
    return absl::InvalidArgumentError(absl::StrCat("frame body of ", header.body_bytes,
                                                   " bytes, limit ", limits::kPeerFrameBytesMax));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Span<char> FrameDecoder::Prepare(size_t bytes_min) {
  // Moving to the front keeps frames aligned: begin_ only ever advances by whole frames.
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - end_ < bytes_min && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < bytes_min) {
    buffer_.resize(std::max({size_t{64}, 2 * buffer_.size(), end_ + bytes_min}));
  }
  CHECK_EQ(begin_ % kAlignment, 0u);
  return absl::MakeSpan(buffer_.data() + end_, buffer_.size() - end_);
}

void FrameDecoder::Commit(size_t bytes) {
  CHECK_LE(bytes, buffer_.size() - end_);
  end_ += bytes;
}

void FrameDecoder::Feed(std::string_view bytes) {
  if (bytes.empty()) return;
  std::memcpy(Prepare(bytes.size()).data(), bytes.data(), bytes.size());
  Commit(bytes.size());
}

absl::StatusOr<std::optional<Frame>> FrameDecoder::Next() {
  if (!failure_.ok()) return failure_;
  auto frame = Take();
  if (!frame.ok()) failure_ = frame.status();
  return frame;
}

absl::StatusOr<std::optional<Frame>> FrameDecoder::Take() {
  FrameHeader header;
  if (end_ - begin_ < sizeof(header)) return std::nullopt;
  std::memcpy(&header, buffer_.data() + begin_, sizeof(header));
  if (absl::Status good = CheckHeader(header); !good.ok()) return good;
  if (end_ - begin_ < sizeof(header) + header.body_bytes) return std::nullopt;
  const std::string_view body(buffer_.data() + begin_ + sizeof(header), header.body_bytes);
  if (FrameChecksum(header, body) != header.checksum) {
    return absl::InvalidArgumentError(
        absl::StrCat("bad checksum of a frame with ", header.body_bytes, " body bytes"));
  }
  absl::StatusOr<Frame> frame = DecodeFrameBody(body);
  if (!frame.ok()) return frame.status();
  begin_ += sizeof(header) + header.body_bytes;
  return std::optional<Frame>(*std::move(frame));
}

}  // namespace lockstep::wire
