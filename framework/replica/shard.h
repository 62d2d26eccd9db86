// Shard: everything that one thread of a node hosts: groups, one log, one store, peer connections.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_SHARD_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_SHARD_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/machine/ordered_store.h"
#include "framework/machine/state_machine.h"
#include "framework/replica/log.h"
#include "framework/replica/observer.h"
#include "framework/replica/peer_transport.h"
#include "framework/replica/replica.h"
#include "framework/replica/snapshot_store.h"
#include "framework/runtime/environment.h"

namespace lockstep::replica {

struct ShardOptions final {
  ClusterId cluster;
  runtime::Address listen;                   // for peers
  std::map<NodeId, runtime::Address> peers;  // the same shard of the other nodes
  std::string directory;                     // of this shard, in the node's data directory
  Duration tick = Milliseconds(10);
  Duration compaction_interval = Milliseconds(500);
  Duration snapshot_stall_timeout = Seconds(10);
  LogOptions log;  // cluster and directory are filled in
};

// Invariants: a group is added once; every replica's log writes go to this shard's one log.
// Use: Open, AddGroup for each group, then Run. Owned by the node's main.
class Shard final : private PeerHandler, private PeerLink {
 public:
  // Recovers the log, and mends it if it can be. Suspends. Errors as Log::Open and RepairLog, and
  // ALREADY_EXISTS if the port is taken.
  static absl::StatusOr<std::unique_ptr<Shard>> Open(Fiber& fiber,
                                                     runtime::Environment& environment,
                                                     machine::OrderedStore& store,
                                                     ShardOptions options,
                                                     ReplicaObserver* observer = nullptr);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard() override;

  // Recovers or creates the group's replica. Suspends. The pointer is good as long as the shard.
  absl::StatusOr<Replica*> AddGroup(Fiber& fiber, const ReplicaOptions& options,
                                    std::unique_ptr<machine::StateMachine> machine);

  // Works until something fails that the node must not survive, and says what.
  absl::Status Run(Fiber& fiber);

  // Null if it is not here.
  Replica* group(GroupId id);
  const Log& log() const { return *log_; }
  // Run ended because of the log: what the disk holds is not known any more.
  bool log_failed() const { return log_failed_; }
  runtime::Environment& environment() { return environment_; }

 private:
  Shard(runtime::Environment& environment, machine::OrderedStore& store, ShardOptions options,
        ReplicaObserver* observer);

  // PeerLink
  void Send(GroupId group, raft::Message message) override;
  void SendForward(NodeId to, wire::Forward forward) override;
  void SendForwardRefused(NodeId to, wire::ForwardRefused refused) override;
  void StartSnapshot(GroupId group, NodeId to) override;
  // PeerHandler
  void OnMessage(GroupId group, raft::Message message) override;
  void OnForward(NodeId from, wire::Forward forward) override;
  void OnForwardRefused(const wire::ForwardRefused& refused) override;
  void OnUnreachable(NodeId peer) override;
  void OnConnectionLost(NodeId peer) override;
  void TakeSnapshot(Fiber& fiber, NodeId from, runtime::Stream& stream,
                    wire::FrameDecoder& decoder) override;

  absl::Status OpenLog(Fiber& fiber);
  absl::StatusOr<raft::SnapshotMeta> StreamSnapshot(Fiber& fiber, Replica& replica, NodeId to,
                                                    raft::Term term);
  absl::Status InstallStaged(NodeId from, const wire::SnapshotBegin& begin);
  void TickGroups(Fiber& fiber);

  runtime::Environment& environment_;
  machine::OrderedStore& store_;
  ShardOptions options_;
  ReplicaObserver* observer_;
  SnapshotStore snapshots_;
  std::unique_ptr<runtime::Listener> listener_;
  PeerTransport transport_;
  std::unique_ptr<Log> log_;
  bool log_failed_ = false;
  std::map<GroupId, RecoveredGroup> recovered_;
  std::map<GroupId, std::unique_ptr<Replica>> groups_;
  std::unique_ptr<fiber::Scope> work_;  // last: its fibers use all of the above
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_SHARD_H_
