// MemoryBudget: a number of bytes that fibers share, and wait for in the order of their arrival.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_MEMORY_BUDGET_H_
#define LOCKSTEP_FRAMEWORK_EDGE_MEMORY_BUDGET_H_

#include <cstddef>

#include "framework/base/time.h"
#include "framework/fiber/scheduler.h"
#include "framework/fiber/sync.h"

namespace lockstep::edge {

// What is acquired was there before; what is charged exists already and may go beyond the maximum,
// after which nothing is acquired until enough was released.
//
// Invariants:
//   1. used_bytes() is what was acquired or charged, and not released.
//   2. The first of those who wait does not fit.
// Outlives whoever waits.
class MemoryBudget final {
 public:
  // `pressure`, if there is one, is woken when somebody begins to wait.
  explicit MemoryBudget(size_t bytes_max, fiber::WaitQueue* pressure = nullptr)
      : bytes_max_(bytes_max), pressure_(pressure) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;
  ~MemoryBudget();

  // Suspends until `bytes` fit (true) or until the deadline (false). Nothing (0 bytes) fits as long
  // as the maximum is not exceeded; more than the maximum fits when nothing is used.
  bool Acquire(Fiber& fiber, size_t bytes, MonoTime deadline);
  void Charge(size_t bytes) { used_bytes_ += bytes; }
  void Release(size_t bytes);

  size_t bytes_max() const { return bytes_max_; }
  size_t used_bytes() const { return used_bytes_; }
  size_t free_bytes() const { return used_bytes_ < bytes_max_ ? bytes_max_ - used_bytes_ : 0; }
  bool has_waiters() const { return waiters_.linked(); }
  // By how much the first waiter does not fit; 0 if nobody waits.
  size_t missing_bytes() const;

 private:
  class Waiter;

  bool Fits(size_t bytes) const;
  void Grant();

  size_t bytes_max_;
  size_t used_bytes_ = 0;
  fiber::ListLink waiters_;
  fiber::WaitQueue* pressure_;
};

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_MEMORY_BUDGET_H_
