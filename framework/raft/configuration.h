// Questions to a Configuration, and the steps from one to the next [thesis 4].
#ifndef LOCKSTEP_FRAMEWORK_RAFT_CONFIGURATION_H_
#define LOCKSTEP_FRAMEWORK_RAFT_CONFIGURATION_H_

#include <optional>
#include <vector>

#include "framework/raft/types.h"

namespace lockstep::raft {

// In either half of a joint configuration.
bool IsVoter(const Configuration& configuration, NodeId node);
bool IsLearner(const Configuration& configuration, NodeId node);
// Everybody who gets the log, sorted.
std::vector<NodeId> Members(const Configuration& configuration);

// The next configuration on the way from `current` (not joint) to `target`: the target itself if
// the voters differ by at most one, so that any two majorities meet; else the joint one, which
// LeaveJoint turns into the target. Nothing if the target is not a configuration (no voter, a node
// twice, node 0). Vectors of the target need not be sorted; its outgoing and learners_next are
// ignored.
std::optional<Configuration> NextConfiguration(const Configuration& current, Configuration target);
// REQUIRES: joint.joint().
Configuration LeaveJoint(const Configuration& joint);

// Aborts unless the invariants in types.h hold.
void CheckConfiguration(const Configuration& configuration);

}  // namespace lockstep::raft

#endif  // LOCKSTEP_FRAMEWORK_RAFT_CONFIGURATION_H_
