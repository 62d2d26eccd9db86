// Reads by lease: at once while a quorum's promises last, and never when somebody else may lead.
#include <gtest/gtest.h>

#include <map>
#include <variant>

#include "tests/framework/raft/support.h"

namespace lockstep::raft::testing {
namespace {

constexpr int64_t kTickNs = 1000;
constexpr uint64_t kElection = 100;

// Three nodes whose clocks a test sets; node 1 leads.
class Lease : public ::testing::Test {
 protected:
  Lease() {
    cluster_.set_clock([this](uint64_t id) { return clock_[id]; });
    Pass(1);
    cluster_.Campaign(1);
    cluster_.Settle();
    Beat();
  }

  static void WithLease(Options& options) {
    options.lease_ns = kElection * kTickNs;
    options.lease_drift_ppm = 100'000;  // a tenth
  }
  void Pass(int64_t ns) {
    for (const uint64_t id : {1, 2, 3}) clock_[id] += ns;
  }
  // A round of heartbeats, in no time.
  void Beat() {
    cluster_.Tick(1, 10);
    cluster_.Settle();
  }
  // Whether a read at node 1 is answered without a word to anybody.
  bool ReadsAtOnce() {
    const size_t before = cluster_.node(1).reads.size();
    cluster_.Read(1, ++reads_);
    const bool answered = cluster_.node(1).reads.size() > before;
    EXPECT_EQ(answered, cluster_.network().empty());
    cluster_.network().clear();
    return answered;
  }

  Cluster cluster_{3, 1, WithLease};
  std::map<uint64_t, int64_t> clock_;
  uint64_t reads_ = 0;
};

TEST_F(Lease, ReadsNeedNoRoundWhileItLasts) {
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(ReadsAtOnce());
  Pass(kElection * kTickNs * 9 / 10 - 1);
  EXPECT_TRUE(ReadsAtOnce());
  Pass(1);
  EXPECT_FALSE(ReadsAtOnce()) << "shortened by the declared drift";
  Beat();
  EXPECT_TRUE(ReadsAtOnce());
}

TEST_F(Lease, AFollowersReadIsAnsweredInOneRoundTrip) {
  cluster_.Read(2, 7);
  ASSERT_EQ(cluster_.network().size(), 1u);
  cluster_.Deliver(0);
  ASSERT_EQ(cluster_.network().size(), 1u);
  cluster_.Deliver(0);
  ASSERT_EQ(cluster_.node(2).reads.size(), 1u);
  EXPECT_EQ(cluster_.node(2).reads[0].index, cluster_.raft(1).commit());
}

TEST_F(Lease, CountsFromWhenTheHeartbeatWasSentNotFromItsAnswer) {
  Pass(kElection * kTickNs);
  cluster_.Tick(1, 10);  // sent now; the answers take their time
  Pass(kElection * kTickNs * 9 / 10);
  cluster_.Settle();
  EXPECT_FALSE(ReadsAtOnce());
}

TEST_F(Lease, APausedLeaderKnowsWhenItLooksAtItsClock) {
  EXPECT_TRUE(ReadsAtOnce());
  Pass(1'000'000 * kTickNs);
  EXPECT_FALSE(ReadsAtOnce());
}

TEST_F(Lease, IsGivenUpForTheTermOnceSomebodyWasAskedToCampaign) {
  cluster_.set_drop([](const Message& m) { return std::holds_alternative<TimeoutNow>(m.body); });
  cluster_.Handle(1, cluster_.raft(1).TransferLeadership(N(2)));
  cluster_.Settle();
  EXPECT_FALSE(ReadsAtOnce());
  for (int i = 0; i < 30; ++i) Beat();  // the attempt is over; the request may still arrive
  EXPECT_FALSE(ReadsAtOnce());
  cluster_.Settle();
  EXPECT_EQ(cluster_.leader(), 1u);
}

TEST_F(Lease, NobodyWhoPromisedVotesOrCampaignsBeforeItsEnd) {
  cluster_.Isolate(1);
  // The connection closed, which otherwise allows an election at once.
  for (const uint64_t id : {2, 3}) cluster_.Handle(id, cluster_.raft(id).LostLeader(N(1)));
  cluster_.RunTicks(50 * kElection);
  EXPECT_EQ(cluster_.leader(), 0u) << "it stepped down; no time has passed by the others' clocks";
  EXPECT_EQ(cluster_.raft(2).role(), Role::kFollower);
  EXPECT_EQ(cluster_.raft(3).role(), Role::kFollower);
  clock_[2] += kElection * kTickNs;
  clock_[3] += kElection * kTickNs;
  cluster_.RunTicks(50);
  EXPECT_NE(cluster_.leader(), 0u) << "soon after, as the leader is known to be lost";
}

TEST_F(Lease, AHigherTermDoesNotLiftAPromise) {
  // Any message may bring one.
  AppendReply reply;
  reply.rejected = true;
  cluster_.Handle(2, cluster_.raft(2).Step(MakeMessage(3, 2, 9, reply)));
  EXPECT_EQ(cluster_.raft(2).term(), Term(9));
  VoteRequest request;
  request.last_index = Index(100);
  request.last_term = Term(8);
  cluster_.Handle(2, cluster_.raft(2).Step(MakeMessage(3, 2, 9, request)));
  EXPECT_EQ(cluster_.raft(2).vote(), NodeId(0));
  cluster_.Handle(2, cluster_.raft(2).Step(MakeMessage(3, 2, 10, request)));
  EXPECT_EQ(cluster_.raft(2).vote(), NodeId(0));
  Pass(kElection * kTickNs);
  cluster_.raft(2).SetTime(clock_[2]);
  cluster_.Handle(2, cluster_.raft(2).Step(MakeMessage(3, 2, 10, request)));
  EXPECT_EQ(cluster_.raft(2).vote(), N(3));
}

TEST_F(Lease, ARestartedVoterKeepsThePromiseOfTheProcessBeforeIt) {
  cluster_.Crash(2);
  cluster_.Restart(2);
  VoteRequest request;
  request.last_index = Index(100);
  request.last_term = Term(8);
  cluster_.Handle(2, cluster_.raft(2).Step(MakeMessage(3, 2, 10, request)));
  EXPECT_EQ(cluster_.raft(2).vote(), N(1)) << "that of term 1";
  EXPECT_EQ(cluster_.raft(2).term(), Term(1));
}

TEST_F(Lease, WhoIsAskedToCampaignIsVotedFor) {
  cluster_.Handle(1, cluster_.raft(1).TransferLeadership(N(3)));
  cluster_.Settle();
  EXPECT_EQ(cluster_.leader(), 3u);
}

TEST_F(Lease, PromisesOfAMinorityAreNone) {
  Pass(kElection * kTickNs);
  cluster_.Isolate(1);
  Beat();
  EXPECT_FALSE(ReadsAtOnce());
}

TEST(LeaseOff, NobodyPromisesAnythingByDefault) {
  Cluster cluster(3);
  cluster.set_clock([](uint64_t) { return 5; });
  cluster.Campaign(1);
  cluster.Settle();
  cluster.set_drop([](const Message& m) {
    const auto* reply = std::get_if<HeartbeatReply>(&m.body);
    EXPECT_TRUE(reply == nullptr || (reply->promise_ns == 0 && reply->stamp_ns == 0));
    return false;
  });
  cluster.RunTicks(50);
  EXPECT_FALSE(cluster.raft(1).has_lease());
}

}  // namespace
}  // namespace lockstep::raft::testing
