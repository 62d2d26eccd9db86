// Each planted bug of the core does what it says: with it, a rule of Raft is broken.
#include <gtest/gtest.h>

#include <variant>

#include "framework/base/mutant_on.h"
#include "framework/raft/mutants.h"
#include "tests/framework/raft/schedule.h"
#include "tests/framework/raft/support.h"

namespace lockstep::raft::testing {
namespace {

using mutant::Id;
using Numbers = std::vector<uint64_t>;

// Runs the same experiment without and with the bug.
template <typename Experiment>
void ExpectOnlyBugChanges(Id id, const Experiment& breaks_the_rule) {
  mutant::Plant(Id::kNone);
  EXPECT_FALSE(breaks_the_rule());
  mutant::Plant(id);
  EXPECT_TRUE(breaks_the_rule());
  mutant::Plant(Id::kNone);
}

TEST(Mutant, M01CommitsAnEntryOfAnEarlierTermByCounting) {
  ExpectOnlyBugChanges(mutant::kM01CommitOldTermByCount, [] {
    Cluster cluster(3);
    cluster.Recreate(1, HardState{Term(2), {}, {}}, LogOfTerms({1, 2}));
    cluster.set_drop(
        [](const Message& m) { return std::holds_alternative<AppendRequest>(m.body); });
    cluster.Campaign(1);
    cluster.Settle();
    AppendReply reply;
    reply.index = Index(2);
    cluster.Handle(1, cluster.raft(1).Step(MakeMessage(2, 1, 3, reply)));
    return cluster.raft(1).commit() == Index(2);
  });
}

TEST(Mutant, M02AnswersReadsBeforeCommittingInItsTerm) {
  ExpectOnlyBugChanges(mutant::kM02ReadBeforeOwnTermCommit, [] {
    Cluster cluster(3);
    cluster.set_drop([](const Message& m) { return std::holds_alternative<AppendReply>(m.body); });
    cluster.Campaign(1);
    cluster.Settle();
    cluster.Read(1, 1);
    cluster.Settle();
    return !cluster.node(1).reads.empty();
  });
}

TEST(Mutant, M04AnswersReadsWithoutAQuorum) {
  ExpectOnlyBugChanges(mutant::kM04ReadWithoutQuorum, [] {
    Cluster cluster(3);
    cluster.Campaign(1);
    cluster.Settle();
    cluster.Isolate(1);
    cluster.Read(1, 1);
    cluster.Settle();
    return !cluster.node(1).reads.empty();
  });
}

TEST(Mutant, M06HeartbeatCommitsWhatTheFollowerMayNotShare) {
  ExpectOnlyBugChanges(mutant::kM06CommitBeyondMatch, [] {
    Cluster cluster(3);
    cluster.Recreate(3, HardState{Term(1), {}, {}}, LogOfTerms({1, 1}));
    cluster.Recreate(2, HardState{Term(2), {}, {}}, LogOfTerms({2}));
    cluster.Recreate(1, HardState{Term(2), {}, {}}, LogOfTerms({2}));
    cluster.set_drop([](const Message& m) {
      return m.to == N(3) && std::holds_alternative<AppendRequest>(m.body);
    });
    cluster.Campaign(1);
    cluster.RunTicks(20);
    return cluster.raft(3).commit() > Index(0);
  });
}

TEST(Mutant, M07DuplicateAppendCutsTheLog) {
  ExpectOnlyBugChanges(mutant::kM07TruncateOnDuplicateAppend, [] {
    Cluster cluster(3);
    cluster.Recreate(1, HardState{Term(1), {}, {}}, LogOfTerms({1, 1, 1}));
    const AppendRequest copy{Index(0), Term(0), Index(0), LogOfTerms({1})};
    cluster.Handle(1, cluster.raft(1).Step(MakeMessage(2, 1, 1, copy)));
    return cluster.raft(1).last_index() < Index(3);
  });
}

TEST(Mutant, M10EmptyAppendIsBelieved) {
  ExpectOnlyBugChanges(mutant::kM10EmptyAppendUnchecked, [] {
    Cluster cluster(3);
    cluster.Recreate(1, HardState{Term(1), {}, {}}, LogOfTerms({1, 1, 1}));
    const AppendRequest probe{Index(2), Term(2), Index(2), {}};
    cluster.Handle(1, cluster.raft(1).Step(MakeMessage(2, 1, 2, probe)));
    return cluster.raft(1).commit() == Index(2);
  });
}

TEST(Mutant, M13VoteOfAnEarlierTermElects) {
  ExpectOnlyBugChanges(mutant::kM13VoteCountedAcrossTerms, [] {
    Cluster cluster(3);
    cluster.Recreate(1, HardState{Term(4), {}, {}}, {});
    cluster.Campaign(1);
    cluster.Handle(1, cluster.raft(1).Step(MakeMessage(2, 1, 5, VoteReply{true, true, {}, {}})));
    while (cluster.PersistOne(1)) {
    }
    cluster.Handle(1, cluster.raft(1).Step(MakeMessage(2, 1, 4, VoteReply{false, true, {}, {}})));
    return cluster.raft(1).role() == Role::kLeader;
  });
}

TEST(Mutant, M14LongerLogOfAnOlderTermWins) {
  ExpectOnlyBugChanges(mutant::kM14VoteIgnoresLastTerm, [] {
    Cluster cluster(3);
    cluster.Recreate(1, HardState{Term(3), {}, {}}, LogOfTerms({1, 3}));
    VoteRequest request;
    request.last_index = Index(5);
    request.last_term = Term(2);
    cluster.Handle(1, cluster.raft(1).Step(MakeMessage(2, 1, 4, request)));
    return cluster.raft(1).vote() == N(2);
  });
}

TEST(Mutant, M45PreVotesKeepAFollowerFromEverCampaigning) {
  ExpectOnlyBugChanges(mutant::kM45PreVoteResetsTimer, [] {
    Cluster cluster(3);
    VoteRequest request;
    request.pre_vote = true;
    for (int i = 0; i < 50; ++i) {
      cluster.Tick(1, 50);
      cluster.Handle(1, cluster.raft(1).Step(MakeMessage(2, 1, 1, request)));
    }
    return cluster.raft(1).role() == Role::kFollower;
  });
}

// A cluster with leases of 1000 ns, node 1 leading; all clocks show `now`.
struct Leased final {
  explicit Leased(int64_t& now)
      : cluster(3, 1, [](Options& options) {
          options.lease_ns = 1000;
          options.lease_drift_ppm = 100'000;
        }) {
    cluster.set_clock([&now](uint64_t) { return now; });
    cluster.Campaign(1);
    cluster.Settle();
    cluster.Tick(1, 10);
    cluster.Settle();
  }
  bool ReadsAlone() {
    cluster.Read(1, 1);
    return !cluster.node(1).reads.empty();
  }
  Cluster cluster;
};

TEST(Mutant, M140CountsALeaseFromTheAnswer) {
  ExpectOnlyBugChanges(mutant::kM140LeaseFromReceipt, [] {
    int64_t now = 1;
    Leased leased(now);
    now += 1000;
    leased.cluster.Tick(1, 10);
    now += 950;
    leased.cluster.Settle();
    return leased.ReadsAlone();
  });
}

TEST(Mutant, M141KeepsTheLeaseWhileLeadershipMoves) {
  ExpectOnlyBugChanges(mutant::kM141LeaseKeptInTransfer, [] {
    int64_t now = 1;
    Leased leased(now);
    leased.cluster.Isolate(1);
    leased.cluster.Handle(1, leased.cluster.raft(1).TransferLeadership(N(2)));
    return leased.ReadsAlone();
  });
}

TEST(Mutant, M142BelievesThatClocksAreEquallyFast) {
  ExpectOnlyBugChanges(mutant::kM142LeaseIgnoresDrift, [] {
    int64_t now = 1;
    Leased leased(now);
    now += 950;
    return leased.ReadsAlone();
  });
}

TEST(Mutant, M144SleepsThroughItsLeadersDeath) {
  ExpectOnlyBugChanges(mutant::kM144QuiescedForGood, [] {
    Cluster cluster(3, 1, [](Options& options) { options.quiesce_ticks = 50; });
    cluster.Campaign(1);
    cluster.RunTicks(200);
    cluster.Crash(1);
    for (const uint64_t id : {2, 3}) cluster.Handle(id, cluster.raft(id).LostLeader(N(1)));
    cluster.RunTicks(500);
    return cluster.leader() == 0;
  });
}

TEST(Mutant, M145ForgetsAPromiseWithItsProcess) {
  ExpectOnlyBugChanges(mutant::kM145PromiseForgotten, [] {
    int64_t now = 1;
    Leased leased(now);
    leased.cluster.Crash(2);
    leased.cluster.Restart(2);
    VoteRequest request;
    request.last_index = Index(100);
    request.last_term = Term(8);
    leased.cluster.Handle(2, leased.cluster.raft(2).Step(MakeMessage(3, 2, 10, request)));
    return leased.cluster.raft(2).vote() == N(3);
  });
}

// The properties notice: schedules that are clean without the bug break a property with it.
size_t Violations(Id id, uint64_t seeds) {
  mutant::Plant(id);
  size_t violations = 0;
  for (uint64_t seed = 0; seed < seeds && violations == 0; ++seed) {
    Schedule schedule(3, seed, Schedule::Members::kFixed);
    base::SequentialRandom random(seed);
    for (int i = 0; i < 3000 && schedule.safety().violation().empty(); ++i) {
      schedule.Play(static_cast<uint32_t>(random.Next() >> 34));
    }
    if (!schedule.safety().violation().empty()) ++violations;
  }
  mutant::Plant(Id::kNone);
  return violations;
}

TEST(MutantSchedules, ReadBugsBreakLinearizableReads) {
  EXPECT_EQ(Violations(Id::kNone, 50), 0u);
  EXPECT_GT(Violations(mutant::kM02ReadBeforeOwnTermCommit, 500), 0u);
  EXPECT_GT(Violations(mutant::kM04ReadWithoutQuorum, 500), 0u);
}

}  // namespace
}  // namespace lockstep::raft::testing
