// Replica: one node's member of one Raft group: core, log, state machine, clients.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_REPLICA_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_REPLICA_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/fiber/sync.h"
#include "framework/machine/ordered_store.h"
#include "framework/machine/state_machine.h"
#include "framework/raft/raft.h"
#include "framework/replica/appended_requests.h"
#include "framework/replica/applier.h"
#include "framework/replica/effect_runner.h"
#include "framework/replica/log.h"
#include "framework/replica/member_change.h"
#include "framework/replica/proposals.h"
#include "framework/replica/reads.h"
#include "framework/replica/snapshot_store.h"
#include "framework/runtime/environment.h"
#include "framework/wire/frames.h"

namespace lockstep::replica {

enum class Consistency {
  kLinearizable,  // reflects every write that was acknowledged before the call
  kSerializable,  // reflects some prefix of the writes: this replica's
};

// The replica's way to its peers. Never suspends; may drop.
class PeerLink : public MessageSink {
 public:
  virtual void SendForward(NodeId to, wire::Forward forward) = 0;
  virtual void SendForwardRefused(NodeId to, wire::ForwardRefused refused) = 0;
  // Streams a snapshot of the group to the follower, then calls Replica::SnapshotSent.
  virtual void StartSnapshot(GroupId group, NodeId to) = 0;
  // Replica::members() is another list; Raft's configuration is another one.
  virtual void OnMembersChanged(GroupId group) = 0;
  virtual void OnConfigurationChanged(GroupId group) = 0;
  // The newest version that a peer speaks; 0 while it is not connected.
  virtual uint32_t VersionOf(NodeId peer) const = 0;
  // It was idle, and wants to be ticked again.
  virtual void OnAwake(GroupId group) = 0;
  // Its log has grown by more than should wait for the next round of CompactLog.
  virtual void OnLogGrown() = 0;
};

// How much the logs of all groups of a shard together take, in memory and on the disk.
inline constexpr uint64_t kShardLogBytesMax = 48 * 1024 * 1024;
enum class LogPressure {
  kNone,
  kHigh,     // whoever can drop something does
  kTooHigh,  // followers that lag get a snapshot
  kFull,     // and nothing is proposed
};

struct ReplicaOptions final {
  GroupId group;
  raft::Options raft;             // self and random_seed are filled in
  raft::Configuration bootstrap;  // the members that a new group starts with
  MemberList members;             // the list that a new group starts with
  Duration resend_interval = Milliseconds(500);
  uint64_t log_bytes_retained = 0;  // 0: limits::kLogBytesRetained
  ProposalLimits proposals;
  uint32_t protocol_version_max = wire::kProtocolVersion;
};

// What a replica holds for others, and its bounds.
struct HeldBytes final {
  uint64_t log = 0;      // entries in memory
  uint64_t log_max = 0;  // save for what was read at the start, and one append
  uint64_t pending = 0;  // of requests of this node's clients
  uint64_t pending_max = 0;
  uint64_t pending_count = 0;
  uint64_t pending_count_max = 0;
};

struct ReplicaStatus final {
  raft::Role role = raft::Role::kFollower;
  NodeId leader;
  raft::Term term;
  raft::Index commit;
  raft::Index applied;
  raft::Index last_index;
  raft::Configuration configuration;
  // The state is lost, or being replaced by a snapshot: nothing is read from it.
  bool awaits_state = false;
  // The log lost a part and catches up; until then this node has no vote.
  bool abstains = false;
  // The disk is full: nothing is written here until it is not.
  bool no_space = false;
  // Idle by agreement: no ticks, no heartbeats.
  bool quiesced = false;
  // Reads are answered without a round just now.
  bool has_lease = false;
  // How often this replica gave up leadership because its disk did not keep up.
  uint64_t disk_stalls = 0;
  // What the members have agreed on (agreement.h).
  uint32_t agreed_version = 0;
};

// Invariants: the core is stepped only by Step (so that every effect is carried out at once, in
// order); everything runs on the shard's thread.
// Owned by the Shard. Methods that take a Fiber suspend, others do not.
class Replica final : private ApplySink, private EffectListener {
 public:
  struct Parts {
    runtime::Environment& environment;
    Log& log;
    machine::OrderedStore& store;
    SnapshotStore& snapshots;
    PeerLink& peers;
    std::unique_ptr<machine::StateMachine> machine;
    ReplicaObserver* observer = nullptr;
  };

  // Recovers the replica from its log and store. `recovered` is null for a new group, which starts
  // with options.bootstrap. A state that does not reach up to the log's start is asked for from the
  // leader; DATA_LOSS if there is nobody to ask, and as said by Log.
  static absl::StatusOr<std::unique_ptr<Replica>> Open(Fiber& fiber, Parts parts,
                                                       const ReplicaOptions& options,
                                                       RecoveredGroup* recovered);
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;
  ~Replica() override;

  // Works until something fails that this node must not survive (its disk, its store).
  absl::Status Run(Fiber& fiber);

  // Executes a command on the replicated state machine, exactly once, and returns its result.
  // RESOURCE_EXHAUSTED: refused, nothing happened. DEADLINE_EXCEEDED, ABORTED: outcome unknown.
  absl::StatusOr<std::string> Propose(Fiber& fiber, std::string command, MonoTime deadline);
  // OK: what this replica answers from now on is not older than this call, or than that long before
  // it by this node's own clock. DEADLINE_EXCEEDED: no leader confirmed that in time.
  absl::Status CatchUp(Fiber& fiber, MonoTime deadline, Duration max_staleness = Duration(0));
  // Asks this replica's state machine, after CatchUp if it is to be linearizable. UNAVAILABLE: its
  // state is being replaced.
  absl::StatusOr<std::string> Query(Fiber& fiber, std::string_view request, Consistency consistency,
                                    MonoTime deadline);
  // Suspends until that entry, or a later one, is applied here: false at the deadline.
  bool AwaitApplied(Fiber& fiber, raft::Index index, MonoTime deadline);
  // Suspends until some leader is known: false at the deadline.
  bool AwaitLeader(Fiber& fiber, MonoTime deadline);

  // Has the members changed (member_change.h). Errors as Propose; a refusal is a value. Granted
  // does not mean done: see AwaitPlace.
  absl::StatusOr<MemberRefusal> ChangeMembers(Fiber& fiber, const MemberChange& change,
                                              MonoTime deadline);
  // The list as applied here.
  const std::shared_ptr<const MemberList>& members() const { return applier_->members(); }
  // As leader, brings the group's configuration there, step by step.
  void SetWanted(std::shared_ptr<const MemberList> list);
  // Suspends until the node has that place in the configuration as applied here: false at the
  // deadline.
  enum class Place { kNone, kLearner, kVoter, kAny };
  bool AwaitPlace(Fiber& fiber, NodeId node, Place place, MonoTime deadline);
  // Hands leadership over. FAILED_PRECONDITION: this replica does not lead. INVALID_ARGUMENT: the
  // target is no other voter. DEADLINE_EXCEEDED: somebody else, or nobody new, leads. Suspends.
  absl::Status TransferLeadership(Fiber& fiber, NodeId target, MonoTime deadline);

  // Has the members agree that they speak this version, for good. FAILED_PRECONDITION: this replica
  // does not lead, or a member does not speak it, or is not there to say so. Else as Propose.
  absl::Status AgreeOn(Fiber& fiber, uint32_t version, MonoTime deadline);
  // As applied here.
  uint32_t agreed_version() const { return applier_->agreed_version(); }

  // From peers, by the Shard.
  void Receive(raft::Message message);
  void ReceiveForward(NodeId from, wire::Forward forward);
  void ReceiveForwardRefused(const wire::ForwardRefused& refused);
  void SnapshotSent(NodeId to, raft::Index index, bool ok);
  void PeerUnreachable(NodeId peer);
  void PeerConnectionLost(NodeId peer);

  // Nothing at all comes from the peer's node, or it is another process now.
  void PeerSilent(NodeId peer);

  // From the Shard's clock; the number of the tick, the same for all groups.
  void Tick(uint64_t number);
  // True if there is nothing to tick for; PeerLink::OnAwake says when there is again.
  bool FallAsleep();
  // Lets the log forget what the flushed state covers; asks for a flush if it retains too much.
  absl::Status CompactLog(Fiber& fiber, LogPressure pressure);

  // Whether others may go before a snapshot as of `taken`, of which `sent` of about `whole` bytes
  // are on their way: requests are, and the log will have what follows it when it has arrived.
  bool SnapshotMayWait(raft::Index taken, uint64_t sent, uint64_t whole) const;

  // Leader: hands over to the most caught-up voter, if there is another.
  void GiveUpLeadership();
  // The same for a graceful stop: nobody hands it back.
  void PrepareToStop();
  // Suspends until somebody else leads, nobody else can, or the deadline.
  void AwaitHeir(Fiber& fiber, MonoTime deadline);

  ReplicaStatus status() const;
  HeldBytes held() const;
  const raft::Raft& raft() const { return *raft_; }
  // Of everything in the shard's store, not of this group alone.
  uint64_t store_bytes() const { return store_.DiskBytes(); }
  // See OrderedStore.
  absl::Status StartCompaction() { return store_.StartCompaction(); }
  GroupId group() const { return options_.group; }
  // A pinned view of the state, and what it reflects is in its kAppliedKey row.
  std::unique_ptr<machine::StoreView> Snapshot() { return group_store_->Snapshot(); }
  machine::StateMachine& machine() { return *machine_; }
  // Hears events that the state machine publishes, in index order; null to stop.
  void SetSubscriber(std::function<void(raft::Index, const std::string&)> subscriber);

 private:
  class DutyProposer;

  Replica(Parts parts, const ReplicaOptions& options);

  void Step(raft::Effects effects);
  void WakeUp();
  // The core, told the time if it wants to know.
  raft::Raft& Core();
  void Dispatch();
  void StartReadRound();
  void DispatchLocal(std::vector<wire::ForwardItem> items);
  // Has the core append what is not in the log already. Nothing of it was, if that is refused.
  raft::ProposeRefusal AppendRequests(SessionId session, std::vector<wire::ForwardItem> items);
  // Whether the log holds so many times what is retained and is not flushed, or too much in all.
  bool LogHolds(size_t times) const;
  // Nothing is proposed before some of the log is forgotten.
  bool LogIsFull() const;
  // The leader has to send it again: the log holds more than is to be in memory, and some of that
  // can be flushed and forgotten without it.
  bool MustHoldOff(const raft::Message& message) const;
  void ManageDuty(Fiber& fiber);
  // The change, with what this leader sees of the members.
  raft::Payload WithWhatIsSeen(const raft::Payload& payload) const;
  // OK if every member, voter or learner, is known to speak this version now.
  absl::Status AllSpeak(uint32_t version) const;
  // Whether all who will read it understand it.
  bool MayPropose(const raft::Payload& payload) const;
  void ApproachWanted();
  bool IsReady(const Member& member) const;
  // Who is alive and has most of the log; 0: nobody.
  NodeId BestHeir() const;
  absl::Status Recover(Fiber& fiber, raft::InitialState& initial);
  void LeaveIfFull();
  absl::Status CheckState(raft::InitialState& initial);
  // Whether the store has nothing that the log continues.
  bool AwaitsState() const;

  // ApplySink
  void OnBatchApplied(raft::Index index, std::vector<AppliedRequest> requests) override;
  void OnSnapshotInstalled(const raft::SnapshotMeta& meta) override;
  void OnPublished(raft::Index index, const std::string& event) override;
  void OnMembersChanged() override;
  // EffectListener
  void OnReads(std::vector<raft::ReadReady> ready, std::vector<raft::ReadId> failed) override;
  void OnSnapshotWanted(NodeId follower) override;
  void OnEvent(const raft::Event& event) override;

  runtime::Environment& environment_;
  Log& log_;
  machine::OrderedStore& store_;
  SnapshotStore& snapshots_;
  PeerLink& peers_;
  ReplicaObserver* observer_;
  ReplicaOptions options_;
  std::unique_ptr<machine::GroupStore> group_store_;
  std::unique_ptr<machine::StateMachine> machine_;
  std::unique_ptr<raft::Raft> raft_;
  std::unique_ptr<Applier> applier_;
  std::unique_ptr<EffectRunner> effects_;
  Proposals proposals_;
  AppendedRequests appended_;  // while this replica leads
  Reads reads_;
  // Waiters for a higher applied index, a leader, a change of role.
  fiber::WaitQueue applied_advanced_;
  fiber::WaitQueue leader_changed_;
  fiber::WaitQueue role_changed_;
  fiber::WaitQueue configuration_changed_;
  std::shared_ptr<const MemberList> wanted_;  // null: nobody said
  bool is_settled_ = false;                   // the configuration is what is wanted, for good
  std::function<void(raft::Index, const std::string&)> subscriber_;
  raft::Ticks full_ticks_ = 0;                     // for so long the log has been waiting for space
  bool is_asleep_ = false;                         // nobody ticks it
  LogPressure log_pressure_ = LogPressure::kNone;  // as of the last round
  uint64_t log_grown_at_ = 0;                      // so many bytes are to be looked at
  raft::Index flushed_;                            // as of the last round
  uint64_t disk_stalls_ = 0;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_REPLICA_H_
