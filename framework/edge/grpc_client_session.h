// The client's half of a gRPC connection as a pure object: bytes go in, bytes come out.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_GRPC_CLIENT_SESSION_H_
#define LOCKSTEP_FRAMEWORK_EDGE_GRPC_CLIENT_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "framework/base/time.h"
#include "framework/edge/grpc_message.h"
#include "framework/edge/grpc_types.h"
#include "framework/edge/http2.h"
#include "framework/fiber/sync.h"

namespace lockstep::edge {

// What is known about a call that has ended.
enum class GrpcOutcome {
  kAnswered,   // the status is the server's
  kNeverSent,  // no server has seen it: sending it again is safe
  kUnknown,    // it may have taken effect
};

struct GrpcClientLimits final {
  size_t message_bytes_max = 256 * 1024 * 1024;
  int stream_window_bytes = 1024 * 1024;
};

// One call. Owned by its session; the user gives it back by Release.
class ClientCall final {
 public:
  explicit ClientCall(size_t message_bytes_max) : reader_(message_bytes_max) {}
  ClientCall(const ClientCall&) = delete;
  ClientCall& operator=(const ClientCall&) = delete;

  // The call has its status; nothing more is sent. Messages may be left to be read.
  bool done() const { return flags_.done; }
  const GrpcStatus& status() const { return status_; }
  GrpcOutcome outcome() const { return outcome_; }
  // How it would stand if it were given up now.
  GrpcOutcome outcome_if_abandoned() const {
    if (flags_.done) return outcome_;
    return flags_.sent ? GrpcOutcome::kUnknown : GrpcOutcome::kNeverSent;
  }
  size_t queued_bytes() const { return out_.bytes(); }
  bool HasMessage() const { return reader_.HasMessage(); }
  // REQUIRES: HasMessage().
  absl::string_view Front() const { return reader_.Front(); }

  // Woken when the call is done and, of a streaming call, when it can be read or written.
  fiber::WaitQueue changed;

 private:
  friend class GrpcClientSession;
  friend struct ClientCallbacks;
  struct Flags {
    bool streaming = false;
    bool sent = false;     // its headers may be on the wire
    bool on_wire = false;  // HTTP/2 still knows it
    bool out_ended = false;
    bool deferred = false;
    bool has_grpc_status = false;
    bool done = false;
    bool released = false;
  };

  int32_t id_ = 0;
  size_t place_ = 0;  // in the session's list of calls
  Flags flags_;
  int http_status_ = 0;
  MessageQueue out_;
  MessageReader reader_;
  size_t unconsumed_bytes_ = 0;
  GrpcStatus status_;
  GrpcOutcome outcome_ = GrpcOutcome::kUnknown;
};

// Invariant: every call is in use (opened, not released) or free. Nothing here suspends.
class GrpcClientSession final {
 public:
  struct Request {
    absl::string_view method;  // "/package.Service/Method"
    const Metadata* metadata = nullptr;
    Duration timeout{0};  // none if not positive
  };

  GrpcClientSession(std::string authority, const GrpcClientLimits& limits);
  GrpcClientSession(const GrpcClientSession&) = delete;
  GrpcClientSession& operator=(const GrpcClientSession&) = delete;
  ~GrpcClientSession();

  // As in GrpcServerSession.
  absl::Status Feed(absl::string_view bytes);
  absl::Status Pull(std::string* out, size_t bytes_max);
  bool WantsToSend() const;
  bool finished() const;
  void Ping();

  // The server said that it takes no further calls, or every stream number is used up.
  bool is_going_away() const;

  ClientCall& OpenUnary(const Request& request, absl::string_view message);
  ClientCall& OpenStream(const Request& request);
  // No-ops once the call is done.
  void Write(ClientCall& call, absl::string_view message);
  void EndWrites(ClientCall& call);
  // REQUIRES: call.HasMessage().
  void PopMessage(ClientCall& call);
  // Gives the call back; resets it if it is not over. REQUIRES: nobody waits for it.
  void Release(ClientCall& call);

  // The connection is gone: every call that is not done is now, as Unavailable.
  void FailAll(absl::string_view why);
  size_t calls_in_use() const { return calls_.size(); }

 private:
  friend struct ClientCallbacks;

  ClientCall& Open(const Request& request, bool is_streaming);
  void Submit(ClientCall& call, const Request& request);
  void OnHeader(ClientCall& call, absl::string_view name, absl::string_view value);
  void OnData(ClientCall& call, absl::string_view bytes);
  void OnRemoteEnd(ClientCall& call);
  void OnClose(ClientCall& call, uint32_t error_code);
  void End(ClientCall& call, GrpcStatus status, GrpcOutcome outcome);
  void Reset(ClientCall& call);
  void Consume(ClientCall& call);
  void Resume(ClientCall& call);
  size_t OnSendData(ClientCall& call, uint8_t* out, size_t bytes_max, uint32_t* data_flags);

  std::string authority_;
  GrpcClientLimits limits_;
  std::vector<std::unique_ptr<ClientCall>> free_;
  std::vector<std::unique_ptr<ClientCall>> calls_;
  bool is_going_away_ = false;
  Http2SessionPtr session_;
};

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_GRPC_CLIENT_SESSION_H_
