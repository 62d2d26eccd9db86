#include "framework/fiber/timer_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "framework/base/random.h"

namespace lockstep::fiber {
namespace {

TEST(TimerQueue, FiresInOrderOfDeadlineThenOfArming) {
  TimerQueue queue;
  base::SequentialRandom random(1);
  std::vector<Timer> timers(500);
  for (Timer& timer : timers) queue.Arm(timer, MonoTime{static_cast<int64_t>(random.Below(50))});
  for (size_t i = 0; i < timers.size(); i += 3) queue.Disarm(timers[i]);
  MonoTime last{-1};
  uint64_t last_order = 0;
  size_t fired = 0;
  while (Timer* timer = queue.PopDue(MonoTime{100})) {
    EXPECT_GE(timer->deadline, last);
    if (timer->deadline == last) {
      EXPECT_GT(timer->order, last_order);
    }
    last = timer->deadline;
    last_order = timer->order;
    ++fired;
  }
  EXPECT_EQ(fired, 333u);
  EXPECT_TRUE(queue.empty());
}

TEST(TimerQueue, NothingIsDueBeforeItsTime) {
  TimerQueue queue;
  Timer timer;
  queue.Arm(timer, MonoTime{10});
  EXPECT_EQ(queue.PopDue(MonoTime{9}), nullptr);
  EXPECT_EQ(queue.PopDue(MonoTime{10}), &timer);
  EXPECT_EQ(queue.next(), kNoDeadline);
}

}  // namespace
}  // namespace lockstep::fiber
