#include "framework/edge/http2_session.h"

#include "framework/base/check.h"

namespace lockstep::edge {
namespace {

using Open = int (*)(nghttp2_session**, const nghttp2_session_callbacks*, void*,
                     const nghttp2_option*);

Http2SessionPtr NewSession(Open open, void* user, Http2Configure configure,
                           Http2Settings settings) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  nghttp2_session* raw = nullptr;
  CHECK_EQ(nghttp2_session_callbacks_new(&callbacks), 0);
  CHECK_EQ(nghttp2_option_new(&option), 0);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_no_auto_window_update(option, 1);
  configure(callbacks, option);
  CHECK_EQ(open(&raw, callbacks, user, option), 0);
  Http2SessionPtr session(raw);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  CHECK_EQ(nghttp2_submit_settings(raw, NGHTTP2_FLAG_NONE, settings.data(), settings.size()), 0);
  CHECK_EQ(nghttp2_session_set_local_window_size(raw, NGHTTP2_FLAG_NONE, 0, kConnectionWindowBytes),
           0);
  return session;
}

}  // namespace

Http2SessionPtr NewHttp2Server(void* user, Http2Configure configure, Http2Settings settings) {
  return NewSession(nghttp2_session_server_new2, user, configure, settings);
}

Http2SessionPtr NewHttp2Client(void* user, Http2Configure configure, Http2Settings settings) {
  return NewSession(nghttp2_session_client_new2, user, configure, settings);
}

nghttp2_nv Http2Header(absl::string_view name, absl::string_view value, uint8_t flags) {
  const auto bytes = [](absl::string_view text) {
    return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), flags};
}

absl::string_view Http2Text(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace lockstep::edge
