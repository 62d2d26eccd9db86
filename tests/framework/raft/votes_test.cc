#include "framework/raft/votes.h"

#include <gtest/gtest.h>

#include "tests/framework/raft/support.h"

namespace lockstep::raft::testing {
namespace {

TEST(Votes, MajorityWins) {
  Votes votes(Voters({1, 2, 3}));
  votes.Grant(N(1));
  EXPECT_EQ(votes.Outcome(), VoteOutcome::kPending);
  votes.Grant(N(3));
  EXPECT_EQ(votes.Outcome(), VoteOutcome::kWon);
  votes.CheckInvariants();
}

TEST(Votes, LostAsSoonAsNoMajorityIsLeft) {
  Votes votes(Voters({1, 2, 3, 4}));
  votes.Refuse(N(1));
  EXPECT_EQ(votes.Outcome(), VoteOutcome::kPending);
  votes.Refuse(N(2));
  EXPECT_EQ(votes.Outcome(), VoteOutcome::kLost);
}

TEST(Votes, FirstAnswerIsFinal) {
  Votes votes(Voters({1, 2, 3}));
  votes.Refuse(N(2));
  votes.Grant(N(2));
  votes.Grant(N(1));
  EXPECT_EQ(votes.Outcome(), VoteOutcome::kPending);
  votes.CheckInvariants();
}

TEST(Votes, AnswerFromOutsideIsDropped) {
  Configuration configuration = Voters({1, 2, 3});
  configuration.learners = Nodes({4});
  Votes votes(configuration);
  votes.Grant(N(1));
  votes.Grant(N(4));
  votes.Grant(N(9));
  EXPECT_EQ(votes.Outcome(), VoteOutcome::kPending);
}

TEST(Votes, JointElectionNeedsBothMajorities) {
  Configuration configuration = Voters({3, 4, 5});
  configuration.outgoing = Nodes({1, 2, 3});
  Votes votes(configuration);
  votes.Grant(N(3));
  votes.Grant(N(4));
  EXPECT_EQ(votes.Outcome(), VoteOutcome::kPending) << "the old half is not won";
  votes.Grant(N(2));
  EXPECT_EQ(votes.Outcome(), VoteOutcome::kWon);
}

TEST(VotesDeathTest, EmptyElectionIsABug) {
  EXPECT_DEATH(Votes{Configuration()}, "an election without voters");
}

}  // namespace
}  // namespace lockstep::raft::testing
