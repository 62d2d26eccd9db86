#include "sim/interpose.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <functional>
#include <random>
#include <thread>

#include "framework/base/check.h"
#include "tests/sim/support.h"

namespace lockstep::sim {
namespace {

// Does `act` inside a universe, on a node's fiber.
void InUniverse(const std::function<void()>& act) {
  CalmUniverse u(1, /*seed=*/4711);
  u.Run(1, [&](Fiber& fiber, runtime::Environment&) {
    fiber.SleepFor(Seconds(1));
    act();
  });
}

TEST(TripwireDeathTest, AbortsOnTheRealWorld) {
  const std::pair<const char*, std::function<void()>> acts[] = {
      {"clock_gettime",
       [] {
         timespec t;
         clock_gettime(CLOCK_REALTIME, &t);
       }},
      {"time", [] { static_cast<void>(time(nullptr)); }},
      {"steady_clock::now", [] { static_cast<void>(std::chrono::steady_clock::now()); }},
      {"system_clock::now", [] { static_cast<void>(std::chrono::system_clock::now()); }},
      {"std::random_device", [] { static_cast<void>(std::random_device{}()); }},
      {"std::thread", [] { std::thread([] {}).join(); }},
      {"nanosleep|clock_nanosleep",
       [] { std::this_thread::sleep_for(std::chrono::nanoseconds(1)); }},
      {"usleep", [] { usleep(1); }},
      {"open", [] { static_cast<void>(open("/dev/null", O_RDONLY)); }},
      {"socket", [] { static_cast<void>(socket(AF_INET, SOCK_STREAM, 0)); }},
  };
  for (const auto& [name, act] : acts) {
    EXPECT_DEATH(InUniverse(act), std::string("TRIPWIRE: (") + name + ") .*seed 4711, node 1");
  }
}

TEST(TripwireDeathTest, FailedChecksSayWhereTheyAre) {
  EXPECT_DEATH(InUniverse([] { CHECK(false) << "on purpose"; }),
               "on purpose.*seed 4711, node 1, virtual time 1");
}

TEST(Tripwire, AllowRealOpensTheDoorForItsScope) {
  InUniverse([] {
    const AllowReal outer;
    {
      const AllowReal inner;
      EXPECT_GT(time(nullptr), 0);
    }
    EXPECT_GT(std::chrono::steady_clock::now().time_since_epoch().count(), 0);
  });
}

TEST(Tripwire, IsAsleepOutsideOfUniverses) {
  timespec t;
  EXPECT_EQ(clock_gettime(CLOCK_MONOTONIC, &t), 0);
  std::thread([] {}).join();
}

}  // namespace
}  // namespace lockstep::sim
