// HttpServer: accepts connections and has a handler answer what they ask.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_HTTP_SERVER_H_
#define LOCKSTEP_FRAMEWORK_EDGE_HTTP_SERVER_H_

#include <cstddef>
#include <memory>

#include "framework/base/limits.h"
#include "framework/base/time.h"
#include "framework/edge/http_message.h"
#include "framework/edge/memory_budget.h"
#include "framework/fiber/scheduler.h"
#include "framework/fiber/sync.h"
#include "framework/runtime/network.h"
#include "framework/runtime/trace.h"

namespace lockstep::edge {

struct HttpServerOptions final {
  HttpLimits limits;
  size_t connections_max = 1000;
  // Bodies that have begun to arrive and are not answered, of all connections.
  size_t request_bytes_max = limits::kRequestBytesHeldMax;
  Duration room_timeout = Seconds(5);     // for room for a body
  Duration idle_timeout = Seconds(120);   // between two requests
  Duration header_timeout = Seconds(10);  // from a header's first byte to its last
  Duration body_timeout = Seconds(60);
  Duration write_timeout = Seconds(30);  // for a whole answer, or a piece of a long one
};

// HTTP/1.1, one request after the other on a connection, one fiber each. Who stalls is cut off by
// the timeouts; what is malformed or too large is refused in the handler's words, and the
// connection is closed. One per shard.
//
// Destroying it unwinds every call at its suspension point, so declare it after everything that the
// handler uses.
class HttpServer final {
 public:
  // All but the options are borrowed.
  HttpServer(fiber::Scheduler& scheduler, runtime::Trace& trace, HttpHandler& handler,
             const HttpServerOptions& options = {});
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  // Accepts connections until the listener is closed or the server shut down. Several fibers may
  // serve, one listener each.
  void Serve(Fiber& fiber, runtime::Listener& listener);
  // Refuses new connections and requests, waits for open requests until `deadline`, then cuts off
  // what is left. The caller is no handler of this server.
  void Shutdown(Fiber& fiber, MonoTime deadline);

  size_t connections() const { return connections_.size(); }

 private:
  struct Connection;

  void ServeConnection(Fiber& fiber, runtime::Stream& stream);
  // False: the connection is over.
  bool ReadRequest(Fiber& fiber, Connection& connection);
  bool ReadSome(Fiber& fiber, Connection& connection, MonoTime deadline);
  bool Answer(Fiber& fiber, Connection& connection);
  void Refuse(Fiber& fiber, Connection& connection, const HttpRefusal& refusal);

  fiber::Scheduler& scheduler_;
  runtime::Trace& trace_;
  HttpHandler& handler_;
  const HttpServerOptions options_;
  MemoryBudget bodies_;
  size_t busy_ = 0;  // requests being answered
  bool is_draining_ = false;
  fiber::WaitQueue ended_;
  fiber::Scope connections_;
};

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_HTTP_SERVER_H_
