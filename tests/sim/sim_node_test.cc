#include "sim/sim_node.h"

#include <gtest/gtest.h>

#include "tests/sim/support.h"

namespace lockstep::sim {
namespace {

using runtime::Environment;

// Says that it was destroyed.
struct Witness final {
  bool& gone;
  ~Witness() { gone = true; }
};

TEST(SimNode, CanKillItselfFromItsOwnFiber) {
  CalmUniverse u(1);
  bool gone = false;
  bool went_on = false;
  u.Boot(1, [&](Fiber& fiber, Environment&) {
    const Witness witness{gone};
    u.node(1).Kill();
    EXPECT_EQ(u.node(1).state(), SimNode::State::kUnwinding);
    fiber.SleepFor(Milliseconds(1));
    went_on = true;
  });
  u.world.RunFor(Seconds(1));
  EXPECT_TRUE(gone);
  EXPECT_FALSE(went_on);
  EXPECT_EQ(u.node(1).state(), SimNode::State::kOff);
  EXPECT_EQ(u.world.faults().of(FaultClass::kKill), 1u);
}

TEST(SimNode, DeadFibersGetNoAnswerFromAnyDevice) {
  CalmUniverse u(1);
  int answers = 0;
  const std::vector<std::function<void(Fiber&, Environment&)>> calls = {
      [](Fiber& f, Environment& e) { e.disk.Exists(f, "x").IgnoreError(); },
      [](Fiber& f, Environment& e) { e.network.Dial(f, "n1:1", kNoDeadline).IgnoreError(); },
      [](Fiber& f, Environment& e) { e.offload.Run(f, runtime::Lane::kLog, [] {}); },
      [](Fiber& f, Environment&) { f.Yield(); },
  };
  for (const auto& call : calls) {
    u.node(1).Boot([&](Fiber& fiber, Environment& env) {
      u.node(1).Kill();
      EXPECT_FALSE(env.network.Listen("n1:1").ok());
      call(fiber, env);
      ++answers;
    });
    u.world.RunFor(Seconds(1));
  }
  EXPECT_EQ(answers, 0);
  EXPECT_EQ(u.world.faults().of(FaultClass::kKill), 4u);
}

TEST(SimNode, TraceEventsCanKillTheNodeThatEmitsThem) {
  CalmUniverse u(1);
  u.node(1).trace().set_on_emit([&](const TraceEvent& event) {
    if (event.name == "test.fatal") u.node(1).PowerLoss();
  });
  int reached = 0;
  u.Boot(1, [&](Fiber& fiber, Environment& env) {
    env.trace.Emit(runtime::TraceLevel::kInfo, "test.harmless", {{"n", 1}});
    ++reached;
    env.trace.Emit(runtime::TraceLevel::kInfo, "test.fatal", {{"who", "me"}});
    env.trace.Emit(runtime::TraceLevel::kInfo, "test.after", {});
    fiber.Yield();
    ++reached;
  });
  u.world.RunFor(Seconds(1));
  EXPECT_EQ(reached, 1);
  const std::vector<std::string> lines = u.node(1).trace().Lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find("n1/0 test.harmless n=1"), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find("test.fatal who=me"), std::string::npos) << lines[1];
}

TEST(SimNode, OneNodeCanKillAnother) {
  CalmUniverse u(2);
  bool gone = false;
  u.Boot(1, [&](Fiber& fiber, Environment&) {
    const Witness witness{gone};
    fiber.SleepFor(Seconds(100));
  });
  u.Boot(2, [&](Fiber& fiber, Environment&) {
    fiber.SleepFor(Seconds(1));
    u.node(1).Kill();
    EXPECT_FALSE(gone);  // not on this stack
    fiber.Yield();
    EXPECT_TRUE(gone);
  });
  u.world.RunFor(Seconds(2));
  EXPECT_TRUE(gone);
  EXPECT_TRUE(u.node(2).running());
}

TEST(SimNode, ExitsWhenEveryMainHasReturnedAndCanBootAgain) {
  CalmUniverse u(1, 1, /*shards=*/2);
  int exits = 0;
  u.node(1).set_on_exit([&] { ++exits; });
  const auto main = [](Fiber& fiber, Environment& env) {
    fiber.SleepFor(Seconds(1 + env.shard.value()));
  };
  u.node(1).Boot(main);
  u.world.RunFor(Milliseconds(1500));
  EXPECT_EQ(exits, 0);
  u.world.RunFor(Seconds(1));
  EXPECT_EQ(exits, 1);
  u.node(1).Boot(main);
  EXPECT_EQ(u.node(1).incarnation(), 2u);
  u.world.RunFor(Seconds(3));
  EXPECT_EQ(exits, 2);
}

TEST(SimNode, NothingRunsWhilePausedAndNothingIsLost) {
  CalmUniverse u(1, 1, /*shards=*/2);
  std::vector<int> order;
  u.Boot(1, [&](Fiber& fiber, Environment& env) {
    if (env.shard.value() == 1) return;
    for (int i = 0; i < 3; ++i) env.mailbox.Post(ShardId(1), [&, i] { order.push_back(i); });
    fiber.SleepFor(Seconds(2));
    order.push_back(99);
  });
  while (u.world.now().ns == 0) u.world.Step();
  u.node(1).Pause(Seconds(5));
  u.world.RunFor(Seconds(4));
  EXPECT_TRUE(order.empty());
  EXPECT_EQ(u.node(1).state(), SimNode::State::kPaused);
  u.world.RunFor(Seconds(2));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 99}));
}

TEST(SimNode, PostsAndOffloadedWorkDieWithTheProcess) {
  CalmUniverse u(1, 1, /*shards=*/2);
  int ran = 0;
  u.Boot(1, [&](Fiber& fiber, Environment& env) {
    if (env.shard.value() == 1) return;
    env.mailbox.Post(ShardId(1), [&] { ++ran; });
    u.node(1).Kill();
    env.mailbox.Post(ShardId(1), [&] { ++ran; });
    env.offload.Run(fiber, runtime::Lane::kGeneral, [&] { ++ran; });
  });
  u.world.RunFor(Seconds(1));
  EXPECT_EQ(ran, 0);
}

TEST(SimNode, OffloadedLogWorkRunsFirstComeFirstServed) {
  CalmUniverse u(1, 3, 1, DefaultProfile());
  std::vector<int> order;
  u.Boot(1, [&](Fiber& fiber, Environment& env) {
    fiber::Scope scope(fiber.scheduler());
    for (int i = 0; i < 20; ++i) {
      scope.Spawn("log", [&, i](Fiber& worker) {
        worker.SleepFor(Milliseconds(i));
        env.offload.Run(worker, runtime::Lane::kLog, [&, i] { order.push_back(i); });
      });
    }
    fiber.SleepFor(Seconds(100));
  });
  u.world.RunFor(Seconds(50));
  ASSERT_EQ(order.size(), 20u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(NodeClock, TimersFollowTheDriftOfTheirNode) {
  CalmUniverse u(2);
  u.node(1).SetClockDrift(100'000);   // 10% fast
  u.node(2).SetClockDrift(-100'000);  // 10% slow
  VirtualTime woke[2];
  for (uint32_t i = 0; i < 2; ++i) {
    u.Boot(i + 1, [&, i](Fiber& fiber, Environment& env) {
      const MonoTime deadline = env.clock.Monotonic() + Seconds(10);
      fiber.SleepUntil(deadline);
      EXPECT_GE(env.clock.Monotonic(), deadline);
      EXPECT_LT(env.clock.Monotonic(), deadline + Milliseconds(1));
      woke[i] = u.world.now();
    });
  }
  u.world.RunFor(Seconds(20));
  EXPECT_NEAR(static_cast<double>(woke[0].ns), 10e9 / 1.1, 1e6);
  EXPECT_NEAR(static_cast<double>(woke[1].ns), 10e9 / 0.9, 1e6);
}

TEST(NodeClock, AChangeOfDriftMovesTimersThatAreArmed) {
  CalmUniverse u(1);
  VirtualTime woke;
  u.Boot(1, [&](Fiber& fiber, Environment&) {
    fiber.SleepFor(Seconds(10));
    woke = u.world.now();
  });
  u.world.RunFor(Seconds(5));
  u.node(1).SetClockDrift(250'000);
  u.world.RunFor(Seconds(10));
  EXPECT_NEAR(static_cast<double>(woke.ns), 9e9, 1e6);  // 5 s more by a clock that is 25% fast
}

TEST(NodeClock, WallStepsLeaveTheMonotonicClockAlone) {
  CalmUniverse u(1);
  NodeClock& clock = u.node(1).clock();
  u.world.RunFor(Seconds(1));
  const MonoTime mono = clock.Monotonic();
  const WallTime wall = clock.Wall();
  clock.StepWall(Seconds(-600));
  EXPECT_EQ(clock.Monotonic(), mono);
  EXPECT_EQ(clock.Wall() - wall, Seconds(-600));
}

TEST(NodeClock, AFrozenWallClockStandsStillAndThenIsRight) {
  CalmUniverse u(1);
  NodeClock& clock = u.node(1).clock();
  const WallTime before = clock.Wall();
  const MonoTime mono = clock.Monotonic();
  clock.FreezeWall(Seconds(2));
  u.world.RunFor(Seconds(1));
  EXPECT_EQ(clock.Wall().ns, before.ns);
  EXPECT_EQ(clock.Monotonic() - mono, Seconds(1)) << "the other one goes on";
  u.world.RunFor(Seconds(2));
  EXPECT_EQ(clock.Wall().ns - before.ns, 3'000'000'000);
}

TEST(NodeClock, AFrozenMonotonicClockIsBehindFromThenOn) {
  CalmUniverse u(1);
  NodeClock& clock = u.node(1).clock();
  const WallTime wall = clock.Wall();
  const MonoTime mono = clock.Monotonic();
  clock.FreezeMonotonic(Seconds(2));
  u.world.RunFor(Milliseconds(500));
  clock.FreezeMonotonic(Seconds(1));
  u.world.RunFor(Milliseconds(500));
  EXPECT_EQ(clock.Monotonic(), mono);
  EXPECT_EQ(clock.Wall().ns - wall.ns, 1'000'000'000) << "the other one goes on";
  EXPECT_LE(clock.ToVirtual(mono), u.world.now());
  EXPECT_EQ(clock.ToVirtual(mono + Seconds(1)), u.world.now() + Seconds(3));
  u.world.RunFor(Seconds(4));
  EXPECT_EQ(clock.Monotonic() - mono, Seconds(2));
  EXPECT_EQ(clock.Wall().ns - wall.ns, 5'000'000'000);
}

TEST(NodeClock, ToVirtualIsTheFirstInstantThatIsLateEnough) {
  CalmUniverse u(1);
  NodeClock& clock = u.node(1).clock();
  for (const int64_t drift : {0, 1, -1, 200, -200, 50'000, -50'000}) {
    clock.SetDrift(drift);
    const MonoTime target = clock.Monotonic() + Nanoseconds(1'234'567'891);
    const VirtualTime when = clock.ToVirtual(target);
    u.world.RunUntil(when + Nanoseconds(-1));
    EXPECT_LT(clock.Monotonic(), target) << drift;
    u.world.RunUntil(when);
    EXPECT_GE(clock.Monotonic(), target) << drift;
  }
}

TEST(World, EventsOfOneOriginAndInstantKeepTheirOrder) {
  World world(1, DefaultProfile());
  std::vector<int> order;
  for (int i = 0; i < 50; ++i) {
    world.At({5}, {NodeId(1), EventKind::kNemesis, 7}, [&, i] { order.push_back(i); });
  }
  world.RunUntil({10});
  EXPECT_EQ(order.size(), 50u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(World, SeveralLiveSideBySide) {
  CalmUniverse a(1, 7), b(1, 7);
  const auto main = [](Fiber& fiber, Environment& env) {
    for (int i = 0; i < 100; ++i) {
      fiber.SleepFor(Milliseconds(1));
      env.trace.Emit(runtime::TraceLevel::kDebug, "test.draw", {{"r", env.random.Draw("x")}});
    }
  };
  a.Boot(1, main);
  b.Boot(1, main);
  for (int i = 0; i < 50; ++i) {
    a.world.RunFor(Milliseconds(4));
    b.world.RunFor(Milliseconds(4));
  }
  EXPECT_EQ(a.world.log().hash(), b.world.log().hash());
  EXPECT_GT(a.world.log().count(), 300u);
}

TEST(World, ObserverSeesEveryEventInOrder) {
  CalmUniverse u(1);
  std::vector<EventRecord> seen;
  u.world.log().set_observer([&](const EventRecord& record) { seen.push_back(record); });
  const uint64_t before = u.world.log().count();
  u.Run(1, [](Fiber& fiber, Environment& env) {
    for (int i = 0; i < 5000; ++i) fiber.SleepFor(Milliseconds(1));
    env.trace.Emit(runtime::TraceLevel::kInfo, "test.done", {});
  });
  EXPECT_EQ(seen.size(), u.world.log().count() - before);
  EXPECT_EQ(u.world.log().checkpoints().size(),
            u.world.log().count() / EventLog::kCheckpointEvents);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end(), [](const auto& a, const auto& b) {
    return a.at < b.at || (a.at == b.at && a.sequence < b.sequence);
  }));
  EXPECT_EQ(std::count_if(seen.begin(), seen.end(),
                          [](const auto& record) { return record.kind == EventKind::kTrace; }),
            1);
}

TEST(FaultPoints, FireOnlyWhereTheProfileSaysSo) {
  CalmUniverse calm(1);
  FaultProfile profile = CalmProfile();
  profile.fault_point_site_percent = {kMillion, 25, 25, 0};
  profile.fault_point_fire_percent = {kMillion, 25, 25, 0};
  CalmUniverse wild(1, 1, 1, profile);
  const auto count = [](CalmUniverse& u) {
    int fired = 0;
    u.Run(1, [&](Fiber&, Environment& env) {
      for (int site = 0; site < 100; ++site) {
        for (int i = 0; i < 100; ++i) fired += env.fault_points.Fire(absl::StrCat("site", site));
      }
    });
    return fired;
  };
  EXPECT_EQ(count(calm), 0);
  EXPECT_NEAR(count(wild), 10'000 / 16, 250);
}

}  // namespace
}  // namespace lockstep::sim
