// ReplicaObserver: a listener for oracles and metrics. Sees everything, changes nothing.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_OBSERVER_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_OBSERVER_H_

#include <string_view>

#include "framework/base/ids.h"
#include "framework/raft/raft.h"

namespace lockstep::replica {

// Calls come from the replica's shard and must not suspend.
class ReplicaObserver {
 public:
  virtual ~ReplicaObserver() = default;
  // The replica has recovered and is about to run.
  virtual void OnStarted(GroupId group, const raft::Raft& raft) = 0;
  // The core took a step and these are its effects, not yet carried out.
  virtual void OnStep(GroupId group, const raft::Raft& raft, const raft::Effects& effects) = 0;
  // Write `id` of the group's log was reported durable.
  virtual void OnDurable(GroupId group, raft::WriteId id) = 0;
  // The message leaves this node now.
  virtual void OnSend(GroupId group, const raft::Message& message) = 0;
  // The message has arrived; the core has not seen it yet.
  virtual void OnReceive(GroupId group, const raft::Message& message) = 0;
  // The entry was applied with this result (before its batch is visible).
  virtual void OnApplied(GroupId group, const raft::Entry& entry, std::string_view result) = 0;
  // A snapshot replaced the state.
  virtual void OnInstalled(GroupId group, const raft::SnapshotMeta& meta) = 0;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_OBSERVER_H_
