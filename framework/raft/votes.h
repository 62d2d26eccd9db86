// Votes: the answers that one candidate collected in one ballot.
#ifndef LOCKSTEP_FRAMEWORK_RAFT_VOTES_H_
#define LOCKSTEP_FRAMEWORK_RAFT_VOTES_H_

#include <vector>

#include "framework/raft/quorum.h"
#include "framework/raft/types.h"

namespace lockstep::raft {

// Invariants:
//   1. granted_ and refused_ are sorted, disjoint and hold voters of configuration_ only.
//   2. A voter's first answer is final.
// A value; lives in the candidate role and dies with it.
class Votes final {
 public:
  // REQUIRES: the configuration has voters.
  explicit Votes(Configuration configuration);

  // Answers from outside the voters are dropped: a node of a configuration that we have not seen
  // yet may answer in good faith.
  void Grant(NodeId voter) { Record(voter, granted_); }
  void Refuse(NodeId voter) { Record(voter, refused_); }

  VoteOutcome Outcome() const;
  const Configuration& configuration() const { return configuration_; }

  void CheckInvariants() const;

 private:
  void Record(NodeId voter, std::vector<NodeId>& answers);

  Configuration configuration_;
  std::vector<NodeId> granted_;
  std::vector<NodeId> refused_;
};

}  // namespace lockstep::raft

#endif  // LOCKSTEP_FRAMEWORK_RAFT_VOTES_H_
