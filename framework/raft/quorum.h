// Quorum: majorities and joint majorities, as functions of sets. Knows nothing else of Raft.
#ifndef LOCKSTEP_FRAMEWORK_RAFT_QUORUM_H_
#define LOCKSTEP_FRAMEWORK_RAFT_QUORUM_H_

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "framework/raft/mutants.h"
#include "framework/raft/types.h"

namespace lockstep::raft {

enum class VoteOutcome { kPending, kWon, kLost };

// The largest index that a majority of `indices` (one per voter) has reached. Without voters every
// index is reached, so that half of a joint quorum that is empty does not bind.
Index MajorityIndex(std::vector<Index> indices);

// The outcome among `voters`, given how many said yes and how many said no. Without voters: won.
VoteOutcome MajorityOutcome(size_t voters, size_t granted, size_t refused);

// Both halves of a joint quorum must agree [thesis 4.3].
VoteOutcome JointOutcome(VoteOutcome incoming, VoteOutcome outgoing);

// The index committed by counting. `index_of(NodeId) -> Index` tells what a voter holds durably.
template <typename IndexOf>
Index CommittedIndex(const Configuration& configuration, const IndexOf& index_of) {
  const auto half = [&index_of](const std::vector<NodeId>& voters) {
    std::vector<Index> indices;
    indices.reserve(voters.size());
    for (NodeId voter : voters) indices.push_back(index_of(voter));
    return MajorityIndex(std::move(indices));
  };
  if (mutant::Enabled(mutant::kM91OutgoingHalfForgotten)) return half(configuration.voters);
  return std::min(half(configuration.voters), half(configuration.outgoing));
}

// The outcome of a ballot. `answer_of(NodeId) -> std::optional<bool>`: nothing if not yet answered.
template <typename AnswerOf>
VoteOutcome Outcome(const Configuration& configuration, const AnswerOf& answer_of) {
  const auto half = [&answer_of](const std::vector<NodeId>& voters) {
    size_t granted = 0;
    size_t refused = 0;
    for (NodeId voter : voters) {
      const std::optional<bool> answer = answer_of(voter);
      if (answer.has_value()) ++(*answer ? granted : refused);
    }
    return MajorityOutcome(voters.size(), granted, refused);
  };
  if (mutant::Enabled(mutant::kM91OutgoingHalfForgotten)) return half(configuration.voters);
  return JointOutcome(half(configuration.voters), half(configuration.outgoing));
}

}  // namespace lockstep::raft

#endif  // LOCKSTEP_FRAMEWORK_RAFT_QUORUM_H_
