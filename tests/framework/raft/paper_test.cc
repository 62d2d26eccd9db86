// One test per claim of "In Search of an Understandable Consensus Algorithm" [Raft n] and of
// Ongaro's thesis [thesis n].
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <variant>

#include "tests/framework/raft/support.h"

namespace lockstep::raft::testing {
namespace {

using Numbers = std::vector<uint64_t>;

template <typename Body>
size_t CountOf(const std::vector<Message>& messages) {
  return static_cast<size_t>(std::count_if(messages.begin(), messages.end(), [](const Message& m) {
    return std::holds_alternative<Body>(m.body);
  }));
}

// The newest message of one kind, that must exist.
template <typename Body>
Body Last(const std::vector<Message>& messages) {
  for (auto it = messages.rbegin(); it != messages.rend(); ++it) {
    if (const Body* body = std::get_if<Body>(&it->body)) return *body;
  }
  ADD_FAILURE() << "no such message";
  return Body{};
}

HardState Hard(uint64_t term, uint64_t vote = 0, uint64_t commit = 0) {
  return HardState{Term(term), N(vote), Index(commit)};
}

VoteRequest Ask(uint64_t last_index, uint64_t last_term) {
  VoteRequest request;
  request.last_index = Index(last_index);
  request.last_term = Term(last_term);
  return request;
}

AppendRequest Append(uint64_t prev_index, uint64_t prev_term, std::vector<Entry> entries,
                     uint64_t commit = 0) {
  return AppendRequest{Index(prev_index), Term(prev_term), Index(commit), std::move(entries)};
}

// Hands one message to node 1, carries out its writes, and keeps what it answered.
void Give(Cluster& cluster, uint64_t from, uint64_t term, MessageBody body) {
  cluster.network().clear();
  cluster.Handle(1, cluster.raft(1).Step(MakeMessage(from, 1, term, std::move(body))));
  while (cluster.PersistOne(1)) {
  }
}

// Node 1 leads in term `term` with everybody's log settled.
void MakeLeader(Cluster& cluster, uint64_t id) {
  cluster.Campaign(id);
  cluster.Settle();
  ASSERT_EQ(cluster.raft(id).role(), Role::kLeader);
}

// --- 5.1 basics
// -----------------------------------------------------------------------------------

// [Raft 5.1] If one server's current term is smaller than the other's, it takes the larger one.
TEST(Paper_5_1, LargerTermIsAdoptedByEveryRole) {
  Cluster cluster(3);
  MakeLeader(cluster, 1);
  Give(cluster, 2, 9, AppendReply{});
  EXPECT_EQ(cluster.raft(1).term(), Term(9));
  EXPECT_EQ(cluster.raft(1).role(), Role::kFollower);
}

// [Raft 5.1] A server that receives a request with a stale term number rejects it.
TEST(Paper_5_1, StaleRequestIsRejectedWithTheNewerTerm) {
  Cluster cluster(3);
  cluster.Recreate(1, Hard(5), {});
  Give(cluster, 2, 4, Append(0, 0, {MakeEntry(4, 1)}));
  EXPECT_TRUE(Last<AppendReply>(cluster.network()).rejected);
  EXPECT_EQ(cluster.network().back().term, Term(5));
  EXPECT_EQ(cluster.raft(1).last_index(), Index(0));
  Give(cluster, 2, 4, Ask(9, 4));
  EXPECT_FALSE(Last<VoteReply>(cluster.network()).granted);
}

// [Raft 5.2] When servers start up, they begin as followers.
TEST(Paper_5_2, StartsAsFollower) {
  Cluster cluster(3);
  cluster.Recreate(1, Hard(7, 1), LogOfTerms({7}));
  EXPECT_EQ(cluster.raft(1).role(), Role::kFollower);
  EXPECT_EQ(cluster.raft(1).leader(), N(0));
}

// --- 5.2 leader election
// --------------------------------------------------------------------------

// [Raft 5.2] Leaders send periodic heartbeats to all followers.
TEST(Paper_5_2, LeaderSendsHeartbeatsPeriodically) {
  Cluster cluster(3);
  MakeLeader(cluster, 1);
  cluster.Tick(1, cluster.node(1).options.heartbeat_ticks - 1);
  EXPECT_EQ(CountOf<Heartbeat>(cluster.network()), 0u);
  cluster.Tick(1);
  EXPECT_EQ(CountOf<Heartbeat>(cluster.network()), 2u);
}

// [Raft 5.2] A follower that receives no communication over the election timeout begins an
// election.
TEST(Paper_5_2, SilenceStartsAnElectionAndHeartbeatsPreventIt) {
  Cluster cluster(3);
  for (int i = 0; i < 30; ++i) {
    cluster.Tick(1, 20);
    Give(cluster, 2, 1, Heartbeat{});
  }
  EXPECT_EQ(cluster.raft(1).role(), Role::kFollower);
  cluster.Tick(1, 2 * cluster.node(1).options.election_ticks);
  EXPECT_EQ(cluster.raft(1).role(), Role::kPreCandidate);
}

// [Raft 5.2] It increments its term, votes for itself, and asks all others.
TEST(Paper_5_2, CandidateRaisesItsTermVotesForItselfAndAsksAll) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.network().clear();
  Message grant = MakeMessage(2, 1, 1, VoteReply{true, true, {}, {}});
  cluster.Handle(1, cluster.raft(1).Step(grant));
  EXPECT_EQ(cluster.raft(1).role(), Role::kCandidate);
  EXPECT_EQ(cluster.raft(1).term(), Term(1));
  EXPECT_EQ(cluster.raft(1).vote(), N(1));
  EXPECT_EQ(CountOf<VoteRequest>(cluster.network()), 0u) << "its vote is not durable yet";
  EXPECT_TRUE(cluster.PersistOne(1));
  EXPECT_EQ(CountOf<VoteRequest>(cluster.network()), 2u);
  EXPECT_EQ(cluster.node(1).disk.hard_state.vote, N(1));
}

// [Raft 5.2] A candidate wins if it receives votes from a majority of the full cluster.
TEST(Paper_5_2, MajorityOfTheFullClusterIsNeeded) {
  Cluster cluster(5);
  cluster.set_drop([](const Message& m) { return m.to == N(4) || m.to == N(5); });
  cluster.Campaign(1);
  cluster.Settle();
  EXPECT_EQ(cluster.raft(1).role(), Role::kLeader);
  Cluster split(5);
  split.set_drop([](const Message& m) { return m.to.value() >= 3; });
  split.Campaign(1);
  split.Settle();
  EXPECT_NE(split.raft(1).role(), Role::kLeader);
}

// [Raft 5.2] Each server votes for at most one candidate in a given term, first come first served.
TEST(Paper_5_2, OneVotePerTermFirstComeFirstServed) {
  Cluster cluster(3);
  Give(cluster, 2, 1, Ask(0, 0));
  EXPECT_TRUE(Last<VoteReply>(cluster.network()).granted);
  Give(cluster, 3, 1, Ask(9, 1));
  EXPECT_FALSE(Last<VoteReply>(cluster.network()).granted);
  Give(cluster, 2, 1, Ask(0, 0));
  EXPECT_TRUE(Last<VoteReply>(cluster.network()).granted) << "a repeated request";
}

// [Raft 5.2, fig. 2] The vote survives a restart.
TEST(Paper_5_2, VoteIsRememberedAcrossARestart) {
  Cluster cluster(3);
  Give(cluster, 2, 1, Ask(0, 0));
  cluster.Crash(1);
  cluster.Restart(1);
  Give(cluster, 3, 1, Ask(0, 0));
  EXPECT_FALSE(Last<VoteReply>(cluster.network()).granted);
}

// [Raft 5.2, fig. 2] Votes are on stable storage before the server answers.
TEST(Paper_5_2, VoteIsAnsweredOnlyWhenDurable) {
  Cluster cluster(3);
  cluster.Handle(1, cluster.raft(1).Step(MakeMessage(2, 1, 1, Ask(0, 0))));
  EXPECT_TRUE(cluster.network().empty());
  EXPECT_TRUE(cluster.PersistOne(1));
  EXPECT_TRUE(Last<VoteReply>(cluster.network()).granted);
}

// [Raft 5.2] A candidate that hears a leader of at least its term returns to follower.
TEST(Paper_5_2, CandidateYieldsToTheLeaderOfItsTerm) {
  Cluster cluster(3);
  cluster.Campaign(1);
  Give(cluster, 2, 1, VoteReply{true, true, {}, {}});
  ASSERT_EQ(cluster.raft(1).role(), Role::kCandidate);
  Give(cluster, 3, 1, Append(0, 0, {}));
  EXPECT_EQ(cluster.raft(1).role(), Role::kFollower);
  EXPECT_EQ(cluster.raft(1).leader(), N(3));
}

// [Raft 5.2] Split votes time out, and randomised timeouts resolve them.
TEST(Paper_5_2, ElectionTimeoutsAreSpreadOverTheWholeInterval) {
  std::set<uint64_t> timeouts;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Cluster cluster(3, seed);
    uint64_t ticks = 0;
    for (; cluster.raft(1).role() == Role::kFollower; ++ticks) cluster.Tick(1);
    EXPECT_GE(ticks, cluster.node(1).options.election_ticks);
    EXPECT_LT(ticks, 2 * cluster.node(1).options.election_ticks);
    timeouts.insert(ticks / 25);
  }
  EXPECT_EQ(timeouts.size(), 4u);
}

TEST(Paper_5_2, SplitVoteIsResolvedByALaterElection) {
  Cluster cluster(4);
  cluster.Campaign(1);
  cluster.Campaign(2);
  cluster.Settle();
  EXPECT_NE(cluster.RunUntilLeader(), 0u);
}

// --- 5.3 log replication
// --------------------------------------------------------------------------

// [Raft 5.3] The leader appends the command and sends it to all in parallel, before its own write.
TEST(Paper_5_3, LeaderSendsWhileItPersists) {
  Cluster cluster(3);
  MakeLeader(cluster, 1);
  cluster.Propose(1, "a");
  EXPECT_EQ(CountOf<AppendRequest>(cluster.network()), 2u);
  EXPECT_EQ(cluster.node(1).writes.size(), 1u);
}

// [Raft 5.3] An entry is committed once the leader has replicated it on a majority.
TEST(Paper_5_3, EntryIsCommittedOnceOnAMajority) {
  Cluster cluster(5);
  MakeLeader(cluster, 1);
  cluster.set_drop([](const Message& m) { return m.to.value() >= 3; });
  cluster.Propose(1, "a");
  cluster.Settle();
  EXPECT_EQ(cluster.raft(1).commit(), Index(1)) << "two of five";
  cluster.set_drop([](const Message& m) { return m.to.value() >= 4; });
  cluster.RunTicks(10);
  EXPECT_EQ(cluster.raft(1).commit(), Index(2)) << "three of five";
}

// [thesis 10.2.1] The leader may count itself only when its own write is durable, and need not
// wait.
TEST(Paper_5_3, LeaderCountsItselfOnlyWhenDurable) {
  Cluster cluster(3);
  MakeLeader(cluster, 1);
  cluster.Propose(1, "a");
  cluster.network().clear();
  AppendReply reply;
  reply.index = Index(2);
  cluster.Handle(1, cluster.raft(1).Step(MakeMessage(2, 1, 1, reply)));
  EXPECT_EQ(cluster.raft(1).commit(), Index(1));
  cluster.Handle(1, cluster.raft(1).Step(MakeMessage(3, 1, 1, reply)));
  EXPECT_EQ(cluster.raft(1).commit(), Index(2)) << "a majority without the leader";
  EXPECT_TRUE(cluster.node(1).to_apply.empty()) << "not applied ahead of the own log";
}

// [Raft 5.3] Committing an entry commits all preceding ones, also of earlier leaders.
TEST(Paper_5_3, CommitCoversAllPrecedingEntries) {
  Cluster cluster(3);
  cluster.Recreate(1, Hard(2), LogOfTerms({1, 2}));
  MakeLeader(cluster, 1);
  EXPECT_EQ(cluster.raft(1).commit(), Index(3));
  for (uint64_t id : cluster.ids()) EXPECT_EQ(cluster.node(id).machine.items.size(), 3u);
}

// [Raft 5.3] Followers learn what is committed and apply it in log order.
TEST(Paper_5_3, FollowersApplyWhatTheLeaderCommittedWithoutWaitingForAHeartbeat) {
  Cluster cluster(3);
  MakeLeader(cluster, 1);
  cluster.Propose(1, "a");
  cluster.Propose(1, "b");
  cluster.Settle();  // no tick
  for (uint64_t id : cluster.ids()) {
    ASSERT_EQ(cluster.node(id).machine.items.size(), 3u);
    EXPECT_EQ(cluster.node(id).machine.items[1].payload, "a");
    EXPECT_EQ(cluster.node(id).machine.items[2].payload, "b");
  }
}

// [Raft 5.3] The consistency check: an append whose predecessor is unknown is refused.
TEST(Paper_5_3, AppendIsRefusedUnlessItsPredecessorMatches) {
  Cluster cluster(3);
  cluster.Recreate(1, Hard(2), LogOfTerms({1, 2}));
  Give(cluster, 2, 3, Append(2, 1, {MakeEntry(3, 3)}));
  EXPECT_TRUE(Last<AppendReply>(cluster.network()).rejected);
  Give(cluster, 2, 3, Append(3, 3, {}));
  EXPECT_TRUE(Last<AppendReply>(cluster.network()).rejected);
  EXPECT_EQ(TermsOf(cluster.raft(1)), (Numbers{1, 2}));
  Give(cluster, 2, 3, Append(2, 2, {MakeEntry(3, 3)}));
  EXPECT_FALSE(Last<AppendReply>(cluster.network()).rejected);
}

// [Raft 5.3, fig. 2] A conflicting entry and all that follow are deleted; agreeing ones stay.
TEST(Paper_5_3, ConflictingSuffixIsReplaced) {
  Cluster cluster(3);
  cluster.Recreate(1, Hard(3), LogOfTerms({1, 2, 2, 3}));
  Give(cluster, 2, 4, Append(1, 1, {MakeEntry(2, 2), MakeEntry(4, 3)}));
  EXPECT_EQ(TermsOf(cluster.raft(1)), (Numbers{1, 2, 4}));
  EXPECT_EQ(cluster.node(1).disk.entries.size(), 3u);
}

// [Raft 5.3] Appends are idempotent, and late ones do not undo later ones.
TEST(Paper_5_3, RepeatedAndLateAppendsChangeNothing) {
  Cluster cluster(3);
  Give(cluster, 2, 1, Append(0, 0, {MakeEntry(1, 1), MakeEntry(1, 2), MakeEntry(1, 3)}));
  Give(cluster, 2, 1, Append(0, 0, {MakeEntry(1, 1)}));
  EXPECT_EQ(TermsOf(cluster.raft(1)), (Numbers{1, 1, 1}));
  EXPECT_EQ(Last<AppendReply>(cluster.network()).index, Index(1)) << "only what it was told of";
}

// [Raft 5.3, fig. 2] commit = min(leader commit, index of last new entry).
TEST(Paper_5_3, FollowerCommitsNotBeyondWhatItWasShown) {
  Cluster cluster(3);
  cluster.Recreate(1, Hard(1), LogOfTerms({1, 1, 1}));
  Give(cluster, 2, 2, Append(1, 1, {}, 3));
  EXPECT_EQ(cluster.raft(1).commit(), Index(1)) << "2 and 3 may differ from the leader's";
}

// [Raft 5.3, fig. 7] A new leader brings every kind of follower log to its own.
TEST(Paper_5_3, LeaderBringsAllFollowersOfFigure7ToItsLog) {
  const std::vector<Numbers> followers = {{1, 1, 1, 4, 4, 5, 5, 6, 6},
                                          {1, 1, 1, 4},
                                          {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6},
                                          {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7},
                                          {1, 1, 1, 4, 4, 4, 4},
                                          {1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3}};
  Cluster cluster(7);
  cluster.Recreate(1, Hard(7), LogOfTerms({1, 1, 1, 4, 4, 5, 5, 6, 6, 6}));
  for (uint64_t i = 0; i < followers.size(); ++i) {
    cluster.Recreate(i + 2, Hard(7), LogOfTerms(followers[i]));
  }
  MakeLeader(cluster, 1);
  for (uint64_t id : cluster.ids()) {
    EXPECT_EQ(TermsOf(cluster.raft(id)), (Numbers{1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 8})) << id;
  }
}

// [Raft 5.3, end] A refusal may name its term, so that the leader skips it as a whole.
TEST(Paper_5_3, RefusalSkipsWholeTerms) {
  Cluster cluster(3);
  Numbers mine(50, 1);
  mine.resize(100, 5);
  Numbers theirs(50, 1);
  theirs.resize(120, 3);
  cluster.Recreate(1, Hard(5), LogOfTerms(mine));
  cluster.Recreate(2, Hard(5), LogOfTerms(theirs));
  size_t refusals = 0;
  cluster.set_drop([&](const Message& m) {
    const auto* reply = std::get_if<AppendReply>(&m.body);
    if (reply != nullptr && m.from == N(2) && reply->rejected) ++refusals;
    return false;
  });
  MakeLeader(cluster, 1);
  EXPECT_EQ(TermsOf(cluster.raft(2)), TermsOf(cluster.raft(1)));
  EXPECT_LE(refusals, 3u);
}

// [Raft 5.3] A leader never overwrites or deletes entries in its own log.
TEST(Paper_5_3, LeaderKeepsItsOwnUncommittedEntries) {
  Cluster cluster(3);
  cluster.Recreate(1, Hard(2), LogOfTerms({1, 2, 2}));
  MakeLeader(cluster, 1);
  EXPECT_EQ(TermsOf(cluster.raft(1)), (Numbers{1, 2, 2, 3}));
}

// --- 5.4 safety
// -----------------------------------------------------------------------------------

// [Raft 5.4.1] A voter denies its vote if its own log is more up-to-date.
TEST(Paper_5_4_1, VoterDeniesALessUpToDateCandidate) {
  Cluster cluster(3);
  cluster.Recreate(1, Hard(3), LogOfTerms({1, 3}));
  Give(cluster, 2, 4, Ask(5, 2));
  EXPECT_FALSE(Last<VoteReply>(cluster.network()).granted) << "longer, but of an older term";
  Give(cluster, 2, 5, Ask(1, 3));
  EXPECT_FALSE(Last<VoteReply>(cluster.network()).granted) << "same term, shorter";
  Give(cluster, 2, 6, Ask(2, 3));
  EXPECT_TRUE(Last<VoteReply>(cluster.network()).granted);
}

TEST(Paper_5_4_1, CandidateWithoutTheCommittedEntriesCannotWin) {
  Cluster cluster(3);
  cluster.Recreate(1, Hard(1), LogOfTerms({1}));
  cluster.Recreate(2, Hard(1), LogOfTerms({1, 1}));
  cluster.Recreate(3, Hard(1), LogOfTerms({1, 1}));
  cluster.Campaign(1);
  cluster.Settle();
  EXPECT_NE(cluster.raft(1).role(), Role::kLeader);
}

// [Raft 5.4.2, fig. 8] Only entries of the own term are committed by counting.
TEST(Paper_5_4_2, EntryOfAnEarlierTermIsNotCommittedByCounting) {
  Cluster cluster(3);
  cluster.Recreate(1, Hard(2), LogOfTerms({1, 2}));
  cluster.Campaign(1);
  cluster.set_drop([](const Message& m) { return std::holds_alternative<AppendRequest>(m.body); });
  cluster.Settle();
  ASSERT_EQ(cluster.raft(1).role(), Role::kLeader);
  AppendReply reply;
  reply.index = Index(2);
  Give(cluster, 2, 3, reply);
  EXPECT_EQ(cluster.raft(1).commit(), Index(0)) << "on a majority, but of term 2";
  reply.index = Index(3);
  Give(cluster, 2, 3, reply);
  EXPECT_EQ(cluster.raft(1).commit(), Index(3));
}

// --- 5.6, 6, 7, 8
// ---------------------------------------------------------------------------------

// [Raft 6] Servers disregard vote requests when they believe that a leader exists.
TEST(Paper_6, VoteRequestsAreIgnoredWhileALeaderIsHeard) {
  Cluster cluster(3);
  Give(cluster, 2, 1, Heartbeat{});
  Give(cluster, 3, 9, Ask(9, 9));
  EXPECT_EQ(cluster.raft(1).term(), Term(1));
  EXPECT_TRUE(cluster.network().empty());
  cluster.Tick(1, cluster.node(1).options.election_ticks);
  Give(cluster, 3, 9, Ask(9, 9));
  EXPECT_TRUE(Last<VoteReply>(cluster.network()).granted);
}

// [thesis 3.10] ... unless the leader itself asked for the election.
TEST(Thesis_3_10, TransferPassesTheLease) {
  Cluster cluster(3);
  MakeLeader(cluster, 1);
  cluster.Handle(1, cluster.raft(1).TransferLeadership(N(3)));
  EXPECT_EQ(cluster.Propose(1, "x").refusal, ProposeRefusal::kTransferring);
  cluster.Settle();
  EXPECT_EQ(cluster.leader(), 3u);
  EXPECT_EQ(cluster.raft(1).role(), Role::kFollower);
}

// [thesis 3.10] If the transfer does not complete within an election timeout, the leader goes on.
TEST(Thesis_3_10, TransferIsGivenUpAfterAnElectionTimeout) {
  Cluster cluster(3);
  MakeLeader(cluster, 1);
  cluster.Isolate(3);
  cluster.Handle(1, cluster.raft(1).TransferLeadership(N(3)));
  cluster.RunTicks(cluster.node(1).options.election_ticks - 1);
  EXPECT_EQ(cluster.Propose(1, "x").refusal, ProposeRefusal::kTransferring);
  cluster.RunTicks(1);
  EXPECT_EQ(cluster.Propose(1, "x").refusal, ProposeRefusal::kNone);
}

// [Raft 8] A leader commits a no-op at the start of its term.
TEST(Paper_8, LeaderCommitsANoopFirst) {
  Cluster cluster(3);
  MakeLeader(cluster, 1);
  EXPECT_EQ(cluster.raft(1).EntryAt(Index(1)).kind, EntryKind::kNoop);
  EXPECT_EQ(cluster.raft(1).commit(), Index(1));
}

// [thesis 6.2] A leader steps down if no quorum answered within an election timeout.
TEST(Thesis_6_2, LeaderWithoutAQuorumStepsDown) {
  Cluster cluster(3);
  MakeLeader(cluster, 1);
  cluster.Isolate(1);
  cluster.RunTicks(2 * cluster.node(1).options.election_ticks);
  EXPECT_NE(cluster.raft(1).role(), Role::kLeader);
  EXPECT_NE(cluster.leader(), 0u) << "and the others elected one";
}

// [thesis 9.6] With pre-vote, a node that was cut off does not raise its term nor disturb.
TEST(Thesis_9_6, PartitionedNodeDoesNotDisruptWhenItReturns) {
  Cluster cluster(3);
  MakeLeader(cluster, 1);
  cluster.Isolate(3);
  cluster.RunTicks(1000);
  EXPECT_EQ(cluster.raft(3).term(), Term(1));
  cluster.Heal();
  cluster.RunTicks(300);
  EXPECT_EQ(cluster.leader(), 1u);
  EXPECT_EQ(cluster.raft(1).term(), Term(1));
  EXPECT_EQ(cluster.raft(3).leader(), N(1));
}

// [thesis 4.2.1] Learners get the log but do not vote or campaign.
TEST(Thesis_4_2_1, LearnerReceivesTheLogButDoesNotCampaign) {
  Cluster cluster(1);
  MakeLeader(cluster, 1);
  cluster.AddNode(2);
  Configuration target = Voters({1});
  target.learners = Nodes({2});
  EXPECT_EQ(cluster.ProposeConfiguration(1, target).refusal, ProposeRefusal::kNone);
  cluster.RunTicks(20);
  EXPECT_EQ(cluster.raft(2).configuration(), target);
  EXPECT_EQ(cluster.node(2).machine.items, cluster.node(1).machine.items);
  cluster.Tick(2, 1000);
  EXPECT_EQ(cluster.raft(2).role(), Role::kFollower);
}

// [thesis 4.2.2] A leader that removed itself steps down once the change is in force.
TEST(Thesis_4_2_2, RemovedLeaderStepsDownAndNamesAnHeir) {
  Cluster cluster(3);
  MakeLeader(cluster, 1);
  cluster.ProposeConfiguration(1, Voters({2, 3}));
  cluster.Settle();  // no time passes
  EXPECT_EQ(cluster.raft(1).role(), Role::kFollower);
  EXPECT_TRUE(cluster.leader() == 2 || cluster.leader() == 3);
  EXPECT_EQ(cluster.raft(cluster.leader()).configuration(), Voters({2, 3}));
}

// [thesis 4.1] Only one change at a time.
TEST(Thesis_4_1, SecondChangeWaitsForTheFirst) {
  Cluster cluster(3);
  MakeLeader(cluster, 1);
  EXPECT_EQ(cluster.ProposeConfiguration(1, Voters({1, 2})).refusal, ProposeRefusal::kNone);
  EXPECT_EQ(cluster.ProposeConfiguration(1, Voters({1, 3})).refusal,
            ProposeRefusal::kConfigurationPending);
  cluster.Settle();
  EXPECT_EQ(cluster.ProposeConfiguration(1, Voters({1})).refusal, ProposeRefusal::kNone);
}

// [Ongaro, raft-dev 2015] No change before an entry of the own term is committed.
TEST(Thesis_4_1, NoChangeBeforeTheLeadersNoopIsApplied) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.set_drop([](const Message& m) { return std::holds_alternative<AppendReply>(m.body); });
  cluster.Settle();
  ASSERT_EQ(cluster.raft(1).role(), Role::kLeader);
  EXPECT_EQ(cluster.ProposeConfiguration(1, Voters({1, 2})).refusal,
            ProposeRefusal::kConfigurationPending);
}

// [thesis 4.3] The joint configuration is left by itself, also by the next leader.
TEST(Thesis_4_3, NextLeaderLeavesTheJointConfiguration) {
  Cluster cluster(3);
  MakeLeader(cluster, 1);
  cluster.AddNode(4);
  cluster.ProposeConfiguration(1, Voters({2, 3, 4}));
  // The joint configuration becomes known everywhere, but no append leaves node 1 after that.
  cluster.set_drop(
      [&](const Message& m) { return m.from == N(1) && cluster.raft(1).configuration().joint(); });
  cluster.Settle();
  ASSERT_TRUE(cluster.raft(1).configuration().joint());
  cluster.Heal();
  cluster.Crash(1);
  cluster.RunTicks(500);
  cluster.Restart(1);
  cluster.RunTicks(500);
  const uint64_t leader = cluster.RunUntilLeader();
  EXPECT_EQ(cluster.raft(leader).configuration(), Voters({2, 3, 4}));
}

}  // namespace
}  // namespace lockstep::raft::testing
