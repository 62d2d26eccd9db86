// Running a test's body in a fiber.
#ifndef LOCKSTEP_TESTS_FRAMEWORK_FIBER_RUN_IN_FIBER_H_
#define LOCKSTEP_TESTS_FRAMEWORK_FIBER_RUN_IN_FIBER_H_

#include <functional>

#include "framework/base/check.h"
#include "framework/fiber/scheduler.h"

namespace lockstep {

// Runs `body` in a fiber to its end, moving time on whenever everybody waits.
inline void RunInFiber(const std::function<void(Fiber&)>& body) {
  fiber::Scheduler scheduler;
  fiber::Scope scope(scheduler);
  bool done = false;
  scope.Spawn("test", [&](Fiber& fiber) {
    body(fiber);
    done = true;
  });
  scheduler.RunReady();
  while (!done) {
    CHECK_NE(scheduler.next_deadline(), kNoDeadline);
    scheduler.AdvanceTo(scheduler.next_deadline());
    scheduler.RunReady();
  }
}

}  // namespace lockstep

#endif  // LOCKSTEP_TESTS_FRAMEWORK_FIBER_RUN_IN_FIBER_H_
