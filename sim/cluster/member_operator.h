// MemberOperator: changes the members of a cluster while it runs, and wipes disks.
//
// A client like any other: it asks a node's port, hears refusals and unknown outcomes, and asks
// again. What it asks for it draws; it looks at the newest member list that any node has applied.
#ifndef LOCKSTEP_SIM_CLUSTER_MEMBER_OPERATOR_H_
#define LOCKSTEP_SIM_CLUSTER_MEMBER_OPERATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "framework/replica/member_change.h"
#include "framework/runtime/environment.h"
#include "sim/world.h"

namespace lockstep::sim {

// What the operator sees of the cluster and does to it. Nothing suspends.
class OperatedCluster {
 public:
  virtual ~OperatedCluster() = default;
  // The newest that a running node has applied; null if none runs.
  virtual std::shared_ptr<const replica::MemberList> Members() = 0;
  // A machine that was never used: switched on, to join. It has been (or is being) added.
  virtual void StartSpare(NodeId spare) = 0;
  // Whether every other member knows the node's directory: then it may lose its disk.
  virtual bool MayWipe(NodeId node) = 0;
  virtual void Wipe(NodeId node) = 0;
  virtual runtime::Address ClientAddressOf(NodeId node) const = 0;
  virtual std::vector<runtime::Address> PeerAddressesOf(NodeId node) const = 0;
};

// Owned by the Cluster. Run suspends.
class MemberOperator final {
 public:
  // Nodes of the ids (nodes, nodes + spares] are there to be added, each once.
  MemberOperator(World& world, OperatedCluster& cluster, uint32_t nodes, uint32_t spares);
  MemberOperator(const MemberOperator&) = delete;
  MemberOperator& operator=(const MemberOperator&) = delete;

  void Run(Fiber& fiber, runtime::Environment& environment);
  // From now on it only removes who was wiped.
  void Heal() { healed_ = true; }

  const std::set<NodeId>& wiped() const { return wiped_; }

 private:
  using Kind = replica::MemberStep::Kind;

  void Act(Fiber& fiber, runtime::Environment& environment, const replica::MemberList& list);
  bool RemoveWiped(Fiber& fiber, runtime::Environment& environment,
                   const replica::MemberList& list);
  void WipeOne(MonoTime now, const replica::MemberList& list);
  // The next machine that was never used, as a step; nothing if there is none.
  bool AddSpare(bool is_learner, replica::MemberChange& change);
  void AddStep(Kind kind, NodeId node, replica::MemberChange& change);
  // A member that is one of those, drawn; 0: there is none.
  NodeId Pick(const replica::MemberList& list, bool learners) const;
  // True: it was granted.
  bool Ask(Fiber& fiber, runtime::Environment& environment, const replica::MemberList& list,
           const replica::MemberChange& change);
  uint64_t Draw(Stream stream, uint64_t bound, uint64_t benign) const;

  World& world_;
  OperatedCluster& cluster_;
  uint64_t next_spare_;
  uint64_t last_spare_;
  std::set<NodeId> wiped_;  // those that are members still
  uint64_t turn_ = 0;
  bool healed_ = false;
  // Until then something that was asked for without an answer may still be granted.
  MonoTime unsure_until_;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_MEMBER_OPERATOR_H_
