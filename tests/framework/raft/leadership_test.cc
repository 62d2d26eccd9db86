// Who leads, and who does not disturb: priorities, stalled disks, links that work one way.
#include <gtest/gtest.h>

#include <functional>
#include <variant>

#include "tests/framework/raft/support.h"

namespace lockstep::raft::testing {
namespace {

constexpr uint64_t kElection = 100;  // ticks, as in Options

void PreferThree(Options& options) { options.priority = options.self == N(3) ? 5 : 1; }

// How often anybody became leader so far.
uint64_t Elections(Cluster& cluster) {
  uint64_t elections = 0;
  for (const uint64_t id : cluster.ids()) {
    for (const Event& event : cluster.node(id).events) {
      const auto* role = std::get_if<RoleChanged>(&event);
      elections += role != nullptr && role->role == Role::kLeader ? 1 : 0;
    }
  }
  return elections;
}

TEST(Priority, AVoterWithAHigherOneTakesOverOnceAndStays) {
  Cluster cluster(3, 1, PreferThree);
  cluster.Campaign(1);
  cluster.Settle();
  ASSERT_EQ(cluster.leader(), 1u);
  cluster.RunTicks(3 * kElection);
  EXPECT_EQ(cluster.leader(), 1u) << "not before it has been fit for a while";
  cluster.RunTicks(2 * kElection);
  EXPECT_EQ(cluster.leader(), 3u);
  cluster.RunTicks(50 * kElection);
  EXPECT_EQ(cluster.leader(), 3u);
  EXPECT_EQ(Elections(cluster), 2u);
}

TEST(Priority, WithEqualOnesNothingMoves) {
  Cluster cluster(3, 1, [](Options& options) { options.priority = 7; });
  const uint64_t leader = cluster.RunUntilLeader();
  cluster.RunTicks(50 * kElection);
  EXPECT_EQ(cluster.leader(), leader);
  EXPECT_EQ(Elections(cluster), 1u);
}

TEST(Priority, WhoComesAndGoesDoesNotTakeOver) {
  Cluster cluster(3, 1, PreferThree);
  cluster.Campaign(1);
  cluster.Settle();
  for (int i = 0; i < 20; ++i) {
    cluster.Isolate(3);
    cluster.RunTicks(2 * kElection);
    cluster.Heal();
    cluster.RunTicks(2 * kElection);
  }
  EXPECT_EQ(cluster.leader(), 1u);
  EXPECT_EQ(Elections(cluster), 1u);
}

TEST(Priority, WhoNeverTakesOverIsAskedMoreAndMoreRarely) {
  Cluster cluster(3, 1, PreferThree);
  cluster.Campaign(1);
  cluster.Settle();
  int asked = 0;
  cluster.set_drop([&](const Message& m) {
    const bool is_request = std::holds_alternative<TimeoutNow>(m.body);
    asked += is_request ? 1 : 0;
    return is_request;
  });
  cluster.RunTicks(1000 * kElection);
  EXPECT_EQ(cluster.leader(), 1u);
  EXPECT_GE(asked, 4);
  EXPECT_LE(asked, 20);
}

TEST(Priority, OfALearnerOrOfWhoIsAboutToStopIsNone) {
  Cluster cluster(3, 1, PreferThree);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.raft(3).SetPriority(0);
  cluster.RunTicks(20 * kElection);
  EXPECT_EQ(cluster.leader(), 1u);
  Configuration demoted = Voters({1, 2});
  demoted.learners = Nodes({3});
  cluster.raft(3).SetPriority(5);
  cluster.ProposeConfiguration(1, demoted);
  cluster.Settle();
  cluster.RunTicks(20 * kElection);
  EXPECT_EQ(cluster.leader(), 1u);
}

// As RunTicks, but the disk of one node hangs: its writes stay under way.
void RunWithHungDisk(Cluster& cluster, uint64_t hung, uint64_t ticks) {
  for (uint64_t i = 0; i < ticks; ++i) {
    for (const uint64_t id : cluster.ids()) cluster.Tick(id);
    for (int rounds = 0; rounds < 10; ++rounds) {
      for (const uint64_t id : cluster.ids()) {
        while (id != hung && cluster.PersistOne(id)) {
        }
        cluster.ApplyAll(id);
      }
      for (size_t n = cluster.network().size(); n > 0; --n) cluster.Deliver(0);
    }
  }
}

TEST(StalledDisk, ALeaderLeavesWhenTheOthersDisksAreAheadOfItsOwn) {
  Cluster cluster(3);
  const uint64_t leader = cluster.RunUntilLeader();
  cluster.Propose(leader, "x");
  RunWithHungDisk(cluster, leader, kElection - 2);
  EXPECT_EQ(cluster.raft(leader).commit(), Index(2)) << "without its disk";
  EXPECT_EQ(cluster.leader(), leader);
  RunWithHungDisk(cluster, leader, 10);
  const uint64_t next = cluster.leader();
  EXPECT_NE(next, leader);
  EXPECT_NE(next, 0u);
  size_t stalls = 0;
  for (const Event& event : cluster.node(leader).events) {
    stalls += std::holds_alternative<DiskStalled>(event) ? 1 : 0;
  }
  EXPECT_EQ(stalls, 1u);
  // It does not come back to disturb, and votes when it can again.
  RunWithHungDisk(cluster, leader, 10 * kElection);
  EXPECT_EQ(cluster.leader(), next);
  cluster.RunTicks(kElection);
  EXPECT_EQ(cluster.leader(), next);
  EXPECT_EQ(cluster.raft(leader).leader(), N(next));
}

TEST(StalledDisk, WhereAllDisksAreSlowTheLeaderStays) {
  Cluster cluster(3);
  const uint64_t leader = cluster.RunUntilLeader();
  cluster.Propose(leader, "x");
  for (uint64_t i = 0; i < 5 * kElection; ++i) {
    for (const uint64_t id : cluster.ids()) cluster.Tick(id);
    for (size_t n = cluster.network().size(); n > 0; --n) cluster.Deliver(0);
  }
  EXPECT_EQ(cluster.leader(), leader);
  cluster.Settle();
  EXPECT_EQ(cluster.raft(leader).commit(), Index(2));
}

TEST(StalledDisk, OfTwoVotersTheLeaderStays) {
  Cluster cluster(2);
  const uint64_t leader = cluster.RunUntilLeader();
  cluster.Propose(leader, "x");
  RunWithHungDisk(cluster, leader, 5 * kElection);
  EXPECT_EQ(cluster.leader(), leader);
}

// A healthy cluster, then some links lose everything for long, then they are whole again.
struct OneWay final {
  uint64_t leader = 0;
  uint64_t other = 0;
  uint64_t third = 0;
};

void ExpectNoLeaderChange(const std::function<bool(const OneWay&, const Message&)>& drop) {
  Cluster cluster(3);
  OneWay who;
  who.leader = cluster.RunUntilLeader();
  who.other = who.leader % 3 + 1;
  who.third = who.other % 3 + 1;
  cluster.Settle();
  const Term term = cluster.raft(who.leader).term();
  cluster.set_drop([&](const Message& m) { return drop(who, m); });
  for (int i = 0; i < 10; ++i) {
    cluster.Propose(who.leader, "x");
    cluster.RunTicks(kElection);
  }
  EXPECT_EQ(cluster.raft(who.leader).commit(), cluster.raft(who.leader).last_index());
  cluster.Heal();
  cluster.RunTicks(3 * kElection);
  EXPECT_EQ(cluster.leader(), who.leader);
  for (const uint64_t id : cluster.ids()) {
    EXPECT_EQ(cluster.raft(id).term(), term) << id;
    EXPECT_EQ(cluster.raft(id).leader(), N(who.leader)) << id;
    EXPECT_EQ(cluster.raft(id).applied(), cluster.raft(who.leader).applied()) << id;
  }
  EXPECT_EQ(Elections(cluster), 1u);
}

TEST(OneWayPartition, ANodeThatHearsButCannotSpeakDisturbsNobody) {
  ExpectNoLeaderChange([](const OneWay& who, const Message& m) { return m.from == N(who.other); });
}

TEST(OneWayPartition, ANodeThatSpeaksButCannotHearDisturbsNobody) {
  ExpectNoLeaderChange([](const OneWay& who, const Message& m) { return m.to == N(who.other); });
}

TEST(OneWayPartition, ANodeThatOnlyTheLeaderCannotReachDisturbsNobody) {
  ExpectNoLeaderChange([](const OneWay& who, const Message& m) {
    return m.from == N(who.leader) && m.to == N(who.other);
  });
}

TEST(OneWayPartition, ANodeThatOnlyCannotReachTheLeaderDisturbsNobody) {
  ExpectNoLeaderChange([](const OneWay& who, const Message& m) {
    return m.from == N(who.other) && m.to == N(who.leader);
  });
}

TEST(OneWayPartition, AnOldLeaderThatComesBackDisturbsNobody) {
  Cluster cluster(3);
  const uint64_t first = cluster.RunUntilLeader();
  cluster.set_drop([&](const Message& m) { return m.from == N(first); });
  cluster.RunTicks(5 * kElection);
  const uint64_t second = cluster.leader();
  ASSERT_NE(second, first);
  const Term term = cluster.raft(second).term();
  cluster.set_drop([&](const Message& m) { return m.to == N(first); });
  cluster.RunTicks(5 * kElection);
  cluster.Heal();
  cluster.RunTicks(3 * kElection);
  EXPECT_EQ(cluster.leader(), second);
  EXPECT_EQ(cluster.raft(second).term(), term);
}

TEST(OneWayPartition, ALeaderThatHearsNobodyStepsDown) {
  Cluster cluster(3);
  const uint64_t first = cluster.RunUntilLeader();
  cluster.set_drop([&](const Message& m) { return m.to == N(first); });
  cluster.RunTicks(5 * kElection);
  EXPECT_NE(cluster.leader(), first);
  EXPECT_NE(cluster.leader(), 0u);
}

}  // namespace
}  // namespace lockstep::raft::testing
