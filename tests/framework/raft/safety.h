// The five properties of Raft's figure 3, and linearizable reads, checked from outside after every
// step of any node. Written from the paper; shares no code with the core.
#ifndef LOCKSTEP_TESTS_FRAMEWORK_RAFT_SAFETY_H_
#define LOCKSTEP_TESTS_FRAMEWORK_RAFT_SAFETY_H_

#include <map>
#include <string>

#include "tests/framework/raft/support.h"

namespace lockstep::raft::testing {

class Safety final {
 public:
  // Watches every step of `cluster` from now on.
  explicit Safety(Cluster& cluster);

  // The first violation, empty if none.
  const std::string& violation() const { return violation_; }
  // A read starts now: it must not be answered with an index below what is committed anywhere.
  void ReadStarted(uint64_t id, uint64_t read);

 private:
  struct Committed final {
    Term term;
    Term seen_in;
    std::string payload;
  };

  void Observe(Cluster& cluster, uint64_t id);
  void CheckElectionSafety(const Raft& raft, uint64_t id);
  void CheckCommitted(const Raft& raft, uint64_t id);
  void CheckLeaderCompleteness(const Raft& raft, uint64_t id);
  void CheckLogMatching(Cluster& cluster, uint64_t id);
  void CheckStateMachine(const Node& node, uint64_t id);
  void CheckReads(Node& node, uint64_t id);
  void Fail(const std::string& what, uint64_t id, Index index);

  std::map<Term, uint64_t> leaders_;
  std::map<Index, Committed> committed_;
  std::map<ReadId, Index> reads_;
  std::string violation_;
};

}  // namespace lockstep::raft::testing

#endif  // LOCKSTEP_TESTS_FRAMEWORK_RAFT_SAFETY_H_
