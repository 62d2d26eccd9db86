#include "framework/fiber/sync.h"

#include <gtest/gtest.h>

#include <string>

namespace lockstep::fiber {
namespace {

TEST(Event, WakesEverybodyInOrder) {
  Scheduler scheduler;
  Scope scope(scheduler);
  Event event;
  std::string order;
  for (char name : {'a', 'b'}) {
    scope.Spawn("waiter", [&, name](Fiber& fiber) {
      EXPECT_TRUE(event.Wait(fiber));
      order += name;
    });
  }
  scheduler.RunReady();
  EXPECT_EQ(order, "");
  event.Set();
  scheduler.RunReady();
  EXPECT_EQ(order, "ab");
}

TEST(Event, WaitEndsAtTheDeadline) {
  Scheduler scheduler;
  Scope scope(scheduler);
  Event event;
  int result = -1;
  scope.Spawn("waiter", [&](Fiber& fiber) {
    result = event.Wait(fiber, fiber.now() + Milliseconds(1)) ? 1 : 0;
  });
  scheduler.RunReady();
  scheduler.AdvanceTo(MonoTime{} + Milliseconds(1));
  scheduler.RunReady();
  EXPECT_EQ(result, 0);
}

TEST(Event, UnwoundWaiterLeavesNothingBehind) {
  Scheduler scheduler;
  Event event;
  {
    Scope scope(scheduler);
    scope.Spawn("waiter", [&](Fiber& fiber) { event.Wait(fiber, fiber.now() + Seconds(1)); });
    scheduler.RunReady();
  }
  event.Set();
  scheduler.AdvanceTo(MonoTime{} + Seconds(2));
  EXPECT_EQ(scheduler.ready_count(), 0u);
  EXPECT_EQ(scheduler.next_deadline(), kNoDeadline);
}

TEST(Queue, PushWaitsWhileFullAndPopDrainsAfterClose) {
  Scheduler scheduler;
  Scope scope(scheduler);
  Queue<int> queue(2);
  std::string log;
  scope.Spawn("producer", [&](Fiber& fiber) {
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(queue.Push(fiber, i));
      log += 'p';
    }
    queue.Close();
  });
  scheduler.RunReady();
  EXPECT_EQ(log, "pp");
  EXPECT_FALSE(queue.TryPush(9));
  int sum = 0;
  scope.Spawn("consumer", [&](Fiber& fiber) {
    while (auto value = queue.Pop(fiber)) sum += *value;
    log += '.';
  });
  scheduler.RunReady();
  EXPECT_EQ(sum, 10);
  EXPECT_EQ(log.back(), '.');
}

TEST(Semaphore, AWakeOfAnUnwoundWaiterGoesToTheNext) {
  Scheduler scheduler;
  Semaphore semaphore(0);
  bool admitted = false;
  Scope survivors(scheduler);
  {
    Scope doomed(scheduler);
    doomed.Spawn("first", [&](Fiber& fiber) { semaphore.Acquire(fiber); });
    scheduler.RunReady();
    survivors.Spawn("second", [&](Fiber& fiber) { admitted = semaphore.Acquire(fiber); });
    scheduler.RunReady();
    semaphore.Release();  // wakes the first, which never runs again
  }
  scheduler.RunReady();
  EXPECT_TRUE(admitted);
}

TEST(Semaphore, AdmitsSoManyAtATime) {
  Scheduler scheduler;
  Scope scope(scheduler);
  Semaphore semaphore(2);
  int inside = 0;
  int most = 0;
  for (int i = 0; i < 6; ++i) {
    scope.Spawn("worker", [&](Fiber& fiber) {
      ASSERT_TRUE(semaphore.Acquire(fiber));
      most = std::max(most, ++inside);
      fiber.Yield();
      --inside;
      semaphore.Release();
    });
  }
  scheduler.RunReady();
  EXPECT_EQ(most, 2);
  EXPECT_EQ(semaphore.available(), 2u);
}

}  // namespace
}  // namespace lockstep::fiber
