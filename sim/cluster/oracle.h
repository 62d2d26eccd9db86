// Oracle: watches every replica of a universe while it runs and keeps the first broken promise.
#ifndef LOCKSTEP_SIM_CLUSTER_ORACLE_H_
#define LOCKSTEP_SIM_CLUSTER_ORACLE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "checkers/durability_ledger.h"
#include "checkers/raft_safety.h"
#include "checkers/violation.h"
#include "framework/replica/observer.h"

namespace lockstep::sim {

// Puts together: Raft's own invariants after every step, Raft's promises seen by somebody who sees
// all replicas (checkers::RaftSafety), that leaders were voted for, the durability ledger, and
// deterministic apply: the same entry has the same result everywhere.
// Owned by the Cluster. Nothing here suspends.
class Oracle final {
 public:
  // Every `image_period` promises of a replica its durable image is read in full. The image is
  // borrowed.
  explicit Oracle(checkers::DurableImage& image, uint64_t image_period = 64);
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;
  ~Oracle();

  // The observer of a node; good as long as the oracle.
  replica::ReplicaObserver& ObserverOf(NodeId node);
  // What the node's disk would give back now covers what the node promised.
  void CheckImage(NodeId node, GroupId group);

  // Also hears of every Raft message that leaves a node.
  void set_on_send(std::function<void(GroupId, const raft::Message&)> on_send) {
    on_send_ = std::move(on_send);
  }
  // Also hears of every snapshot that a leader is about to send: from whom, to whom.
  void set_on_snapshot(std::function<void(NodeId, NodeId)> on_snapshot) {
    on_snapshot_ = std::move(on_snapshot);
  }
  // Clocks differ by no more than leaders believe: whoever holds a lease is the only one who leads.
  void ExpectLeases() { expects_leases_ = true; }
  // A leader that sends so many rounds of heartbeats and hears nobody leads no longer [thesis 6.2].
  void ExpectStepDown(uint64_t rounds) { rounds_unheard_max_ = rounds; }

  void Report(std::optional<checkers::Violation> violation);
  const std::optional<checkers::Violation>& violation() const { return violation_; }
  uint64_t applied_count() const { return applied_count_; }

 private:
  class NodeObserver;
  friend class NodeObserver;
  // What was answered at an index, by whoever applied it first.
  struct Answer {
    std::string result;
    NodeId first;
  };

  // The leader of this term was chosen by a quorum of votes of this very term. Two leaders would
  // tell, too, but only if another candidate came at the wrong moment.
  void CheckElected(NodeId node, GroupId group, const raft::Raft& raft);
  // Nobody was elected while this leader would have answered a read without asking anybody.
  void CheckLease(NodeId node, GroupId group, const raft::Raft& raft);
  void CheckAnswer(NodeId node, GroupId group, raft::Index index, std::string_view result);

  std::map<GroupId, checkers::RaftSafety> safety_;
  checkers::DurabilityLedger ledger_;
  std::map<NodeId, std::unique_ptr<NodeObserver>> observers_;
  std::map<std::pair<GroupId, raft::Index>, Answer> answers_;
  // Who granted its vote, in messages that left: to (group, term, candidate).
  std::map<std::tuple<GroupId, raft::Term, NodeId>, std::set<NodeId>> votes_;
  std::map<GroupId, std::pair<raft::Term, NodeId>> newest_leader_;
  std::function<void(GroupId, const raft::Message&)> on_send_;
  std::function<void(NodeId, NodeId)> on_snapshot_;
  bool expects_leases_ = false;
  uint64_t rounds_unheard_max_ = std::numeric_limits<uint64_t>::max();
  std::optional<checkers::Violation> violation_;
  uint64_t applied_count_ = 0;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_ORACLE_H_
