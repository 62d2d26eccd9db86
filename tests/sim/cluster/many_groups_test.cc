// A thousand groups on three nodes: what they cost when idle, and how fast they fail over.
#include <gtest/gtest.h>

#include "framework/base/mutant_on.h"
#include "framework/raft/mutants.h"
#include "tests/sim/cluster/small_cluster.h"

namespace lockstep::sim::testing {
namespace {

// (Stacks of fibers cost a sanitizer a lot.)
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint32_t kMany = 100;
#else
constexpr uint32_t kMany = 1000;
#endif

void Quiesce(replica::NodeOptions& options) { options.raft.quiesce_ticks = 200; }

// Every third group at each node.
void SpreadLeaders(SmallCluster& cluster) {
  for (uint64_t group = 1; group <= cluster.groups(); ++group) {
    const uint64_t wanted = group % 3 + 1;
    const uint64_t leader = cluster.LeaderOf(group);
    if (leader == wanted || leader == 0) continue;
    cluster.Spawn(leader, [&cluster, leader, group, wanted](Fiber& fiber) {
      (void)cluster.replica(leader, group)
          ->TransferLeadership(fiber, NodeId(wanted), fiber.now() + Seconds(5));
    });
  }
  cluster.world().RunFor(Seconds(6));
  cluster.EndWork();
}

TEST(ManyGroups, AThousandIdleOnesSayNothing) {
  SmallCluster cluster(kMany, Quiesce);
  ASSERT_TRUE(cluster.RunUntil(Seconds(10), [&] { return cluster.AllHaveLeaders(); }));
  ASSERT_TRUE(cluster.RunUntil(Seconds(10), [&] { return cluster.AllAreIdle(); }));
  const uint64_t elections = cluster.counter().elections;
  const uint64_t messages = cluster.counter().messages;
  cluster.world().RunFor(Seconds(20));
  EXPECT_EQ(cluster.counter().messages, messages);
  EXPECT_EQ(cluster.counter().elections, elections);
  EXPECT_TRUE(cluster.AllAreIdle());
  // And each serves at once when it is asked.
  size_t served = 0;
  for (uint64_t group = 1; group <= kMany; group += 50) {
    cluster.Spawn(group % 3 + 1, [&cluster, &served, group](Fiber& fiber) {
      const auto result = cluster.replica(group % 3 + 1, group)
                              ->Propose(fiber, "x", fiber.now() + Milliseconds(200));
      served += result.ok() ? 1 : 0;
    });
  }
  cluster.world().RunFor(Milliseconds(250));
  EXPECT_EQ(served, kMany / 50);
  cluster.EndWork();
}

// Groups that nodes 2 and 3 both know to be led by one of them.
uint64_t LedByOthers(SmallCluster& cluster) {
  uint64_t led = 0;
  for (uint64_t group = 1; group <= cluster.groups(); ++group) {
    const uint64_t leader = cluster.replica(2, group)->raft().leader().value();
    if (leader < 2 || cluster.replica(3, group)->raft().leader().value() != leader) continue;
    led += cluster.replica(leader, group)->raft().role() == raft::Role::kLeader ? 1 : 0;
  }
  return led;
}

// Where both others begin in the same tick the votes may be split, which takes them another
// timeout.
void ExpectFailover(SmallCluster& cluster, Duration most, Duration all) {
  EXPECT_LT(LedByOthers(cluster), kMany * 3 / 4);
  cluster.world().RunFor(most);
  EXPECT_GE(LedByOthers(cluster), kMany * 9 / 10);
  EXPECT_TRUE(cluster.RunUntil(all - most, [&] { return LedByOthers(cluster) == kMany; }));
}

TEST(ManyGroups, AfterANodesDeathNearlyAllHaveLeadersAtOnceAndTheOthersATimeoutLater) {
  SmallCluster cluster(kMany, Quiesce);
  ASSERT_TRUE(cluster.RunUntil(Seconds(10), [&] { return cluster.AllHaveLeaders(); }));
  SpreadLeaders(cluster);
  ASSERT_TRUE(cluster.RunUntil(Seconds(10), [&] { return cluster.AllAreIdle(); }));
  cluster.node(1).Kill();
  ExpectFailover(cluster, Milliseconds(300), Seconds(4));
}

TEST(ManyGroups, AfterANodeIsCutOffTheSameHappensAnElectionTimeoutLater) {
  SmallCluster cluster(kMany, Quiesce);
  ASSERT_TRUE(cluster.RunUntil(Seconds(10), [&] { return cluster.AllHaveLeaders(); }));
  SpreadLeaders(cluster);
  ASSERT_TRUE(cluster.RunUntil(Seconds(10), [&] { return cluster.AllAreIdle(); }));
  // No connection ends: nothing arrives any more.
  for (const uint64_t id : {2, 3}) {
    cluster.network().CutBoth(cluster.node(1).host(), cluster.node(id).host());
  }
  ExpectFailover(cluster, Milliseconds(1300), Seconds(5));
}

// Awake ones cost a message per follower and heartbeat, but no frame of its own.
uint64_t EventsPerTenSeconds(uint32_t groups) {
  SmallCluster cluster(groups);
  CHECK(cluster.RunUntil(Seconds(10), [&] { return cluster.AllHaveLeaders(); }));
  cluster.world().RunFor(Seconds(2));
  const uint64_t before = cluster.world().log().count();
  cluster.world().RunFor(Seconds(10));
  return cluster.world().log().count() - before;
}

TEST(ManyGroups, TheHeartbeatsOfAllGroupsTravelTogether) {
  const uint64_t of_one = EventsPerTenSeconds(1);
  const uint64_t of_many = EventsPerTenSeconds(300);
  EXPECT_LT(of_many, 4 * of_one) << of_one;
}

TEST(ManyGroups, ThePlantedSleepersAreLeftWithoutALeader) {
  for (const mutant::Id bug : {mutant::Id::kNone, mutant::kM144QuiescedForGood}) {
    mutant::Plant(bug);
    SmallCluster cluster(30, Quiesce);
    ASSERT_TRUE(cluster.RunUntil(Seconds(10), [&] { return cluster.AllHaveLeaders(); }));
    SpreadLeaders(cluster);
    ASSERT_TRUE(cluster.RunUntil(Seconds(10), [&] { return cluster.AllAreIdle(); }));
    cluster.node(1).Kill();
    EXPECT_EQ(cluster.RunUntil(Seconds(30), [&] { return cluster.AllHaveLeaders(); }),
              bug == mutant::Id::kNone);
  }
  mutant::Plant(mutant::Id::kNone);
}

}  // namespace
}  // namespace lockstep::sim::testing
