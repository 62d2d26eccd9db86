#include "framework/fiber/scheduler.h"

#include <cxxabi.h>

#include <boost/context/detail/fcontext.hpp>
#include <exception>
#include <utility>

#include "framework/base/check.h"
#include "framework/fiber/sync.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#define LOCKSTEP_SWITCH __attribute__((no_sanitize("thread"), noinline))
#else
#define LOCKSTEP_SWITCH __attribute__((noinline))
#endif

namespace lockstep::fiber {
namespace {

namespace bc = boost::context::detail;

// What the C++ runtime keeps per thread about exceptions in flight. Each fiber has its own, or a
// `throw;` in one would rethrow what another is handling.
struct ExceptionGlobals {
  void* caught = nullptr;
  unsigned int uncaught = 0;
};

// One stack's saved state; also one for the stack that resumes.
struct Context {
  bc::fcontext_t where = nullptr;
  ExceptionGlobals exceptions;
  const void* bottom = nullptr;
  size_t bytes = 0;
  void* fake_stack = nullptr;
  void* sanitizer_fiber = nullptr;
  void* self = nullptr;  // the Fiber that a first switch enters
  Context* target = nullptr;
};

// The only place where stacks change. `dying`: the stack that we leave never runs again.
LOCKSTEP_SWITCH void SwitchTo(Context& from, Context& to, [[maybe_unused]] bool dying) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(dying ? nullptr : &from.fake_stack, to.bottom, to.bytes);
#endif
  auto* globals = reinterpret_cast<ExceptionGlobals*>(abi::__cxa_get_globals());
  from.exceptions = *globals;
  *globals = to.exceptions;
  from.target = &to;
#if defined(__SANITIZE_THREAD__)
  from.sanitizer_fiber = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(to.sanitizer_fiber, 0);
#endif
  const bc::transfer_t arrived = bc::jump_fcontext(to.where, &from);
  auto* previous = static_cast<Context*>(arrived.data);
  previous->where = arrived.fctx;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(from.fake_stack, &previous->bottom, &previous->bytes);
#endif
}

}  // namespace

struct Fiber::Machine final {
  Stack stack;
  Context mine;
  Context resumer;
  std::exception_ptr failure;

  LOCKSTEP_SWITCH static void Enter(bc::transfer_t arrived) {
    auto* previous = static_cast<Context*>(arrived.data);
    previous->where = arrived.fctx;
    auto* fiber = static_cast<Fiber*>(previous->target->self);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &previous->bottom, &previous->bytes);
#endif
    Run(*fiber);
    SwitchTo(fiber->machine_->mine, fiber->machine_->resumer, /*dying=*/true);
    std::terminate();
  }

  __attribute__((noinline)) static void Run(Fiber& fiber) {
    try {
      if (!fiber.cancelled_) fiber.body_(fiber);
    } catch (const Cancelled&) {
    } catch (...) {
      fiber.machine_->failure = std::current_exception();
    }
    fiber.finished_ = true;
  }
};

Fiber::Fiber(Scheduler& scheduler, Scope& scope, std::string_view name,
             std::function<void(Fiber&)> body)
    : scheduler_(scheduler),
      scope_(scope),
      name_(name),
      body_(std::move(body)),
      machine_(std::make_unique<Machine>()) {
  ready_link_.fiber = this;
  scope_link_.fiber = this;
  machine_->stack = scheduler_.stacks_.Acquire();
  const size_t bytes = scheduler_.stacks_.stack_bytes();
  machine_->mine.bottom = machine_->stack.base;
  machine_->mine.bytes = bytes;
  machine_->mine.sanitizer_fiber = machine_->stack.sanitizer_fiber;
  machine_->mine.self = this;
  machine_->mine.where =
      bc::make_fcontext(machine_->stack.base + bytes, bytes, &Fiber::Machine::Enter);
  ++scheduler_.fibers_alive_;
}

Fiber::~Fiber() {
  CHECK(finished_) << "fiber " << name_ << " destroyed while it is suspended";
  CHECK(!ready_link_.linked());
  --scheduler_.fibers_alive_;
  scheduler_.stacks_.Release(machine_->stack);
}

MonoTime Fiber::now() const { return scheduler_.now(); }

void Fiber::Resume() {
  CHECK(!finished_);
  Fiber* const previous = std::exchange(scheduler_.current_, this);
  SwitchTo(machine_->resumer, machine_->mine, /*dying=*/false);
  scheduler_.current_ = previous;
  if (!finished_) return;
  scope_link_.Unlink();
  --scope_.size_;
  // Captures may own much (connections, waiters): they go before the stack does.
  body_ = nullptr;
  const std::exception_ptr failure = machine_->failure;
  if (ready_link_.linked()) {
    ready_link_.Unlink();
    --scheduler_.ready_count_;
  }
  delete this;
  if (failure) std::rethrow_exception(failure);
}

void Fiber::Suspend() {
  CHECK_EQ(scheduler_.current_, this) << "a fiber can only suspend itself";
  CHECK_EQ(scheduler_.no_suspend_depth, 0) << "suspension in a NoSuspend stretch of " << name_;
  CHECK(!(cancelled_ && std::uncaught_exceptions() > 0)) << "a destructor suspended: " << name_;
  if (cancelled_) throw Cancelled{};
  SwitchTo(machine_->mine, machine_->resumer, /*dying=*/false);
  if (cancelled_) throw Cancelled{};
}

void Fiber::MakeReady() {
  if (ready_link_.linked()) return;
  ready_link_.InsertBefore(scheduler_.ready_);
  if (++scheduler_.ready_count_ == 1 && scheduler_.driver_ != nullptr) {
    scheduler_.driver_->OnReady(scheduler_);
  }
}

void Fiber::Unwind() {
  cancelled_ = true;
  if (ready_link_.linked()) {
    ready_link_.Unlink();
    --scheduler_.ready_count_;
  }
  Resume();
}

void Fiber::Yield() {
  MakeReady();
  Suspend();
}

void Fiber::SleepUntil(MonoTime instant) {
  WaitQueue nobody;
  nobody.Wait(*this, instant);
}

void Fiber::SleepFor(Duration duration) { SleepUntil(now() + duration); }

Scheduler::Scheduler(const Options& options, Driver* driver)
    : driver_(driver), stacks_(options.stack_bytes) {}

Scheduler::~Scheduler() { CHECK_EQ(fibers_alive_, 0u) << "scopes must go before their scheduler"; }

void Scheduler::AdvanceTo(MonoTime now) {
  CHECK_GE(now, now_);
  now_ = now;
  while (Timer* due = timers_.PopDue(now)) static_cast<Fiber*>(due->owner)->MakeReady();
}

void Scheduler::ArmTimer(Timer& timer, MonoTime deadline) {
  const MonoTime before = timers_.next();
  timers_.Arm(timer, deadline);
  if (deadline < before && driver_ != nullptr) driver_->OnEarlierTimer(*this);
}

void Scheduler::RunOne(size_t pick) {
  CHECK_LT(pick, ready_count_);
  CHECK(current_ == nullptr);
  ListLink* link = ready_.next;
  for (; pick > 0; --pick) link = link->next;
  link->Unlink();
  --ready_count_;
  static_cast<Fiber::Link*>(link)->fiber->Resume();
}

void Scheduler::RunReady() {
  while (ready_count_ > 0) RunOne(0);
}

void Scope::Spawn(std::string_view name, std::function<void(Fiber&)> body) {
  CHECK(!cancelled_) << "spawn of " << name << " into a cancelled scope";
  auto* fiber = new Fiber(scheduler_, *this, name, std::move(body));
  fiber->scope_link_.InsertBefore(members_);
  ++size_;
  fiber->MakeReady();
}

void Scope::Cancel() {
  cancelled_ = true;
  while (members_.linked()) {
    Fiber* fiber = static_cast<Fiber::Link*>(members_.next)->fiber;
    CHECK_NE(fiber, scheduler_.current_) << "a fiber cancelled its own scope";
    fiber->Unwind();
  }
}

// --- WaitQueue: here, because it is the other half of Suspend -----------------------------------

bool WaitQueue::WaitOrPassOn(Fiber& fiber, MonoTime deadline) {
  Waiter waiter;
  struct PassOn {
    WaitQueue& queue;
    const Waiter& waiter;
    bool returned = false;
    ~PassOn() {
      if (!returned && waiter.woken) queue.WakeOne();
    }
  } pass_on{*this, waiter};
  const bool woken = WaitAs(waiter, fiber, deadline);
  pass_on.returned = true;
  return woken;
}

bool WaitQueue::Wait(Fiber& fiber, MonoTime deadline) {
  Waiter waiter;
  return WaitAs(waiter, fiber, deadline);
}

bool WaitQueue::WaitAs(Waiter& waiter, Fiber& fiber, MonoTime deadline) {
  waiter.fiber = &fiber;
  // Both are undone by destructors, so that unwinding leaves nothing behind.
  struct Disarm {
    Scheduler& scheduler;
    Timer timer;
    ~Disarm() { scheduler.timers_.Disarm(timer); }
  } guard{fiber.scheduler_, {}};
  if (deadline != kNoDeadline) {
    if (deadline <= fiber.now()) return false;
    guard.timer.owner = &fiber;
    fiber.scheduler_.ArmTimer(guard.timer, deadline);
  }
  waiter.InsertBefore(waiters_);
  fiber.Suspend();
  return waiter.woken;
}

bool WaitQueue::WakeOne() {
  if (!waiters_.linked()) return false;
  auto* waiter = static_cast<Waiter*>(waiters_.next);
  waiter->Unlink();
  waiter->woken = true;
  waiter->fiber->MakeReady();
  return true;
}

void WaitQueue::WakeAll() {
  while (WakeOne()) {
  }
}

}  // namespace lockstep::fiber
