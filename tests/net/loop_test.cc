#include "net/loop.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <memory>
#include <thread>
#include <vector>

#include "framework/base/random.h"
#include "net/signals.h"
#include "tests/net/support.h"

namespace lockstep::net {
namespace {

TEST(Loop, RunsPostsOfManyThreadsInTheOrderOfEach) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 20'000;
  Loop loop;
  std::vector<int> next(kThreads, 0);
  int left = kThreads * kPosts;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) {
        loop.Post([&, t, i] {
          CHECK_EQ(next[static_cast<size_t>(t)]++, i);
          if (--left == 0) loop.Stop();
        });
      }
    });
  }
  loop.Run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(left, 0);
}

TEST(Loop, APostWakesALoopThatSleeps) {
  // Back and forth, so that each side sleeps before the other posts.
  Loop here;
  Loop there;
  std::thread thread([&] { there.Run(); });
  int trips = 0;
  std::function<void()> ping = [&] {
    there.Post([&] {
      here.Post([&] {
        if (++trips < 5000) return ping();
        there.Stop();
        here.Stop();
      });
    });
  };
  here.Post(ping);
  here.Run();
  thread.join();
  EXPECT_EQ(trips, 5000);
}

TEST(Loop, StopBeforeRunIsNotForgotten) {
  Loop loop;
  loop.Stop();
  loop.Run();
  bool ran = false;
  loop.Post([&] {
    ran = true;
    loop.Stop();
  });
  loop.Run();
  EXPECT_TRUE(ran) << "and one Stop ends one Run";
}

TEST(Loop, TenThousandTimersFireAndNoneTooEarly) {
  constexpr int kSleepers = 2'000;  // ThreadSanitizer takes no more than 8,128 stacks
  constexpr int kSleeps = 5;
  Loop loop({.stack_bytes = 16 * 1024});
  base::SequentialRandom random(1);
  int fired = 0;
  fiber::Scope scope(loop.scheduler());
  for (int i = 0; i < kSleepers; ++i) {
    scope.Spawn("sleeper", [&](Fiber& f) {
      for (int n = 0; n < kSleeps; ++n) {
        const MonoTime due = f.now() + Nanoseconds(static_cast<int64_t>(random.Below(50'000'000)));
        f.SleepUntil(due);
        CHECK_GE(ReadMonotonicClock(), due);
        if (++fired == kSleepers * kSleeps) loop.Stop();
      }
    });
  }
  loop.Run();
  EXPECT_EQ(fired, kSleepers * kSleeps);
}

TEST(Loop, SleepsAreFinerThanAMillisecond) {
  Loop loop;
  const MonoTime start = loop.scheduler().now();
  Duration fastest = kPatience;
  RunFibers(loop, {[&](Fiber& f) {
              for (int i = 0; i < 50; ++i) {
                const MonoTime before = f.now();
                f.SleepFor(Microseconds(100));
                const Duration slept = f.now() - before;
                EXPECT_GE(slept, Microseconds(100));
                fastest = std::min(fastest, slept);
              }
            }});
  EXPECT_LT(fastest, Microseconds(900)) << "the best of 50, so that a busy machine does not matter";
  EXPECT_GT(loop.scheduler().now(), start);
}

TEST(Loop, AFiberThatNeverWaitsDoesNotKeepOutTimersAndPosts) {
  Loop loop;
  bool posted = false;
  bool slept = false;
  std::thread poster([&] { loop.Post([&] { posted = true; }); });
  RunFibers(loop, {[&](Fiber& f) {
                     while (!posted || !slept) f.Yield();
                   },
                   [&](Fiber& f) {
                     f.SleepFor(Milliseconds(1));
                     slept = true;
                   }});
  poster.join();
}

TEST(Loop, DroppedPostsAreDestroyedAndNotRun) {
  auto token = std::make_shared<int>(0);
  bool ran = false;
  Loop loop;
  loop.Post([token, &ran] { ran = true; });
  EXPECT_EQ(token.use_count(), 2);
  loop.DropPosts();
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_FALSE(ran);
}

TEST(Signals, AreCallsOnTheLoop) {
  Signals signals({SIGINT, SIGTERM});
  Loop loop;
  std::vector<int> seen;
  signals.Deliver(loop, [&](int number) {
    seen.push_back(number);
    if (seen.size() == 1) {
      kill(getpid(), SIGINT);
    } else {
      loop.Stop();
    }
  });
  kill(getpid(), SIGTERM);
  loop.Run();
  EXPECT_EQ(seen, (std::vector<int>{SIGTERM, SIGINT}));
}

}  // namespace
}  // namespace lockstep::net
