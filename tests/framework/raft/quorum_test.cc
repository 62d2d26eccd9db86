#include "framework/raft/quorum.h"

// gtest first: rapidcheck's glue needs it.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <vector>

namespace lockstep::raft {
namespace {

std::vector<Index> Indices(const std::vector<uint64_t>& values) {
  std::vector<Index> indices;
  for (uint64_t value : values) indices.push_back(Index(value));
  return indices;
}

TEST(MajorityIndex, IsTheLargestThatMoreThanHalfReached) {
  EXPECT_EQ(MajorityIndex(Indices({7})), Index(7));
  EXPECT_EQ(MajorityIndex(Indices({3, 9})), Index(3));
  EXPECT_EQ(MajorityIndex(Indices({9, 1, 5})), Index(5));
  EXPECT_EQ(MajorityIndex(Indices({4, 1, 3, 2})), Index(2));
  EXPECT_EQ(MajorityIndex(Indices({5, 1, 4, 2, 3})), Index(3));
}

TEST(MajorityIndex, WithoutVotersDoesNotBind) {
  EXPECT_EQ(MajorityIndex({}), Index(std::numeric_limits<uint64_t>::max()));
}

TEST(MajorityOutcome, TieIsLost) {
  EXPECT_EQ(MajorityOutcome(4, 2, 1), VoteOutcome::kPending);
  EXPECT_EQ(MajorityOutcome(4, 2, 2), VoteOutcome::kLost);
  EXPECT_EQ(MajorityOutcome(4, 3, 0), VoteOutcome::kWon);
}

TEST(JointOutcome, NeedsBothHalves) {
  EXPECT_EQ(JointOutcome(VoteOutcome::kWon, VoteOutcome::kWon), VoteOutcome::kWon);
  EXPECT_EQ(JointOutcome(VoteOutcome::kWon, VoteOutcome::kPending), VoteOutcome::kPending);
  EXPECT_EQ(JointOutcome(VoteOutcome::kPending, VoteOutcome::kLost), VoteOutcome::kLost);
}

// --- against brute force
// --------------------------------------------------------------------------

// Any subset of the nodes 1..6, as the bits of a number.
std::vector<NodeId> Subset(unsigned bits) {
  std::vector<NodeId> nodes;
  for (uint64_t id = 1; id <= 6; ++id) {
    if ((bits >> id & 1) != 0) nodes.push_back(NodeId(id));
  }
  return nodes;
}

Configuration AnyConfiguration() {
  Configuration configuration;
  configuration.voters = Subset(*rc::gen::inRange(1u, 64u) << 1);
  configuration.outgoing = Subset(*rc::gen::inRange(0u, 64u) << 1);
  return configuration;
}

bool MajorityReached(const std::vector<NodeId>& voters, const std::map<NodeId, uint64_t>& values,
                     uint64_t index) {
  const auto reached =
      std::count_if(voters.begin(), voters.end(), [&](NodeId v) { return values.at(v) >= index; });
  return voters.empty() || 2 * static_cast<size_t>(reached) > voters.size();
}

RC_GTEST_PROP(CommittedIndex, IsTheLargestThatBothMajoritiesReached, ()) {
  const Configuration configuration = AnyConfiguration();
  std::map<NodeId, uint64_t> values;
  for (uint64_t id = 1; id <= 6; ++id) values[NodeId(id)] = *rc::gen::inRange<uint64_t>(0, 12);
  uint64_t expected = 0;
  for (uint64_t index = 0; index < 12; ++index) {
    if (MajorityReached(configuration.voters, values, index) &&
        MajorityReached(configuration.outgoing, values, index)) {
      expected = index;
    }
  }
  RC_ASSERT(CommittedIndex(configuration, [&](NodeId v) { return Index(values.at(v)); }) ==
            Index(expected));
}

// The outcome is final exactly if no way to complete the ballot changes it.
VoteOutcome BruteForceOutcome(const std::vector<NodeId>& voters,
                              const std::map<NodeId, std::optional<bool>>& answers) {
  std::vector<NodeId> open;
  size_t granted = 0;
  for (NodeId voter : voters) {
    const auto answer = answers.at(voter);
    if (!answer.has_value()) open.push_back(voter);
    if (answer.value_or(false)) ++granted;
  }
  bool can_win = false;
  bool can_lose = false;
  for (size_t more = 0; more <= open.size(); ++more) {
    const bool wins = voters.empty() || 2 * (granted + more) > voters.size();
    (wins ? can_win : can_lose) = true;
  }
  if (can_win && can_lose) return VoteOutcome::kPending;
  return can_win ? VoteOutcome::kWon : VoteOutcome::kLost;
}

RC_GTEST_PROP(Outcome, IsFinalOnlyWhenNoFurtherAnswerCanChangeIt, ()) {
  const Configuration configuration = AnyConfiguration();
  std::map<NodeId, std::optional<bool>> answers;
  for (uint64_t id = 1; id <= 6; ++id) {
    const int kind = *rc::gen::inRange(0, 3);
    answers[NodeId(id)] = kind == 0 ? std::nullopt : std::optional<bool>(kind == 1);
  }
  const VoteOutcome incoming = BruteForceOutcome(configuration.voters, answers);
  const VoteOutcome outgoing = BruteForceOutcome(configuration.outgoing, answers);
  VoteOutcome expected = VoteOutcome::kPending;
  if (incoming == VoteOutcome::kWon && outgoing == VoteOutcome::kWon) expected = VoteOutcome::kWon;
  if (incoming == VoteOutcome::kLost || outgoing == VoteOutcome::kLost) {
    expected = VoteOutcome::kLost;
  }
  RC_ASSERT(Outcome(configuration, [&](NodeId v) { return answers.at(v); }) == expected);
}

RC_GTEST_PROP(Outcome, TwoWinningSetsOfOneConfigurationMeet, ()) {
  const Configuration configuration = AnyConfiguration();
  const auto wins = [&](unsigned bits) {
    const auto answer = [&](NodeId v) -> std::optional<bool> {
      return (bits >> v.value() & 1) != 0;
    };
    return Outcome(configuration, answer) == VoteOutcome::kWon;
  };
  // All pairs of subsets of six nodes that do not meet.
  for (unsigned a = 0; a < 128; a += 2) {
    for (unsigned b = 0; b < 128; b += 2) {
      if ((a & b) == 0) RC_ASSERT(!wins(a) || !wins(b));
    }
  }
}

}  // namespace
}  // namespace lockstep::raft
