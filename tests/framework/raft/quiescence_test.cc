// Idle groups are silent, and wake when somebody needs them.
#include <gtest/gtest.h>

#include <variant>

#include "tests/framework/raft/support.h"

namespace lockstep::raft::testing {
namespace {

constexpr uint64_t kElection = 100;

class Quiescence : public ::testing::Test {
 protected:
  Quiescence() {
    leader_ = cluster_.RunUntilLeader();
    other_ = leader_ % 3 + 1;
    third_ = other_ % 3 + 1;
    cluster_.RunTicks(2 * kElection);
    term_ = cluster_.raft(leader_).term();
  }
  static void Quiesce(Options& options) { options.quiesce_ticks = 50; }

  bool AllQuiesced() {
    for (const uint64_t id : cluster_.ids()) {
      if (!cluster_.raft(id).quiesced()) return false;
    }
    return true;
  }

  Cluster cluster_{3, 1, Quiesce};
  uint64_t leader_ = 0;
  uint64_t other_ = 0;
  uint64_t third_ = 0;
  Term term_;
};

TEST_F(Quiescence, AnIdleGroupSaysNothingForEver) {
  ASSERT_TRUE(AllQuiesced());
  size_t messages = 0;
  cluster_.set_drop([&](const Message&) { return ++messages == 0; });
  cluster_.RunTicks(100 * kElection);
  EXPECT_EQ(messages, 0u);
  EXPECT_EQ(cluster_.leader(), leader_);
  EXPECT_EQ(cluster_.raft(other_).leader(), N(leader_));
}

TEST_F(Quiescence, AProposalWakesItAndItFallsSilentAgain) {
  cluster_.Propose(leader_, "x");
  cluster_.Settle();
  for (const uint64_t id : cluster_.ids()) {
    EXPECT_EQ(cluster_.node(id).machine.items.back().payload, "x");
  }
  EXPECT_FALSE(cluster_.raft(leader_).quiesced());
  cluster_.RunTicks(2 * kElection);
  EXPECT_TRUE(AllQuiesced());
  EXPECT_EQ(cluster_.raft(leader_).term(), term_);
}

TEST_F(Quiescence, AReadAtAFollowerWakesIt) {
  cluster_.Read(other_, 7);
  cluster_.Settle();
  EXPECT_EQ(cluster_.node(other_).reads.size(), 1u);
}

TEST_F(Quiescence, AFollowerThatWakesAloneWakesItsLeader) {
  cluster_.Handle(other_, cluster_.raft(other_).Wake());
  cluster_.Settle();
  EXPECT_FALSE(cluster_.raft(leader_).quiesced());
  cluster_.RunTicks(5 * kElection);
  EXPECT_EQ(cluster_.leader(), leader_);
  EXPECT_EQ(cluster_.raft(leader_).term(), term_);
  EXPECT_TRUE(AllQuiesced());
}

TEST_F(Quiescence, ARestartedFollowerDisturbsNobody) {
  cluster_.Crash(other_);
  cluster_.Restart(other_);
  cluster_.RunTicks(5 * kElection);
  EXPECT_EQ(cluster_.leader(), leader_);
  EXPECT_EQ(cluster_.raft(leader_).term(), term_);
  EXPECT_TRUE(AllQuiesced());
}

TEST_F(Quiescence, WithoutAFollowerItStaysAwake) {
  cluster_.Crash(other_);
  cluster_.Handle(leader_, cluster_.raft(leader_).Unreachable(N(other_)));
  cluster_.RunTicks(10 * kElection);
  EXPECT_FALSE(cluster_.raft(leader_).quiesced());
  EXPECT_EQ(cluster_.leader(), leader_);
}

TEST_F(Quiescence, AFollowerThatHearsNoMoreOfItsLeadersNodeHasAnotherElected) {
  cluster_.Crash(leader_);
  for (const uint64_t id : {other_, third_}) {
    cluster_.Handle(id, cluster_.raft(id).PeerSilent(N(leader_)));
  }
  cluster_.RunTicks(50);
  EXPECT_NE(cluster_.leader(), 0u);
}

TEST_F(Quiescence, TheDeathOfAConnectionWakesItToo) {
  cluster_.Crash(leader_);
  for (const uint64_t id : {other_, third_}) {
    cluster_.Handle(id, cluster_.raft(id).LostLeader(N(leader_)));
  }
  cluster_.RunTicks(50);
  EXPECT_NE(cluster_.leader(), 0u);
}

TEST_F(Quiescence, OneFollowerAloneCannotToppleASleepingLeader) {
  cluster_.Handle(other_, cluster_.raft(other_).LostLeader(N(leader_)));
  cluster_.RunTicks(5 * kElection);
  EXPECT_EQ(cluster_.leader(), leader_);
  EXPECT_EQ(cluster_.raft(leader_).term(), term_);
  EXPECT_TRUE(AllQuiesced());
}

TEST_F(Quiescence, ASilentFollowerWakesTheLeader) {
  cluster_.Crash(other_);
  cluster_.Handle(leader_, cluster_.raft(leader_).PeerSilent(N(other_)));
  EXPECT_FALSE(cluster_.raft(leader_).quiesced());
}

TEST_F(Quiescence, WhoMissedTheLastHeartbeatIsKeptCompany) {
  cluster_.Propose(leader_, "x");
  cluster_.set_drop([&](const Message& m) {
    const auto* heartbeat = std::get_if<Heartbeat>(&m.body);
    return heartbeat != nullptr && heartbeat->quiesce && m.to == N(other_);
  });
  cluster_.RunTicks(20 * kElection);
  EXPECT_EQ(cluster_.leader(), leader_);
  EXPECT_EQ(cluster_.raft(leader_).term(), term_);
  cluster_.Heal();
  cluster_.RunTicks(5 * kElection);
  EXPECT_TRUE(AllQuiesced());
}

TEST(QuiescenceWithLeases, PromisesEndInTheirSleep) {
  int64_t now = 1;
  Cluster cluster(3, 1, [](Options& options) {
    options.quiesce_ticks = 50;
    options.lease_ns = 1000;
  });
  cluster.set_clock([&now](uint64_t) { return now; });
  const uint64_t leader = cluster.RunUntilLeader();
  cluster.RunTicks(2 * kElection);
  ASSERT_TRUE(cluster.raft(leader).quiesced());
  now += 10'000;
  cluster.raft(leader).SetTime(now);
  EXPECT_FALSE(cluster.raft(leader).has_lease());
  cluster.Read(leader, 1);
  EXPECT_TRUE(cluster.node(leader).reads.empty()) << "a round, as nobody promises just now";
  cluster.Settle();
  EXPECT_EQ(cluster.node(leader).reads.size(), 1u);
}

}  // namespace
}  // namespace lockstep::raft::testing
