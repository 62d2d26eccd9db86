#include "framework/replica/shard.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/raft/configuration.h"
#include "framework/replica/agreement.h"
#include "framework/replica/log_recovery.h"
#include "framework/replica/log_repair.h"
#include "framework/replica/mutants.h"

namespace lockstep::replica {
namespace {

constexpr Duration kRecordRetryPause = Milliseconds(500);
// How often a store is asked whether a read has failed, and to read that again.
constexpr Duration kReadAgainPause = Seconds(1);

}  // namespace

Shard::Shard(runtime::Environment& environment, machine::OrderedStore& store, ShardOptions options,
             ReplicaObserver* observer)
    : environment_(environment),
      store_(store),
      options_(std::move(options)),
      observer_(observer),
      snapshots_(environment.disk, absl::StrCat(options_.directory, "/snapshots")),
      snapshot_pace_(options_.snapshots.bytes_per_second),
      records_(environment.disk, options_.directory),
      members_({options_.cluster, environment.node, environment.shard, options_.directory_id},
               records_),
      transport_(environment, *this, {.protocol_version_max = options_.protocol_version_max}),
      pulse_(transport_, groups_) {
  members_.SetList(options_.members, NodeMembers::Source::kOtherShard);
}

Shard::~Shard() { work_.reset(); }

absl::StatusOr<std::unique_ptr<Shard>> Shard::Open(Fiber& fiber, runtime::Environment& environment,
                                                   machine::OrderedStore& store,
                                                   ShardOptions options,
                                                   ReplicaObserver* observer) {
  auto shard = std::unique_ptr<Shard>(new Shard(environment, store, std::move(options), observer));
  ASSIGN_OR_RETURN(shard->listener_, environment.network.Listen(shard->options_.listen));
  RETURN_IF_ERROR(shard->snapshots_.Open(fiber));
  RETURN_IF_ERROR(shard->records_.Load(fiber));
  shard->options_.log.cluster = shard->options_.cluster;
  shard->options_.log.directory = absl::StrCat(shard->options_.directory, "/log");
  RETURN_IF_ERROR(shard->OpenLog(fiber));
  return shard;
}

// A log that is damaged in its middle is cut there: the peers have what is lost.
absl::Status Shard::OpenLog(Fiber& fiber) {
  absl::StatusOr<std::unique_ptr<Log>> log =
      Log::Open(fiber, environment_, options_.log, &recovered_);
  const bool has_peers = members_.list() == nullptr || members_.list()->members.size() > 1;
  if (absl::IsDataLoss(log.status()) && has_peers) {
    const LogIdentity identity{options_.cluster, environment_.node, environment_.shard};
    // A device that failed while the log was being opened says nothing of what is in it.
    const absl::Status cause =
        ExamineLog(fiber, environment_.disk, options_.log.directory, identity).status();
    if (!absl::IsDataLoss(cause)) return log.status();
    ASSIGN_OR_RETURN(
        const LogRepair repair,
        RepairLog(fiber, environment_.disk, options_.log.directory, identity, options_.groups));
    environment_.trace.Emit(
        runtime::TraceLevel::kError, "log.repaired",
        {{"cause", cause.ToString()},
         {"kept_batches", repair.kept_batches},
         {"lost_batches", repair.lost_batches},
         {"set_aside", absl::StrJoin(repair.set_aside, " ")},
         {"advice",
          "nothing to do: what is lost comes from the leader; until then this node does "
          "not vote; remove what was set aside when nobody needs it any more"}});
    recovered_.clear();
    log = Log::Open(fiber, environment_, options_.log, &recovered_);
  }
  if (absl::IsDataLoss(log.status()) && !has_peers) {
    return absl::DataLossError(
        absl::StrCat(log.status().message(),
                     "; there is no other member to mend it from: restore the data from a backup"));
  }
  if (!log.ok()) return log.status();
  log_ = *std::move(log);
  scrubber_ = std::make_unique<Scrubber>(
      environment_, *log_, options_.log.directory,
      LogIdentity{options_.cluster, environment_.node, environment_.shard}, store_, options_.scrub);
  return absl::OkStatus();
}

absl::StatusOr<Replica*> Shard::AddGroup(Fiber& fiber, const ReplicaOptions& options,
                                         std::unique_ptr<machine::StateMachine> machine) {
  CHECK(!groups_.contains(options.group)) << "group " << options.group << " added twice";
  const auto found = recovered_.find(options.group);
  RecoveredGroup* recovered = found == recovered_.end() ? nullptr : &found->second;
  ASSIGN_OR_RETURN(auto replica,
                   Replica::Open(fiber,
                                 Replica::Parts{environment_, *log_, store_, snapshots_, *this,
                                                std::move(machine), observer_},
                                 options, recovered));
  recovered_.erase(options.group);
  Replica* borrowed = replica.get();
  groups_[options.group] = std::move(replica);
  pulse_.Add(options.group, options.raft.heartbeat_ticks, options.raft.election_ticks);
  OnMembersChanged(options.group);
  FollowMembers();
  return borrowed;
}

absl::Status Shard::Run(Fiber& fiber) {
  work_ = std::make_unique<fiber::Scope>(environment_.scheduler);
  const auto fail = [this](absl::Status status) { Fail(std::move(status)); };
  FollowMembers();
  work_->Spawn("shard.log", [&](Fiber& writing) {
    absl::Status ended = log_->Run(writing);
    log_failed_ = true;
    fail(std::move(ended));
  });
  work_->Spawn("shard.accept",
               [&](Fiber& accepting) { fail(transport_.Serve(accepting, *listener_)); });
  work_->Spawn("shard.dial", [&](Fiber& dialing) { transport_.Run(dialing); });
  for (auto& [id, replica] : groups_) {
    Replica* one = replica.get();
    work_->Spawn("shard.replica", [&fail, one](Fiber& running) { fail(one->Run(running)); });
  }
  work_->Spawn("shard.record", [&](Fiber& recording) { RecordDirectories(recording); });
  work_->Spawn("shard.scrub", [&](Fiber& scrubbing) { fail(scrubber_->Run(scrubbing)); });
  work_->Spawn("shard.tick", [&](Fiber& ticking) { TickGroups(ticking); });
  work_->Spawn("shard.compact", [&](Fiber& compacting) { fail(CompactLogs(compacting)); });
  work_->Spawn("shard.reread", [&](Fiber& reading) { fail(AwaitUnreadable(reading)); });
  failed_.Wait(fiber);
  work_.reset();
  return failure_;
}

absl::Status Shard::CompactLogs(Fiber& fiber) {
  for (;;) {
    // Sooner if a log grows fast, but not so soon that flushes follow on each other's heels.
    fiber.SleepFor(options_.compaction_interval / 8);
    log_grown_.Wait(fiber, fiber.now() + options_.compaction_interval * 7 / 8);
    log_grown_.Reset();
    // As behind a store whose flushes are late.
    if (environment_.fault_points.Fire("shard.late_compaction")) fiber.SleepFor(Seconds(3));
    // A read may have met damage that nobody else is told of.
    if (absl::Status status = store_.health(); absl::IsDataLoss(status)) return status;
    const LogPressure pressure = PressureOfLogs();
    for (auto& [id, replica] : groups_) RETURN_IF_ERROR(replica->CompactLog(fiber, pressure));
  }
}

absl::Status Shard::AwaitUnreadable(Fiber& fiber) {
  for (;;) {
    fiber.SleepFor(kReadAgainPause);
    if (!absl::IsUnavailable(store_.health())) continue;
    // Planted bug M187: until somebody else comes by, what cannot be read stays so.
    if (mutant::Enabled(mutant::kM187UnreadableStaysUnread)) continue;
    const absl::Status status = store_.ReadAgain(fiber);
    if (status.ok()) continue;
    environment_.trace.Emit(runtime::TraceLevel::kError, "store.unreadable",
                            {{"cause", status.ToString()}});
    if (absl::IsDataLoss(status)) return status;
  }
}

// Each group by itself stays within its own bound; a thousand of them would not fit.
LogPressure Shard::PressureOfLogs() const {
  uint64_t bytes = 0;
  for (const auto& [id, replica] : groups_) bytes += replica->raft().log_bytes();
  if (bytes > 4 * options_.log_bytes_max) return LogPressure::kFull;
  if (bytes > 2 * options_.log_bytes_max) return LogPressure::kTooHigh;
  return bytes > options_.log_bytes_max ? LogPressure::kHigh : LogPressure::kNone;
}

void Shard::Fail(absl::Status failure) {
  if (failed_.is_set()) return;
  failure_ = std::move(failure);
  failed_.Set();
}

void Shard::SetMembers(std::shared_ptr<const MemberList> list) {
  SetMembers(std::move(list), NodeMembers::Source::kOtherShard);
}

void Shard::SetMembers(std::shared_ptr<const MemberList> list, NodeMembers::Source source) {
  if (!members_.SetList(std::move(list), source)) return;
  for (auto& [id, replica] : groups_) replica->SetWanted(members_.list());
  FollowMembers();
  list_changed_.WakeAll();
}

void Shard::RecordDirectories(Fiber& fiber) {
  for (;;) {
    const std::shared_ptr<const MemberList> list = members_.list();
    bool all_recorded = true;
    for (const Member& member : list->members) {
      const uint64_t directory = member.directory(environment_.shard);
      if (directory == 0 || member.id == environment_.node) continue;
      if (records_.Find(member.id) != 0) continue;
      // (A full disk, say: it is tried again, and until then nothing is lost but a precaution.)
      if (records_.Record(fiber, member.id, directory).ok()) continue;
      all_recorded = false;
      break;
    }
    if (!all_recorded) {
      fiber.SleepFor(kRecordRetryPause);
    } else if (members_.list() == list) {
      list_changed_.Wait(fiber);
    }
  }
}

void Shard::FollowMembers() {
  std::set<NodeId> configured;
  // A list may be applied a moment before the configurations in front of it are in force.
  for (const auto& [id, replica] : groups_) {
    const raft::Raft& core = replica->raft();
    if (mutant::Enabled(mutant::kM211OwnAdditionUncounted)) {
      for (const NodeId node : raft::Members(core.configuration())) configured.insert(node);
    } else {
      configured.merge(core.AllMembers());
    }
  }
  members_.SetConfigured(std::move(configured));
  DialPeers();
  if (absl::Status gone = members_.CheckSelf(); !gone.ok()) Fail(std::move(gone));
}

void Shard::DialPeers() {
  const std::map<NodeId, runtime::Address> addresses = members_.Addresses();
  transport_.SetPeers(addresses);
  std::vector<NodeId> peers;
  for (const auto& [id, address] : addresses) peers.push_back(id);
  pulse_.SetPeers(peers);
}

void Shard::HandOver(Fiber& fiber, MonoTime deadline) {
  for (auto& [id, replica] : groups_) replica->PrepareToStop();
  for (auto& [id, replica] : groups_) replica->AwaitHeir(fiber, deadline);
}

void Shard::OnMembersChanged(GroupId id) {
  const Replica* replica = group(id);
  if (replica == nullptr) return;  // it is being opened
  std::shared_ptr<const MemberList> list = replica->members();
  SetMembers(list, NodeMembers::Source::kOwnGroup);
  if (options_.on_members) options_.on_members(std::move(list));
}

void Shard::OnConfigurationChanged(GroupId) { FollowMembers(); }

uint32_t Shard::AgreedVersion() const {
  uint32_t agreed = wire::kProtocolVersionMin;
  for (const auto& [id, replica] : groups_) agreed = std::max(agreed, replica->agreed_version());
  return agreed;
}

wire::HelloAnswer Shard::Admit(Fiber& fiber, const wire::Hello& hello) {
  if (hello.newest() < AgreedVersion()) {
    const absl::Status refusal = TooOldFor(AgreedVersion(), hello.newest());
    return {wire::HelloRefusal::kUnreadable, std::string(refusal.message()), {}};
  }
  if (hello.purpose == wire::Purpose::kJoin) {
    if (members_.list() == nullptr) {
      return {wire::HelloRefusal::kNotMeant, "this node knows no members yet", {}};
    }
    return {wire::HelloRefusal::kNone, {}, EncodeJoinInfo({options_.cluster, *members_.list()})};
  }
  NodeMembers::Verdict verdict = members_.Admit(hello);
  if (!verdict.fatal.ok()) Fail(std::move(verdict.fatal));
  if (verdict.refusal != wire::HelloRefusal::kNone) return {verdict.refusal, verdict.error, {}};
  // Nothing that it says counts before this is durable.
  if (records_.Find(hello.node) == 0) {
    const absl::Status recorded = records_.Record(fiber, hello.node, hello.directory);
    if (!recorded.ok()) {
      return {wire::HelloRefusal::kNotMeant, std::string(recorded.message()), {}};
    }
    // Somebody else may have come under its name meanwhile.
    verdict = members_.Admit(hello);
    if (verdict.refusal != wire::HelloRefusal::kNone) return {verdict.refusal, verdict.error, {}};
  }
  if (!members_.Knows(hello.node)) {
    members_.AddGuest(hello.node, hello.address);
    DialPeers();
  }
  return {};
}

bool Shard::StillAdmits(const wire::Hello& hello) {
  return members_.StillAdmits(hello.node, hello.directory);
}

wire::Hello Shard::MakeHello(NodeId to, wire::Purpose purpose) {
  wire::Hello hello;
  hello.cluster = options_.cluster;
  hello.node = environment_.node;
  hello.shard = environment_.shard;
  hello.purpose = purpose;
  hello.to = to;
  hello.directory = options_.directory_id;
  hello.expected_directory = members_.DirectoryOf(to);
  // What was agreed beats what was configured.
  const Member* self = members_.list() ? members_.list()->Find(environment_.node) : nullptr;
  const bool is_listed = self != nullptr && environment_.shard.value() < self->peers.size();
  hello.address = is_listed ? self->peers[environment_.shard.value()] : options_.advertised;
  return hello;
}

void Shard::OnRefused(NodeId, const wire::HelloAnswer& answer) {
  if (absl::Status stop = members_.Heard(answer); !stop.ok()) Fail(std::move(stop));
}

void Shard::TickGroups(Fiber& fiber) {
  // A late tick is not made up for: Raft's timeouts may grow, never shrink.
  for (;;) {
    fiber.SleepFor(options_.tick);
    pulse_.Tick();
  }
}

Replica* Shard::group(GroupId id) {
  const auto it = groups_.find(id);
  return it == groups_.end() ? nullptr : it->second.get();
}

void Shard::Send(GroupId group, raft::Message message) {
  const NodeId to = message.to;
  transport_.Send(to, wire::GroupMessage{group, std::move(message)});
}

void Shard::SendForward(NodeId to, wire::Forward forward) {
  transport_.Send(to, wire::Frame(std::move(forward)));
}

void Shard::SendForwardRefused(NodeId to, wire::ForwardRefused refused) {
  transport_.Send(to, wire::Frame(std::move(refused)));
}

void Shard::OnMessage(GroupId id, raft::Message message) {
  // A snapshot is announced by our own driver once its data is durable, never by a peer.
  if (std::holds_alternative<raft::InstallSnapshot>(message.body)) return;
  if (Replica* replica = group(id)) replica->Receive(std::move(message));
}

void Shard::OnForward(NodeId from, wire::Forward forward) {
  if (Replica* replica = group(forward.group)) replica->ReceiveForward(from, std::move(forward));
}

void Shard::OnForwardRefused(const wire::ForwardRefused& refused) {
  if (Replica* replica = group(refused.group)) replica->ReceiveForwardRefused(refused);
}

void Shard::OnUnreachable(NodeId peer) {
  for (auto& [id, replica] : groups_) replica->PeerUnreachable(peer);
}

void Shard::OnConnectionLost(NodeId peer) {
  for (auto& [id, replica] : groups_) replica->PeerConnectionLost(peer);
}

void Shard::StartSnapshot(GroupId id, NodeId to) {
  // The stream speaks for the leader of this term, or for nobody.
  const raft::Term term = group(id)->raft().term();
  // One that is still under way has been given up: the follower got hold of it, and fell behind
  // again. Each would abort the other there, for ever.
  const uint64_t number = ++sending_[{id, to}];
  work_->Spawn("snapshot.send", [this, id, to, term, number](Fiber& fiber) {
    Replica* replica = group(id);
    const auto is_wanted = [this, replica, id, to, term, number] {
      return replica->raft().role() == raft::Role::kLeader && replica->raft().term() == term &&
             sending_.at({id, to}) == number;
    };
    const absl::StatusOr<raft::SnapshotMeta> sent =
        StreamSnapshot(fiber, *replica, to, term, is_wanted);
    environment_.trace.Emit(
        runtime::TraceLevel::kInfo, "snapshot.sent",
        {{"group", id.value()}, {"to", to.value()}, {"status", sent.status().ToString()}});
    // A moment's rest, so that a follower that refuses at once does not keep the leader busy.
    if (!sent.ok()) fiber.SleepFor(Milliseconds(100));
    if (sending_.at({id, to}) != number) return;  // it says nothing about the other one
    replica->SnapshotSent(to, sent.ok() ? sent->index : raft::Index(0), sent.ok());
  });
}

absl::StatusOr<raft::SnapshotMeta> Shard::StreamSnapshot(Fiber& fiber, Replica& replica, NodeId to,
                                                         raft::Term term,
                                                         const std::function<bool()>& is_wanted) {
  const auto view = replica.Snapshot();
  // (0 would be a transfer of one attempt.)
  const uint64_t transfer = std::max<uint64_t>(1, environment_.random.Draw("snapshot.transfer"));
  const raft::Index taken = replica.status().applied;
  // (More than there is of this group, if the shard has others: then it is in more of a hurry.)
  const uint64_t whole = store_.DiskBytes();
  const auto may_wait = [&replica, taken, whole](uint64_t sent) {
    return replica.SnapshotMayWait(taken, sent, whole);
  };
  SnapshotSource source({replica.group(), environment_.node, term, *view, transfer, snapshot_pace_,
                         options_.snapshots, is_wanted, may_wait});
  absl::Status failure;
  uint64_t chunks = 0;
  for (int attempt = 0; attempt < options_.snapshots.attempts_max; ++attempt) {
    const auto dialed = transport_.DialFor(fiber, to, wire::Purpose::kSnapshot);
    if (!is_wanted()) return absl::AbortedError("nobody waits for it any more");
    failure = dialed.status();
    if (dialed.ok()) {
      absl::StatusOr<raft::SnapshotMeta> sent =
          source.SendTo(fiber, *dialed->stream, dialed->version);
      if (sent.ok() || absl::IsAborted(sent.status())) return sent;
      failure = sent.status();
    }
    if (source.chunks() > chunks) attempt = 0;
    chunks = source.chunks();
    fiber.SleepFor(options_.snapshots.retry_pause);
  }
  return failure;
}

absl::Status Shard::ReceiveInTurn(Fiber& fiber, const wire::SnapshotBegin& begin,
                                  runtime::Stream& stream, wire::FrameDecoder& decoder) {
  // A stream that is still open here may be one that its sender has given up.
  while (receiving_.contains(begin.group)) {
    receiving_.at(begin.group)->Abort();
    received_.Wait(fiber);
  }
  struct Turn {
    Shard& shard;
    GroupId group;
    ~Turn() {
      shard.receiving_.erase(group);
      shard.received_.WakeAll();
    }
  } turn{*this, begin.group};
  receiving_[begin.group] = &stream;
  return ReceiveSnapshot(fiber, begin, stream, decoder, snapshots_,
                         options_.snapshots.stall_timeout);
}

void Shard::TakeSnapshot(Fiber& fiber, const wire::Hello& from, runtime::Stream& stream,
                         wire::FrameDecoder& decoder) {
  absl::StatusOr<wire::SnapshotBegin> begin =
      ReadSnapshotBegin(fiber, stream, decoder, options_.snapshots.stall_timeout);
  if (begin.ok()) {
    // (An older program would not see the field.)
    if (from.protocol_version < wire::kResumingVersion) begin->transfer = 0;
    if (absl::Status received = ReceiveInTurn(fiber, *begin, stream, decoder); !received.ok()) {
      begin = std::move(received);
    }
  }
  // The sender tries again, as when a disk refuses.
  if (environment_.fault_points.Fire("snapshot.refused")) {
    begin = absl::UnavailableError("not now");
  }
  const absl::Status status = begin.ok() ? InstallStaged(from.node, *begin) : begin.status();
  environment_.trace.Emit(runtime::TraceLevel::kInfo, "snapshot.received",
                          {{"from", from.node.value()}, {"status", status.ToString()}});
  std::string answer;
  wire::EncodeFrame(wire::SnapshotResult{status.ok(), std::string(status.message())}, &answer);
  stream.SetWriteDeadline(fiber.now() + options_.snapshots.stall_timeout);
  (void)stream.Write(fiber, answer);
  stream.CloseWrite();
}

absl::Status Shard::InstallStaged(NodeId from, const wire::SnapshotBegin& begin) {
  Replica* replica = group(begin.group);
  if (replica == nullptr) {
    return absl::NotFoundError(absl::StrCat("group ", begin.group.value(), " is not here"));
  }
  replica->Receive(
      raft::Message{from, environment_.node, begin.term, raft::InstallSnapshot{begin.meta}});
  return absl::OkStatus();
}

}  // namespace lockstep::replica
