// Reads and leadership on whole nodes: storms of reads, links that work one way, disks that hang.
#include <gtest/gtest.h>

#include <functional>

#include "tests/sim/cluster/small_cluster.h"

namespace lockstep::sim::testing {
namespace {

struct Storm final {
  uint64_t reads = 0;
  uint64_t messages = 0;
};

// So many readers at each node, each reading again as soon as it is answered, for two seconds.
Storm ReadStorm(uint32_t readers) {
  SmallCluster cluster(1);
  CHECK(cluster.RunUntil(Seconds(10), [&] { return cluster.AllHaveLeaders(); }));
  cluster.world().RunFor(Seconds(1));
  Storm storm;
  const uint64_t before = cluster.counter().read_heartbeats + cluster.counter().read_requests;
  for (uint64_t id = 1; id <= 3; ++id) {
    for (uint32_t i = 0; i < readers; ++i) {
      cluster.Spawn(id, [&cluster, &storm, id](Fiber& fiber) {
        while (cluster.replica(id)->CatchUp(fiber, fiber.now() + Seconds(1)).ok()) ++storm.reads;
      });
    }
  }
  cluster.world().RunFor(Seconds(2));
  cluster.EndWork();
  storm.messages = cluster.counter().read_heartbeats + cluster.counter().read_requests - before;
  return storm;
}

TEST(ReadStorm, CostsABoundedNumberOfMessagesWhateverTheRate) {
  const Storm few = ReadStorm(2);
  const Storm many = ReadStorm(200);
  EXPECT_GT(few.reads, 100u);
  EXPECT_GT(many.reads, 50 * few.reads);
  // Rounds follow each other, one at a time at each node: their number depends on the round trip.
  EXPECT_LT(many.messages, few.messages * 3 / 2);
}

TEST(ReadStorm, OfReadsThatMayBeOldAsksNowAndThen) {
  SmallCluster cluster(1);
  ASSERT_TRUE(cluster.RunUntil(Seconds(10), [&] { return cluster.AllHaveLeaders(); }));
  const uint64_t follower = cluster.LeaderOf(1) % 3 + 1;
  uint64_t reads = 0;
  const uint64_t before = cluster.counter().read_requests;
  cluster.Spawn(follower, [&](Fiber& fiber) {
    for (;;) {
      fiber.SleepFor(Milliseconds(1));
      const MonoTime deadline = fiber.now() + Seconds(1);
      reads += cluster.replica(follower)->CatchUp(fiber, deadline, Milliseconds(500)).ok() ? 1 : 0;
    }
  });
  cluster.world().RunFor(Seconds(10));
  EXPECT_GT(reads, 9'000u);
  EXPECT_LE(cluster.counter().read_requests - before, 41u) << "one in 250 ms";
  // Cut off it goes on for as long as was allowed, and no longer.
  for (uint64_t id = 1; id <= 3; ++id) {
    if (id != follower)
      cluster.network().CutBoth(cluster.node(id).host(), cluster.node(follower).host());
  }
  cluster.world().RunFor(Milliseconds(600));
  const uint64_t when_old = reads;
  cluster.world().RunFor(Seconds(5));
  EXPECT_EQ(reads, when_old);
  cluster.EndWork();
}

void ExpectNoLeaderChange(
    const std::function<void(SmallCluster&, uint64_t leader, uint64_t other)>& cut) {
  SmallCluster cluster(1);
  ASSERT_TRUE(cluster.RunUntil(Seconds(10), [&] { return cluster.AllHaveLeaders(); }));
  const uint64_t leader = cluster.LeaderOf(1);
  const raft::Term term = cluster.replica(leader)->raft().term();
  const uint64_t elections = cluster.counter().elections;
  cut(cluster, leader, leader % 3 + 1);
  cluster.world().RunFor(Seconds(30));
  cluster.network().RestoreAll();
  EXPECT_TRUE(cluster.RunUntil(Seconds(15), [&] { return cluster.LeaderOf(1) == leader; }));
  cluster.world().RunFor(Seconds(5));
  EXPECT_EQ(cluster.LeaderOf(1), leader);
  EXPECT_EQ(cluster.replica(leader)->raft().term(), term);
  EXPECT_EQ(cluster.counter().elections, elections);
}

TEST(OneWayPartition, ANodeThatHearsButCannotSpeakChangesNoLeader) {
  ExpectNoLeaderChange([](SmallCluster& cluster, uint64_t, uint64_t other) {
    for (uint64_t id = 1; id <= 3; ++id) {
      if (id != other) cluster.network().Cut(cluster.node(other).host(), cluster.node(id).host());
    }
  });
}

TEST(OneWayPartition, ANodeThatSpeaksButCannotHearChangesNoLeader) {
  ExpectNoLeaderChange([](SmallCluster& cluster, uint64_t, uint64_t other) {
    for (uint64_t id = 1; id <= 3; ++id) {
      if (id != other) cluster.network().Cut(cluster.node(id).host(), cluster.node(other).host());
    }
  });
}

TEST(OneWayPartition, ANodeThatOnlyTheLeaderCannotReachChangesNoLeader) {
  ExpectNoLeaderChange([](SmallCluster& cluster, uint64_t leader, uint64_t other) {
    cluster.network().Cut(cluster.node(leader).host(), cluster.node(other).host());
  });
}

TEST(StalledDisk, TheLeaderLeavesAndTheClusterServes) {
  SmallCluster cluster(1);
  ASSERT_TRUE(cluster.RunUntil(Seconds(10), [&] { return cluster.AllHaveLeaders(); }));
  const uint64_t leader = cluster.LeaderOf(1);
  const uint64_t other = leader % 3 + 1;
  cluster.node(leader).disk().Hang(cluster.world().now() + Seconds(30));
  bool served = false;
  cluster.Spawn(other, [&](Fiber& fiber) {
    served = cluster.replica(other)->Propose(fiber, "x", fiber.now() + Seconds(5)).ok();
  });
  const auto led_by_other = [&] {
    const uint64_t now = cluster.replica(other)->raft().leader().value();
    return now != 0 && now != leader;
  };
  EXPECT_TRUE(cluster.RunUntil(Seconds(2), led_by_other));
  EXPECT_TRUE(cluster.RunUntil(Seconds(2), [&] { return served; }));
  EXPECT_EQ(cluster.replica(leader)->status().disk_stalls, 1u);
  cluster.EndWork();
}

}  // namespace
}  // namespace lockstep::sim::testing
