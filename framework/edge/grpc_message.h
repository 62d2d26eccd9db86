// Messages of a gRPC call as bytes: a flag, a length of four bytes, the message.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_GRPC_MESSAGE_H_
#define LOCKSTEP_FRAMEWORK_EDGE_GRPC_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "framework/edge/grpc_types.h"

namespace lockstep::edge {

inline constexpr size_t kGrpcPrefixBytes = 5;
// Buffers of recycled calls that are larger are given back.
inline constexpr size_t kRecycledBufferBytesMax = 16 * 1024;

// Cuts a stream of bytes into messages.
//
// Invariant: head_ <= buffer_.size(). A value.
class MessageReader final {
 public:
  explicit MessageReader(size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

  void Append(absl::string_view bytes);
  // Why the first message can never be accepted; OK if it can. Ask after Append and after Pop.
  GrpcStatus Check() const;
  // Whether a whole message is there.
  bool HasMessage() const;
  // The first message. REQUIRES: HasMessage(). Valid until the next Append or Pop.
  absl::string_view Front() const;
  void Pop();
  // Bytes held; 0 means that no message has been begun.
  size_t buffered_bytes() const { return buffer_.size() - head_; }
  // Of the first message, with its prefix, what is not here yet; 0 if the prefix does not say.
  size_t missing_bytes() const;
  void Clear();

 private:
  bool HasPrefix() const { return buffered_bytes() >= kGrpcPrefixBytes; }
  size_t MessageBytes() const;

  size_t message_bytes_max_;
  std::string buffer_;
  size_t head_ = 0;
};

// Messages on their way out, prefixes included.
//
// Invariant: head_ <= buffer_.size(). A value.
class MessageQueue final {
 public:
  // REQUIRES: the length fits into four bytes.
  void Push(absl::string_view message);
  // Moves up to `bytes` bytes to `out`; returns how many.
  size_t Take(uint8_t* out, size_t bytes);
  bool empty() const { return head_ == buffer_.size(); }
  size_t bytes() const { return buffer_.size() - head_; }
  void Clear();

 private:
  std::string buffer_;
  size_t head_ = 0;
};

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_GRPC_MESSAGE_H_
