// HttpClient: requests to one server, over one connection that is kept.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_HTTP_CLIENT_H_
#define LOCKSTEP_FRAMEWORK_EDGE_HTTP_CLIENT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "framework/base/time.h"
#include "framework/edge/http_message.h"
#include "framework/fiber/scheduler.h"
#include "framework/runtime/network.h"

namespace lockstep::edge {

struct HttpClientOptions final {
  HttpLimits limits{.body_bytes_max = size_t{16} << 20};
  Duration dial_timeout = Seconds(3);
};

// Used by one fiber at a time. Requests must be idempotent: one whose kept connection turned out to
// be closed, before a byte of its answer, is sent again over a new one.
class HttpClient final {
 public:
  // The network outlives this.
  HttpClient(runtime::Network& network, runtime::Address address, HttpClientOptions options = {})
      : network_(network), address_(std::move(address)), options_(options) {}
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // UNAVAILABLE, DEADLINE_EXCEEDED: whether the server has done what it was asked is not known.
  // Suspends.
  absl::StatusOr<HttpResponse> Send(Fiber& fiber, const HttpRequest& request, MonoTime deadline);
  // The connection, if there is one, is closed.
  void Disconnect();
  const runtime::Address& address() const { return address_; }

 private:
  absl::Status Connect(Fiber& fiber, MonoTime deadline);
  absl::StatusOr<HttpResponse> Exchange(Fiber& fiber, const std::string& bytes, MonoTime deadline);

  runtime::Network& network_;
  const runtime::Address address_;
  const HttpClientOptions options_;
  std::unique_ptr<runtime::Stream> stream_;
  std::unique_ptr<HttpReader> reader_;
};

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_HTTP_CLIENT_H_
