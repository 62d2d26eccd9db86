// One client's connection: a GrpcServerSession with fibers and a stream around it.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_GRPC_CONNECTION_H_
#define LOCKSTEP_FRAMEWORK_EDGE_GRPC_CONNECTION_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "framework/base/limits.h"
#include "framework/base/time.h"
#include "framework/edge/grpc_budget.h"
#include "framework/edge/grpc_server_session.h"
#include "framework/edge/grpc_service.h"
#include "framework/fiber/scheduler.h"
#include "framework/fiber/sync.h"
#include "framework/runtime/network.h"

namespace lockstep::edge {

struct GrpcServerOptions final {
  GrpcServerLimits limits;
  GrpcBudgetLimits budget;
  size_t connections_max = limits::kClientConnectionsMax;
  // Bytes queued to one client, beyond which no handler begins and streams wait.
  size_t queued_bytes_max = limits::kClientQueueBytesMax;
  // Bytes queued to one stream, beyond which its writer waits.
  size_t stream_queued_bytes_max = 1024 * 1024;
  size_t read_buffer_bytes = 16 * 1024;
  // From the connection to the client's first SETTINGS.
  Duration preface_timeout = Seconds(10);
  // A client that was silent that long is asked by a ping, and has so long to answer.
  Duration keepalive_interval = Seconds(60);
  Duration keepalive_timeout = Seconds(20);
  // A client that takes nothing of what is queued for that long is cut off: when its queue is full;
  // and when the queues of all together are, and others wait for room.
  Duration stall_timeout = Seconds(30);
  Duration stall_timeout_if_short = Seconds(2);
  // A call that waits longer for room is refused.
  Duration room_timeout = Seconds(5);
};

// Invariants:
//   1. A call's fiber lives in a scope of its own; it is gone before the call is recycled.
//   2. Nothing suspends between Feed or Pull and the end of HandleEvents.
//   3. More than queued_bytes_max queued => no handler begins.
//   4. Whenever another fiber runs, budget_ has been told what session_ holds.
// One fiber (the caller of Serve) reads, one writes, one watches the deadlines, one per call.
class GrpcConnection final {
 public:
  // What is passed by reference is borrowed.
  GrpcConnection(fiber::Scheduler& scheduler, const GrpcRegistry& registry,
                 const GrpcServerOptions& options, GrpcBudget& budget,
                 std::unique_ptr<runtime::Stream> stream);
  GrpcConnection(const GrpcConnection&) = delete;
  GrpcConnection& operator=(const GrpcConnection&) = delete;
  ~GrpcConnection();

  // Returns when the connection is over. `already_read` came from the stream before.
  void Serve(Fiber& fiber, absl::string_view already_read);
  // Takes no further calls; Serve returns when those that are open have ended.
  void Drain();
  size_t open_calls() const { return session_.calls().size(); }

  // For how long the client has taken nothing although something is queued, or has sent no more of
  // the requests that it has begun.
  Duration StalledFor(MonoTime now) const;
  // Bytes of requests and responses that go with the connection.
  size_t held_bytes() const { return budget_.held_bytes(); }
  // Ends the connection at once.
  void CutOff();
  bool is_cut_off() const { return state_.broken; }
  const runtime::Address& peer() const { return stream_->peer(); }

 private:
  class CallRun;
  class Room;
  class ServerStream;

  CallRun& RunOf(ServerCall& call);
  bool Feed(Fiber& fiber, absl::string_view bytes);
  bool OnSilence(MonoTime now);
  void HandleEvents();
  void Start(ServerCall& call);
  void RunCall(Fiber& fiber, ServerCall& call);
  void EndRun(CallRun& run);
  void Close(ServerCall& call);
  void WriteLoop(Fiber& fiber);
  void WriteOut(Fiber& fiber, absl::string_view bytes);
  void AwaitClient(Fiber& fiber);
  void WatchDeadlines(Fiber& fiber);
  void FlushLast(Fiber& fiber);
  void WakeWriter() { to_write_.Set(); }
  void Settle();

  fiber::Scheduler& scheduler_;
  const GrpcServerOptions& options_;
  std::unique_ptr<runtime::Stream> stream_;
  GrpcServerSession session_;
  std::vector<GrpcServerSession::Event> events_;
  fiber::Event to_write_;
  fiber::WaitQueue written_;
  fiber::WaitQueue deadline_moved_;
  MonoTime next_deadline_ = kNoDeadline;  // no open call's deadline is earlier
  MonoTime last_heard_;
  MonoTime last_taken_;  // when the client last took something of the queue, or it was empty
  size_t running_calls_ = 0;
  struct State {
    bool pinged = false;
    bool writing = false;
    bool broken = false;
  };
  State state_;
  ConnectionBudget budget_;
  fiber::Scope helpers_;
};

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_GRPC_CONNECTION_H_
