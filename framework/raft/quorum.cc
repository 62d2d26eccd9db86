#include "framework/raft/quorum.h"

#include <functional>
#include <limits>

#include "framework/base/check.h"

namespace lockstep::raft {

Index MajorityIndex(std::vector<Index> indices) {
  if (indices.empty()) return Index(std::numeric_limits<uint64_t>::max());
  // In falling order, the one at n/2 is reached by n/2 + 1 voters.
  const auto middle = indices.begin() + static_cast<ptrdiff_t>(indices.size() / 2);
  std::nth_element(indices.begin(), middle, indices.end(), std::greater<Index>());
  return *middle;
}

VoteOutcome MajorityOutcome(size_t voters, size_t granted, size_t refused) {
  CHECK_LE(granted + refused, voters);
  if (voters == 0) return VoteOutcome::kWon;
  const size_t majority = voters / 2 + 1;
  CHECK_GT(2 * majority, voters);
  if (granted >= majority) return VoteOutcome::kWon;
  return voters - refused >= majority ? VoteOutcome::kPending : VoteOutcome::kLost;
}

VoteOutcome JointOutcome(VoteOutcome incoming, VoteOutcome outgoing) {
  if (incoming == VoteOutcome::kLost || outgoing == VoteOutcome::kLost) return VoteOutcome::kLost;
  return incoming == outgoing ? incoming : VoteOutcome::kPending;
}

}  // namespace lockstep::raft
