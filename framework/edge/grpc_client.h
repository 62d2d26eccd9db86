// GrpcChannel: calls to one address, many at a time over one connection, dialled when needed.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_GRPC_CLIENT_H_
#define LOCKSTEP_FRAMEWORK_EDGE_GRPC_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "framework/base/time.h"
#include "framework/edge/grpc_client_session.h"
#include "framework/edge/grpc_types.h"
#include "framework/fiber/scheduler.h"
#include "framework/fiber/sync.h"
#include "framework/runtime/network.h"

namespace lockstep::edge {

struct GrpcChannelOptions final {
  GrpcClientLimits limits;
  size_t read_buffer_bytes = 64 * 1024;
  // Bytes queued to one stream, beyond which its writer waits.
  size_t stream_queued_bytes_max = 1024 * 1024;
  Duration dial_timeout = Seconds(5);  // also until the server's first words
  // After a failed dial the next one waits so long.
  Duration redial_delay = Milliseconds(50);
  // With calls open, a server that was silent that long is asked by a ping, and has so long to
  // answer before the connection is given up.
  Duration keepalive_interval = Seconds(10);
  Duration keepalive_timeout = Seconds(10);
};

struct GrpcCallOptions final {
  MonoTime deadline = kNoDeadline;
  const Metadata* metadata = nullptr;  // borrowed during the call
};

struct GrpcResult final {
  GrpcCode code = GrpcCode::kUnknown;
  std::string message;
  GrpcOutcome outcome = GrpcOutcome::kUnknown;
  std::string response;

  bool ok() const { return code == GrpcCode::kOk; }
};

class GrpcChannel;

// A streaming call from the client's side. Destroying it before its end resets it. Belongs to the
// fiber that opened it, except that a second one may read while it writes. Must not outlive its
// channel.
class GrpcClientStream final {
 public:
  ~GrpcClientStream();
  GrpcClientStream(const GrpcClientStream&) = delete;
  GrpcClientStream& operator=(const GrpcClientStream&) = delete;

  // Suspends until a message has come (true). False: the call has ended, see status(); or the
  // deadline passed, then is_done() says no.
  bool Read(Fiber& fiber, std::string* message, MonoTime deadline = kNoDeadline);
  // Suspends while too much is queued. False: the call has ended. REQUIRES: writes not ended.
  bool Write(Fiber& fiber, absl::string_view message);
  // The server reads what was written, then the end.
  void EndWrites();

  bool is_done() const;
  // REQUIRES: is_done().
  const GrpcStatus& status() const;
  GrpcOutcome outcome() const;

 private:
  friend class GrpcChannel;
  struct State;
  explicit GrpcClientStream(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// Invariants:
//   1. At most one connection takes new calls; older ones live until their last call is over.
//   2. A call is sent at most once: trying again is the caller's business.
//   3. Nothing is sent but the preface before the server has spoken.
// Must outlive the calls on it; destroying it closes the connections.
class GrpcChannel final {
 public:
  // The scheduler and the network are borrowed.
  GrpcChannel(fiber::Scheduler& scheduler, runtime::Network& network, runtime::Address address,
              const GrpcChannelOptions& options = {});
  GrpcChannel(const GrpcChannel&) = delete;
  GrpcChannel& operator=(const GrpcChannel&) = delete;
  ~GrpcChannel();

  // One request, one response. Suspends. A fiber that is unwound here resets its call.
  GrpcResult Call(Fiber& fiber, absl::string_view method, absl::string_view request,
                  const GrpcCallOptions& options = {});
  // Suspends until there is a connection. The deadline bounds the whole call; the server ends it.
  absl::StatusOr<std::unique_ptr<GrpcClientStream>> OpenStream(Fiber& fiber,
                                                               absl::string_view method,
                                                               const GrpcCallOptions& options = {});

  const runtime::Address& address() const { return address_; }
  bool is_connected() const { return current_ != nullptr; }

 private:
  friend class GrpcClientStream;
  class Connection;

  absl::StatusOr<Connection*> Connect(Fiber& fiber, MonoTime deadline);
  void Run(Fiber& fiber);
  void OnGreeted(Connection& connection);
  void FailDial(const absl::Status& why);

  fiber::Scheduler& scheduler_;
  runtime::Network& network_;
  const runtime::Address address_;
  const GrpcChannelOptions options_;
  Connection* current_ = nullptr;  // takes new calls; owned by the fiber that runs it
  bool is_dialling_ = false;
  uint64_t failed_dials_ = 0;
  absl::Status last_failure_;
  MonoTime next_dial_;
  fiber::WaitQueue dialled_;
  fiber::Scope connections_;
};

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_GRPC_CLIENT_H_
