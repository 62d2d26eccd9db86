// The server's half of a gRPC connection as a pure object: bytes go in, events and bytes come out.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_GRPC_SERVER_SESSION_H_
#define LOCKSTEP_FRAMEWORK_EDGE_GRPC_SERVER_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "framework/base/limits.h"
#include "framework/base/time.h"
#include "framework/edge/grpc_message.h"
#include "framework/edge/grpc_service.h"
#include "framework/edge/grpc_types.h"
#include "framework/edge/http2.h"

namespace lockstep::edge {

struct GrpcServerLimits final {
  size_t message_bytes_max = limits::kGrpcMessageBytesMax;
  uint32_t concurrent_calls_max = limits::kConcurrentStreamsMax;
  // Request bytes held for one connection: incomplete, not yet handled or being handled. Beyond
  // it, calls that send more are refused. Of a unary request all that is to come counts from the
  // start; requests that begin and are not complete leave a quarter for those that come in one go.
  size_t request_bytes_max = limits::kRequestBytesHeldMax;
  // What a call is told that is refused because too much is held.
  std::string busy_text = "too many requests";
  int stream_window_bytes = kStreamWindowBytes;
  // Resets by the client: so many at once, so many per second in the long run.
  int64_t resets_burst = 2000;
  int64_t resets_per_second = 200;
};

// What the driver keeps with a call; stays with the object when it is recycled.
class ServerCallAttachment {
 public:
  virtual ~ServerCallAttachment() = default;
};

// The state of one call. Owned by its session, which recycles it.
class ServerCall final {
 public:
  explicit ServerCall(size_t message_bytes_max) : reader_(message_bytes_max) {}
  ServerCall(const ServerCall&) = delete;
  ServerCall& operator=(const ServerCall&) = delete;

  const GrpcMethod& method() const { return *method_; }
  absl::string_view path() const { return path_; }
  const Metadata& metadata() const { return metadata_; }
  MonoTime deadline() const { return deadline_; }
  // The message of a unary call that was started.
  absl::string_view message() const { return reader_.Front(); }
  // Whether a handler may still answer.
  bool open() const { return phase_ == Phase::kStarted; }

  std::unique_ptr<ServerCallAttachment> attachment;

 private:
  friend class GrpcServerSession;
  friend struct ServerCallbacks;
  enum class Phase {
    kArriving,  // its request is not complete
    kStarted,   // the driver was told; it answers
    kFinished,  // its status is decided; only sending is left
    kClosed,    // gone from the wire, waits for Recycle
  };
  struct Flags {
    bool is_post = false;
    bool is_grpc = false;
    bool has_bad_metadata = false;
    bool has_bad_timeout = false;
    bool remote_ended = false;
    bool headers_sent = false;
    bool send_is_deferred = false;
    bool write_is_blocked = false;
  };

  int32_t id_ = 0;
  size_t place_ = 0;  // in the session's calls()
  Phase phase_ = Phase::kArriving;
  Flags flags_;
  const GrpcMethod* method_ = nullptr;
  std::string path_;
  Metadata metadata_;
  size_t header_bytes_ = 0;
  MonoTime deadline_ = kNoDeadline;
  MessageReader reader_;
  size_t held_bytes_ = 0;        // counted in request_bytes()
  size_t unconsumed_bytes_ = 0;  // received, but the client's window is not open again for them
  MessageQueue out_;
  GrpcStatus status_;
};

// Invariants:
//   1. Every call is either on the wire, in an event that was not taken yet, or free.
//   2. request_bytes() and queued_bytes() are the sums over the calls; what is still to come of
//      unary requests is part of the former.
// Nothing here suspends, and nothing of it may be called from within nghttp2's callbacks.
class GrpcServerSession final {
 public:
  enum class EventKind {
    kStarted,   // run its handler: unary with a whole message, streaming as soon as it opens
    kReadable,  // Read would say something new
    kWritable,  // fewer bytes are queued than before
    kAborted,   // failed from here while its handler ran; unwind it
    kClosed,    // gone: unwind the handler if it still runs, then Recycle
  };
  struct Event {
    EventKind kind;
    ServerCall* call;
  };
  enum class ReadOutcome { kMessage, kNothingYet, kEnd };

  // `registry` is borrowed.
  GrpcServerSession(const GrpcRegistry& registry, const GrpcServerLimits& limits);
  GrpcServerSession(const GrpcServerSession&) = delete;
  GrpcServerSession& operator=(const GrpcServerSession&) = delete;
  ~GrpcServerSession();

  // Takes in what the client sent. An error: drop the connection.
  absl::Status Feed(MonoTime now, absl::string_view bytes);
  // Appends what is to be sent, about `bytes_max` at most.
  absl::Status Pull(std::string* out, size_t bytes_max);
  bool WantsToSend() const;
  // Replaces `*into` by what Feed, Pull and the functions below found out since the last time.
  // Take them before anything suspends, until there are none.
  void TakeEvents(std::vector<Event>* into);

  // The answer to a unary call. No-ops once the call is no longer open.
  void Respond(ServerCall& call, absl::string_view response);
  // The end of any call, with its status. A unary call ends OK by Respond.
  void Finish(ServerCall& call, GrpcStatus status);
  // One message of a streaming call.
  void Write(ServerCall& call, absl::string_view message);
  // Says with kWritable when something of the call's queue was sent.
  void NotifyWhenWritable(ServerCall& call) { call.flags_.write_is_blocked = true; }
  ReadOutcome Read(ServerCall& call, std::string* message);
  // Finish, for a call whose handler is to be unwound as well.
  void Abort(ServerCall& call, GrpcStatus status);
  // REQUIRES: a kClosed event was delivered and the handler is gone.
  void Recycle(ServerCall& call);

  // Calls that come after this are refused, those that are open go on.
  void GoAway();
  void Ping();
  // Calls that would make request_bytes() exceed this are refused, whatever the limits allow; those
  // of which more is to come, already beyond `begun_max`.
  void SetRequestBytesMax(size_t bytes_max, size_t begun_max) {
    request_bytes_max_ = bytes_max;
    begun_bytes_max_ = begun_max;
  }

  bool greeted() const { return greeted_; }
  bool finished() const;
  // Every call that is not free.
  const std::vector<std::unique_ptr<ServerCall>>& calls() const { return calls_; }
  size_t queued_bytes() const { return queued_bytes_; }
  size_t queued_bytes(const ServerCall& call) const { return call.out_.bytes(); }
  size_t request_bytes() const { return request_bytes_; }
  size_t outbound_frames() const;

 private:
  friend struct ServerCallbacks;

  ServerCall& Acquire(int32_t id);
  void OnHeader(ServerCall& call, absl::string_view name, absl::string_view value);
  void OnHeadersEnd(ServerCall& call);
  void OnData(ServerCall& call, absl::string_view bytes);
  void OnRemoteEnd(ServerCall& call);
  void OnReset();
  // All of the call that is left to send was sent although the client has not finished.
  void OnEarlyEnd(ServerCall& call);
  size_t OnSendData(ServerCall& call, uint8_t* out, size_t bytes_max, uint32_t* data_flags);
  void OnClose(ServerCall& call);
  void RefuseHttp(ServerCall& call, absl::string_view http_status);
  void SubmitHeaders(ServerCall& call);
  void SubmitTrailers(ServerCall& call);
  void ResumeSending(ServerCall& call);
  void Consume(ServerCall& call);
  // Counts what the call holds, and what of its request is to come. False: that is too much.
  bool Hold(ServerCall& call);
  void DropRequest(ServerCall& call);

  const GrpcRegistry& registry_;
  GrpcServerLimits limits_;
  std::vector<std::unique_ptr<ServerCall>> free_;
  std::vector<std::unique_ptr<ServerCall>> calls_;
  std::vector<Event> events_;
  MonoTime now_;
  size_t request_bytes_max_;
  size_t begun_bytes_max_;
  size_t request_bytes_ = 0;
  size_t queued_bytes_ = 0;
  Duration reset_debt_{0};  // leaky bucket: time that the resets so far are worth
  MonoTime reset_time_;
  bool greeted_ = false;
  Http2SessionPtr session_;
};

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_GRPC_SERVER_SESSION_H_
