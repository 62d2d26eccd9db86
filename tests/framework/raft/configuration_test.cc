#include "framework/raft/configuration.h"

#include <gtest/gtest.h>

#include "tests/framework/raft/support.h"

namespace lockstep::raft::testing {
namespace {

Configuration With(const std::vector<uint64_t>& voters, const std::vector<uint64_t>& learners) {
  Configuration configuration = Voters(voters);
  configuration.learners = Nodes(learners);
  return configuration;
}

TEST(Configuration, OneVoterMoreOrLessIsASimpleChange) {
  EXPECT_EQ(NextConfiguration(Voters({1, 2, 3}), Voters({1, 2, 3, 4})), Voters({1, 2, 3, 4}));
  EXPECT_EQ(NextConfiguration(Voters({1, 2, 3}), Voters({1, 3})), Voters({1, 3}));
}

TEST(Configuration, LearnersChangeFreelyInASimpleChange) {
  EXPECT_EQ(NextConfiguration(With({1, 2}, {3, 4}), With({1, 2}, {5, 6})), With({1, 2}, {5, 6}));
  EXPECT_EQ(NextConfiguration(Voters({1, 2, 3}), With({1, 2}, {3})), With({1, 2}, {3}));
}

TEST(Configuration, ReplacingAVoterIsJoint) {
  const auto next = NextConfiguration(Voters({1, 2, 3}), Voters({1, 2, 4}));
  ASSERT_TRUE(next.has_value());
  EXPECT_TRUE(next->joint());
  EXPECT_EQ(next->outgoing, Nodes({1, 2, 3}));
  EXPECT_EQ(LeaveJoint(*next), Voters({1, 2, 4}));
}

TEST(Configuration, OldVoterBecomesLearnerOnlyWhenTheJointFormIsLeft) {
  const auto next = NextConfiguration(With({1, 2, 3}, {6}), With({1, 4}, {3, 5}));
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->learners, Nodes({5}));
  EXPECT_EQ(next->learners_next, Nodes({3}));
  EXPECT_TRUE(IsVoter(*next, N(3)));
  EXPECT_FALSE(IsLearner(*next, N(3)));
  EXPECT_EQ(LeaveJoint(*next), With({1, 4}, {3, 5}));
}

TEST(Configuration, MembersAreEverybodyWhoGetsTheLog) {
  const auto next = NextConfiguration(Voters({1, 2, 3}), With({1, 4}, {3, 5}));
  EXPECT_EQ(Members(*next), Nodes({1, 2, 3, 4, 5}));
}

TEST(Configuration, TargetNeedNotBeSorted) {
  EXPECT_EQ(NextConfiguration(Voters({1, 2, 3}), Voters({4, 3, 2, 1})), Voters({1, 2, 3, 4}));
}

TEST(Configuration, RefusesWhatIsNone) {
  const Configuration current = Voters({1, 2, 3});
  EXPECT_FALSE(NextConfiguration(current, Voters({})).has_value());
  EXPECT_FALSE(NextConfiguration(current, With({}, {1})).has_value());
  EXPECT_FALSE(NextConfiguration(current, With({1, 2}, {2})).has_value());
  EXPECT_FALSE(NextConfiguration(current, Voters({1, 1, 2})).has_value());
  EXPECT_FALSE(NextConfiguration(current, Voters({0, 1, 2})).has_value());
  EXPECT_FALSE(NextConfiguration(current, With({1, 2, 3}, {4, 4})).has_value());
}

TEST(ConfigurationDeathTest, LearnerThatVotesIsABug) {
  EXPECT_DEATH(CheckConfiguration(With({1, 2}, {2})), "CHECK failed");
}

}  // namespace
}  // namespace lockstep::raft::testing
