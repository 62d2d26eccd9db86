#include "framework/edge/http_server.h"

#include <algorithm>
#include <string>
#include <utility>

namespace lockstep::edge {
namespace {

// After an accept that failed for want of something (files, memory).
constexpr Duration kAcceptPause = Milliseconds(20);
constexpr size_t kReadBytes = 16 * 1024;
// A client that was refused still sends for a moment; a reset would swallow the answer.
constexpr Duration kLinger = Seconds(1);

}  // namespace

struct HttpServer::Connection final {
  Connection(runtime::Stream& s, MemoryBudget& b, const HttpLimits& limits)
      : stream(s), bodies(b), reader(HttpReader::Side::kServer, limits) {}
  ~Connection() { ReleaseBody(); }
  void ReleaseBody() { bodies.Release(std::exchange(held_bytes, 0)); }

  runtime::Stream& stream;
  MemoryBudget& bodies;
  HttpReader reader;
  size_t held_bytes = 0;
};

HttpServer::HttpServer(fiber::Scheduler& scheduler, runtime::Trace& trace, HttpHandler& handler,
                       const HttpServerOptions& options)
    : scheduler_(scheduler),
      trace_(trace),
      handler_(handler),
      options_(options),
      bodies_(options.request_bytes_max),
      connections_(scheduler) {}

HttpServer::~HttpServer() { connections_.Cancel(); }

void HttpServer::Serve(Fiber& fiber, runtime::Listener& listener) {
  while (!is_draining_) {
    absl::StatusOr<std::unique_ptr<runtime::Stream>> stream = listener.Accept(fiber);
    if (absl::IsCancelled(stream.status())) return;
    if (!stream.ok()) {
      trace_.Emit(runtime::TraceLevel::kWarning, "http.accept",
                  {{"error", std::string(stream.status().message())}});
      fiber.SleepFor(kAcceptPause);
      continue;
    }
    if (is_draining_) return;
    if (connections_.size() >= options_.connections_max) {
      trace_.Emit(runtime::TraceLevel::kWarning, "http.connection.refused",
                  {{"peer", (*stream)->peer()}, {"connections", connections_.size()}});
      continue;
    }
    // std::function wants copies; the stream has one owner.
    auto owner = std::make_shared<std::unique_ptr<runtime::Stream>>(*std::move(stream));
    connections_.Spawn("http.connection", [this, owner](Fiber& serving) {
      const std::unique_ptr<runtime::Stream> own = std::move(*owner);
      ServeConnection(serving, *own);
      ended_.WakeAll();
    });
  }
}

void HttpServer::ServeConnection(Fiber& fiber, runtime::Stream& stream) {
  Connection connection(stream, bodies_, options_.limits);
  while (!is_draining_) {
    if (!ReadRequest(fiber, connection)) return;
    if (!Answer(fiber, connection)) return;
  }
}

bool HttpServer::ReadSome(Fiber& fiber, Connection& connection, MonoTime deadline) {
  char bytes[kReadBytes];
  connection.stream.SetReadDeadline(deadline);
  const absl::StatusOr<size_t> count =
      connection.stream.Read(fiber, absl::MakeSpan(bytes, sizeof(bytes)));
  if (count.ok() && *count > 0) {
    connection.reader.Feed({bytes, *count});
    return true;
  }
  // Who has sent half a request learns why it is not answered.
  if (absl::IsDeadlineExceeded(count.status()) && connection.reader.has_begun())
    Refuse(fiber, connection, {408, "the request did not arrive in time"});
  return false;
}

bool HttpServer::ReadRequest(Fiber& fiber, Connection& connection) {
  HttpReader& reader = connection.reader;
  MonoTime deadline = fiber.now() + options_.idle_timeout;
  while (!reader.has_begun()) {
    if (!ReadSome(fiber, connection, deadline)) return false;
  }
  deadline = fiber.now() + options_.header_timeout;
  while (!reader.has_header() && !reader.refusal()) {
    if (!ReadSome(fiber, connection, deadline)) return false;
  }
  if (!reader.refusal()) {
    const size_t bytes = std::min(reader.body_bytes_announced(), options_.limits.body_bytes_max);
    if (!bodies_.Acquire(fiber, bytes, fiber.now() + options_.room_timeout)) {
      Refuse(fiber, connection, {503, "too many requests are under way"});
      return false;
    }
    connection.held_bytes = bytes;
  }
  deadline = fiber.now() + options_.body_timeout;
  bool asked = false;
  while (!reader.is_done() && !reader.refusal()) {
    if (reader.expects_continue() && !std::exchange(asked, true)) {
      connection.stream.SetWriteDeadline(deadline);
      const absl::string_view go_on(kHttpContinue.data(), kHttpContinue.size());
      if (!connection.stream.Write(fiber, go_on).ok()) return false;
    }
    if (!ReadSome(fiber, connection, deadline)) return false;
  }
  if (!reader.refusal()) return true;
  Refuse(fiber, connection, *reader.refusal());
  return false;
}

bool HttpServer::Answer(Fiber& fiber, Connection& connection) {
  struct Busy {
    size_t& count;
    explicit Busy(size_t& c) : count(c) { ++count; }
    ~Busy() { --count; }
  } busy(busy_);
  bool keep_alive = false;
  const HttpRequest request = connection.reader.TakeRequest(&keep_alive);
  const HttpResponse response = handler_.Handle(fiber, request);
  connection.ReleaseBody();
  keep_alive = keep_alive && !is_draining_ && !response.more;
  connection.stream.SetWriteDeadline(fiber.now() + options_.write_timeout);
  if (!connection.stream.Write(fiber, EncodeResponse(response, keep_alive)).ok()) return false;
  while (response.more && !is_draining_) {
    const std::optional<std::string> piece = response.more(fiber);
    if (!piece) break;
    connection.stream.SetWriteDeadline(fiber.now() + options_.write_timeout);
    if (!connection.stream.Write(fiber, *piece).ok()) return false;
  }
  if (!keep_alive) connection.stream.CloseWrite();
  return keep_alive;
}

void HttpServer::Refuse(Fiber& fiber, Connection& connection, const HttpRefusal& refusal) {
  const std::string bytes = EncodeResponse(handler_.Refuse(refusal), false);
  connection.stream.SetWriteDeadline(fiber.now() + options_.write_timeout);
  if (!connection.stream.Write(fiber, bytes).ok()) return;
  connection.stream.CloseWrite();
  connection.stream.SetReadDeadline(fiber.now() + kLinger);
  char ignored[kReadBytes];
  for (;;) {
    const auto count = connection.stream.Read(fiber, absl::MakeSpan(ignored, sizeof(ignored)));
    if (!count.ok() || *count == 0) return;
  }
}

void HttpServer::Shutdown(Fiber& fiber, MonoTime deadline) {
  is_draining_ = true;
  while (busy_ > 0 && ended_.Wait(fiber, deadline)) {
  }
  connections_.Cancel();
}

}  // namespace lockstep::edge
