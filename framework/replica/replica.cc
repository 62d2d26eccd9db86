#include "framework/replica/replica.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/limits.h"
#include "framework/base/random.h"
#include "framework/base/status_macros.h"
#include "framework/raft/configuration.h"
#include "framework/replica/agreement.h"
#include "framework/replica/keys.h"
#include "framework/replica/marks.h"
#include "framework/replica/mutants.h"
#include "framework/wire/codec.h"

namespace lockstep::replica {
namespace {

// One forward or one batch of proposals; the rest follows at once.
constexpr size_t kDispatchBytesMax = 1024 * 1024;
// A read whose round failed (no leader, say) tries again after this.
constexpr Duration kReadRetryPause = Milliseconds(20);

SessionId DrawSession(runtime::Environment& environment) {
  return SessionId(environment.random.Draw("session.id"));
}

}  // namespace

class Replica::DutyProposer final : public machine::Proposer {
 public:
  explicit DutyProposer(Replica& replica) : replica_(replica) {}
  absl::StatusOr<std::string> Propose(Fiber& fiber, std::string command,
                                      MonoTime deadline) override {
    return replica_.Propose(fiber, std::move(command), deadline);
  }

 private:
  Replica& replica_;
};

Replica::Replica(Parts parts, const ReplicaOptions& options)
    : environment_(parts.environment),
      log_(parts.log),
      store_(parts.store),
      snapshots_(parts.snapshots),
      peers_(parts.peers),
      observer_(parts.observer),
      options_(options),
      group_store_(parts.store.Group(options.group)),
      machine_(std::move(parts.machine)),
      proposals_(DrawSession(parts.environment), parts.environment.node, options.proposals) {
  if (options_.log_bytes_retained == 0) options_.log_bytes_retained = limits::kLogBytesRetained;
  log_grown_at_ = 2 * options_.log_bytes_retained;
  options_.raft.self = environment_.node;
  options_.raft.precedence_seed = base::Mix64(options_.group.value());
  options_.raft.random_seed = environment_.random.Draw("raft.election");
}

Replica::~Replica() { log_.Unregister(options_.group); }

absl::StatusOr<std::unique_ptr<Replica>> Replica::Open(Fiber& fiber, Parts parts,
                                                       const ReplicaOptions& options,
                                                       RecoveredGroup* recovered) {
  auto replica = std::unique_ptr<Replica>(new Replica(std::move(parts), options));
  raft::InitialState initial;
  if (recovered != nullptr) {
    initial.hard_state = recovered->hard_state;
    initial.snapshot = std::move(recovered->snapshot);
    initial.entries = std::move(recovered->entries);
  }
  if (initial.snapshot.index == raft::Index(0)) initial.snapshot.configuration = options.bootstrap;
  replica->applier_ = std::make_unique<Applier>(
      Applier::Parts{options.group, *replica->group_store_, *replica->machine_, replica->snapshots_,
                     *replica, replica->environment_.fault_points, replica->observer_,
                     replica->options_.protocol_version_max},
      options.bootstrap, options.members);
  RETURN_IF_ERROR(replica->Recover(fiber, initial));
  initial.now_ns = replica->environment_.clock.Monotonic().ns;
  replica->raft_ = std::make_unique<raft::Raft>(replica->options_.raft, std::move(initial));
  replica->effects_ = std::make_unique<EffectRunner>(
      EffectRunner::Parts{options.group, *replica->raft_, replica->log_, replica->peers_,
                          *replica->applier_, *replica, replica->observer_});
  replica->log_.Register(options.group, *replica->effects_);
  if (replica->observer_ != nullptr) {
    replica->observer_->OnStarted(options.group, *replica->raft_);
  }
  return replica;
}

absl::Status Replica::Recover(Fiber& fiber, raft::InitialState& initial) {
  RETURN_IF_ERROR(applier_->Recover(fiber, initial.snapshot));
  if (agreed_version() > options_.protocol_version_max) {
    return TooOldFor(agreed_version(), options_.protocol_version_max);
  }
  RETURN_IF_ERROR(CheckState(initial));
  initial.applied = applier_->applied().index;
  initial.configuration = applier_->applied().configuration;
  if (initial.applied < initial.snapshot.index) {
    initial.configuration = initial.snapshot.configuration;
    // Planted bug M95: what the log continues is believed to be there.
    if (mutant::Enabled(mutant::kM95LostStateTakenForApplied)) {
      applier_->PretendApplied(initial.snapshot);
      initial.applied = initial.snapshot.index;
    }
  }
  environment_.trace.Emit(runtime::TraceLevel::kInfo, "replica.recovered",
                          {{"group", options_.group.value()},
                           {"applied", initial.applied.value()},
                           {"log_start", initial.snapshot.index.value()},
                           {"log_end", (initial.snapshot.index + initial.entries.size()).value()},
                           {"abstains", int{initial.hard_state.abstains}},
                           {"sessions", static_cast<uint64_t>(applier_->sessions().size())}});
  return absl::OkStatus();
}

// Whether state and log fit together; an older log than the state is begun anew behind the state.
absl::Status Replica::CheckState(raft::InitialState& initial) {
  const raft::SnapshotMeta& applied = applier_->applied();
  const std::string group = absl::StrCat("group ", options_.group.value());
  if (applied.index < initial.snapshot.index) {
    if (initial.snapshot.configuration.voters.size() <= 1) {
      return absl::DataLossError(absl::StrCat(
          group, ": the log starts after index ", initial.snapshot.index.value(),
          " but the state ends at ", applied.index.value(),
          ", and there is no other voter to fetch it from: restore the data from a backup"));
    }
    environment_.trace.Emit(runtime::TraceLevel::kError, "replica.state_lost",
                            {{"group", options_.group.value()},
                             {"log_start", initial.snapshot.index.value()},
                             {"advice",
                              "nothing to do: it is fetched from the leader; until then "
                              "this node votes and answers no read"}});
    return absl::OkStatus();
  }
  const raft::Index last = initial.snapshot.index + initial.entries.size();
  const bool fits =
      applied.index <= last &&
      (applied.index == initial.snapshot.index ||
       initial.entries[applied.index - initial.snapshot.index - 1].term == applied.term);
  if (fits) return absl::OkStatus();
  if (!initial.hard_state.abstains) {
    return absl::DataLossError(absl::StrCat(group, ": the state has ", applied.index.value(),
                                            " entries, the log ends at ", last.value()));
  }
  initial.snapshot = applied;
  initial.entries.clear();
  log_.Compact(options_.group, applied);
  return absl::OkStatus();
}

bool Replica::AwaitsState() const { return applier_->applied().index < raft_->snapshot().index; }

absl::Status Replica::Run(Fiber& fiber) {
  fiber::Scope scope(environment_.scheduler);
  absl::Status failure;
  fiber::Event failed;
  scope.Spawn("replica.apply", [&](Fiber& applying) {
    failure = applier_->Run(applying);
    failed.Set();
  });
  scope.Spawn("replica.dispatch", [this](Fiber& dispatching) {
    for (;;) {
      proposals_.work().Wait(dispatching);
      // Whoever else is ready may have a proposal, too: one batch for all of them.
      dispatching.Yield();
      Dispatch();
    }
  });
  scope.Spawn("replica.read", [this](Fiber& reading) {
    for (;;) {
      if (reads_.last_failed()) {
        // No leader, most likely: until there is one, or for a little while.
        leader_changed_.Wait(reading, reading.now() + kReadRetryPause);
      }
      if (!reads_.has_work()) reads_.work().Wait(reading);
      reading.Yield();
      StartReadRound();
    }
  });
  scope.Spawn("replica.duty", [this](Fiber& managing) { ManageDuty(managing); });
  failed.Wait(fiber);
  return failure;
}

void Replica::Step(raft::Effects effects) {
  effects_->Run(std::move(effects));
  if (raft_->log_bytes() > log_grown_at_) {
    log_grown_at_ = std::numeric_limits<uint64_t>::max();
    peers_.OnLogGrown();
  }
  if (!is_asleep_ || raft_->quiesced()) return;
  is_asleep_ = false;
  peers_.OnAwake(options_.group);
}

raft::Raft& Replica::Core() {
  // Read here and not taken from the scheduler: an instant that has passed would shorten promises.
  const bool is_untold = raft_->quiesced() && mutant::Enabled(mutant::kM213WokenUntoldOfTime);
  if (options_.raft.lease_ns > 0 && !is_untold) {
    raft_->SetTime(environment_.clock.Monotonic().ns);
  }
  return *raft_;
}

void Replica::StartReadRound() {
  const std::optional<raft::ReadId> id = reads_.StartRound(environment_.clock.Monotonic());
  if (!id) return;
  if (environment_.fault_points.Fire("replica.read_round_fails")) {
    reads_.OnFailed(*id);
  } else {
    Step(Core().Read(*id));
  }
}

absl::StatusOr<std::string> Replica::Propose(Fiber& fiber, std::string command, MonoTime deadline) {
  if (log_.out_of_space()) return absl::ResourceExhaustedError("the disk of this node is full");
  if (environment_.fault_points.Fire("replica.too_many_proposals")) {
    return absl::ResourceExhaustedError("too many requests are pending");
  }
  // Here, too, if another node leads: this one would be late to answer.
  if (LogIsFull()) return absl::ResourceExhaustedError("this node has too much to apply");
  WakeUp();
  return proposals_.Propose(fiber, std::move(command), deadline);
}

absl::Status Replica::CatchUp(Fiber& fiber, MonoTime deadline, Duration max_staleness) {
  std::optional<raft::Index> index;
  if (max_staleness > Duration(0)) {
    index = reads_.ConfirmedWithin(environment_.clock.Monotonic(), max_staleness);
  }
  if (!index) index = reads_.Await(fiber, deadline);
  if (!index || !AwaitApplied(fiber, *index, deadline)) {
    return absl::DeadlineExceededError("no leader confirmed the read in time");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Replica::Query(Fiber& fiber, std::string_view request,
                                           Consistency consistency, MonoTime deadline) {
  if (consistency == Consistency::kLinearizable) RETURN_IF_ERROR(CatchUp(fiber, deadline));
  if (AwaitsState()) {
    return absl::UnavailableError("the state of this node is being fetched from the leader");
  }
  const auto view = group_store_->Snapshot();
  return machine_->Query(fiber, request, *view);
}

bool Replica::AwaitApplied(Fiber& fiber, raft::Index index, MonoTime deadline) {
  while (applier_->applied().index < index) {
    if (!applied_advanced_.Wait(fiber, deadline)) return false;
  }
  return true;
}

bool Replica::AwaitLeader(Fiber& fiber, MonoTime deadline) {
  while (raft_->leader() == NodeId(0)) {
    if (!leader_changed_.Wait(fiber, deadline)) return false;
  }
  return true;
}

void Replica::Dispatch() {
  while (proposals_.has_unsent()) {
    const NodeId leader = raft_->leader();
    // Without a leader requests wait; OnEvent sends them when there is one.
    if (leader == NodeId(0)) return;
    auto items = proposals_.TakeUnsent(environment_.scheduler.now(), kDispatchBytesMax);
    if (items.empty()) return;
    if (leader == environment_.node) {
      DispatchLocal(std::move(items));
    } else {
      peers_.SendForward(leader, {options_.group, proposals_.session(), proposals_.acked_below(),
                                  std::move(items)});
    }
  }
}

namespace {

std::vector<RequestNumber> NumbersOf(const std::vector<wire::ForwardItem>& items) {
  std::vector<RequestNumber> numbers;
  numbers.reserve(items.size());
  for (const wire::ForwardItem& item : items) numbers.push_back(item.number);
  return numbers;
}

}  // namespace

raft::ProposeRefusal Replica::AppendRequests(SessionId session,
                                             std::vector<wire::ForwardItem> items) {
  std::erase_if(items, [this](const wire::ForwardItem& item) { return !MayPropose(item.payload); });
  if (items.empty()) return raft::ProposeRefusal::kNone;
  const bool leads = raft_->role() == raft::Role::kLeader;
  if (leads && LogIsFull()) return raft::ProposeRefusal::kTooMuchUncommitted;
  std::vector<raft::Proposal> proposals;
  proposals.reserve(items.size());
  const int64_t now = environment_.clock.Wall().ns;
  for (wire::ForwardItem& item : items) {
    proposals.push_back({WithWhatIsSeen(item.payload), now});
  }
  raft::Effects effects = Core().Propose(std::move(proposals));
  const raft::ProposeRefusal refusal = effects.proposed.refusal;
  if (refusal == raft::ProposeRefusal::kNone) appended_.Add(session, NumbersOf(items));
  Step(std::move(effects));
  return refusal;
}

void Replica::DispatchLocal(std::vector<wire::ForwardItem> items) {
  const SessionId session = proposals_.session();
  appended_.DropKnown(session, items);
  const std::vector<RequestNumber> numbers = NumbersOf(items);
  const raft::ProposeRefusal refusal = AppendRequests(session, std::move(items));
  // Another refusal (a transfer) passes: what is overdue is sent again.
  if (refusal == raft::ProposeRefusal::kNone) return;
  proposals_.OnRefused(numbers, refusal == raft::ProposeRefusal::kTooMuchUncommitted);
}

void Replica::ReceiveForward(NodeId from, wire::Forward forward) {
  const size_t count = forward.items.size();
  appended_.DropKnown(forward.session, forward.items);
  marks::Sometimes(forward.items.size() < count, kMarkCopyNotAppended);
  std::vector<RequestNumber> numbers = NumbersOf(forward.items);
  raft::ProposeRefusal refusal = raft::ProposeRefusal::kNone;
  const bool overloaded =
      log_.out_of_space() || environment_.fault_points.Fire("replica.forward_refused");
  if (!overloaded) {
    refusal = AppendRequests(forward.session, std::move(forward.items));
    if (refusal == raft::ProposeRefusal::kNone) return;
  }
  wire::ForwardRefusal reason = wire::ForwardRefusal::kOverloaded;
  if (refusal == raft::ProposeRefusal::kNotLeader) reason = wire::ForwardRefusal::kNotLeader;
  if (refusal == raft::ProposeRefusal::kTransferring) reason = wire::ForwardRefusal::kTransferring;
  peers_.SendForwardRefused(
      from, {options_.group, forward.session, std::move(numbers), reason, raft_->leader()});
}

void Replica::ReceiveForwardRefused(const wire::ForwardRefused& refused) {
  if (refused.session != proposals_.session()) return;
  environment_.trace.Emit(
      runtime::TraceLevel::kDebug, "replica.forward_refused",
      {{"group", options_.group.value()}, {"reason", static_cast<int>(refused.reason)}});
  // When the leader is someone else by now, OnEvent resends; otherwise the requests become overdue.
  proposals_.OnRefused(refused.numbers, refused.reason == wire::ForwardRefusal::kOverloaded);
}

void Replica::Receive(raft::Message message) {
  if (observer_ != nullptr) observer_->OnReceive(options_.group, message);
  // As a network that is too slow: the leader's window stays closed until it is sent again.
  if (MustHoldOff(message)) return;
  // Planted bug M143: whoever sends heartbeats is believed to know the newest commit index.
  if (mutant::Enabled(mutant::kM143StalenessFromHeartbeat) &&
      std::holds_alternative<raft::Heartbeat>(message.body)) {
    reads_.Pretend(environment_.clock.Monotonic(), raft_->commit());
  }
  Step(Core().Step(std::move(message)));
}

void Replica::SnapshotSent(NodeId to, raft::Index index, bool ok) {
  Step(Core().SnapshotSent(to, index, ok));
}

void Replica::PeerSilent(NodeId peer) {
  if (raft_->quiesced()) Step(Core().PeerSilent(peer));
}

void Replica::WakeUp() {
  if (raft_->quiesced()) Step(Core().Wake());
}

void Replica::PeerUnreachable(NodeId peer) { Step(Core().Unreachable(peer)); }

void Replica::PeerConnectionLost(NodeId peer) {
  if (peer == raft_->leader()) Step(Core().LostLeader(peer));
}

// A follower may have space.
void Replica::LeaveIfFull() {
  if (!log_.out_of_space()) {
    full_ticks_ = 0;
    return;
  }
  // Again and again: whoever was asked may be full, too, or may not have caught up in time.
  if (full_ticks_++ % (2 * options_.raft.election_ticks) == 0) GiveUpLeadership();
}

void Replica::Tick(uint64_t number) {
  Step(Core().Tick(number));
  LeaveIfFull();
  ApproachWanted();
  const bool leads = raft_->leader() == environment_.node;
  // Our own log does not lose what it took; only refused proposals are overdue for long.
  proposals_.ResendOverdue(environment_.scheduler.now(),
                           (leads ? 4 : 1) * options_.resend_interval);
}

bool Replica::FallAsleep() {
  is_asleep_ = raft_->quiesced() && proposals_.pending_count() == 0 && !log_.out_of_space();
  return is_asleep_;
}

absl::StatusOr<MemberRefusal> Replica::ChangeMembers(Fiber& fiber, const MemberChange& change,
                                                     MonoTime deadline) {
  if (log_.out_of_space()) return absl::ResourceExhaustedError("the disk of this node is full");
  WakeUp();
  ASSIGN_OR_RETURN(const std::string result, proposals_.Propose(fiber, EncodeMemberChange(change),
                                                                deadline, EnvelopeKind::kMembers));
  const std::optional<MemberRefusal> refusal = DecodeRefusal(result);
  if (!refusal) return absl::InternalError("a malformed answer to a change of members");
  return *refusal;
}

raft::Payload Replica::WithWhatIsSeen(const raft::Payload& payload) const {
  if (payload->empty() || (*payload)[0] != static_cast<char>(EnvelopeKind::kMembers)) {
    return payload;
  }
  std::optional<Envelope> envelope = DecodeEnvelope(*payload);
  if (!envelope) return payload;
  std::vector<MemberSight> sights = {{environment_.node, true, true}};
  for (const raft::PeerStatus& peer : raft_->Peers()) {
    sights.push_back({peer.id, peer.recently_active, HasCaughtUp(peer, raft_->last_index())});
  }
  const std::optional<std::string> seen = WithSights(envelope->command, sights);
  if (!seen) return payload;  // is refused when it is applied
  envelope->command = *seen;
  return std::make_shared<const std::string>(EncodeEnvelope(*envelope));
}

void Replica::SetWanted(std::shared_ptr<const MemberList> list) {
  wanted_ = std::move(list);
  is_settled_ = false;
  WakeUp();
}

bool Replica::IsReady(const Member& member) const {
  for (const raft::PeerStatus& peer : raft_->Peers()) {
    if (peer.id == member.id) return HasCaughtUp(peer, raft_->last_index());
  }
  return false;
}

// One step towards what is wanted, if this replica leads. Whoever leads next goes on from wherever
// the last one came to.
void Replica::ApproachWanted() {
  if (is_settled_ || wanted_ == nullptr || raft_->role() != raft::Role::kLeader) return;
  const raft::Configuration& current = raft_->configuration();
  if (current.joint()) return;
  const raft::Configuration wanted =
      Wanted(*wanted_, current, [this](const Member& member) { return IsReady(member); });
  if (wanted == current) {
    is_settled_ = IsFinal(*wanted_, current);
    return;
  }
  if (!std::binary_search(wanted.voters.begin(), wanted.voters.end(), environment_.node)) {
    // Whoever leads next removes this node: nobody waits for an election timeout.
    raft::PeerStatus heir;
    for (const raft::PeerStatus& peer : raft_->Peers()) {
      const bool stays = std::binary_search(wanted.voters.begin(), wanted.voters.end(), peer.id);
      if (!stays || !peer.recently_active || !raft::IsVoter(current, peer.id)) continue;
      if (heir.id == NodeId(0) || peer.match > heir.match) heir = peer;
    }
    if (heir.id != NodeId(0)) Step(Core().TransferLeadership(heir.id));
    return;
  }
  Step(Core().ProposeConfiguration(wanted, environment_.clock.Wall().ns));
}

bool Replica::AwaitPlace(Fiber& fiber, NodeId node, Place place, MonoTime deadline) {
  for (;;) {
    const raft::Configuration& now = raft_->configuration();
    const bool votes = raft::IsVoter(now, node);
    const bool learns = raft::IsLearner(now, node);
    if (place == Place::kNone
            ? !votes && !learns
            : (place != Place::kLearner && votes) || (place != Place::kVoter && learns)) {
      return true;
    }
    if (!configuration_changed_.Wait(fiber, deadline)) return false;
  }
}

void Replica::ManageDuty(Fiber& fiber) {
  DutyProposer proposer(*this);
  for (;;) {
    while (raft_->role() != raft::Role::kLeader) role_changed_.Wait(fiber);
    const raft::Term term = raft_->term();
    fiber::Scope duty(environment_.scheduler);
    duty.Spawn("replica.leader_duty",
               [&](Fiber& leading) { machine_->LeaderDuty(leading, proposer); });
    while (raft_->role() == raft::Role::kLeader && raft_->term() == term) {
      role_changed_.Wait(fiber);
    }
  }
}

ReplicaStatus Replica::status() const {
  return {raft_->role(),
          raft_->leader(),
          raft_->term(),
          raft_->commit(),
          applier_->applied().index,
          raft_->last_index(),
          raft_->configuration(),
          AwaitsState(),
          raft_->hard_state().abstains,
          log_.out_of_space(),
          raft_->quiesced(),
          raft_->has_lease(),
          disk_stalls_,
          agreed_version()};
}

void Replica::SetSubscriber(std::function<void(raft::Index, const std::string&)> subscriber) {
  subscriber_ = std::move(subscriber);
}

void Replica::OnBatchApplied(raft::Index index, std::vector<AppliedRequest> requests) {
  environment_.trace.Emit(runtime::TraceLevel::kDebug, "replica.applied",
                          {{"group", options_.group.value()}, {"index", index.value()}});
  appended_.OnApplied(requests);
  proposals_.OnApplied(requests);
  applied_advanced_.WakeAll();
  Step(Core().Applied(index));
}

void Replica::OnSnapshotInstalled(const raft::SnapshotMeta& meta) {
  environment_.trace.Emit(runtime::TraceLevel::kInfo, "replica.snapshot_installed",
                          {{"group", options_.group.value()},
                           {"index", meta.index.value()},
                           {"sessions", static_cast<uint64_t>(applier_->sessions().size())}});
  proposals_.OnSnapshotInstalled(applier_->sessions());
  applied_advanced_.WakeAll();
  Step(Core().Applied(meta.index));
}

void Replica::OnPublished(raft::Index index, const std::string& event) {
  if (subscriber_) subscriber_(index, event);
}

void Replica::OnMembersChanged() {
  environment_.trace.Emit(runtime::TraceLevel::kInfo, "members.changed",
                          {{"group", options_.group.value()},
                           {"version", members()->version},
                           {"members", static_cast<uint64_t>(members()->members.size())}});
  peers_.OnMembersChanged(options_.group);
}

void Replica::OnReads(std::vector<raft::ReadReady> ready, std::vector<raft::ReadId> failed) {
  for (const raft::ReadReady& read : ready) reads_.OnReady(read);
  for (const raft::ReadId id : failed) reads_.OnFailed(id);
}

void Replica::OnSnapshotWanted(NodeId follower) { peers_.StartSnapshot(options_.group, follower); }

void Replica::OnEvent(const raft::Event& event) {
  if (const auto* role = std::get_if<raft::RoleChanged>(&event)) {
    environment_.trace.Emit(runtime::TraceLevel::kInfo, "raft.role",
                            {{"group", options_.group.value()},
                             {"role", static_cast<int>(role->role)},
                             {"term", role->term.value()}});
    appended_.Clear();
    role_changed_.WakeAll();
  } else if (const auto* leader = std::get_if<raft::LeaderChanged>(&event)) {
    environment_.trace.Emit(runtime::TraceLevel::kInfo, "raft.leader",
                            {{"group", options_.group.value()},
                             {"leader", leader->leader.value()},
                             {"term", leader->term.value()}});
    leader_changed_.WakeAll();
    if (leader->leader != NodeId(0)) proposals_.ResendAll();
  } else if (const auto* changed = std::get_if<raft::ConfigurationChanged>(&event)) {
    environment_.trace.Emit(
        runtime::TraceLevel::kInfo, "raft.configuration",
        {{"group", options_.group.value()},
         {"index", changed->index.value()},
         {"voters", static_cast<uint64_t>(changed->configuration.voters.size())},
         {"outgoing", static_cast<uint64_t>(changed->configuration.outgoing.size())},
         {"learners", static_cast<uint64_t>(changed->configuration.learners.size())}});
    is_settled_ = false;
    configuration_changed_.WakeAll();
    peers_.OnConfigurationChanged(options_.group);
  } else if (const auto* stalled = std::get_if<raft::DiskStalled>(&event)) {
    ++disk_stalls_;
    environment_.trace.Emit(
        runtime::TraceLevel::kWarning, "raft.disk_stalled",
        {{"group", options_.group.value()},
         {"term", stalled->term.value()},
         {"advice", "this node's disk has not answered for an election timeout: look at it"}});
  }
}

}  // namespace lockstep::replica
