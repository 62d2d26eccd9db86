// Byte streams between addresses: what TCP gives, and no more.
#ifndef LOCKSTEP_FRAMEWORK_RUNTIME_NETWORK_H_
#define LOCKSTEP_FRAMEWORK_RUNTIME_NETWORK_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "framework/base/time.h"
#include "framework/fiber/scheduler.h"

namespace lockstep::runtime {

// Where to dial or listen: "host:port", an IPv4 or IPv6 ("[::1]:2379") literal or a host name.
using Address = std::string;

// One connection. Errors: UNAVAILABLE (reset, closed), DEADLINE_EXCEEDED, CANCELLED (Abort).
// At most one fiber reads and one writes at a time. Destroying a stream closes it: data that was
// written is still delivered if the peer reads on. Streams outlive no fiber that uses them.
class Stream {
 public:
  virtual ~Stream() = default;

  // Suspends until at least one byte is there; returns how many were read, 0 at the end of the
  // stream (the peer half-closed). REQUIRES: `into` is not empty.
  virtual absl::StatusOr<size_t> Read(Fiber& fiber, absl::Span<char> into) = 0;
  // Suspends until all of `data` is accepted into the send buffer: back-pressure. An error means
  // that a prefix of unknown length may have been delivered. `data` must stay valid meanwhile.
  virtual absl::Status Write(Fiber& fiber, absl::string_view data) = 0;
  // Half-close: the peer reads what was written, then the end. Does not suspend.
  virtual void CloseWrite() = 0;
  // Ends the connection at once in both directions; waiting reads and writes fail with CANCELLED.
  // Does not suspend; may be called by any fiber.
  virtual void Abort() = 0;
  // Reads and writes that are not done by then fail. kNoDeadline by default.
  virtual void SetReadDeadline(MonoTime deadline) = 0;
  virtual void SetWriteDeadline(MonoTime deadline) = 0;
  // For logs: the other side's address.
  virtual const Address& peer() const = 0;
};

class Listener {
 public:
  virtual ~Listener() = default;
  // Suspends until somebody connects. An error (too many open files, say) is transient: log it,
  // wait a little, go on. CANCELLED: the listener was closed.
  virtual absl::StatusOr<std::unique_ptr<Stream>> Accept(Fiber& fiber) = 0;
  // The bound address; a port of 0 was replaced by the real one.
  virtual const Address& address() const = 0;
};

class Network {
 public:
  virtual ~Network() = default;
  // Suspends until connected. UNAVAILABLE: refused or unreachable; DEADLINE_EXCEEDED: nobody
  // answered; INVALID_ARGUMENT: the address makes no sense.
  virtual absl::StatusOr<std::unique_ptr<Stream>> Dial(Fiber& fiber, const Address& address,
                                                       MonoTime deadline) = 0;
  // Does not suspend. ALREADY_EXISTS: the port is taken. Destroying the listener frees the port.
  virtual absl::StatusOr<std::unique_ptr<Listener>> Listen(const Address& address) = 0;
};

}  // namespace lockstep::runtime

#endif  // LOCKSTEP_FRAMEWORK_RUNTIME_NETWORK_H_
