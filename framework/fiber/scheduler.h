// Scheduler and Fiber: straight-line code on one thread that can wait.
//
// A function that can suspend takes `Fiber&` first; no other can. Nothing here knows what time it
// is or when it should run: whoever drives the scheduler (net::Loop, sim::World, a test) tells it.
#ifndef LOCKSTEP_FRAMEWORK_FIBER_SCHEDULER_H_
#define LOCKSTEP_FRAMEWORK_FIBER_SCHEDULER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "framework/base/time.h"
#include "framework/fiber/stack.h"
#include "framework/fiber/timer_queue.h"

namespace lockstep::fiber {

class Scheduler;
class Scope;
class WaitQueue;

// Thrown out of a suspension point when the fiber's scope is cancelled, so that destructors run.
// Nobody catches it but the scheduler; a `catch (...)` in fiber code would be a bug.
struct Cancelled final {};

// Links of an intrusive, circular, doubly linked list; a lone link points at itself.
struct ListLink {
  ListLink* previous = this;
  ListLink* next = this;

  ListLink() = default;
  ListLink(const ListLink&) = delete;
  ListLink& operator=(const ListLink&) = delete;
  ~ListLink() { Unlink(); }

  bool linked() const { return next != this; }
  void Unlink() {
    previous->next = next;
    next->previous = previous;
    previous = next = this;
  }
  void InsertBefore(ListLink& position) {
    next = &position;
    previous = position.previous;
    position.previous->next = this;
    position.previous = this;
  }
};

// One thread of control. Also the token whose presence in a signature says "may suspend".
// Created by Scope::Spawn; lives until its function has returned or was unwound.
class Fiber final {
 public:
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  Scheduler& scheduler() { return scheduler_; }
  std::string_view name() const { return name_; }
  // The scheduler's current instant (the driver's last AdvanceTo).
  MonoTime now() const;

  // Lets everybody else who is ready run first. Suspends.
  void Yield();
  // Suspends until the instant has come.
  void SleepUntil(MonoTime instant);
  void SleepFor(Duration duration);
  // Whether the scope was cancelled: the next suspension will unwind.
  bool cancelled() const { return cancelled_; }

 private:
  friend class Scheduler;
  friend class Scope;
  friend class WaitQueue;
  struct Machine;  // stack, context and entry point (scheduler.cc)

  Fiber(Scheduler& scheduler, Scope& scope, std::string_view name,
        std::function<void(Fiber&)> body);
  ~Fiber();

  // Gives up the processor until somebody calls MakeReady (or cancels). Suspends.
  void Suspend();
  void MakeReady();
  // Runs the fiber, from whatever stack calls, until it suspends or ends.
  void Resume();
  void Unwind();

  Scheduler& scheduler_;
  Scope& scope_;
  std::string_view name_;
  std::function<void(Fiber&)> body_;
  std::unique_ptr<Machine> machine_;
  struct Link final : ListLink {
    Fiber* fiber = nullptr;
  };
  Link ready_link_;  // in the scheduler's ready list
  Link scope_link_;  // in the scope's list of members
  bool cancelled_ = false;
  bool finished_ = false;
};

// Who runs a scheduler wants to know when there is something to run.
class Driver {
 public:
  virtual ~Driver() = default;
  // The ready list went from empty to non-empty.
  virtual void OnReady(Scheduler& scheduler) = 0;
  // The earliest deadline became earlier than it was.
  virtual void OnEarlierTimer(Scheduler& scheduler) = 0;
};

// Invariants:
//   1. At most one fiber runs at a time; ready fibers are in the order in which they became ready.
//   2. A fiber is running, ready, waiting (in a WaitQueue or for a timer) or finished.
// Owned by a shard; used from its thread only.
class Scheduler final {
 public:
  struct Options {
    size_t stack_bytes = 256 * 1024;
  };

  Scheduler() : Scheduler(Options{}, nullptr) {}
  // `driver` may be null (tests that pump by hand); it outlives the scheduler.
  Scheduler(const Options& options, Driver* driver);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  // REQUIRES: every scope is gone.
  ~Scheduler();

  MonoTime now() const { return now_; }
  // Time has come to `now`: fibers whose deadlines passed become ready. REQUIRES: not going back.
  void AdvanceTo(MonoTime now);
  MonoTime next_deadline() const { return timers_.next(); }

  size_t ready_count() const { return ready_count_; }
  // Runs the ready fiber at position `pick` until it suspends. REQUIRES: pick < ready_count(), and
  // no fiber of this scheduler is running.
  void RunOne(size_t pick = 0);
  // Runs, first come first served, until no fiber is ready.
  void RunReady();

  // The fiber that is running, or null.
  Fiber* current() const { return current_; }

  // How many NoSuspend scopes are open; suspending while one is, is a CHECK failure.
  int no_suspend_depth = 0;

 private:
  friend class Fiber;
  friend class Scope;
  friend class WaitQueue;

  void ArmTimer(Timer& timer, MonoTime deadline);

  Driver* driver_;
  StackPool stacks_;
  TimerQueue timers_;
  ListLink ready_;
  size_t ready_count_ = 0;
  size_t fibers_alive_ = 0;
  Fiber* current_ = nullptr;
  MonoTime now_;
};

// Guards a critical stretch: a suspension inside it is a CHECK failure.
class NoSuspend final {
 public:
  explicit NoSuspend(Scheduler& scheduler) : scheduler_(scheduler) {
    ++scheduler_.no_suspend_depth;
  }
  NoSuspend(const NoSuspend&) = delete;
  NoSuspend& operator=(const NoSuspend&) = delete;
  ~NoSuspend() { --scheduler_.no_suspend_depth; }

 private:
  Scheduler& scheduler_;
};

// Scope: owns fibers and bounds their lives. Destroying it unwinds those that are left, on the
// caller's stack, at their suspension points. Declare it after everything that its fibers use.
class Scope final {
 public:
  explicit Scope(Scheduler& scheduler) : scheduler_(scheduler) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() { Cancel(); }

  // Starts a fiber; it first runs when the scheduler gets to it. `name` must outlive the fiber (a
  // literal). REQUIRES: not cancelled.
  void Spawn(std::string_view name, std::function<void(Fiber&)> body);

  // Unwinds every member now: Cancelled is thrown out of each one's suspension point. Does not
  // suspend. REQUIRES: not called by a member. Idempotent; afterwards nothing can be spawned.
  void Cancel();

  size_t size() const { return size_; }
  bool cancelled() const { return cancelled_; }
  Scheduler& scheduler() { return scheduler_; }

 private:
  friend class Fiber;
  friend class Scheduler;

  Scheduler& scheduler_;
  ListLink members_;
  size_t size_ = 0;
  bool cancelled_ = false;
};

}  // namespace lockstep::fiber

namespace lockstep {
using fiber::Fiber;
}

#endif  // LOCKSTEP_FRAMEWORK_FIBER_SCHEDULER_H_
