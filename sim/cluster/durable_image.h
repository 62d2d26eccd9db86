// What a node's disk would give back if the power failed now, read for the durability ledger.
#ifndef LOCKSTEP_SIM_CLUSTER_DURABLE_IMAGE_H_
#define LOCKSTEP_SIM_CLUSTER_DURABLE_IMAGE_H_

#include <functional>
#include <optional>
#include <string>

#include "checkers/durability_ledger.h"
#include "framework/base/ids.h"
#include "sim/sim_disk_core.h"

namespace lockstep::sim {

// Copies the synced bytes of the files in the group's log directory, name included, and recovers
// the log from the copy. The node, its files and its caches are not touched.
class LogImage final : public checkers::DurableImage {
 public:
  struct Place {
    SimDiskCore* disk = nullptr;
    ClusterId cluster;
    ShardId shard;
    std::string directory;
  };
  // `place` says where a node keeps a group's log.
  explicit LogImage(std::function<Place(NodeId, GroupId)> place) : place_(std::move(place)) {}

  std::optional<checkers::RecoveredState> Read(NodeId node, GroupId group) override;

 private:
  std::function<Place(NodeId, GroupId)> place_;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_DURABLE_IMAGE_H_
