#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "net/thread_offload.h"
#include "tests/net/support.h"

namespace lockstep::net {
namespace {

using runtime::Lane;

// A door that threads wait at until it is opened.
class Gate final {
 public:
  void Open() {
    const std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void WaitInside() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  void AwaitInside(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return inside_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int inside_ = 0;
};

TEST(ThreadOffload, RunsWorkElsewhereAndComesBack) {
  TestShard shard;
  const std::thread::id here = std::this_thread::get_id();
  RunFibers(shard.loop, {[&](Fiber& f) {
              for (const Lane lane : {Lane::kLog, Lane::kGeneral}) {
                std::thread::id there;
                shard.offload.Run(f, lane, [&] { there = std::this_thread::get_id(); });
                EXPECT_NE(there, std::thread::id());
                EXPECT_NE(there, here);
                EXPECT_EQ(std::this_thread::get_id(), here);
              }
            }});
}

TEST(ThreadOffload, AnIdleLoopDoesTheLogsWorkItselfIfItMay) {
  Loop loop;
  ThreadOffload offload(loop, {.general_threads = 1, .log_on_idle_loop = true});
  const std::thread::id here = std::this_thread::get_id();
  const auto where = [&](Fiber& f, Lane lane) {
    std::thread::id there;
    offload.Run(f, lane, [&] { there = std::this_thread::get_id(); });
    return there;
  };
  RunFibers(loop, {[&](Fiber& f) {
              EXPECT_EQ(where(f, Lane::kLog), here);
              EXPECT_NE(where(f, Lane::kGeneral), here);
            }});
  std::vector<int> order;
  const auto write = [&](int number) {
    return [&, number](Fiber& f) {
      offload.Run(f, Lane::kLog, [&, number] { order.push_back(number); });
    };
  };
  // The first finds others that want to run; nobody overtakes it.
  RunFibers(loop, {write(0), write(1), write(2), write(3)});
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
}

TEST(ThreadOffload, TheLogLaneKeepsTheOrderOfArrival) {
  constexpr int kJobs = 2000;
  TestShard shard;
  std::vector<int> order;  // no lock: one job runs at a time
  int done = 0;
  RunFibers(shard.loop, {[&](Fiber& fiber) {
              fiber::Scope scope(fiber.scheduler());
              for (int i = 0; i < kJobs; ++i) {
                scope.Spawn("job", [&, i](Fiber& f) {
                  shard.offload.Run(f, Lane::kLog, [&] { order.push_back(i); });
                  ++done;
                });
              }
              JoinAll(fiber, scope);
            }});
  EXPECT_EQ(done, kJobs);
  ASSERT_EQ(order.size(), static_cast<size_t>(kJobs));
  for (int i = 0; i < kJobs; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(ThreadOffload, TheLogDoesNotWaitForGeneralWork) {
  TestShard shard;
  Gate gate;
  RunFibers(shard.loop, {[&](Fiber& fiber) {
              fiber::Scope scope(fiber.scheduler());
              for (int i = 0; i < 10; ++i) {
                scope.Spawn("slow", [&](Fiber& f) {
                  shard.offload.Run(f, Lane::kGeneral, [&] { gate.WaitInside(); });
                });
              }
              LetOthersRun(fiber);
              gate.AwaitInside(2);
              shard.offload.Run(fiber, Lane::kLog, [&] { gate.Open(); });
              JoinAll(fiber, scope);
            }});
}

TEST(ThreadOffload, WaitingForWorkHoldsUpNobodyElse) {
  TestShard shard;
  Gate gate;
  RunFibers(shard.loop,
            {[&](Fiber& f) { shard.offload.Run(f, Lane::kGeneral, [&] { gate.WaitInside(); }); },
             [&](Fiber& f) {
               f.SleepFor(Microseconds(10));
               gate.AwaitInside(1);
               gate.Open();
             }});
}

TEST(ThreadOffload, UnwindingWaitsForWorkThatHasStarted) {
  TestShard shard;
  Gate gate;
  bool finished = false;
  RunFibers(shard.loop, {[&](Fiber& fiber) {
              std::thread opener;
              {
                fiber::Scope scope(fiber.scheduler());
                scope.Spawn("worker", [&](Fiber& f) {
                  int on_the_stack = 0;
                  shard.offload.Run(f, Lane::kLog, [&] {
                    gate.WaitInside();
                    ++on_the_stack;
                    finished = on_the_stack == 1;
                  });
                  ADD_FAILURE() << "unwound, so it never gets here";
                });
                fiber.Yield();
                gate.AwaitInside(1);
                opener = std::thread([&] { gate.Open(); });
              }
              EXPECT_TRUE(finished);
              opener.join();
              // The lane works on.
              shard.offload.Run(fiber, Lane::kLog, [] {});
            }});
}

TEST(ThreadOffload, UnwindingTakesBackWorkThatHasNotStarted) {
  TestShard shard;
  Gate gate;
  bool ran = false;
  RunFibers(shard.loop, {[&](Fiber& fiber) {
              fiber::Scope busy(fiber.scheduler());
              busy.Spawn("first", [&](Fiber& f) {
                shard.offload.Run(f, Lane::kLog, [&] { gate.WaitInside(); });
              });
              fiber.Yield();
              gate.AwaitInside(1);
              {
                fiber::Scope scope(fiber.scheduler());
                scope.Spawn("second", [&](Fiber& f) {
                  shard.offload.Run(f, Lane::kLog, [&] { ran = true; });
                });
                fiber.Yield();
              }
              gate.Open();
              JoinAll(fiber, busy);
              shard.offload.Run(fiber, Lane::kLog, [] {});
            }});
  EXPECT_FALSE(ran);
}

// Unwinds at every stage that a job can be in, many times over; on a busy machine it may take more
// rounds until a worker gets to a job before it is taken back.
TEST(ThreadOffload, UnwindingAtAnyMomentIsSafe) {
  TestShard shard;
  std::atomic<int> started{0};
  RunFibers(shard.loop, {[&](Fiber& fiber) {
              for (int round = 0; round < 300 || started.load() == 0; ++round) {
                fiber::Scope scope(fiber.scheduler());
                for (int i = 0; i < 8; ++i) {
                  scope.Spawn("job", [&, i](Fiber& f) {
                    int on_the_stack = 0;
                    shard.offload.Run(f, i % 2 == 0 ? Lane::kLog : Lane::kGeneral, [&] {
                      ++on_the_stack;
                      started.fetch_add(1);
                    });
                    EXPECT_EQ(on_the_stack, 1);
                  });
                }
                for (int turns = round % 5; turns >= 0; --turns) fiber.Yield();
              }
            }});
}

}  // namespace
}  // namespace lockstep::net
