// HTTP/1.1 messages as bytes: reading them as they arrive, writing them in one piece.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_HTTP_MESSAGE_H_
#define LOCKSTEP_FRAMEWORK_EDGE_HTTP_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "framework/edge/http_types.h"

namespace lockstep::edge {

struct HttpLimits final {
  size_t header_bytes_max = 16 * 1024;
  size_t body_bytes_max = size_t{8} << 20;
};

// Reads messages of one direction, one after the other. Pure: bytes in, messages out.
//
// Invariant: what was fed and belongs to no finished message is kept for the next one, up to the
// limits: a reader that has refused takes nothing any more.
class HttpReader final {
 public:
  enum class Side { kServer, kClient };  // who reads: requests, or responses
  HttpReader(Side side, const HttpLimits& limits);
  HttpReader(const HttpReader&) = delete;
  HttpReader& operator=(const HttpReader&) = delete;
  ~HttpReader();

  void Feed(std::string_view bytes);
  // The other side has ended the stream: a response without a length is complete then.
  void FeedEnd();

  // Whether anything of the next message is there.
  bool has_begun() const;
  bool has_header() const;
  bool is_done() const;
  // What is wrong; nothing is read any more.
  const std::optional<HttpRefusal>& refusal() const;
  // With a header: whether the sender waits for "100 Continue", and how much body it has announced
  // (the limit, if it does not say).
  bool expects_continue() const;
  size_t body_bytes_announced() const;

  // REQUIRES: is_done(). The next message follows; the bytes of it that are there are read.
  HttpRequest TakeRequest(bool* keep_alive);
  HttpResponse TakeResponse(bool* keep_alive);

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

// With a Content-Length, unless more follows; a request names its host.
std::string EncodeRequest(const HttpRequest& request, std::string_view host);
std::string EncodeResponse(const HttpResponse& response, bool keep_alive);
inline constexpr std::string_view kHttpContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_HTTP_MESSAGE_H_
