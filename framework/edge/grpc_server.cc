#include "framework/edge/grpc_server.h"

#include <utility>

#include "framework/base/check.h"

namespace lockstep::edge {
namespace {

// After an accept that failed for want of something (files, memory).
constexpr Duration kAcceptPause = Milliseconds(20);

}  // namespace

// A connection in the server's list, on the stack of the fiber that serves it.
struct GrpcServer::Member final : fiber::ListLink {
  Member(GrpcServer& owner, std::unique_ptr<runtime::Stream> stream)
      : server(owner),
        connection(owner.scheduler_, owner.registry_, owner.options_, std::move(stream)) {
    InsertBefore(server.members_);
    ++server.connection_count_;
  }
  ~Member() {
    --server.connection_count_;
    server.connection_ended_.WakeAll();
  }
  GrpcServer& server;
  GrpcConnection connection;
};

GrpcServer::GrpcServer(fiber::Scheduler& scheduler, runtime::Trace& trace,
                       const GrpcRegistry& registry, const GrpcServerOptions& options)
    : scheduler_(scheduler),
      trace_(trace),
      registry_(registry),
      options_(options),
      connections_(scheduler) {}

GrpcServer::~GrpcServer() {
  connections_.Cancel();
  CHECK_EQ(connection_count_, 0u) << "ServeConnection outlives its server";
}

void GrpcServer::Serve(Fiber& fiber, runtime::Listener& listener) {
  while (!is_draining_) {
    absl::StatusOr<std::unique_ptr<runtime::Stream>> stream = listener.Accept(fiber);
    if (stream.ok()) {
      if (!is_draining_) Admit(*std::move(stream));
    } else if (absl::IsCancelled(stream.status())) {
      return;
    } else {
      trace_.Emit(runtime::TraceLevel::kWarning, "grpc.accept",
                  {{"error", std::string(stream.status().message())}});
      fiber.SleepFor(kAcceptPause);
    }
  }
}

void GrpcServer::Admit(std::unique_ptr<runtime::Stream> stream) {
  if (connections_.size() >= options_.connections_max) {
    trace_.Emit(runtime::TraceLevel::kWarning, "grpc.connection.refused",
                {{"peer", stream->peer()}, {"connections", connections_.size()}});
    return;
  }
  // std::function wants copies; the stream has one owner.
  auto owner = std::make_shared<std::unique_ptr<runtime::Stream>>(std::move(stream));
  connections_.Spawn("grpc.read", [this, owner](Fiber& fiber) {
    ServeConnection(fiber, std::move(*owner), absl::string_view());
  });
}

void GrpcServer::ServeConnection(Fiber& fiber, std::unique_ptr<runtime::Stream> stream,
                                 absl::string_view already_read) {
  if (is_draining_) return;
  trace_.Emit(runtime::TraceLevel::kDebug, "grpc.connection.open", {{"peer", stream->peer()}});
  Member member(*this, std::move(stream));
  member.connection.Serve(fiber, already_read);
}

void GrpcServer::Shutdown(Fiber& fiber, MonoTime deadline) {
  is_draining_ = true;
  for (fiber::ListLink* link = members_.next; link != &members_; link = link->next) {
    static_cast<Member*>(link)->connection.Drain();
  }
  while (connection_count_ > 0) {
    if (!connection_ended_.Wait(fiber, deadline)) break;
  }
  connections_.Cancel();
}

size_t GrpcServer::open_calls() const {
  size_t calls = 0;
  for (const fiber::ListLink* link = members_.next; link != &members_; link = link->next) {
    calls += static_cast<const Member*>(link)->connection.open_calls();
  }
  return calls;
}

}  // namespace lockstep::edge
