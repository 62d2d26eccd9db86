// The whole core end to end, in a cluster in memory.
#include <gtest/gtest.h>

#include "tests/framework/raft/support.h"

namespace lockstep::raft::testing {
namespace {

TEST(Cluster, ElectsReplicatesCommitsAndApplies) {
  Cluster cluster(3);
  const uint64_t leader = cluster.RunUntilLeader();
  const ProposeOutcome outcome = cluster.Propose(leader, "hello");
  EXPECT_EQ(outcome.refusal, ProposeRefusal::kNone);
  cluster.Settle();
  for (uint64_t id : cluster.ids()) {
    ASSERT_EQ(cluster.node(id).machine.items.size(), 2u) << "no-op and command on " << id;
    EXPECT_EQ(cluster.node(id).machine.items[1].payload, "hello");
    EXPECT_EQ(cluster.raft(id).leader(), N(leader));
  }
}

TEST(Cluster, SurvivesTheCrashOfEveryNode) {
  Cluster cluster(3);
  const uint64_t first = cluster.RunUntilLeader();
  cluster.Propose(first, "hello");
  cluster.Settle();
  const Term term = cluster.raft(first).term();
  for (uint64_t id : cluster.ids()) cluster.Crash(id);
  for (uint64_t id : cluster.ids()) cluster.Restart(id);
  const uint64_t second = cluster.RunUntilLeader();
  EXPECT_GT(cluster.raft(second).term(), term);
  for (uint64_t id : cluster.ids()) {
    ASSERT_EQ(cluster.node(id).machine.items.size(), 3u);
    EXPECT_EQ(cluster.node(id).machine.items[1].payload, "hello");
  }
}

TEST(Cluster, SingleVoterCommitsOnceItsOwnWriteIsDurable) {
  Cluster cluster(1);
  cluster.Campaign(1);
  EXPECT_EQ(cluster.raft(1).role(), Role::kCandidate);
  EXPECT_TRUE(cluster.PersistOne(1));
  EXPECT_EQ(cluster.raft(1).role(), Role::kLeader);
  cluster.Propose(1, "a");
  EXPECT_EQ(cluster.raft(1).commit(), Index(0));
  EXPECT_TRUE(cluster.PersistOne(1));
  EXPECT_EQ(cluster.raft(1).commit(), Index(1));
  EXPECT_TRUE(cluster.PersistOne(1));
  EXPECT_EQ(cluster.raft(1).commit(), Index(2));
  cluster.Read(1, 1);
  ASSERT_EQ(cluster.node(1).reads.size(), 1u);
  EXPECT_EQ(cluster.node(1).reads[0].index, Index(2));
}

TEST(Cluster, ReadsAreAnsweredAtTheLeaderAndAtFollowers) {
  Cluster cluster(3);
  const uint64_t leader = cluster.RunUntilLeader();
  cluster.Propose(leader, "a");
  cluster.Settle();
  for (uint64_t id : cluster.ids()) {
    cluster.Read(id, 7);
    cluster.Settle();
    ASSERT_EQ(cluster.node(id).reads.size(), 1u) << id;
    EXPECT_EQ(cluster.node(id).reads[0].index, Index(2));
    EXPECT_TRUE(cluster.node(id).reads_failed.empty());
  }
}

TEST(Cluster, LaggingFollowerIsBroughtUpBySnapshot) {
  Cluster cluster(3);
  const uint64_t leader = cluster.RunUntilLeader();
  const uint64_t slow = leader % 3 + 1;
  cluster.Isolate(slow);
  for (int i = 0; i < 10; ++i) cluster.Propose(leader, "a");
  cluster.Settle();
  cluster.Compact(leader);
  EXPECT_EQ(cluster.raft(leader).first_index(), Index(12));
  cluster.Heal();
  cluster.RunTicks(50);
  EXPECT_EQ(cluster.node(slow).machine.items, cluster.node(leader).machine.items);
  EXPECT_EQ(cluster.raft(slow).snapshot().index, Index(11));
  cluster.Propose(cluster.leader(), "b");
  cluster.Settle();
  EXPECT_EQ(cluster.node(slow).machine.items.back().payload, "b");
}

TEST(Cluster, GrowsAndShrinksThroughJointConsensus) {
  Cluster cluster(3);
  const uint64_t leader = cluster.RunUntilLeader();
  cluster.AddNode(4);
  cluster.AddNode(5);
  EXPECT_EQ(cluster.ProposeConfiguration(leader, Voters({1, 2, 3, 4, 5})).refusal,
            ProposeRefusal::kNone);
  cluster.RunTicks(50);
  EXPECT_EQ(cluster.raft(5).configuration(), Voters({1, 2, 3, 4, 5}));
  EXPECT_EQ(cluster.ProposeConfiguration(leader, Voters({4, 5})).refusal, ProposeRefusal::kNone);
  cluster.RunTicks(50);
  const uint64_t next = cluster.RunUntilLeader();
  EXPECT_TRUE(next == 4 || next == 5);
  EXPECT_EQ(cluster.raft(next).configuration(), Voters({4, 5}));
  EXPECT_EQ(cluster.raft(leader).role(), Role::kFollower);
}

}  // namespace
}  // namespace lockstep::raft::testing
