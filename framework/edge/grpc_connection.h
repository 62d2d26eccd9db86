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
#include "framework/edge/grpc_server_session.h"
#include "framework/edge/grpc_service.h"
#include "framework/fiber/scheduler.h"
#include "framework/fiber/sync.h"
#include "framework/runtime/network.h"

namespace lockstep::edge {

struct GrpcServerOptions final {
  GrpcServerLimits limits;
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
  // A client that takes nothing of what is queued for that long is cut off.
  Duration stall_timeout = Seconds(30);
};

// Invariants:
//   1. A call's fiber lives in a scope of its own; it is gone before the call is recycled.
//   2. Nothing suspends between Feed or Pull and the end of HandleEvents.
//   3. More than queued_bytes_max queued => no handler begins.
// One fiber (the caller of Serve) reads, one writes, one watches the deadlines, one per call.
class GrpcConnection final {
 public:
  // What is passed by reference is borrowed.
  GrpcConnection(fiber::Scheduler& scheduler, const GrpcRegistry& registry,
                 const GrpcServerOptions& options, std::unique_ptr<runtime::Stream> stream);
  GrpcConnection(const GrpcConnection&) = delete;
  GrpcConnection& operator=(const GrpcConnection&) = delete;
  ~GrpcConnection();

  // Returns when the connection is over. `already_read` came from the stream before.
  void Serve(Fiber& fiber, absl::string_view already_read);
  // Takes no further calls; Serve returns when those that are open have ended.
  void Drain();
  size_t open_calls() const { return session_.calls().size(); }

 private:
  class CallRun;
  class ServerStream;

  CallRun& RunOf(ServerCall& call);
  bool Feed(Fiber& fiber, absl::string_view bytes);
  bool OnSilence(MonoTime now);
  void HandleEvents();
  void Start(ServerCall& call);
  void RunCall(Fiber& fiber, ServerCall& call);
  void Close(ServerCall& call);
  void WriteLoop(Fiber& fiber);
  void WatchDeadlines(Fiber& fiber);
  void FlushLast(Fiber& fiber);
  void WakeWriter() { to_write_.Set(); }
  bool IsQueueFull() const { return session_.queued_bytes() > options_.queued_bytes_max; }

  fiber::Scheduler& scheduler_;
  const GrpcServerOptions& options_;
  std::unique_ptr<runtime::Stream> stream_;
  GrpcServerSession session_;
  std::vector<GrpcServerSession::Event> events_;
  fiber::Event to_write_;
  fiber::WaitQueue written_;
  fiber::WaitQueue has_room_;
  fiber::WaitQueue deadline_moved_;
  MonoTime next_deadline_ = kNoDeadline;  // no open call's deadline is earlier
  MonoTime last_heard_;
  bool pinged_ = false;
  bool writing_ = false;
  bool broken_ = false;
  fiber::Scope helpers_;
};

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_GRPC_CONNECTION_H_
