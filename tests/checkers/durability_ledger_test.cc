#include "checkers/durability_ledger.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"

namespace lockstep::checkers {
namespace {

using raft::Index;
using raft::Term;

constexpr NodeId kNode{1};
constexpr NodeId kOther{2};
constexpr GroupId kGroup{9};

raft::VoteReply MakeVote(bool pre_vote, bool granted) {
  raft::VoteReply reply;
  reply.pre_vote = pre_vote;
  reply.granted = granted;
  return reply;
}

raft::Entry MakeEntry(uint64_t index, uint64_t term) {
  raft::Entry entry;
  entry.index = Index(index);
  entry.term = Term(term);
  return entry;
}

raft::Persist Write(std::vector<raft::Entry> entries, raft::HardState state) {
  raft::Persist persist;
  persist.entries = std::move(entries);
  persist.hard_state = state;
  return persist;
}

class FakeImage final : public DurableImage {
 public:
  std::optional<RecoveredState> Read(NodeId, GroupId) override {
    ++reads;
    return state;
  }
  std::optional<RecoveredState> state = RecoveredState{};
  int reads = 0;
};

class DurabilityLedgerTest : public testing::Test {
 protected:
  void Durable(std::vector<raft::Entry> entries, uint64_t term, NodeId vote = {}) {
    const raft::HardState state{Term(term), vote, Index()};
    image_.state->hard_state = state;
    for (const raft::Entry& entry : entries) {
      image_.state->entries.resize(entry.index - image_.state->snapshot.index - 1);
      image_.state->entries.push_back(entry);
    }
    ledger_.OnDurable(kNode, kGroup, Write(std::move(entries), state));
  }
  DurabilityLedger::Found Accept(uint64_t index, uint64_t term) {
    raft::AppendReply reply;
    reply.index = Index(index);
    return ledger_.OnSent(kGroup, {kNode, kOther, Term(term), reply});
  }
  DurabilityLedger::Found Vote(uint64_t term, NodeId candidate) {
    return ledger_.OnSent(kGroup, {kNode, candidate, Term(term), MakeVote(false, true)});
  }

  FakeImage image_;
  DurabilityLedger ledger_{image_, 1};
};

void ExpectFound(const DurabilityLedger::Found& found, const std::string& words) {
  ASSERT_TRUE(found) << "nothing found";
  EXPECT_TRUE(absl::StrContains(found->verdict, words)) << *found;
}

TEST_F(DurabilityLedgerTest, PromisesAboutDurableThingsAreKept) {
  Durable({MakeEntry(1, 1), MakeEntry(2, 1)}, 1, kOther);
  EXPECT_FALSE(Accept(2, 1));
  EXPECT_FALSE(Vote(1, kOther));
  EXPECT_EQ(image_.reads, 2);
  EXPECT_FALSE(ledger_.OnPowerLost(kNode, kGroup));
}

TEST_F(DurabilityLedgerTest, AnAppendAcknowledgedBeforeItsSyncIsFound) {
  Durable({MakeEntry(1, 1)}, 1);
  ExpectFound(Accept(2, 1), "accepted entries up to 2 in term 1; its durable log ends at 1");
}

TEST_F(DurabilityLedgerTest, AnAppendAcknowledgedInATermThatIsNotDurableIsFound) {
  Durable({MakeEntry(1, 1)}, 1);
  ExpectFound(Accept(1, 2), "accepted entries up to 1 in term 2; durable is only term 1");
}

TEST_F(DurabilityLedgerTest, AVoteThatIsNotDurableIsFound) {
  Durable({}, 4);
  ExpectFound(Vote(4, kOther), "voted for node 2 in term 4; durable is only term 4 and vote 0");
  ExpectFound(ledger_.OnSent(kGroup, {kNode, kOther, Term(5), raft::VoteRequest{}}),
              "voted for node 1 in term 5");
}

TEST_F(DurabilityLedgerTest, RefusalsAndPreVotesPromiseNothing) {
  raft::AppendReply refusal;
  refusal.rejected = true;
  refusal.index = Index(9);
  EXPECT_FALSE(ledger_.OnSent(kGroup, {kNode, kOther, Term(3), refusal}));
  EXPECT_FALSE(ledger_.OnSent(kGroup, {kNode, kOther, Term(3), MakeVote(true, true)}));
  EXPECT_FALSE(ledger_.OnSent(kGroup, {kNode, kOther, Term(3), MakeVote(false, false)}));
}

TEST_F(DurabilityLedgerTest, ALogThatReportsWhatTheDiskDoesNotHoldIsFound) {
  Durable({MakeEntry(1, 1), MakeEntry(2, 1)}, 1);
  image_.state->entries.pop_back();
  ExpectFound(Accept(2, 1), "reported entry 2 of term 1 durable; the log on disk ends at 1");
  image_.state->entries.push_back(MakeEntry(2, 1));
  image_.state->entries[0].timestamp_ns = 77;
  ExpectFound(ledger_.OnPowerLost(kNode, kGroup), "the disk holds another one");
}

TEST_F(DurabilityLedgerTest, ALostHardStateIsFound) {
  Durable({}, 3, kOther);
  image_.state->hard_state = {};
  ExpectFound(ledger_.OnPowerLost(kNode, kGroup), "reported term 3 and vote 2 durable");
}

TEST_F(DurabilityLedgerTest, TheDiskMayBeAheadOfWhatWasReported) {
  Durable({MakeEntry(1, 1), MakeEntry(2, 1), MakeEntry(3, 1)}, 1);
  image_.state->hard_state.term = Term(2);
  image_.state->entries.resize(1);
  image_.state->entries.push_back(MakeEntry(2, 2));
  EXPECT_FALSE(ledger_.OnPowerLost(kNode, kGroup)) << "replaced by a newer leader's entry";
  image_.state->snapshot.index = Index(3);
  image_.state->entries.clear();
  EXPECT_FALSE(ledger_.OnPowerLost(kNode, kGroup)) << "covered by a snapshot";
}

TEST_F(DurabilityLedgerTest, WhatARestartRecoversIsComparedWithWhatWasReported) {
  Durable({MakeEntry(1, 1), MakeEntry(2, 1)}, 1);
  RecoveredState recovered = *image_.state;
  recovered.entries.pop_back();
  ExpectFound(ledger_.OnRecovered(kNode, kGroup, recovered), "the log on disk ends at 1");
  EXPECT_FALSE(ledger_.OnRecovered(kNode, kGroup, *image_.state));
}

TEST_F(DurabilityLedgerTest, AnUnreadableImageIsFound) {
  Durable({MakeEntry(1, 1)}, 1);
  image_.state.reset();
  ExpectFound(ledger_.OnPowerLost(kNode, kGroup), "cannot be read");
}

TEST_F(DurabilityLedgerTest, ACommitNeedsADurableQuorumOfBothConfigurations) {
  raft::Configuration configuration;
  configuration.voters = {NodeId(1), NodeId(2), NodeId(3)};
  Durable({MakeEntry(1, 1)}, 1);
  ExpectFound(ledger_.OnCommitted(kGroup, configuration, Index(1), Term(1)),
              "durable at 1 of 3 voters");
  ledger_.OnDurable(kOther, kGroup, Write({MakeEntry(1, 1)}, {Term(1), {}, {}}));
  EXPECT_FALSE(ledger_.OnCommitted(kGroup, configuration, Index(1), Term(1)));
  configuration.outgoing = {NodeId(1), NodeId(4), NodeId(5)};
  ExpectFound(ledger_.OnCommitted(kGroup, configuration, Index(1), Term(1)),
              "durable at 1 of 3 voters");
}

}  // namespace
}  // namespace lockstep::checkers
