#include "framework/raft/configuration.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "framework/base/check.h"

namespace lockstep::raft {
namespace {

using Nodes = std::vector<NodeId>;

bool Contains(const Nodes& sorted, NodeId node) {
  return std::binary_search(sorted.begin(), sorted.end(), node);
}

bool IsSortedSet(const Nodes& nodes) {
  return std::is_sorted(nodes.begin(), nodes.end()) &&
         std::adjacent_find(nodes.begin(), nodes.end()) == nodes.end() &&
         (nodes.empty() || nodes.front() != NodeId(0));
}

Nodes Union(const Nodes& a, const Nodes& b) {
  Nodes out;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

Nodes Intersection(const Nodes& a, const Nodes& b) {
  Nodes out;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

Nodes Difference(const Nodes& a, const Nodes& b) {
  Nodes out;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

}  // namespace

bool IsVoter(const Configuration& configuration, NodeId node) {
  return Contains(configuration.voters, node) || Contains(configuration.outgoing, node);
}

bool IsLearner(const Configuration& configuration, NodeId node) {
  return Contains(configuration.learners, node);
}

std::vector<NodeId> Members(const Configuration& configuration) {
  return Union(Union(configuration.voters, configuration.outgoing), configuration.learners);
}

std::optional<Configuration> NextConfiguration(const Configuration& current, Configuration target) {
  CHECK(!current.joint());
  CHECK(!current.voters.empty());
  std::sort(target.voters.begin(), target.voters.end());
  std::sort(target.learners.begin(), target.learners.end());
  if (target.voters.empty() || !IsSortedSet(target.voters) || !IsSortedSet(target.learners) ||
      !Intersection(target.voters, target.learners).empty()) {
    return std::nullopt;
  }
  Configuration next;
  next.voters = std::move(target.voters);
  const size_t changed = Difference(next.voters, current.voters).size() +
                         Difference(current.voters, next.voters).size();
  if (changed <= 1) {
    next.learners = std::move(target.learners);
  } else {
    next.outgoing = current.voters;
    // An old voter keeps its vote until the old half is gone.
    next.learners_next = Intersection(target.learners, next.outgoing);
    next.learners = Difference(target.learners, next.outgoing);
  }
  CheckConfiguration(next);
  return next;
}

Configuration LeaveJoint(const Configuration& joint) {
  CHECK(joint.joint());
  Configuration next;
  next.voters = joint.voters;
  next.learners = Union(joint.learners, joint.learners_next);
  CheckConfiguration(next);
  return next;
}

void CheckConfiguration(const Configuration& configuration) {
  CHECK(IsSortedSet(configuration.voters));
  CHECK(IsSortedSet(configuration.outgoing));
  CHECK(IsSortedSet(configuration.learners));
  CHECK(IsSortedSet(configuration.learners_next));
  CHECK(Intersection(configuration.learners, configuration.voters).empty());
  CHECK(Intersection(configuration.learners, configuration.outgoing).empty());
  CHECK(Difference(configuration.learners_next, configuration.outgoing).empty());
  CHECK(Intersection(configuration.learners_next, configuration.voters).empty());
  if (configuration.joint()) CHECK(!configuration.voters.empty());
}

}  // namespace lockstep::raft
