// RollingUpgrade: takes a cluster from one version to the next and back, node by node, under load.
//
// As an operator would: a node is stopped in good order and comes back as the other version; the
// next one is stopped when it is back and all know a leader. Now and then the operator asks the
// members to agree on the newer version, whoever speaks it; once they have, nobody is taken back.
// Nothing else happens to the cluster meanwhile, so that no request may fail.
#ifndef LOCKSTEP_SIM_CLUSTER_ROLLING_UPGRADE_H_
#define LOCKSTEP_SIM_CLUSTER_ROLLING_UPGRADE_H_

#include <cstddef>
#include <cstdint>

#include "framework/runtime/environment.h"
#include "sim/world.h"

namespace lockstep::sim {

// What is done to the cluster. Nothing suspends.
class UpgradedCluster {
 public:
  virtual ~UpgradedCluster() = default;
  // Every node runs, none is about to stop, and all know a leader.
  virtual bool IsLed() = 0;
  // The node is asked to stop; it comes back after its usual time, as the other version.
  virtual void Replace(size_t target) = 0;
  virtual runtime::Address ClientAddressOf(NodeId node) const = 0;
};

// Owned by the Cluster. Only Run suspends.
class RollingUpgrade final {
 public:
  RollingUpgrade(World& world, UpgradedCluster& cluster, size_t nodes)
      : world_(world), cluster_(cluster), nodes_(nodes) {}

  // Until Heal.
  void Run(Fiber& fiber, runtime::Environment& environment);
  void Heal() { healed_ = true; }
  // Whether the node is of the newer version as from its next start.
  bool IsNew(size_t target) const {
    return is_agreed_ || (replaced_ + nodes_ - 1 - target) / nodes_ % 2 == 1;
  }

 private:
  // Asks one after the other: only the leader grants it.
  void Ask(Fiber& fiber, runtime::Environment& environment);

  World& world_;
  UpgradedCluster& cluster_;
  const size_t nodes_;
  uint64_t replaced_ = 0;   // so many replacements so far, in turn
  bool is_agreed_ = false;  // or may be
  bool healed_ = false;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_ROLLING_UPGRADE_H_
