// RecordingObserver: tells the universe's recorder what a node's replicas do.
#ifndef LOCKSTEP_SIM_CLUSTER_RECORDING_OBSERVER_H_
#define LOCKSTEP_SIM_CLUSTER_RECORDING_OBSERVER_H_

#include <string_view>

#include "framework/replica/observer.h"
#include "sim/world.h"

namespace lockstep::sim {

// Passes everything on to the observer that is there anyway.
// REQUIRES: the world has a recorder. Owned by the Cluster. Nothing here suspends.
class RecordingObserver final : public replica::ReplicaObserver {
 public:
  RecordingObserver(World& world, NodeId node, replica::ReplicaObserver& next)
      : world_(world), node_(node), next_(next) {}

  void OnStarted(GroupId group, const raft::Raft& raft) override;
  void OnStep(GroupId group, const raft::Raft& raft, const raft::Effects& effects) override;
  void OnDurable(GroupId group, raft::WriteId id) override { next_.OnDurable(group, id); }
  void OnSend(GroupId group, const raft::Message& message) override;
  void OnReceive(GroupId group, const raft::Message& message) override;
  void OnApplied(GroupId group, const raft::Entry& entry, std::string_view result) override;
  void OnInstalled(GroupId group, const raft::SnapshotMeta& meta) override {
    next_.OnInstalled(group, meta);
  }

 private:
  void TellState(const raft::Raft& raft);
  void TellMessage(const raft::Message& message, bool arrives);

  World& world_;
  NodeId node_;
  replica::ReplicaObserver& next_;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_RECORDING_OBSERVER_H_
