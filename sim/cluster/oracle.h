// Oracle: watches every replica of a universe while it runs and stops the run at the first broken
// promise.
#ifndef LOCKSTEP_SIM_CLUSTER_ORACLE_H_
#define LOCKSTEP_SIM_CLUSTER_ORACLE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checkers/violation.h"
#include "framework/replica/observer.h"

namespace lockstep::sim {

// What was applied at one index, by whoever applied it first.
struct AppliedFact final {
  raft::Term term;
  uint64_t entry_hash = 0;   // kind, timestamp, payload
  uint64_t result_hash = 0;
  NodeId first;
};

// State-machine safety [Raft 5.4.3] and deterministic apply, by an omniscient map; Raft's own
// invariants after every step; and whatever other oracles are attached. Owned by the Cluster.
class Oracle final {
 public:
  Oracle();
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;
  ~Oracle();

  // The observer of a node; good as long as the oracle.
  replica::ReplicaObserver& ObserverOf(NodeId node);
  // More oracles hear what the observers hear, with the node.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual std::optional<checkers::Violation> OnStep(NodeId node, GroupId group,
                                                      const raft::Raft& raft,
                                                      const raft::Effects& effects) = 0;
    virtual std::optional<checkers::Violation> OnSend(NodeId node, GroupId group,
                                                      const raft::Message& message) = 0;
    virtual std::optional<checkers::Violation> OnApplied(NodeId node, GroupId group,
                                                         const raft::Entry& entry) = 0;
  };
  // Borrowed.
  void Add(Listener& listener) { listeners_.push_back(&listener); }

  void Report(checkers::Violation violation);
  const std::optional<checkers::Violation>& violation() const { return violation_; }
  uint64_t applied_count() const { return applied_count_; }

 private:
  class NodeObserver;
  friend class NodeObserver;

  void CheckApplied(NodeId node, GroupId group, const raft::Entry& entry, std::string_view result);


  std::map<NodeId, std::unique_ptr<NodeObserver>> observers_;
  std::map<std::pair<GroupId, raft::Index>, AppliedFact> applied_;
  std::vector<Listener*> listeners_;
  std::optional<checkers::Violation> violation_;
  uint64_t applied_count_ = 0;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_ORACLE_H_
