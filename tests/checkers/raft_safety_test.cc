#include "checkers/raft_safety.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"

namespace lockstep::checkers {
namespace {

using raft::Index;
using raft::Role;
using raft::Term;

constexpr NodeId kA{1};
constexpr NodeId kB{2};
constexpr NodeId kC{3};

raft::VoteReply MakeVote(bool pre_vote, bool granted) {
  raft::VoteReply reply;
  reply.pre_vote = pre_vote;
  reply.granted = granted;
  return reply;
}

raft::Entry MakeEntry(uint64_t index, uint64_t term, const std::string& payload = "x") {
  raft::Entry entry;
  entry.index = Index(index);
  entry.term = Term(term);
  entry.kind = raft::EntryKind::kCommand;
  entry.payload = std::make_shared<const std::string>(payload);
  return entry;
}

// A replica that does whatever a test wants.
class FakeReplica final : public RaftView {
 public:
  Role role() const override { return role_; }
  Term term() const override { return term_; }
  NodeId vote() const override { return vote_; }
  Index commit() const override { return commit_; }
  Index applied() const override { return Index(); }
  Index first_index() const override { return snapshot_.index + 1; }
  Index last_index() const override { return snapshot_.index + entries_.size(); }
  const raft::Entry& EntryAt(Index index) const override {
    return entries_.at(index - snapshot_.index - 1);
  }
  const raft::SnapshotMeta& snapshot() const override { return snapshot_; }

  FakeReplica& Be(Role role, uint64_t term) {
    role_ = role;
    term_ = Term(term);
    return *this;
  }
  FakeReplica& Add(uint64_t term, const std::string& payload = "x") {
    entries_.push_back(MakeEntry(last_index().value() + 1, term, payload));
    return *this;
  }
  FakeReplica& Commit(uint64_t index) {
    commit_ = Index(index);
    return *this;
  }
  FakeReplica& Compact(uint64_t index) {
    const size_t gone = Index(index) - snapshot_.index;
    snapshot_.term = EntryAt(Index(index)).term;
    snapshot_.index = Index(index);
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(gone));
    return *this;
  }

  Role role_ = Role::kFollower;
  Term term_;
  NodeId vote_;
  Index commit_;
  std::vector<raft::Entry> entries_;
  raft::SnapshotMeta snapshot_;
};

class RaftSafetyTest : public testing::Test {
 protected:
  RaftSafetyTest() {
    for (const NodeId node : {kA, kB, kC}) {
      EXPECT_FALSE(safety_.Started(node, nodes_[node], Index()));
    }
  }
  FakeReplica& Node(NodeId node) { return nodes_[node]; }
  RaftSafety::Found Step(NodeId node) { return safety_.Stepped(node, nodes_[node]); }
  // A leads term 1 and everybody holds and has committed `count` entries of it.
  void Replicate(int count) {
    Node(kA).Be(Role::kLeader, 1);
    for (int i = 0; i < count; ++i) Node(kA).Add(1, std::to_string(i));
    Node(kA).Commit(static_cast<uint64_t>(count));
    for (const NodeId node : {kB, kC}) {
      Node(node) = Node(kA);
      Node(node).Be(Role::kFollower, 1);
    }
    for (const NodeId node : {kA, kB, kC}) EXPECT_FALSE(Step(node));
  }

  RaftSafety safety_{4};
  std::map<NodeId, FakeReplica> nodes_;
};

void ExpectFound(const RaftSafety::Found& found, const std::string& oracle,
                 const std::string& words) {
  ASSERT_TRUE(found) << "nothing found";
  EXPECT_EQ(found->oracle, oracle);
  EXPECT_TRUE(absl::StrContains(found->verdict, words)) << *found;
}

TEST_F(RaftSafetyTest, ReplicationTruncationAndCompactionAreFine) {
  Replicate(3);
  Node(kC).Add(1, "lost");
  EXPECT_FALSE(Step(kC));
  EXPECT_FALSE(Step(kB));
  Node(kA).Be(Role::kFollower, 2);
  EXPECT_FALSE(Step(kA));
  Node(kB).Be(Role::kLeader, 2).Add(2).Commit(4);
  EXPECT_FALSE(Step(kB));
  Node(kC).entries_.pop_back();
  Node(kC).Be(Role::kFollower, 2).Add(2).Commit(4);
  EXPECT_FALSE(Step(kC));
  Node(kC).Compact(3);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(Step(kC));
  Node(kC).Add(2);
  EXPECT_FALSE(Step(kC));
}

TEST_F(RaftSafetyTest, TwoLeadersOfOneTermAreFound) {
  Replicate(1);
  Node(kB).Be(Role::kLeader, 1);
  ExpectFound(Step(kB), "election safety", "node 2 leads term 1, which node 1 led");
}

TEST_F(RaftSafetyTest, LeadingTheSameTermAgainAfterARestartIsFound) {
  Replicate(1);
  Node(kA).role_ = Role::kFollower;
  EXPECT_FALSE(safety_.Started(kA, Node(kA), Index()));
  Node(kA).role_ = Role::kLeader;
  ExpectFound(Step(kA), "election safety", "before a restart");
}

TEST_F(RaftSafetyTest, ASecondVoteInOneTermIsFoundAcrossARestart) {
  raft::Message vote{kC, kA, Term(5), MakeVote(false, true)};
  EXPECT_FALSE(safety_.Sent(vote));
  EXPECT_FALSE(safety_.Sent(vote)) << "a repeated answer is the same vote";
  EXPECT_FALSE(safety_.Started(kC, Node(kC), Index()));
  vote.to = kB;
  ExpectFound(safety_.Sent(vote), "vote once", "node 3 voted for node 2 in term 5");
  vote.body = MakeVote(true, true);
  EXPECT_FALSE(safety_.Sent(vote)) << "pre-votes bind nobody";
}

TEST_F(RaftSafetyTest, ACandidateVotesForItself) {
  EXPECT_FALSE(safety_.Sent({kC, kA, Term(5), raft::VoteRequest{}}));
  ExpectFound(safety_.Sent({kC, kA, Term(5), MakeVote(false, true)}), "vote once",
              "had voted for node 3");
}

TEST_F(RaftSafetyTest, AChangedVoteInMemoryIsFound) {
  Node(kB).Be(Role::kFollower, 3).vote_ = kA;
  EXPECT_FALSE(Step(kB));
  Node(kB).vote_ = kC;
  ExpectFound(Step(kB), "vote once", "changed its vote of term 3");
}

TEST_F(RaftSafetyTest, EqualIndexAndTermWithAnotherContentIsFound) {
  Replicate(2);
  Node(kA).Add(1, "mine");
  EXPECT_FALSE(Step(kA));
  Node(kB).Add(1, "yours");
  ExpectFound(Step(kB), "log matching", "index 3 and term 1 with different contents");
}

TEST_F(RaftSafetyTest, EqualEntriesBehindADifferentPrefixAreFound) {
  Node(kA).Be(Role::kLeader, 3).Add(1).Add(3, "same");
  EXPECT_FALSE(Step(kA));
  Node(kB).Be(Role::kFollower, 3).Add(2).Add(3, "same");
  ExpectFound(Step(kB), "log matching", "different entries before it");
}

TEST_F(RaftSafetyTest, AChangeInTheMiddleIsFoundByTheFullScan) {
  Replicate(5);
  Node(kB).entries_[1] = MakeEntry(2, 1, "rotten");
  RaftSafety::Found found;
  for (int i = 0; i < 4 && !found; ++i) found = Step(kB);
  ExpectFound(found, "log matching", "index 2 and term 1 with different contents");
}

TEST_F(RaftSafetyTest, ALeaderThatDropsItsEntryIsFound) {
  Replicate(2);
  Node(kA).Add(1);
  EXPECT_FALSE(Step(kA));
  Node(kA).entries_.pop_back();
  ExpectFound(Step(kA), "leader append-only", "dropped its entry 3");
}

TEST_F(RaftSafetyTest, AFollowerThatDropsEntriesForNothingIsFound) {
  Replicate(2);
  Node(kB).Add(1, "accepted");
  EXPECT_FALSE(Step(kB));
  Node(kB).entries_.pop_back();
  ExpectFound(Step(kB), "truncation", "node 2 dropped its entry 3 of term 1");
}

TEST_F(RaftSafetyTest, EntriesBehindARepeatedAppendMustStay) {
  Replicate(1);
  Node(kB).Add(1, "2").Add(1, "3");
  EXPECT_FALSE(Step(kB));
  // The same entry again, and what came after it is gone.
  Node(kB).entries_.resize(1);
  Node(kB).Add(1, "2");
  ExpectFound(Step(kB), "truncation", "node 2 dropped its entry 3");
}

TEST_F(RaftSafetyTest, ALeaderThatCommitsAnOldTermByCountingIsFound) {
  Replicate(1);
  Node(kB).Add(1, "left behind");
  EXPECT_FALSE(Step(kB));
  Node(kB).Be(Role::kLeader, 2).Add(2);
  EXPECT_FALSE(Step(kB));
  Node(kB).Commit(2);
  ExpectFound(Step(kB), "commit rule", "took its commit index to 2, an entry of term 1");
}

TEST_F(RaftSafetyTest, AFollowerMayHearOfTheCommitOfAnOldTerm) {
  Replicate(1);
  Node(kB).Add(1, "left behind");
  EXPECT_FALSE(Step(kB));
  Node(kB).Be(Role::kFollower, 2).Commit(2);
  EXPECT_FALSE(Step(kB));
}

TEST_F(RaftSafetyTest, ALeaderWithoutACommittedEntryIsFound) {
  Replicate(2);
  Node(kB).entries_.pop_back();
  Node(kB).Be(Role::kLeader, 2);
  Node(kB).commit_ = Index();
  EXPECT_FALSE(safety_.Started(kC, Node(kC), Index()));
  FakeReplica behind = Node(kB);
  ExpectFound(safety_.Started(kB, behind, Index()), "leader completeness",
              "node 2 leads term 2 without index 2, which node 1 had committed in term 1");
}

TEST_F(RaftSafetyTest, ACommitAfterALaterElectionMustBeHeldByItsLeader) {
  Replicate(1);
  Node(kA).Add(1, "late");
  EXPECT_FALSE(Step(kA));
  Node(kB).Be(Role::kLeader, 2).Add(2);
  EXPECT_FALSE(Step(kB));
  Node(kA).Commit(2);
  ExpectFound(Step(kA), "leader completeness", "node 2 leads term 2 with another entry at index 2");
}

TEST_F(RaftSafetyTest, TwoReplicasThatCommitDifferentEntriesAreFound) {
  Node(kB).Be(Role::kFollower, 1).Add(1).Commit(1);
  EXPECT_FALSE(Step(kB));
  Node(kC).Be(Role::kFollower, 2).Add(2).Commit(1);
  ExpectFound(Step(kC), "state machine safety", "node 3 committed an entry of term 2 at index 1");
}

TEST_F(RaftSafetyTest, ReplacingACommittedEntryIsFound) {
  Replicate(3);
  Node(kB).entries_.resize(1);
  Node(kB).Be(Role::kFollower, 2).Add(2).Add(2);
  ExpectFound(Step(kB), "state machine safety", "replaced entry 2, which it had committed");
}

TEST_F(RaftSafetyTest, CommitAndTermDoNotFall) {
  Replicate(3);
  Node(kB).Commit(2);
  ExpectFound(Step(kB), "monotony", "took its commit index back from 3 to 2");
  Node(kC).term_ = Term(0);
  ExpectFound(Step(kC), "monotony", "went back from term 1 to 0");
  Node(kA).Commit(9);
  ExpectFound(Step(kA), "monotony", "its log ends at 3");
}

TEST_F(RaftSafetyTest, EntriesAreAppliedOnceInOrderAndAsCommitted) {
  Replicate(3);
  EXPECT_FALSE(safety_.Applied(kB, Node(kB).entries_[0]));
  ExpectFound(safety_.Applied(kB, Node(kB).entries_[0]), "state machine safety", "index 1 after 1");
  ExpectFound(safety_.Applied(kB, Node(kB).entries_[2]), "state machine safety", "index 3 after 1");
  ExpectFound(safety_.Applied(kB, MakeEntry(2, 1, "other")), "state machine safety",
              "with another content");
  EXPECT_FALSE(safety_.Started(kB, Node(kB), Index(2)));
  EXPECT_FALSE(safety_.Applied(kB, Node(kB).entries_[2]));
  ExpectFound(safety_.Applied(kB, MakeEntry(4, 1)), "state machine safety",
              "which nobody has committed");
}

TEST_F(RaftSafetyTest, SnapshotsAreOfCommittedEntries) {
  Replicate(3);
  raft::SnapshotMeta meta;
  meta.index = Index(2);
  meta.term = Term(1);
  EXPECT_FALSE(safety_.Installed(kC, meta));
  EXPECT_FALSE(safety_.Applied(kC, Node(kC).entries_[2]));
  ExpectFound(safety_.Installed(kC, meta), "state machine safety", "having applied 3");
  meta.index = Index(3);
  meta.term = Term(2);
  ExpectFound(safety_.Installed(kB, meta), "state machine safety", "committed entry is of term 1");
  meta.index = Index(7);
  ExpectFound(safety_.Installed(kB, meta), "state machine safety", "nobody has committed");
}

TEST_F(RaftSafetyTest, AReplicaThatSkipsAheadBySnapshotContinuesTheChain) {
  Replicate(3);
  Node(kA).Add(1, "next").Commit(4);
  EXPECT_FALSE(Step(kA));
  FakeReplica fresh;
  fresh.snapshot_.index = Index(3);
  fresh.snapshot_.term = Term(1);
  fresh.Be(Role::kFollower, 1).Commit(3);
  EXPECT_FALSE(safety_.Started(kC, fresh, Index(3)));
  fresh.Add(1, "wrong");
  ExpectFound(safety_.Stepped(kC, fresh), "log matching", "index 4 and term 1");
}

}  // namespace
}  // namespace lockstep::checkers
