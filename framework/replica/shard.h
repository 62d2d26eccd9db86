// Shard: everything that one thread of a node hosts: groups, one log, one store, peer connections.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_SHARD_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_SHARD_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/machine/ordered_store.h"
#include "framework/machine/state_machine.h"
#include "framework/replica/log.h"
#include "framework/replica/node_members.h"
#include "framework/replica/observer.h"
#include "framework/replica/peer_records.h"
#include "framework/replica/peer_transport.h"
#include "framework/replica/pulse.h"
#include "framework/replica/replica.h"
#include "framework/replica/scrubber.h"
#include "framework/replica/snapshot_store.h"
#include "framework/replica/snapshot_transfer.h"
#include "framework/runtime/environment.h"

namespace lockstep::replica {

struct ShardOptions final {
  ClusterId cluster;
  runtime::Address listen;      // for peers
  runtime::Address advertised;  // what they dial to get there
  std::shared_ptr<const MemberList> members;
  std::vector<GroupId> groups;  // that will be added, if a damaged log is to be mended
  std::string directory;        // of this shard, in the node's data directory
  uint64_t directory_id = 0;    // Identity::directory
  // A group of this shard has applied a newer list. Null: nobody cares.
  std::function<void(std::shared_ptr<const MemberList>)> on_members;
  Duration tick = Milliseconds(10);
  Duration compaction_interval = Milliseconds(500);
  LogOptions log;  // cluster and directory are filled in
  // Of the entries of all groups together; beyond it each gives up what it can.
  uint64_t log_bytes_max = kShardLogBytesMax;
  ScrubOptions scrub;
  SnapshotOptions snapshots;
  uint32_t protocol_version_max = wire::kProtocolVersion;
};

// Invariants: a group is added once; every replica's log writes go to this shard's one log.
// Use: Open, AddGroup for each group, then Run. Owned by the node's main.
class Shard final : private PeerHandler, public PeerLink {
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

  // A newer list was applied on another shard: peers and groups of this one follow.
  void SetMembers(std::shared_ptr<const MemberList> list);
  std::shared_ptr<const MemberList> members() const { return members_.list(); }
  // Whether the peer's directory is known here, durably, whatever is applied after a restart.
  bool Remembers(NodeId peer, uint64_t directory) const { return records_.Find(peer) == directory; }

  // Works until something fails that the node must not survive, and says what. FAILED_PRECONDITION:
  // this node is no member any more, or must not be one with this data.
  absl::Status Run(Fiber& fiber);

  // For a graceful stop.
  void HandOver(Fiber& fiber, MonoTime deadline);

  // Null if it is not here.
  Replica* group(GroupId id);
  size_t awake_groups() const { return pulse_.awake_count(); }
  const Log& log() const { return *log_; }
  // Run ended because of the log: what the disk holds is not known any more.
  bool log_failed() const { return log_failed_; }
  runtime::Environment& environment() { return environment_; }
  ScrubStats scrubbed() const { return scrubber_->stats(); }

 private:
  Shard(runtime::Environment& environment, machine::OrderedStore& store, ShardOptions options,
        ReplicaObserver* observer);

  // PeerLink
  void Send(GroupId group, raft::Message message) override;
  void SendForward(NodeId to, wire::Forward forward) override;
  void SendForwardRefused(NodeId to, wire::ForwardRefused refused) override;
  void StartSnapshot(GroupId group, NodeId to) override;
  void OnMembersChanged(GroupId group) override;
  void OnConfigurationChanged(GroupId group) override;
  uint32_t VersionOf(NodeId peer) const override { return transport_.VersionOf(peer); }
  void OnAwake(GroupId group) override { pulse_.Awake(group); }
  void OnLogGrown() override { log_grown_.Set(); }
  // PeerHandler
  wire::HelloAnswer Admit(Fiber& fiber, const wire::Hello& hello) override;
  bool StillAdmits(const wire::Hello& hello) override;
  wire::Hello MakeHello(NodeId to, wire::Purpose purpose) override;
  void OnRefused(NodeId peer, const wire::HelloAnswer& answer) override;
  void OnConnected(NodeId peer) override { pulse_.Tell(peer); }
  void OnHeard(NodeId peer) override { pulse_.Heard(peer); }
  void OnMessage(GroupId group, raft::Message message) override;
  void OnForward(NodeId from, wire::Forward forward) override;
  void OnForwardRefused(const wire::ForwardRefused& refused) override;
  void OnUnreachable(NodeId peer) override;
  void OnConnectionLost(NodeId peer) override;
  void TakeSnapshot(Fiber& fiber, const wire::Hello& from, runtime::Stream& stream,
                    wire::FrameDecoder& decoder) override;

  absl::Status OpenLog(Fiber& fiber);
  absl::StatusOr<raft::SnapshotMeta> StreamSnapshot(Fiber& fiber, Replica& replica, NodeId to,
                                                    raft::Term term,
                                                    const std::function<bool()>& is_wanted);
  absl::Status ReceiveInTurn(Fiber& fiber, const wire::SnapshotBegin& begin,
                             runtime::Stream& stream, wire::FrameDecoder& decoder);
  absl::Status InstallStaged(NodeId from, const wire::SnapshotBegin& begin);
  void TickGroups(Fiber& fiber);
  // Returns only with a failure.
  absl::Status CompactLogs(Fiber& fiber);
  // Until something in the store turns out to be unreadable for good, and says what.
  absl::Status AwaitUnreadable(Fiber& fiber);
  // What the list says of directories, for restarts that begin before it.
  void RecordDirectories(Fiber& fiber);
  // Of any of its groups.
  uint32_t AgreedVersion() const;
  // The peers that are dialed follow what is known.
  void SetMembers(std::shared_ptr<const MemberList> list, NodeMembers::Source source);
  void FollowMembers();
  LogPressure PressureOfLogs() const;
  void DialPeers();
  // The first failure is the shard's.
  void Fail(absl::Status failure);

  runtime::Environment& environment_;
  machine::OrderedStore& store_;
  ShardOptions options_;
  ReplicaObserver* observer_;
  SnapshotStore snapshots_;
  Pace snapshot_pace_;
  // The newest snapshot that is or was sent, by group and follower.
  std::map<std::pair<GroupId, NodeId>, uint64_t> sending_;
  // Who sends a snapshot of the group just now; one at a time.
  std::map<GroupId, runtime::Stream*> receiving_;
  fiber::WaitQueue received_;
  PeerRecords records_;
  NodeMembers members_;
  std::unique_ptr<runtime::Listener> listener_;
  PeerTransport transport_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<Scrubber> scrubber_;
  bool log_failed_ = false;
  std::map<GroupId, RecoveredGroup> recovered_;
  Pulse::Groups groups_;
  Pulse pulse_;
  absl::Status failure_;
  fiber::Event failed_;
  fiber::WaitQueue list_changed_;
  fiber::Event log_grown_;
  std::unique_ptr<fiber::Scope> work_;  // last: its fibers use all of the above
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_SHARD_H_
