// What a gRPC service is made of: handlers that take bytes and give bytes, by the name of their
// method.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_GRPC_SERVICE_H_
#define LOCKSTEP_FRAMEWORK_EDGE_GRPC_SERVICE_H_

#include <functional>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "framework/base/time.h"
#include "framework/edge/grpc_types.h"
#include "framework/fiber/scheduler.h"

namespace lockstep::edge {

// Room for the response of one call, in what the clients of a server may make it hold. Gone with
// the call.
class ResponseRoom {
 public:
  virtual ~ResponseRoom() = default;
  // Suspends until a response of about `bytes` may be made; whoever came earlier is served earlier.
  // False: it took too long, answer Busy(). At most once per call.
  virtual bool Reserve(Fiber& fiber, size_t bytes) = 0;
  virtual GrpcStatus Busy() const = 0;
};

// What a handler is told. Borrowed while the handler runs.
struct GrpcRequest final {
  absl::string_view method;  // "/package.Service/Method"
  // The one message of a unary call; empty for a streaming one, which reads its messages.
  absl::string_view message;
  const Metadata& metadata;
  // When the client stops waiting; the call is unwound then.
  MonoTime deadline;
  const std::string& peer;
  // A handler whose response may be large asks here right before it makes it; any other response is
  // counted when it is there.
  ResponseRoom& room;
};

// The two directions of a streaming call, as its handler sees them. When the client resets the
// call, its deadline passes or the connection ends, the handler's fiber is unwound, so none of
// these reports it. At most one fiber reads and one writes at a time; they may be two, in a scope
// of the handler's own.
class GrpcServerStream {
 public:
  virtual ~GrpcServerStream() = default;
  // Suspends until the client has sent a message; false: it will send no more.
  virtual bool Read(Fiber& fiber, std::string* message) = 0;
  // Queues a message; suspends first, while too much is queued: back-pressure.
  virtual void Write(Fiber& fiber, absl::string_view message) = 0;
  // Bytes written that the client has not taken yet.
  virtual size_t queued_bytes() const = 0;
};

// Handlers may suspend. An OK unary handler has filled `*response`, which comes empty.
using UnaryHandler =
    std::function<GrpcStatus(Fiber& fiber, const GrpcRequest& request, std::string* response)>;
// Serves client streaming, server streaming and both.
using StreamHandler =
    std::function<GrpcStatus(Fiber& fiber, const GrpcRequest& request, GrpcServerStream& stream)>;

// One of the two is set.
struct GrpcMethod final {
  UnaryHandler unary;
  StreamHandler streaming;
};

// The methods of a server. Complete before the first connection; outlives the server.
class GrpcRegistry final {
 public:
  // REQUIRES: `method` is "/package.Service/Method" and new.
  void AddUnary(std::string method, UnaryHandler handler);
  void AddStreaming(std::string method, StreamHandler handler);

  // Null if there is none.
  const GrpcMethod* Find(absl::string_view method) const;
  // What to answer when there is none.
  GrpcStatus DescribeMissing(absl::string_view method) const;

 private:
  void Add(std::string method, GrpcMethod handlers);

  std::map<std::string, GrpcMethod, std::less<>> methods_;
};

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_GRPC_SERVICE_H_
