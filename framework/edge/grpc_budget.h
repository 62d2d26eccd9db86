// How much memory the clients of a server may make it hold, all together and each of them.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_GRPC_BUDGET_H_
#define LOCKSTEP_FRAMEWORK_EDGE_GRPC_BUDGET_H_

#include <cstddef>

#include "framework/base/limits.h"
#include "framework/base/time.h"
#include "framework/edge/memory_budget.h"
#include "framework/fiber/scheduler.h"
#include "framework/fiber/sync.h"

namespace lockstep::edge {

struct GrpcBudgetLimits final {
  // Requests that have begun to arrive and are not answered.
  size_t request_bytes_max = limits::kRequestBytesHeldMax;
  // Responses being made or queued, as far as they are within each client's own bound ...
  size_t response_bytes_max = limits::kResponseBytesHeldMax;
  // ... and beyond it: single responses that are larger. Counted apart, so that a client that takes
  // its time for a huge answer is in nobody's way.
  size_t overflow_bytes_max = limits::kResponseOverflowBytesMax;
};

// What the connections of a server share.
struct GrpcBudget final {
  explicit GrpcBudget(const GrpcBudgetLimits& limits)
      : requests(limits.request_bytes_max),
        responses(limits.response_bytes_max, &pressure),
        overflow(limits.overflow_bytes_max, &pressure) {}

  // Whether calls wait for others, or will soon be refused.
  bool is_short() const { return missing_bytes() > 0; }
  // How much must go until that is over.
  size_t missing_bytes() const;
  size_t begun_bytes_free() const;

  fiber::WaitQueue pressure;  // woken when it becomes short
  MemoryBudget requests;
  MemoryBudget responses;
  MemoryBudget overflow;
};

// One connection's part of it.
//
// Invariants:
//   1. response_bytes_ + overflow_bytes_ == queued_bytes_ + reserved_bytes_, and the first is at
//   most
//      what one connection may have queued.
//   2. What is destroyed holds nothing.
// Borrows the server's budget. Reserve and AwaitQueue suspend; their fibers are gone before this.
class ConnectionBudget final {
 public:
  ConnectionBudget(GrpcBudget& server, size_t queued_bytes_max)
      : server_(server), queue_(queued_bytes_max) {}
  ConnectionBudget(const ConnectionBudget&) = delete;
  ConnectionBudget& operator=(const ConnectionBudget&) = delete;
  ~ConnectionBudget();

  // Says what the connection holds now.
  void Settle(size_t request_bytes, size_t queued_bytes);
  // How many more bytes of requests the server takes.
  size_t request_bytes_free() const { return server_.requests.free_bytes(); }
  // The same for requests that are not complete: a quarter is for those that come in one go.
  size_t begun_bytes_free() const { return server_.begun_bytes_free(); }

  // Suspends while more is queued to this client than it may have. False at the deadline.
  bool AwaitQueue(Fiber& fiber, MonoTime deadline) { return queue_.Acquire(fiber, 0, deadline); }
  // Suspends until a response of `bytes` may be made: within this client's bound, and then within
  // the server's, where clients take turns. False at the deadline.
  // REQUIRES: bytes <= queued_bytes_max.
  bool Reserve(Fiber& fiber, size_t bytes, MonoTime deadline);
  void Unreserve(size_t bytes);

  // Whether the responses of all clients are at their bound.
  bool server_is_full() const { return server_.responses.free_bytes() == 0; }
  // Whether this client's are at theirs: somebody waits, or would.
  bool is_queue_full() const {
    return queue_.has_waiters() || queue_.free_bytes() < limits::kResponseRoomBytes;
  }
  size_t queued_bytes() const { return queued_bytes_; }
  size_t held_bytes() const { return request_bytes_ + queued_bytes_; }

 private:
  void Share();

  GrpcBudget& server_;
  MemoryBudget queue_;         // what is queued, what is reserved, and what waits for the server's
  fiber::Semaphore turn_{1};   // at most one of this client\'s calls waits for the server
  size_t request_bytes_ = 0;   // charged to the server's requests
  size_t queued_bytes_ = 0;    // as settled
  size_t reserved_bytes_ = 0;  // granted by the server
  size_t response_bytes_ = 0;  // held in the server's responses
  size_t overflow_bytes_ = 0;  // held in the server's overflow
};

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_GRPC_BUDGET_H_
