// RollingUpgrade: takes a cluster from one version to the next and back, node by node, under load.
//
// As an operator would: a node is stopped in good order and comes back as the other version; the
// next one is stopped when all know a leader again. Nothing else happens to the cluster meanwhile,
// so that no request may fail.
#ifndef LOCKSTEP_SIM_CLUSTER_ROLLING_UPGRADE_H_
#define LOCKSTEP_SIM_CLUSTER_ROLLING_UPGRADE_H_

#include <cstddef>
#include <cstdint>

#include "sim/world.h"

namespace lockstep::sim {

// What is done to the cluster. Nothing suspends.
class UpgradedCluster {
 public:
  virtual ~UpgradedCluster() = default;
  // Every node runs and knows a leader.
  virtual bool IsLed() = 0;
  // The node is asked to stop; it comes back after its usual time, as the other version.
  virtual void Replace(size_t target) = 0;
};

// Owned by the Cluster. Nothing suspends.
class RollingUpgrade final {
 public:
  RollingUpgrade(World& world, UpgradedCluster& cluster, size_t nodes)
      : world_(world), cluster_(cluster), nodes_(nodes) {}

  // From now on, until Heal.
  void Start() { LookLater(); }
  void Heal() { healed_ = true; }
  // Whether the node is of the newer version as from its next start.
  bool IsNew(size_t target) const { return (replaced_ + nodes_ - 1 - target) / nodes_ % 2 == 1; }

 private:
  void LookLater();
  void Look();

  World& world_;
  UpgradedCluster& cluster_;
  const size_t nodes_;
  uint64_t replaced_ = 0;  // so many replacements so far, in turn
  bool healed_ = false;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_ROLLING_UPGRADE_H_
