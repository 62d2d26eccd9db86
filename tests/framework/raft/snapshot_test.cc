// Snapshots at the follower and at the leader, and writes that overtake each other.
#include <gtest/gtest.h>

#include <variant>

#include "tests/framework/raft/support.h"

namespace lockstep::raft::testing {
namespace {

InstallSnapshot Snapshot(uint64_t index, uint64_t term, Configuration configuration) {
  InstallSnapshot install;
  install.meta.index = Index(index);
  install.meta.term = Term(term);
  install.meta.configuration = std::move(configuration);
  return install;
}

std::unique_ptr<Raft> MakeRaft(HardState hard_state, std::vector<Entry> entries) {
  Options options;
  options.self = N(1);
  InitialState initial;
  initial.hard_state = hard_state;
  initial.entries = std::move(entries);
  initial.configuration = Voters({1, 2, 3});
  return std::make_unique<Raft>(options, std::move(initial));
}

AppendRequest Append(uint64_t prev_index, uint64_t prev_term, std::vector<Entry> entries) {
  return AppendRequest{Index(prev_index), Term(prev_term), Index(0), std::move(entries)};
}

TEST(Snapshot, ReplacesALogThatDoesNotLeadUpToIt) {
  auto raft = MakeRaft({Term(1), {}, {}}, LogOfTerms({1, 1}));
  const Effects effects = raft->Step(MakeMessage(2, 1, 3, Snapshot(9, 2, Voters({2, 3}))));
  ASSERT_TRUE(effects.install_snapshot.has_value());
  ASSERT_TRUE(effects.persist.has_value());
  EXPECT_EQ(effects.persist->snapshot, effects.install_snapshot);
  EXPECT_EQ(effects.persist->hard_state->commit, Index(9));
  EXPECT_EQ(raft->first_index(), Index(10));
  EXPECT_EQ(raft->configuration(), Voters({2, 3}));
  EXPECT_EQ(raft->applied(), Index(0)) << "until it is installed";
  ASSERT_EQ(effects.send_after_persist.size(), 1u);
  EXPECT_EQ(effects.send_after_persist[0].after, effects.persist->id);
  EXPECT_EQ(std::get<AppendReply>(effects.send_after_persist[0].message.body).index, Index(9));
  EXPECT_TRUE(raft->Applied(Index(9)).empty());
  raft->CheckInvariants();
}

TEST(Snapshot, OnlyAdvancesTheCommitIndexOfALogThatMatches) {
  auto raft = MakeRaft({Term(1), {}, {}}, LogOfTerms({1, 1, 1}));
  const Effects effects = raft->Step(MakeMessage(2, 1, 1, Snapshot(2, 1, Voters({1, 2, 3}))));
  EXPECT_FALSE(effects.install_snapshot.has_value());
  EXPECT_EQ(raft->last_index(), Index(3)) << "what follows stays";
  EXPECT_EQ(raft->commit(), Index(2));
  EXPECT_EQ(effects.committed.size(), 2u);
}

TEST(Snapshot, LateOneIsAnsweredWithWhatIsCommitted) {
  auto raft = MakeRaft({Term(1), {}, Index(3)}, LogOfTerms({1, 1, 1}));
  const Effects effects = raft->Step(MakeMessage(2, 1, 1, Snapshot(2, 1, Voters({1, 2, 3}))));
  EXPECT_FALSE(effects.install_snapshot.has_value());
  ASSERT_EQ(effects.send_after_persist.size(), 1u);
  EXPECT_EQ(std::get<AppendReply>(effects.send_after_persist[0].message.body).index, Index(3));
}

TEST(Snapshot, NodeDoesNotCampaignWhileItInstalls) {
  auto raft = MakeRaft({Term(1), {}, {}}, {});
  const Effects install = raft->Step(MakeMessage(2, 1, 3, Snapshot(9, 2, Voters({1, 2, 3}))));
  (void)raft->Persisted(install.persist->id);
  for (int i = 0; i < 500; ++i) (void)raft->Tick();
  EXPECT_EQ(raft->role(), Role::kFollower);
  (void)raft->Applied(Index(9));
  for (int i = 0; i < 500; ++i) (void)raft->Tick();
  EXPECT_EQ(raft->role(), Role::kPreCandidate);
}

TEST(Snapshot, EntriesBehindItAreHandedOverOnlyOnceItIsDurable) {
  auto raft = MakeRaft({Term(1), {}, {}}, {});
  const Effects install = raft->Step(MakeMessage(2, 1, 2, Snapshot(9, 2, Voters({1, 2, 3}))));
  AppendRequest append = Append(9, 2, {MakeEntry(2, 10)});
  append.commit = Index(10);
  const Effects effects = raft->Step(MakeMessage(2, 1, 2, append));
  EXPECT_TRUE(effects.committed.empty());
  EXPECT_TRUE(raft->Persisted(install.persist->id).committed.empty());
  EXPECT_EQ(raft->Persisted(effects.persist->id).committed.size(), 1u);
}

TEST(Snapshot, FollowerCutOffForLongGetsOneAndTheRestByAppend) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.Isolate(3);
  for (int i = 0; i < 20; ++i) cluster.Propose(1, "a");
  cluster.Settle();
  cluster.Compact(1);
  cluster.Propose(1, "b");
  cluster.Settle();
  cluster.Heal();
  cluster.RunTicks(30);
  EXPECT_EQ(cluster.raft(3).snapshot().index, Index(22)) << "the machine as it was when asked";
  EXPECT_EQ(cluster.node(3).machine.items, cluster.node(1).machine.items);
}

TEST(Snapshot, FailedTransferIsTriedAgainWhenTheFollowerAnswers) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.Isolate(3);
  for (int i = 0; i < 5; ++i) cluster.Propose(1, "a");
  cluster.Settle();
  cluster.Compact(1);
  cluster.Heal();
  for (int i = 0; i < 300 && cluster.node(1).send_snapshot_to.empty(); ++i) {
    for (uint64_t id : cluster.ids()) cluster.Tick(id);
    while (!cluster.network().empty()) cluster.Deliver(0);
  }
  ASSERT_EQ(cluster.node(1).send_snapshot_to, Nodes({3}));
  cluster.node(1).send_snapshot_to.clear();
  cluster.Handle(1, cluster.raft(1).SnapshotSent(N(3), Index(0), false));
  EXPECT_TRUE(cluster.node(1).send_snapshot_to.empty()) << "not at once";
  cluster.RunTicks(50);
  EXPECT_EQ(cluster.node(3).machine.items, cluster.node(1).machine.items);
}

TEST(Snapshot, ConfigurationComesWithIt) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.AddNode(4);
  cluster.ProposeConfiguration(1, Voters({1, 2, 3}));
  cluster.Settle();
  cluster.Compact(1);
  cluster.ProposeConfiguration(1, Voters({1, 2, 3, 4}));
  cluster.RunTicks(30);
  EXPECT_EQ(cluster.raft(4).configuration(), Voters({1, 2, 3, 4}));
  EXPECT_GT(cluster.raft(4).snapshot().index, Index(0));
  cluster.Crash(4);
  cluster.Restart(4);
  EXPECT_EQ(cluster.raft(4).configuration(), Voters({1, 2, 3, 4}));
}

// --- a state that is lost
// -------------------------------------------------------------------------

// Entries 4, 5 and 6 of term 2 behind a snapshot at 3 that nobody has the state of.
std::unique_ptr<Raft> MakeRaftWithoutState() {
  Options options;
  options.self = N(1);
  InitialState initial;
  initial.hard_state = {Term(2), {}, Index(5)};
  initial.snapshot.index = Index(3);
  initial.snapshot.term = Term(1);
  initial.snapshot.configuration = Voters({1, 2, 3});
  initial.entries = {MakeEntry(2, 4), MakeEntry(2, 5), MakeEntry(2, 6)};
  initial.configuration = Voters({1, 2, 3});
  return std::make_unique<Raft>(options, std::move(initial));
}

TEST(LostState, NothingIsAppliedAndNobodyCampaignsButTheLogVotesAndGrows) {
  auto raft = MakeRaftWithoutState();
  EXPECT_TRUE(raft->state_lost());
  for (int i = 0; i < 500; ++i) EXPECT_TRUE(raft->Tick().committed.empty());
  EXPECT_EQ(raft->role(), Role::kFollower);
  VoteRequest request;
  request.last_index = Index(5);
  request.last_term = Term(2);
  Effects effects = raft->Step(MakeMessage(3, 1, 3, request));
  EXPECT_FALSE(std::get<VoteReply>(effects.send_after_persist.at(0).message.body).granted)
      << "its log is shorter than ours";
  request.last_index = Index(6);
  effects = raft->Step(MakeMessage(2, 1, 4, request));
  EXPECT_TRUE(std::get<VoteReply>(effects.send_after_persist.at(0).message.body).granted);
  effects = raft->Step(MakeMessage(2, 1, 4, Append(6, 2, {MakeEntry(4, 7)})));
  EXPECT_EQ(std::get<AppendReply>(effects.send_after_persist.at(0).message.body).index, Index(7));
  EXPECT_TRUE(raft->Persisted(effects.persist->id).committed.empty());
}

TEST(LostState, HeartbeatsAreAnsweredWithTheIndexFromWhichASnapshotHelps) {
  auto raft = MakeRaftWithoutState();
  const Effects effects = raft->Step(MakeMessage(2, 1, 2, Heartbeat{}));
  EXPECT_EQ(std::get<HeartbeatReply>(effects.send_now.at(0).body).wants_snapshot, Index(3));
}

TEST(LostState, ASnapshotInsideTheLogKeepsWhatIsBehindIt) {
  auto raft = MakeRaftWithoutState();
  Effects effects = raft->Step(MakeMessage(2, 1, 2, Snapshot(4, 2, Voters({1, 2, 3}))));
  ASSERT_TRUE(effects.install_snapshot.has_value());
  ASSERT_TRUE(effects.persist.has_value());
  EXPECT_EQ(effects.persist->snapshot->index, Index(4));
  EXPECT_EQ(effects.persist->entries.size(), 2u) << "one write replaces the log by its rest";
  EXPECT_EQ(raft->last_index(), Index(6));
  EXPECT_FALSE(raft->state_lost());
  effects = raft->Persisted(effects.persist->id);
  ASSERT_EQ(effects.committed.size(), 1u) << "5 was committed, 6 was not";
  EXPECT_EQ(effects.committed[0].index, Index(5));
  raft->CheckInvariants();
}

TEST(LostState, ASnapshotThatEndsBeforeTheLogIsOfNoUse) {
  auto raft = MakeRaftWithoutState();
  EXPECT_FALSE(
      raft->Step(MakeMessage(2, 1, 2, Snapshot(2, 1, Voters({1, 2, 3})))).install_snapshot);
  EXPECT_TRUE(raft->state_lost());
}

TEST(LostState, ALeaderSendsASnapshotOnceAndGoesOnWithEntries) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  HeartbeatReply reply;
  reply.wants_snapshot = Index(1);
  EXPECT_EQ(cluster.raft(1).Step(MakeMessage(3, 1, 1, reply)).send_snapshot_to, Nodes({3}));
  EXPECT_TRUE(cluster.raft(1).Step(MakeMessage(3, 1, 1, reply)).send_snapshot_to.empty());
  const Effects effects = cluster.raft(1).Propose({MakeProposal("a")});
  EXPECT_EQ(effects.send_now.size(), 2u) << "to both";
  (void)cluster.raft(1).SnapshotSent(N(3), Index(0), false);
  EXPECT_EQ(cluster.raft(1).Step(MakeMessage(3, 1, 1, reply)).send_snapshot_to, Nodes({3}));
  reply.wants_snapshot = Index(99);
  (void)cluster.raft(1).SnapshotSent(N(3), Index(0), false);
  EXPECT_TRUE(cluster.raft(1).Step(MakeMessage(3, 1, 1, reply)).send_snapshot_to.empty())
      << "it has applied less itself";
}

// --- a log that went back
// -------------------------------------------------------------------------

std::unique_ptr<Raft> MakeAbstainer() {
  return MakeRaft({Term(2), N(2), Index(1), /*abstains=*/true}, LogOfTerms({1, 1}));
}

TEST(Abstaining, ItNeitherVotesNorCampaigns) {
  auto raft = MakeAbstainer();
  for (int i = 0; i < 500; ++i) (void)raft->Tick();
  EXPECT_EQ(raft->role(), Role::kFollower);
  VoteRequest request;
  request.last_index = Index(99);
  request.last_term = Term(9);
  for (const bool pre_vote : {true, false}) {
    request.pre_vote = pre_vote;
    const Effects effects = raft->Step(MakeMessage(3, 1, 10, request));
    const MessageBody& body =
        pre_vote ? effects.send_now.at(0).body : effects.send_after_persist.at(0).message.body;
    EXPECT_FALSE(std::get<VoteReply>(body).granted);
  }
}

TEST(Abstaining, HeartbeatsCommitNothing) {
  auto raft = MakeAbstainer();
  Heartbeat heartbeat;
  heartbeat.commit = Index(2);
  heartbeat.last_index = Index(7);
  (void)raft->Step(MakeMessage(2, 1, 2, heartbeat));
  EXPECT_EQ(raft->commit(), Index(1)) << "what is at 2 may be something else at the leader";
}

TEST(Abstaining, ItEndsWhenTheLogReachesTheLeadersEnd) {
  auto raft = MakeAbstainer();
  Heartbeat heartbeat;
  heartbeat.last_index = Index(4);
  (void)raft->Step(MakeMessage(2, 1, 2, heartbeat));
  (void)raft->Step(MakeMessage(2, 1, 2, Append(2, 1, {MakeEntry(2, 3)})));
  EXPECT_TRUE(raft->hard_state().abstains);
  const Effects effects = raft->Step(MakeMessage(2, 1, 2, Append(3, 2, {MakeEntry(2, 4)})));
  EXPECT_FALSE(raft->hard_state().abstains);
  EXPECT_FALSE(effects.persist->hard_state->abstains) << "in the write of the entries, or later";
}

TEST(Abstaining, ALeaderOfAnotherTermHasAnEndOfItsOwn) {
  auto raft = MakeAbstainer();
  Heartbeat heartbeat;
  heartbeat.last_index = Index(2);
  (void)raft->Step(MakeMessage(2, 1, 2, heartbeat));
  heartbeat.last_index = Index(9);
  (void)raft->Step(MakeMessage(3, 1, 3, heartbeat));
  (void)raft->Step(MakeMessage(3, 1, 3, Append(2, 1, {MakeEntry(3, 3)})));
  EXPECT_TRUE(raft->hard_state().abstains);
}

TEST(Abstaining, TheLeaderForgetsWhatWasAcknowledgedAndSendsItAgain) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  for (int i = 0; i < 5; ++i) cluster.Propose(1, "a");
  cluster.Settle();
  HardState state = cluster.raft(3).hard_state();
  state.abstains = true;
  state.commit = Index(1);
  cluster.Crash(3);
  cluster.Recreate(3, state, LogOfTerms({1, 1}));
  cluster.Handle(1, cluster.raft(1).Unreachable(N(3)));
  cluster.RunTicks(60);
  EXPECT_EQ(cluster.raft(3).last_index(), cluster.raft(1).last_index());
  EXPECT_FALSE(cluster.raft(3).hard_state().abstains);
  EXPECT_EQ(cluster.leader(), 1u) << "nobody was disturbed";
}

// --- writes that overtake each other
// --------------------------------------------------------------

TEST(WriteId, OldWriteDoesNotAcknowledgeWhatOverwroteIt) {
  auto raft = MakeRaft({Term(1), {}, {}}, {});
  const Effects first = raft->Step(MakeMessage(2, 1, 1, Append(0, 0, {MakeEntry(1, 1, "old")})));
  const Effects second = raft->Step(MakeMessage(3, 1, 2, Append(0, 0, {MakeEntry(2, 1, "new")})));
  ASSERT_LT(first.persist->id, second.persist->id);
  EXPECT_EQ(first.send_after_persist[0].after, first.persist->id);
  EXPECT_EQ(second.send_after_persist[0].after, second.persist->id);
  AppendRequest commit = Append(1, 2, {});
  commit.commit = Index(1);
  EXPECT_TRUE(raft->Step(MakeMessage(3, 1, 2, commit)).committed.empty());
  // Write 1 becomes durable: the entry that is in the log now is not.
  EXPECT_TRUE(raft->Persisted(first.persist->id).committed.empty());
  const Effects durable = raft->Persisted(second.persist->id);
  ASSERT_EQ(durable.committed.size(), 1u);
  EXPECT_EQ(*durable.committed[0].payload, "new");
}

// A -> B -> A: the same entry is written, overwritten and written again.
TEST(WriteId, EntryThatComesBackNeedsItsOwnWrite) {
  auto raft = MakeRaft({Term(1), {}, {}}, {});
  const Effects a = raft->Step(MakeMessage(2, 1, 1, Append(0, 0, {MakeEntry(1, 1, "a")})));
  const Effects b = raft->Step(MakeMessage(3, 1, 2, Append(0, 0, {MakeEntry(2, 1, "b")})));
  const Effects again = raft->Step(MakeMessage(2, 1, 3, Append(0, 0, {MakeEntry(1, 1, "a")})));
  EXPECT_EQ(again.send_after_persist[0].after, again.persist->id);
  AppendRequest commit = Append(1, 1, {});
  commit.commit = Index(1);
  (void)raft->Step(MakeMessage(2, 1, 3, commit));
  EXPECT_TRUE(raft->Persisted(a.persist->id).committed.empty());
  EXPECT_TRUE(raft->Persisted(b.persist->id).committed.empty());
  EXPECT_EQ(raft->Persisted(again.persist->id).committed.size(), 1u);
}

TEST(WriteId, AnswerWithoutAWriteOfItsOwnWaitsForTheOneUnderWay) {
  auto raft = MakeRaft({Term(1), {}, {}}, {});
  const Message append = MakeMessage(2, 1, 1, Append(0, 0, {MakeEntry(1, 1)}));
  const Effects first = raft->Step(append);
  const Effects copy = raft->Step(append);
  EXPECT_FALSE(copy.persist.has_value());
  ASSERT_EQ(copy.send_after_persist.size(), 1u);
  EXPECT_EQ(copy.send_after_persist[0].after, first.persist->id);
  (void)raft->Persisted(first.persist->id);
  EXPECT_EQ(raft->Step(append).send_after_persist[0].after, WriteId(0));
}

TEST(WriteId, DeposedLeadersWriteDoesNotCountInItsNextTerm) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.Propose(1, "old");  // write under way, entry 2
  const WriteId old = cluster.node(1).writes.back().id;
  cluster.network().clear();
  cluster.Handle(1, cluster.raft(1).Step(MakeMessage(
                        2, 1, 2, Append(1, 1, {MakeEntry(2, 2, "new"), MakeEntry(2, 3)}))));
  cluster.network().clear();
  cluster.Handle(1, cluster.raft(1).Persisted(old));
  EXPECT_TRUE(cluster.network().empty()) << "nothing is acknowledged yet";
  EXPECT_EQ(*cluster.raft(1).EntryAt(Index(2)).payload, "new");
}

TEST(Proposals, TimestampsNeverFall) {
  Cluster cluster(1);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.Propose(1, "a", 100);
  cluster.Propose(1, "b", 50);
  cluster.Settle();
  EXPECT_EQ(cluster.raft(1).EntryAt(Index(3)).timestamp_ns, 100);
  cluster.Compact(1);
  cluster.Propose(1, "c", 70);
  EXPECT_EQ(cluster.raft(1).EntryAt(Index(4)).timestamp_ns, 100) << "also behind a snapshot";
}

TEST(Proposals, ManyMakeOneAppendPerFollower) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  std::vector<Proposal> proposals;
  for (int i = 0; i < 100; ++i) proposals.push_back(MakeProposal("x"));
  const Effects effects = cluster.raft(1).Propose(std::move(proposals));
  ASSERT_EQ(effects.send_now.size(), 2u);
  EXPECT_EQ(std::get<AppendRequest>(effects.send_now[0].body).entries.size(), 100u);
  EXPECT_EQ(effects.persist->entries.size(), 100u);
  EXPECT_EQ(effects.proposed.first_index, Index(2));
}

TEST(Proposals, AreRefusedBeyondTheUncommittedLimit) {
  Cluster cluster(3, 1, [](Options& options) { options.uncommitted_bytes_max = 100; });
  cluster.Campaign(1);
  cluster.Settle();
  EXPECT_EQ(cluster.Propose(1, std::string(500, 'x')).refusal, ProposeRefusal::kNone)
      << "a single one passes";
  EXPECT_EQ(cluster.Propose(1, "y").refusal, ProposeRefusal::kTooMuchUncommitted);
  cluster.Settle();
  EXPECT_EQ(cluster.Propose(1, "y").refusal, ProposeRefusal::kNone);
}

TEST(LostLeader, IsReplacedWithoutWaitingForATimeout) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.Crash(1);
  for (uint64_t id : {2u, 3u}) cluster.Handle(id, cluster.raft(id).LostLeader(N(1)));
  cluster.RunTicks(cluster.node(2).options.lost_leader_ticks);
  EXPECT_NE(cluster.leader(), 0u);
}

TEST(LostLeader, SurvivorsTakeTurnsSoThatNoVotesAreSplit) {
  std::map<uint64_t, int> elected;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Cluster cluster(3, seed, [&](Options& options) { options.precedence_seed = seed * 7919; });
    cluster.Campaign(1);
    cluster.Settle();
    cluster.Crash(1);
    for (uint64_t id : {2u, 3u}) cluster.Handle(id, cluster.raft(id).LostLeader(N(1)));
    // What is said arrives some ticks later.
    for (int round = 0; round < 10; ++round) {
      for (uint64_t id : {2u, 3u}) cluster.Tick(id, 3);
      cluster.Settle();
    }
    ASSERT_NE(cluster.leader(), 0u) << seed;
    EXPECT_EQ(cluster.raft(cluster.leader()).term(), Term(2)) << seed << ": a second election";
    ++elected[cluster.leader()];
  }
  EXPECT_GT(elected[2], 20);
  EXPECT_GT(elected[3], 20);
}

TEST(LostLeader, WhoGaveWayForNothingCampaignsSoon) {
  for (const uint64_t silent : {2u, 3u}) {
    Cluster fresh(3);
    fresh.Campaign(1);
    fresh.Settle();
    fresh.Crash(1);
    for (uint64_t id : {2u, 3u}) fresh.Handle(id, fresh.raft(id).LostLeader(N(1)));
    // It asks for pre-votes, and then nothing is heard of it for a while.
    fresh.RunTicks(1);
    fresh.set_drop([&](const Message& m) { return m.from == N(silent); });
    fresh.RunTicks(fresh.node(2).options.election_ticks);
    fresh.Heal();
    fresh.RunTicks(2 * fresh.node(2).options.election_ticks);
    EXPECT_NE(fresh.leader(), 0u) << silent;
  }
}

TEST(LostLeader, OneThatStillHearsItDoesNotGrant) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.Handle(2, cluster.raft(2).LostLeader(N(1)));
  cluster.set_drop([](const Message& m) { return m.to == N(2) && m.from == N(1); });
  cluster.RunTicks(50);
  EXPECT_EQ(cluster.leader(), 1u);
  EXPECT_EQ(cluster.raft(1).term(), Term(1));
}

}  // namespace
}  // namespace lockstep::raft::testing
