// What the two sides of an HTTP/2 session share. Only the .cc files see nghttp2.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_HTTP2_H_
#define LOCKSTEP_FRAMEWORK_EDGE_HTTP2_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

struct nghttp2_session;

namespace lockstep::edge {

// Stream windows: what a peer may send before anybody reads.
inline constexpr int kStreamWindowBytes = 256 * 1024;
inline constexpr int kConnectionWindowBytes = 4 * 1024 * 1024;
// Decoded header bytes of one message; also what bounds a HPACK bomb.
inline constexpr size_t kHeaderBytesMax = 64 * 1024;
// Frames waiting to be sent, beyond which nothing more is read from the peer.
inline constexpr size_t kOutboundFramesMax = 20'000;

// Recycled call objects of one connection; a burst beyond it gives its memory back.
inline constexpr size_t kFreeCallsMax = 256;

struct Http2SessionDeleter final {
  void operator()(nghttp2_session* session) const;
};
using Http2SessionPtr = std::unique_ptr<nghttp2_session, Http2SessionDeleter>;

// Hands bytes from the peer to the session. An error: the connection is beyond repair.
absl::Status Http2Feed(nghttp2_session* session, absl::string_view bytes);
// Appends what the session wants to send, until `out` holds about `bytes_max` or nothing is left.
absl::Status Http2Pull(nghttp2_session* session, std::string* out, size_t bytes_max);

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_HTTP2_H_
