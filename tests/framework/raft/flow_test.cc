// The core as its driver meets it: paging, the news of commits, broken connections, and members
// that missed the last change.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <variant>

#include "tests/framework/raft/support.h"

namespace lockstep::raft::testing {
namespace {

// Messages of one kind in flight to `to`.
template <typename Body>
std::vector<Body> InFlightTo(Cluster& cluster, uint64_t to) {
  std::vector<Body> bodies;
  for (const Message& message : cluster.network()) {
    const Body* body = std::get_if<Body>(&message.body);
    if (message.to == N(to) && body != nullptr) bodies.push_back(*body);
  }
  return bodies;
}

void Accept(Cluster& cluster, uint64_t from, uint64_t index) {
  AppendReply reply;
  reply.index = Index(index);
  const uint64_t term = cluster.raft(1).term().value();
  cluster.Handle(1, cluster.raft(1).Step(MakeMessage(from, 1, term, reply)));
}

TEST(Flow, CommittedEntriesComePageByPage) {
  Cluster cluster(1, 1, [](Options& options) { options.committed_bytes_max = 120; });
  cluster.Campaign(1);
  cluster.Settle();
  for (int i = 0; i < 5; ++i) cluster.Propose(1, "x");
  while (cluster.PersistOne(1)) {
  }
  EXPECT_EQ(cluster.raft(1).commit(), Index(6));
  EXPECT_EQ(cluster.node(1).to_apply.size(), 2u) << "two of 49 bytes";
  EXPECT_TRUE(cluster.ApplyAll(1));
  EXPECT_EQ(cluster.node(1).to_apply.size(), 2u) << "the next page came with Applied";
  cluster.Settle();
  EXPECT_EQ(cluster.node(1).machine.items.size(), 6u);
}

TEST(Flow, CommitIsToldAtOnceToAFollowerWithNothingInFlight) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.Propose(1, "a");
  EXPECT_TRUE(cluster.PersistOne(1));
  cluster.network().clear();
  Accept(cluster, 2, 2);
  ASSERT_EQ(InFlightTo<AppendRequest>(cluster, 2).size(), 1u);
  EXPECT_EQ(InFlightTo<AppendRequest>(cluster, 2)[0].commit, Index(2));
  EXPECT_TRUE(InFlightTo<AppendRequest>(cluster, 3).empty()) << "its answer is still to come";
  Accept(cluster, 3, 2);
  EXPECT_EQ(InFlightTo<AppendRequest>(cluster, 3).size(), 1u);
}

TEST(Flow, UnreachablePeerGetsOneProbeAtATime) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.Handle(1, cluster.raft(1).Unreachable(N(3)));
  for (int i = 0; i < 5; ++i) cluster.Propose(1, "a");
  EXPECT_EQ(InFlightTo<AppendRequest>(cluster, 2).size(), 5u);
  EXPECT_EQ(InFlightTo<AppendRequest>(cluster, 3).size(), 1u);
  cluster.Settle();
  EXPECT_EQ(cluster.node(3).machine.items.size(), 6u);
}

TEST(Flow, LostAppendIsFoundByTheNextHeartbeat) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.Propose(1, "a");
  cluster.network().clear();
  cluster.RunTicks(cluster.node(1).options.heartbeat_ticks);
  for (uint64_t id : cluster.ids()) EXPECT_EQ(cluster.node(id).machine.items.size(), 2u);
}

TEST(Flow, MalformedAppendHasNoEffect) {
  Cluster cluster(3);
  AppendRequest request;
  request.entries = {MakeEntry(1, 1), MakeEntry(1, 3)};
  cluster.Handle(1, cluster.raft(1).Step(MakeMessage(2, 1, 1, request)));
  while (cluster.PersistOne(1)) {
  }
  EXPECT_EQ(cluster.raft(1).last_index(), Index(0));
  EXPECT_TRUE(cluster.network().empty());
}

TEST(Flow, MessagesForOthersAreIgnored) {
  Cluster cluster(3);
  EXPECT_TRUE(cluster.raft(1).Step(MakeMessage(2, 3, 9, Heartbeat{})).empty());
  EXPECT_TRUE(cluster.raft(1).Step(MakeMessage(1, 1, 9, Heartbeat{})).empty());
  EXPECT_EQ(cluster.raft(1).term(), Term(0));
}

// Found as seed 6 of the membership profile: 2 was removed and is gone, and 1, which votes alone
// now, restarts without knowing that.
TEST(Membership, EverybodyInTheLogCountsBeforeItIsInForce) {
  Cluster cluster(3);
  cluster.AddNode(4);
  const uint64_t leader = cluster.RunUntilLeader();
  ASSERT_EQ(cluster.ProposeConfiguration(leader, Voters({1, 2, 3, 4})).refusal,
            ProposeRefusal::kNone);
  EXPECT_EQ(cluster.raft(leader).configuration(), Voters({1, 2, 3}));
  EXPECT_EQ(cluster.raft(leader).AllMembers(), (std::set{N(1), N(2), N(3), N(4)}));
  cluster.Settle();
  ASSERT_EQ(cluster.ProposeConfiguration(leader, Voters({1, 2, 3})).refusal, ProposeRefusal::kNone);
  EXPECT_TRUE(cluster.raft(leader).AllMembers().contains(N(4)));
  cluster.Settle();
  EXPECT_FALSE(cluster.raft(leader).AllMembers().contains(N(4)));
}

TEST(Membership, WhoForgotAConfigurationHearsOfItFromALearner) {
  Cluster cluster(2, 1, [](Options& options) { options.saves_commit = false; });
  cluster.AddNode(3);
  cluster.Campaign(1);
  cluster.Settle();
  Configuration old = Voters({1, 2});
  old.learners = Nodes({3});
  ASSERT_EQ(cluster.ProposeConfiguration(1, old).refusal, ProposeRefusal::kNone);
  cluster.RunTicks(50);
  cluster.Compact(1);
  Configuration target = Voters({1});
  target.learners = Nodes({3});
  ASSERT_EQ(cluster.ProposeConfiguration(1, target).refusal, ProposeRefusal::kNone);
  cluster.RunTicks(50);
  ASSERT_EQ(cluster.raft(1).configuration(), target);
  EXPECT_EQ(cluster.node(1).disk.hard_state.commit, cluster.raft(1).commit()) << "saved at once";
  cluster.Crash(2);
  cluster.Crash(1);
  cluster.node(1).disk.hard_state.commit = Index(0);  // as if it had died before that
  cluster.Restart(1);
  ASSERT_EQ(cluster.raft(1).configuration(), old);
  EXPECT_EQ(cluster.RunUntilLeader(), 1u);
}

TEST(Membership, DemotedVoterBecomesLearner) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.AddNode(4);
  Configuration target = Voters({1, 4});
  target.learners = Nodes({2, 3});
  EXPECT_EQ(cluster.ProposeConfiguration(1, target).refusal, ProposeRefusal::kNone);
  cluster.RunTicks(30);
  for (uint64_t id : cluster.ids()) EXPECT_EQ(cluster.raft(id).configuration(), target) << id;
}

TEST(Membership, BadTargetsAreRefused) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  EXPECT_EQ(cluster.ProposeConfiguration(1, Configuration()).refusal,
            ProposeRefusal::kBadConfiguration);
  EXPECT_EQ(cluster.ProposeConfiguration(2, Voters({1, 2})).refusal, ProposeRefusal::kNotLeader);
}

TEST(Membership, RestartInTheMiddleOfAChangeRemembersTheOutgoingHalf) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.AddNode(4);
  cluster.set_drop([](const Message& m) { return m.to == N(4); });
  cluster.ProposeConfiguration(1, Voters({1, 4}));
  cluster.Settle();
  ASSERT_TRUE(cluster.raft(2).configuration().joint());
  cluster.Compact(2);
  cluster.Crash(2);
  cluster.Restart(2);
  EXPECT_EQ(cluster.raft(2).configuration().outgoing, Nodes({1, 2, 3}));
}

// Node 3 is to be the only voter and holds the entry that makes it so, but not the news that it is
// committed; 1 and 2 left, hold longer logs and refuse their votes.
TEST(Membership, VoterThatMissedTheLastChangeIsToldByThoseWhoLeft) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.set_drop([](const Message& m) {
    const auto* request = std::get_if<AppendRequest>(&m.body);
    const bool beyond = request == nullptr || request->prev_index >= Index(3);
    return (m.to == N(3) && beyond) ||
           (m.from == N(3) && std::get<AppendReply>(m.body).index >= Index(3));
  });
  cluster.ProposeConfiguration(1, Voters({3}));
  cluster.Settle();
  cluster.Propose(1, "a");
  cluster.Settle();
  Accept(cluster, 3, 3);
  cluster.Settle();
  ASSERT_EQ(cluster.raft(1).configuration(), Voters({3}));
  ASSERT_TRUE(cluster.raft(3).configuration().joint());
  ASSERT_LT(cluster.raft(3).last_index(), cluster.raft(2).last_index());
  cluster.Heal();
  cluster.RunTicks(1000);
  EXPECT_EQ(cluster.leader(), 3u);
  EXPECT_EQ(cluster.raft(3).configuration(), Voters({3}));
}

}  // namespace
}  // namespace lockstep::raft::testing
