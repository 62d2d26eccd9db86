#include "framework/edge/grpc_message.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"

namespace lockstep::edge {
namespace {

// Gives up a buffer that one large message has blown up.
void ClearBuffer(std::string& buffer) {
  if (buffer.capacity() > kRecycledBufferBytesMax) {
    std::string().swap(buffer);
  } else {
    buffer.clear();
  }
}

}  // namespace

void MessageReader::Append(absl::string_view bytes) {
  // What is before head_ was read; drop it once it outweighs the rest, so that moving is rare.
  if (head_ == buffer_.size()) {
    buffer_.clear();
    head_ = 0;
  } else if (head_ > buffer_.size() / 2) {
    buffer_.erase(0, head_);
    head_ = 0;
  }
  buffer_.append(bytes.data(), bytes.size());
}

GrpcStatus MessageReader::Check() const {
  if (!HasPrefix()) return GrpcStatus();
  const char flag = buffer_[head_];
  if (flag == 1) {
    return GrpcStatus(GrpcCode::kUnimplemented, "grpc: compressed messages are not supported");
  }
  if (flag != 0) {
    return GrpcStatus(GrpcCode::kInternal,
                      absl::StrCat("grpc: received unexpected payload format ",
                                   static_cast<int>(static_cast<unsigned char>(flag))));
  }
  if (MessageBytes() > message_bytes_max_) {
    return GrpcStatus(GrpcCode::kResourceExhausted,
                      absl::StrCat("grpc: received message larger than max (", MessageBytes(),
                                   " vs. ", message_bytes_max_, ")"));
  }
  return GrpcStatus();
}

size_t MessageReader::MessageBytes() const {
  CHECK(HasPrefix());
  const auto byte = [&](size_t i) -> size_t {
    return static_cast<unsigned char>(buffer_[head_ + i]);
  };
  return byte(1) << 24 | byte(2) << 16 | byte(3) << 8 | byte(4);
}

bool MessageReader::HasMessage() const {
  return HasPrefix() && buffered_bytes() - kGrpcPrefixBytes >= MessageBytes();
}

size_t MessageReader::missing_bytes() const {
  if (!HasPrefix() || HasMessage()) return 0;
  return kGrpcPrefixBytes + MessageBytes() - buffered_bytes();
}

absl::string_view MessageReader::Front() const {
  CHECK(HasMessage());
  return absl::string_view(buffer_).substr(head_ + kGrpcPrefixBytes, MessageBytes());
}

void MessageReader::Pop() {
  CHECK(HasMessage());
  head_ += kGrpcPrefixBytes + MessageBytes();
}

void MessageReader::Clear() {
  ClearBuffer(buffer_);
  head_ = 0;
}

void MessageQueue::Push(absl::string_view message) {
  CHECK_LE(message.size(), 0xFFFFFFFFu);
  const auto byte = [&](int shift) { return static_cast<char>(message.size() >> shift & 0xFF); };
  const char prefix[kGrpcPrefixBytes] = {0, byte(24), byte(16), byte(8), byte(0)};
  buffer_.append(prefix, sizeof(prefix));
  buffer_.append(message.data(), message.size());
}

size_t MessageQueue::Take(uint8_t* out, size_t bytes_max) {
  const size_t taken = std::min(bytes_max, bytes());
  if (taken > 0) std::memcpy(out, buffer_.data() + head_, taken);
  head_ += taken;
  if (empty()) Clear();
  return taken;
}

void MessageQueue::Clear() {
  ClearBuffer(buffer_);
  head_ = 0;
}

}  // namespace lockstep::edge
