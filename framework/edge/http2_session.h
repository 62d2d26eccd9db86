// What the two sides of a session tell nghttp2 alike. For their sources only: it shows nghttp2.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_HTTP2_SESSION_H_
#define LOCKSTEP_FRAMEWORK_EDGE_HTTP2_SESSION_H_

#include <nghttp2/nghttp2.h>  // lint: allow(heavy) included by grpc_*_session.cc only

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "framework/edge/http2.h"

namespace lockstep::edge {

// A session that forgets closed streams, opens windows only as data is consumed and has sent its
// settings. `configure` adds the side's own callbacks and options; they get `user`.
using Http2Configure = absl::FunctionRef<void(nghttp2_session_callbacks*, nghttp2_option*)>;
using Http2Settings = absl::Span<const nghttp2_settings_entry>;
Http2SessionPtr NewHttp2Server(void* user, Http2Configure configure, Http2Settings settings);
Http2SessionPtr NewHttp2Client(void* user, Http2Configure configure, Http2Settings settings);

inline constexpr uint8_t kHttp2Copied = NGHTTP2_NV_FLAG_NONE;
inline constexpr uint8_t kHttp2NameBorrowed = NGHTTP2_NV_FLAG_NO_COPY_NAME;
inline constexpr uint8_t kHttp2Borrowed =
    NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
nghttp2_nv Http2Header(absl::string_view name, absl::string_view value,
                       uint8_t flags = kHttp2Borrowed);
absl::string_view Http2Text(const uint8_t* bytes, size_t size);

template <typename Call>
Call* Http2CallOf(nghttp2_session* session, int32_t id) {
  return static_cast<Call*>(nghttp2_session_get_stream_user_data(session, id));
}

// Body of a nghttp2_data_source_read_callback: `send(call)` fills in the next bytes of the call and
// its data flags, and returns how many; none and no flag means that there are none yet.
template <typename Call, typename Send>
ssize_t Http2SendData(nghttp2_session* session, int32_t id, const uint32_t* data_flags, Send send) {
  Call* const call = Http2CallOf<Call>(session, id);
  if (call == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const size_t taken = send(*call);
  if (taken == 0 && *data_flags == 0) return NGHTTP2_ERR_DEFERRED;
  return static_cast<ssize_t>(taken);
}

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_HTTP2_SESSION_H_
