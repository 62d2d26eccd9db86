// GrpcServer: accepts connections and serves a registry of methods on them.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_GRPC_SERVER_H_
#define LOCKSTEP_FRAMEWORK_EDGE_GRPC_SERVER_H_

#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "framework/base/time.h"
#include "framework/edge/grpc_budget.h"
#include "framework/edge/grpc_connection.h"
#include "framework/edge/grpc_service.h"
#include "framework/fiber/scheduler.h"
#include "framework/fiber/sync.h"
#include "framework/runtime/network.h"
#include "framework/runtime/trace.h"

namespace lockstep::edge {

// gRPC over HTTP/2 without TLS ("prior knowledge"). One per shard.
//
// Destroying it unwinds every call at its suspension point and closes every connection, so declare
// it after everything that the handlers use.
class GrpcServer final {
 public:
  // All but the options are borrowed.
  GrpcServer(fiber::Scheduler& scheduler, runtime::Trace& trace, const GrpcRegistry& registry,
             const GrpcServerOptions& options = {});
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;
  ~GrpcServer();

  // Accepts connections until the listener is closed or the server shut down. Several fibers may
  // serve, one listener each.
  void Serve(Fiber& fiber, runtime::Listener& listener);
  // Serves one connection to its end, in the calling fiber. For whoever accepted it, and has
  // perhaps read its first bytes to see what it speaks.
  void ServeConnection(Fiber& fiber, std::unique_ptr<runtime::Stream> stream,
                       absl::string_view already_read);

  // Refuses new connections and calls, waits for the open calls until `deadline`, then cuts off
  // what is left. The caller is no handler of this server.
  void Shutdown(Fiber& fiber, MonoTime deadline);

  size_t connections() const { return connection_count_; }
  size_t open_calls() const;
  const GrpcBudget& budget() const { return budget_; }

 private:
  struct Member;

  // As long as calls wait for room, cuts off clients that hold some and take nothing.
  void RelievePressure(Fiber& fiber);
  Member* LargestStalled(MonoTime now);
  void Admit(std::unique_ptr<runtime::Stream> stream);

  fiber::Scheduler& scheduler_;
  runtime::Trace& trace_;
  const GrpcRegistry& registry_;
  const GrpcServerOptions options_;
  GrpcBudget budget_;
  fiber::ListLink members_;
  size_t connection_count_ = 0;
  bool is_draining_ = false;
  fiber::WaitQueue connection_ended_;
  fiber::Scope connections_;
  fiber::Scope helpers_;
};

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_GRPC_SERVER_H_
