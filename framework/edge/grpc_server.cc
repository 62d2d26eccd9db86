#include "framework/edge/grpc_server.h"

#include <utility>

#include "framework/base/check.h"

namespace lockstep::edge {
namespace {

// After an accept that failed for want of something (files, memory).
constexpr Duration kAcceptPause = Milliseconds(20);
// How often stalled clients are looked for while room is short.
constexpr Duration kReliefPause = Milliseconds(200);

}  // namespace

// A connection in the server's list, on the stack of the fiber that serves it.
struct GrpcServer::Member final : fiber::ListLink {
  Member(GrpcServer& owner, std::unique_ptr<runtime::Stream> stream)
      : server(owner),
        connection(owner.scheduler_, owner.registry_, owner.options_, owner.budget_,
                   std::move(stream)) {
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
      budget_(options.budget),
      connections_(scheduler),
      helpers_(scheduler) {
  helpers_.Spawn("grpc.relief", [this](Fiber& fiber) { RelievePressure(fiber); });
}

GrpcServer::~GrpcServer() {
  helpers_.Cancel();
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

void GrpcServer::RelievePressure(Fiber& fiber) {
  for (;;) {
    while (!budget_.is_short()) budget_.pressure.Wait(fiber);
    fiber.SleepFor(kReliefPause);
    // What a connection holds is free as soon as its fiber has run.
    for (size_t freed = 0; budget_.is_short() && freed <= budget_.missing_bytes();) {
      Member* victim = LargestStalled(fiber.now());
      if (victim == nullptr) break;
      freed += victim->connection.held_bytes();
      trace_.Emit(runtime::TraceLevel::kWarning, "grpc.connection.cut_off",
                  {{"peer", victim->connection.peer()}, {"held", victim->connection.held_bytes()}});
      victim->connection.CutOff();
    }
  }
}

GrpcServer::Member* GrpcServer::LargestStalled(MonoTime now) {
  Member* largest = nullptr;
  for (fiber::ListLink* link = members_.next; link != &members_; link = link->next) {
    Member* member = static_cast<Member*>(link);
    const GrpcConnection& connection = member->connection;
    if (connection.is_cut_off()) continue;
    if (connection.StalledFor(now) < options_.stall_timeout_if_short) continue;
    if (largest == nullptr || connection.held_bytes() > largest->connection.held_bytes()) {
      largest = member;
    }
  }
  return largest;
}

size_t GrpcServer::open_calls() const {
  size_t calls = 0;
  for (const fiber::ListLink* link = members_.next; link != &members_; link = link->next) {
    calls += static_cast<const Member*>(link)->connection.open_calls();
  }
  return calls;
}

}  // namespace lockstep::edge
