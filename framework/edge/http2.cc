#include "framework/edge/http2.h"

#include <nghttp2/nghttp2.h>

#include "absl/strings/str_cat.h"

namespace lockstep::edge {

void Http2SessionDeleter::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

absl::Status Http2Feed(nghttp2_session* session, absl::string_view bytes) {
  const ssize_t taken = nghttp2_session_mem_recv(
      session, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (taken >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("http2: ", nghttp2_strerror(static_cast<int>(taken))));
}

absl::Status Http2Pull(nghttp2_session* session, std::string* out, size_t bytes_max) {
  while (out->size() < bytes_max) {
    const uint8_t* bytes = nullptr;
    const ssize_t count = nghttp2_session_mem_send(session, &bytes);
    if (count < 0) {
      return absl::InternalError(
          absl::StrCat("http2: ", nghttp2_strerror(static_cast<int>(count))));
    }
    if (count == 0) break;
    out->append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

}  // namespace lockstep::edge
