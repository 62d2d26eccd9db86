#include "framework/raft/votes.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "framework/base/check.h"
#include "framework/raft/configuration.h"

namespace lockstep::raft {
namespace {

bool Contains(const std::vector<NodeId>& sorted, NodeId node) {
  return std::binary_search(sorted.begin(), sorted.end(), node);
}

}  // namespace

Votes::Votes(Configuration configuration) : configuration_(std::move(configuration)) {
  CHECK(!configuration_.voters.empty()) << "an election without voters";
}

void Votes::Record(NodeId voter, std::vector<NodeId>& answers) {
  if (!IsVoter(configuration_, voter)) return;
  if (Contains(granted_, voter) || Contains(refused_, voter)) return;
  answers.insert(std::lower_bound(answers.begin(), answers.end(), voter), voter);
}

VoteOutcome Votes::Outcome() const {
  return raft::Outcome(configuration_, [this](NodeId voter) -> std::optional<bool> {
    if (Contains(granted_, voter)) return true;
    if (Contains(refused_, voter)) return false;
    return std::nullopt;
  });
}

void Votes::CheckInvariants() const {
  CHECK(std::is_sorted(granted_.begin(), granted_.end()));
  CHECK(std::is_sorted(refused_.begin(), refused_.end()));
  for (NodeId voter : granted_) {
    CHECK(IsVoter(configuration_, voter));
    CHECK(!Contains(refused_, voter));
  }
  for (NodeId voter : refused_) CHECK(IsVoter(configuration_, voter));
}

}  // namespace lockstep::raft
