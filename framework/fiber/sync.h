// What fibers of one scheduler wait for: WaitQueue, Event, Queue, Semaphore. All are FIFO, none
// owns a fiber, and all survive a waiter being unwound.
#ifndef LOCKSTEP_FRAMEWORK_FIBER_SYNC_H_
#define LOCKSTEP_FRAMEWORK_FIBER_SYNC_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "framework/base/check.h"
#include "framework/base/time.h"
#include "framework/fiber/scheduler.h"

namespace lockstep::fiber {

// Suspended fibers in order of arrival. Wakes are not remembered: check a condition around Wait.
class WaitQueue final {
 public:
  WaitQueue() = default;
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;

  // Suspends until woken (true) or until the deadline (false; at once if it has passed).
  bool Wait(Fiber& fiber, MonoTime deadline = kNoDeadline);
  // As Wait; if the fiber is unwound after it was woken and before it ran, the next waiter is woken
  // in its place. REQUIRES: the queue outlives its waiters' unwinding.
  bool WaitOrPassOn(Fiber& fiber, MonoTime deadline = kNoDeadline);
  // False if nobody waits.
  bool WakeOne();
  void WakeAll();
  bool empty() const { return !waiters_.linked(); }

 private:
  struct Waiter final : ListLink {
    Fiber* fiber = nullptr;
    bool woken = false;
  };
  bool WaitAs(Waiter& waiter, Fiber& fiber, MonoTime deadline);

  ListLink waiters_;
};

// A flag that fibers can wait for.
class Event final {
 public:
  bool is_set() const { return set_; }
  void Set() {
    set_ = true;
    waiters_.WakeAll();
  }
  void Reset() { set_ = false; }
  // Suspends until the flag is set (true) or the deadline passed (false).
  bool Wait(Fiber& fiber, MonoTime deadline = kNoDeadline) {
    while (!set_) {
      if (!waiters_.Wait(fiber, deadline)) return set_;
    }
    return true;
  }

 private:
  WaitQueue waiters_;
  bool set_ = false;
};

// Up to `permits` holders at a time.
class Semaphore final {
 public:
  explicit Semaphore(size_t permits) : permits_(permits) {}

  // Suspends until a permit is free (true: it is taken) or the deadline passed (false).
  bool Acquire(Fiber& fiber, MonoTime deadline = kNoDeadline) {
    while (permits_ == 0) {
      if (!waiters_.WaitOrPassOn(fiber, deadline)) return false;
    }
    --permits_;
    return true;
  }
  void Release() {
    ++permits_;
    waiters_.WakeOne();
  }
  size_t available() const { return permits_; }

 private:
  WaitQueue waiters_;
  size_t permits_;
};

// A bounded queue. Closed: pushes are refused, pops drain what is left and then return nothing.
template <typename T>
class Queue final {
 public:
  explicit Queue(size_t capacity) : capacity_(capacity) {}

  // False, and the value is dropped, when the queue is full or closed. Does not suspend.
  bool TryPush(T value) {
    if (closed_ || items_.size() >= capacity_) return false;
    items_.push_back(std::move(value));
    poppers_.WakeOne();
    return true;
  }
  // Suspends while the queue is full. False when it is closed.
  bool Push(Fiber& fiber, T value) {
    while (!closed_ && items_.size() >= capacity_) pushers_.WaitOrPassOn(fiber);
    return TryPush(std::move(value));
  }
  // Suspends while the queue is empty and open. Nothing when it is drained or at the deadline.
  std::optional<T> Pop(Fiber& fiber, MonoTime deadline = kNoDeadline) {
    while (items_.empty() && !closed_) {
      if (!poppers_.WaitOrPassOn(fiber, deadline)) break;
    }
    return TryPop();
  }
  std::optional<T> TryPop() {
    if (items_.empty()) return std::nullopt;
    std::optional<T> value(std::move(items_.front()));
    items_.pop_front();
    pushers_.WakeOne();
    return value;
  }
  void Close() {
    closed_ = true;
    poppers_.WakeAll();
    pushers_.WakeAll();
  }
  bool closed() const { return closed_; }
  size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }

 private:
  size_t capacity_;
  std::deque<T> items_;
  WaitQueue poppers_;
  WaitQueue pushers_;
  bool closed_ = false;
};

}  // namespace lockstep::fiber

#endif  // LOCKSTEP_FRAMEWORK_FIBER_SYNC_H_
