#include "framework/fiber/scheduler.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "framework/fiber/sync.h"

namespace lockstep::fiber {
namespace {

TEST(Scheduler, RunsFibersInOrderOfReadiness) {
  Scheduler scheduler;
  Scope scope(scheduler);
  std::string order;
  for (char name : {'a', 'b', 'c'}) {
    scope.Spawn("letter", [&order, name](Fiber& fiber) {
      order += name;
      fiber.Yield();
      order += name;
    });
  }
  scheduler.RunReady();
  EXPECT_EQ(order, "abcabc");
  EXPECT_EQ(scope.size(), 0u);
}

TEST(Scheduler, PickChoosesTheFiber) {
  Scheduler scheduler;
  Scope scope(scheduler);
  std::string order;
  for (char name : {'a', 'b', 'c'}) {
    scope.Spawn("letter", [&order, name](Fiber&) { order += name; });
  }
  scheduler.RunOne(2);
  scheduler.RunOne(0);
  scheduler.RunOne(0);
  EXPECT_EQ(order, "cab");
}

TEST(Scheduler, SleepEndsWhenTimeIsTold) {
  Scheduler scheduler;
  Scope scope(scheduler);
  bool awake = false;
  scope.Spawn("sleeper", [&](Fiber& fiber) {
    fiber.SleepFor(Milliseconds(5));
    awake = true;
  });
  scheduler.RunReady();
  EXPECT_EQ(scheduler.next_deadline(), MonoTime{} + Milliseconds(5));
  scheduler.AdvanceTo(MonoTime{} + Milliseconds(4));
  scheduler.RunReady();
  EXPECT_FALSE(awake);
  scheduler.AdvanceTo(MonoTime{} + Milliseconds(5));
  scheduler.RunReady();
  EXPECT_TRUE(awake);
}

TEST(Scope, CancelRunsDestructorsAtTheSuspensionPoint) {
  Scheduler scheduler;
  bool destroyed = false;
  bool went_on = false;
  {
    Scope scope(scheduler);
    scope.Spawn("waiter", [&](Fiber& fiber) {
      struct Mark {
        bool& flag;
        ~Mark() { flag = true; }
      } mark{destroyed};
      Event never;
      never.Wait(fiber);
      went_on = true;
    });
    scheduler.RunReady();
    EXPECT_FALSE(destroyed);
  }
  EXPECT_TRUE(destroyed);
  EXPECT_FALSE(went_on);
}

TEST(Scope, FiberThatNeverRanIsDroppedWithItsCaptures) {
  Scheduler scheduler;
  auto shared = std::make_shared<int>(1);
  {
    Scope scope(scheduler);
    scope.Spawn("unborn", [shared](Fiber&) { FAIL(); });
    EXPECT_EQ(shared.use_count(), 2);
  }
  EXPECT_EQ(shared.use_count(), 1);
}

TEST(Scope, AFiberMayCancelAnotherScope) {
  Scheduler scheduler;
  Scope outer(scheduler);
  bool unwound = false;
  bool finished = false;
  outer.Spawn("parent", [&](Fiber& fiber) {
    Scope inner(scheduler);
    inner.Spawn("child", [&](Fiber& child) {
      struct Mark {
        bool& flag;
        ~Mark() { flag = true; }
      } mark{unwound};
      child.SleepFor(Seconds(1));
    });
    fiber.Yield();
    inner.Cancel();
    EXPECT_TRUE(unwound);
    fiber.Yield();
    finished = true;
  });
  scheduler.RunReady();
  EXPECT_TRUE(finished);
}

// A fiber that waits inside a catch block must find its own exception again.
TEST(Scheduler, EachFiberRethrowsItsOwnException) {
  Scheduler scheduler;
  Scope scope(scheduler);
  std::vector<std::string> seen;
  for (const char* text : {"first", "second"}) {
    scope.Spawn("thrower", [&seen, text](Fiber& fiber) {
      try {
        try {
          throw std::runtime_error(text);
        } catch (const std::runtime_error&) {
          fiber.Yield();
          throw;
        }
      } catch (const std::runtime_error& error) {
        seen.push_back(error.what());
      }
    });
  }
  scheduler.RunReady();
  EXPECT_EQ(seen, (std::vector<std::string>{"first", "second"}));
}

TEST(Scheduler, ThousandsOfFibersReuseTheirStacks) {
  Scheduler scheduler;
  Scope scope(scheduler);
  int sum = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 500; ++i) {
      scope.Spawn("adder", [&sum](Fiber& fiber) {
        fiber.Yield();
        ++sum;
      });
    }
    scheduler.RunReady();
  }
  EXPECT_EQ(sum, 10'000);
}

TEST(SchedulerDeathTest, SuspendingInANoSuspendStretchIsABug) {
  EXPECT_DEATH(
      {
        Scheduler scheduler;
        Scope scope(scheduler);
        scope.Spawn("bad", [&](Fiber& fiber) {
          NoSuspend guard(scheduler);
          fiber.Yield();
        });
        scheduler.RunReady();
      },
      "NoSuspend");
}

}  // namespace
}  // namespace lockstep::fiber
