#include "kv/service.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/replica/node.h"
#include "kv/alarms.h"
#include "kv/members.h"
#include "kv/mutants.h"
#include "kv/proto/rpc.pb.h"
#include "kv/request_checks.h"

namespace lockstep::kv {
namespace {

using edge::GrpcStatus;

constexpr Refusal kNoLeader{GrpcCode::kUnavailable, "etcdserver: no leader"};
constexpr Refusal kLeaderChanged{GrpcCode::kUnavailable, "etcdserver: leader changed"};
constexpr Refusal kTimedOut{GrpcCode::kUnavailable, "etcdserver: request timed out"};
constexpr Refusal kStopped{GrpcCode::kUnavailable, "etcdserver: server stopped"};
constexpr Refusal kNotLeader{GrpcCode::kFailedPrecondition, "etcdserver: not leader"};
constexpr Refusal kBadTransferee{GrpcCode::kFailedPrecondition,
                                 "etcdserver: bad leader transferee"};
constexpr Refusal kTransferTimedOut{GrpcCode::kUnavailable,
                                    "etcdserver: request timed out, leader transfer took too long"};
constexpr Refusal kMalformed{GrpcCode::kInternal, "grpc: error unmarshalling request"};

// For the response of a write that answers with keys: not as much as for reads, so that many writes
// can be under way together.
constexpr Duration kSpaceFresh = Milliseconds(100);
constexpr size_t kWriteRoomBytes = limits::kResponseRoomBytes / 4;

std::string_view MessageOf(const edge::GrpcRequest& request) {
  return {request.message.data(), request.message.size()};
}

template <typename Message>
bool Parse(std::string_view bytes, Message& message) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

GrpcStatus Serialize(const google::protobuf::MessageLite& message, std::string* response) {
  CHECK(message.SerializeToString(response));
  return {};
}

void FillHeader(const HeaderFields& fields, etcdserverpb::ResponseHeader& header) {
  header.set_cluster_id(fields.cluster_id);
  header.set_member_id(fields.member_id);
  header.set_raft_term(fields.raft_term);
}

// As etcd's, without a revision.
template <typename Response>
GrpcStatus AnswerMembers(Fiber& fiber, Backend& backend, absl::string_view scheme,
                         std::string* response) {
  Response answer;
  FillHeader(backend.Header(fiber), *answer.mutable_header());
  for (const replica::Member& one : backend.Members(fiber)) {
    FillMember(one, scheme, *answer.add_members());
  }
  return Serialize(answer, response);
}

Consistency WantedConsistency(bool is_serializable) {
  const bool local = is_serializable || mutant::Enabled(mutant::kM75StaleSerializableRead);
  return local ? Consistency::kSerializable : Consistency::kLinearizable;
}

}  // namespace

GrpcStatus ToGrpcStatus(const Refusal& refusal) {
  return {static_cast<edge::GrpcCode>(refusal.code), std::string(refusal.text)};
}

GrpcStatus ToGrpcStatus(const absl::Status& failure) {
  switch (failure.code()) {
    case absl::StatusCode::kFailedPrecondition:
      return ToGrpcStatus(kNoLeader);
    case absl::StatusCode::kUnavailable:
      return ToGrpcStatus(kLeaderChanged);
    case absl::StatusCode::kDeadlineExceeded:
      return ToGrpcStatus(kTimedOut);
    case absl::StatusCode::kCancelled:
      return ToGrpcStatus(kStopped);
    case absl::StatusCode::kResourceExhausted:
      return ToGrpcStatus(kTooManyRequests);
    case absl::StatusCode::kDataLoss:
      return ToGrpcStatus(kCorrupt);
    default:
      return {edge::GrpcCode::kUnknown, std::string(failure.message())};
  }
}

void KvService::Register(edge::GrpcRegistry& registry, std::shared_ptr<const void> owner) {
  using Handler = Status (KvService::*)(Fiber&, const Request&, std::string*);
  const std::pair<const char*, Handler> methods[] = {
      {"/etcdserverpb.KV/Range", &KvService::Range},
      {"/etcdserverpb.KV/Put", &KvService::Put},
      {"/etcdserverpb.KV/DeleteRange", &KvService::DeleteRange},
      {"/etcdserverpb.KV/Txn", &KvService::Txn},
      {"/etcdserverpb.KV/Compact", &KvService::Compact},
      {"/etcdserverpb.Maintenance/Alarm", &KvService::Alarm},
      {"/etcdserverpb.Maintenance/Defragment", &KvService::Defragment},
      {"/etcdserverpb.Maintenance/Status", &KvService::GetStatus},
      {"/etcdserverpb.Maintenance/Hash", &KvService::Hash},
      {"/etcdserverpb.Maintenance/HashKV", &KvService::HashKv},
      {"/etcdserverpb.Maintenance/MoveLeader", &KvService::MoveLeader},
      {"/etcdserverpb.Cluster/MemberList", &KvService::MemberList},
      {"/etcdserverpb.Cluster/MemberAdd", &KvService::MemberAdd},
      {"/etcdserverpb.Cluster/MemberRemove", &KvService::MemberRemove},
      {"/etcdserverpb.Cluster/MemberUpdate", &KvService::MemberUpdate},
      {"/etcdserverpb.Cluster/MemberPromote", &KvService::MemberPromote},
  };
  for (const auto& [name, handler] : methods) {
    registry.AddUnary(name,
                      [this, owner, handler = handler](Fiber& fiber, const Request& request,
                                                       std::string* response) -> Status {
                        const auto has_leader = request.metadata.Find("hasleader");
                        if (has_leader.has_value() && *has_leader == "true" &&
                            backend_.Status(fiber).leader == 0) {
                          return ToGrpcStatus(kNoLeader);
                        }
                        return (this->*handler)(fiber, request, response);
                      });
  }
}

MonoTime KvService::Deadline(Fiber& fiber, const Request& request) const {
  return std::min(request.deadline, fiber.now() + options_.request_timeout);
}

GrpcStatus KvService::Answer(Fiber& fiber, const absl::StatusOr<std::string>& bytes,
                             std::string* response) {
  if (!bytes.ok()) return ToGrpcStatus(bytes.status());
  const auto outcome = DecodeOutcome(*bytes);
  if (!outcome.ok()) return ToGrpcStatus(outcome.status());
  if (!outcome->ok()) return ToGrpcStatus(Refusal{outcome->code, outcome->body});
  *response = AppendHeader(outcome->body, backend_.Header(fiber));
  return {};
}

GrpcStatus KvService::Propose(Fiber& fiber, CommandKind kind, const Request& request,
                              std::string* response, size_t room_bytes) {
  if (request.message.size() > options_.request_bytes_max) return ToGrpcStatus(kRequestTooLarge);
  if (room_bytes > 0 && !request.room.Reserve(fiber, room_bytes)) return request.room.Busy();
  return Answer(
      fiber,
      backend_.Propose(fiber, EncodeCommand(kind, MessageOf(request)), Deadline(fiber, request)),
      response);
}

GrpcStatus KvService::Query(Fiber& fiber, CommandKind kind, const Request& request,
                            Consistency consistency, std::string* response) {
  const MonoTime deadline = Deadline(fiber, request);
  const absl::StatusOr<Duration> staleness = replica::MaxStaleness(request);
  if (!staleness.ok()) return Status::Of(staleness.status());
  if (consistency == Consistency::kLinearizable || *staleness > Duration(0)) {
    const absl::Status caught_up = backend_.CatchUp(fiber, deadline, *staleness);
    if (!caught_up.ok()) return ToGrpcStatus(caught_up);
  }
  // Only now, as what waits for a leader takes no memory.
  if (!request.room.Reserve(fiber, limits::kResponseRoomBytes)) return request.room.Busy();
  return Answer(fiber,
                backend_.Query(fiber, EncodeCommand(kind, MessageOf(request)),
                               Consistency::kSerializable, deadline),
                response);
}

// ---- KV

GrpcStatus KvService::Range(Fiber& fiber, const Request& request, std::string* response) {
  etcdserverpb::RangeRequest range;
  if (!Parse(MessageOf(request), range)) return ToGrpcStatus(kMalformed);
  if (Verdict verdict = CheckRange(range); verdict != nullptr) return ToGrpcStatus(*verdict);
  return Query(fiber, CommandKind::kRange, request, WantedConsistency(range.serializable()),
               response);
}

GrpcStatus KvService::Put(Fiber& fiber, const Request& request, std::string* response) {
  etcdserverpb::PutRequest put;
  if (!Parse(MessageOf(request), put)) return ToGrpcStatus(kMalformed);
  if (Verdict verdict = CheckPut(put); verdict != nullptr) return ToGrpcStatus(*verdict);
  if (Status full = CheckQuota(fiber, PutCost(put), Deadline(fiber, request)); !full.ok()) {
    return full;
  }
  return Propose(fiber, CommandKind::kPut, request, response, put.prev_kv() ? kWriteRoomBytes : 0);
}

GrpcStatus KvService::DeleteRange(Fiber& fiber, const Request& request, std::string* response) {
  etcdserverpb::DeleteRangeRequest range;
  if (!Parse(MessageOf(request), range)) return ToGrpcStatus(kMalformed);
  if (Verdict verdict = CheckDeleteRange(range); verdict != nullptr) {
    return ToGrpcStatus(*verdict);
  }
  return Propose(fiber, CommandKind::kDeleteRange, request, response,
                 range.prev_kv() ? kWriteRoomBytes : 0);
}

GrpcStatus KvService::Txn(Fiber& fiber, const Request& request, std::string* response) {
  etcdserverpb::TxnRequest txn;
  if (!Parse(MessageOf(request), txn)) return ToGrpcStatus(kMalformed);
  if (Verdict verdict = CheckTxn(txn, options_.txn_ops_max); verdict != nullptr)
    return ToGrpcStatus(*verdict);
  if (!IsReadOnly(txn)) {
    if (Status full = CheckQuota(fiber, PutCost(txn), Deadline(fiber, request)); !full.ok()) {
      return full;
    }
    return Propose(fiber, CommandKind::kTxn, request, response,
                   AnswersKeys(txn) ? kWriteRoomBytes : 0);
  }
  return Query(fiber, CommandKind::kTxn, request, WantedConsistency(IsSerializable(txn)), response);
}

GrpcStatus KvService::Compact(Fiber& fiber, const Request& request, std::string* response) {
  etcdserverpb::CompactionRequest compaction;
  if (!Parse(MessageOf(request), compaction)) return ToGrpcStatus(kMalformed);
  GrpcStatus status = Propose(fiber, CommandKind::kCompact, request, response, 0);
  if (!status.ok() || !compaction.physical()) return status;
  return AwaitSweep(fiber, request.deadline);
}

GrpcStatus KvService::AwaitSweep(Fiber& fiber, MonoTime deadline) {
  while (true) {
    const MonoTime one = std::min(deadline, fiber.now() + options_.request_timeout);
    const auto bytes = backend_.Propose(fiber, EncodeCommand(CommandKind::kSweep, ""), one);
    if (!bytes.ok()) return ToGrpcStatus(bytes.status());
    const auto outcome = DecodeOutcome(*bytes);
    if (!outcome.ok()) return ToGrpcStatus(outcome.status());
    if (!outcome->ok()) return ToGrpcStatus(Refusal{outcome->code, outcome->body});
    if (outcome->body.empty()) return {};
  }
}

// ---- Quota and alarms

bool KvService::IsShortOfSpace(Fiber& fiber) {
  if (options_.disk_reserve_bytes == 0 || fiber.now() < space_known_until_) return false;
  const std::optional<uint64_t> free = backend_.FreeBytes(fiber);
  // Nobody is refused by what was true a moment ago.
  if (free.has_value() && *free < options_.disk_reserve_bytes) return true;
  space_known_until_ = fiber.now() + kSpaceFresh;
  return false;
}

GrpcStatus KvService::CheckQuota(Fiber& fiber, size_t put_cost, MonoTime deadline) {
  if (put_cost == 0) return {};
  if (IsShortOfSpace(fiber)) return ToGrpcStatus(kNoSpace);
  if (!quota_.is_limited()) return {};
  if (!quota_.is_stale(fiber.now()) && quota_.Admit(put_cost)) return {};
  // Nobody is refused by what was true a moment ago.
  const int64_t store_bytes = backend_.StoreBytes(fiber);
  quota_.Refresh(fiber.now(), store_bytes);
  if (quota_.Admit(put_cost)) return {};
  RaiseNoSpace(fiber, deadline);
  return ToGrpcStatus(kNoSpace);
}

// Whether it succeeds does not matter to the caller, who is refused anyway; the next one tries
// again.
void KvService::RaiseNoSpace(Fiber& fiber, MonoTime deadline) {
  etcdserverpb::AlarmRequest raise;
  raise.set_action(etcdserverpb::AlarmRequest::ACTIVATE);
  raise.set_memberid(self_.value());
  raise.set_alarm(etcdserverpb::NOSPACE);
  etcdserverpb::AlarmResponse raised;
  if (GetAlarms(fiber, raise, Consistency::kSerializable, deadline, raised).ok()) {
    for (const etcdserverpb::AlarmMember& alarm : raised.alarms()) {
      if (alarm.memberid() == self_.value()) return;
    }
  }
  static_cast<void>(backend_.Propose(fiber, EncodeCommand(CommandKind::kAlarm, raise), deadline));
}

GrpcStatus KvService::GetAlarms(Fiber& fiber, const etcdserverpb::AlarmRequest& request,
                                Consistency consistency, MonoTime deadline,
                                etcdserverpb::AlarmResponse& response) {
  if (consistency == Consistency::kLinearizable) {
    const absl::Status caught_up = backend_.CatchUp(fiber, deadline, Duration(0));
    if (!caught_up.ok()) return ToGrpcStatus(caught_up);
  }
  const auto bytes = backend_.Query(fiber, EncodeCommand(CommandKind::kAlarms, request),
                                    Consistency::kSerializable, deadline);
  if (!bytes.ok()) return ToGrpcStatus(bytes.status());
  const auto outcome = DecodeOutcome(*bytes);
  if (!outcome.ok()) return ToGrpcStatus(outcome.status());
  return Parse(outcome->body, response) ? GrpcStatus() : ToGrpcStatus(kMalformed);
}

// What ails this node alone is not raised for all, which would stop the cluster for it; it ends by
// itself.
void KvService::AddOwnAlarms(Fiber& fiber, const NodeStatus& node,
                             const etcdserverpb::AlarmRequest& request,
                             etcdserverpb::AlarmResponse& response) {
  const auto add = [&](etcdserverpb::AlarmType type) {
    if (request.alarm() != etcdserverpb::NONE && request.alarm() != type) return;
    for (const etcdserverpb::AlarmMember& known : response.alarms()) {
      if (known.memberid() == self_.value() && known.alarm() == type) return;
    }
    etcdserverpb::AlarmMember& alarm = *response.add_alarms();
    alarm.set_memberid(self_.value());
    alarm.set_alarm(type);
  };
  if (node.no_space || IsShortOfSpace(fiber)) add(etcdserverpb::NOSPACE);
  if (node.awaits_state) add(etcdserverpb::CORRUPT);
}

// As etcd's, the answer has no header.
GrpcStatus KvService::Alarm(Fiber& fiber, const Request& request, std::string* response) {
  etcdserverpb::AlarmRequest alarm;
  if (!Parse(MessageOf(request), alarm)) return ToGrpcStatus(kMalformed);
  const MonoTime deadline = Deadline(fiber, request);
  etcdserverpb::AlarmResponse answer;
  if (alarm.action() == etcdserverpb::AlarmRequest::GET) {
    const NodeStatus node = backend_.Status(fiber);
    const GrpcStatus status = GetAlarms(fiber, alarm, Consistency::kLinearizable, deadline, answer);
    // Whose state is lost cannot tell what is raised, but can tell that.
    if (!status.ok() && !node.awaits_state) return status;
    AddOwnAlarms(fiber, node, alarm, answer);
    return Serialize(answer, response);
  }
  const auto bytes = backend_.Propose(fiber, EncodeCommand(CommandKind::kAlarm, alarm), deadline);
  if (!bytes.ok()) return ToGrpcStatus(bytes.status());
  const auto outcome = DecodeOutcome(*bytes);
  if (!outcome.ok()) return ToGrpcStatus(outcome.status());
  if (!outcome->ok()) return ToGrpcStatus(Refusal{outcome->code, outcome->body});
  response->assign(outcome->body);
  return {};
}

// ---- Maintenance

GrpcStatus KvService::Defragment(Fiber& fiber, const Request&, std::string* response) {
  const absl::Status begun = backend_.Defragment(fiber);
  if (!begun.ok()) return ToGrpcStatus(begun);
  response->clear();
  return {};
}

GrpcStatus KvService::GetStatus(Fiber& fiber, const Request& request, std::string* response) {
  // Answered by this node alone, also when there is no leader.
  std::string known;
  const GrpcStatus queried =
      Answer(fiber,
             backend_.Query(fiber, EncodeCommand(CommandKind::kState, ""),
                            Consistency::kSerializable, Deadline(fiber, request)),
             &known);
  const NodeStatus node = backend_.Status(fiber);
  // A member whose state is lost says so.
  if (!queried.ok() && node.errors.empty()) return queried;
  etcdserverpb::StatusResponse status;
  if (queried.ok() && !Parse(known, status)) return ToGrpcStatus(kMalformed);
  status.set_version(options_.version);
  status.set_storageversion(options_.version);
  status.set_dbsize(node.store_bytes);
  status.set_dbsizeinuse(node.live_bytes);
  status.set_leader(node.leader);
  status.set_raftindex(node.raft_index);
  status.set_raftterm(node.raft_term);
  status.set_raftappliedindex(node.applied_index);
  status.set_islearner(node.is_learner);
  status.set_dbsizequota(quota_.bytes_max());
  for (const std::string& error : node.errors) status.add_errors(error);
  for (const std::string& trouble : backend_.StorageTrouble(fiber)) status.add_errors(trouble);
  if (IsShortOfSpace(fiber)) {
    status.add_errors(absl::StrCat("memberID:", self_.value(), " alarm:NOSPACE (its disk) "));
  }
  etcdserverpb::AlarmResponse alarms;
  if (GetAlarms(fiber, {}, Consistency::kSerializable, Deadline(fiber, request), alarms).ok()) {
    for (const etcdserverpb::AlarmMember& alarm : alarms.alarms()) {
      status.add_errors(DescribeAlarm(alarm));
    }
  }
  if (node.leader == 0) status.add_errors(std::string(kNoLeader.text));
  return Serialize(status, response);
}

GrpcStatus KvService::Hash(Fiber& fiber, const Request& request, std::string* response) {
  std::string hashed;
  const GrpcStatus queried =
      Answer(fiber,
             backend_.Query(fiber, EncodeCommand(CommandKind::kHashKv, ""),
                            Consistency::kSerializable, Deadline(fiber, request)),
             &hashed);
  if (!queried.ok()) return queried;
  etcdserverpb::HashKVResponse known;
  if (!Parse(hashed, known)) return ToGrpcStatus(kMalformed);
  etcdserverpb::HashResponse answer;
  *answer.mutable_header() = known.header();
  answer.set_hash(known.hash());
  return Serialize(answer, response);
}

GrpcStatus KvService::HashKv(Fiber& fiber, const Request& request, std::string* response) {
  return Query(fiber, CommandKind::kHashKv, request, Consistency::kSerializable, response);
}

// ---- Cluster

GrpcStatus KvService::MemberList(Fiber& fiber, const Request& request, std::string* response) {
  etcdserverpb::MemberListRequest list;
  if (!Parse(MessageOf(request), list)) return ToGrpcStatus(kMalformed);
  if (list.linearizable()) {
    const absl::Status caught_up = backend_.CatchUp(fiber, Deadline(fiber, request), Duration(0));
    if (!caught_up.ok()) return ToGrpcStatus(caught_up);
  }
  etcdserverpb::MemberListResponse answer;
  FillHeader(backend_.Header(fiber), *answer.mutable_header());  // without a revision, as etcd's
  for (const replica::Member& member : backend_.Members(fiber)) {
    FillMember(member, options_.peer_scheme, *answer.add_members());
  }
  return Serialize(answer, response);
}

GrpcStatus KvService::ChangeMembers(Fiber& fiber, const Request& request,
                                    replica::MemberStep::Kind kind, replica::Member member) {
  replica::MemberChange change;
  change.steps.push_back({kind, std::move(member)});
  const auto refusal = backend_.ChangeMembers(fiber, change, Deadline(fiber, request));
  if (!refusal.ok()) return ToGrpcStatus(refusal.status());
  const Verdict verdict = VerdictOf(*refusal);
  return verdict == nullptr ? GrpcStatus() : ToGrpcStatus(*verdict);
}

GrpcStatus KvService::MemberAdd(Fiber& fiber, const Request& request, std::string* response) {
  etcdserverpb::MemberAddRequest add;
  if (!Parse(MessageOf(request), add)) return ToGrpcStatus(kMalformed);
  replica::Member member;
  const Verdict verdict =
      ParsePeerUrls({add.peerurls().begin(), add.peerurls().end()}, &member.peers);
  if (verdict != nullptr) return ToGrpcStatus(*verdict);
  member.id = backend_.DrawMemberId();
  member.is_learner = add.islearner();
  const GrpcStatus changed = ChangeMembers(fiber, request, replica::MemberStep::Kind::kAdd, member);
  if (!changed.ok()) return changed;
  etcdserverpb::MemberAddResponse answer;
  FillHeader(backend_.Header(fiber), *answer.mutable_header());
  FillMember(member, options_.peer_scheme, *answer.mutable_member());
  for (const replica::Member& one : backend_.Members(fiber)) {
    FillMember(one, options_.peer_scheme, *answer.add_members());
  }
  return Serialize(answer, response);
}

GrpcStatus KvService::MemberRemove(Fiber& fiber, const Request& request, std::string* response) {
  etcdserverpb::MemberRemoveRequest remove;
  if (!Parse(MessageOf(request), remove)) return ToGrpcStatus(kMalformed);
  replica::Member member;
  member.id = NodeId(remove.id());
  const GrpcStatus changed =
      ChangeMembers(fiber, request, replica::MemberStep::Kind::kRemove, std::move(member));
  if (!changed.ok()) return changed;
  return AnswerMembers<etcdserverpb::MemberRemoveResponse>(fiber, backend_, options_.peer_scheme,
                                                           response);
}

GrpcStatus KvService::MemberUpdate(Fiber& fiber, const Request& request, std::string* response) {
  etcdserverpb::MemberUpdateRequest update;
  if (!Parse(MessageOf(request), update)) return ToGrpcStatus(kMalformed);
  replica::Member member;
  const Verdict verdict =
      ParsePeerUrls({update.peerurls().begin(), update.peerurls().end()}, &member.peers);
  if (verdict != nullptr) return ToGrpcStatus(*verdict);
  member.id = NodeId(update.id());
  const GrpcStatus changed =
      ChangeMembers(fiber, request, replica::MemberStep::Kind::kUpdate, std::move(member));
  if (!changed.ok()) return changed;
  return AnswerMembers<etcdserverpb::MemberUpdateResponse>(fiber, backend_, options_.peer_scheme,
                                                           response);
}

GrpcStatus KvService::MemberPromote(Fiber& fiber, const Request& request, std::string* response) {
  etcdserverpb::MemberPromoteRequest promote;
  if (!Parse(MessageOf(request), promote)) return ToGrpcStatus(kMalformed);
  replica::Member member;
  member.id = NodeId(promote.id());
  const GrpcStatus changed =
      ChangeMembers(fiber, request, replica::MemberStep::Kind::kPromote, std::move(member));
  if (!changed.ok()) return changed;
  return AnswerMembers<etcdserverpb::MemberPromoteResponse>(fiber, backend_, options_.peer_scheme,
                                                            response);
}

GrpcStatus KvService::MoveLeader(Fiber& fiber, const Request& request, std::string* response) {
  etcdserverpb::MoveLeaderRequest move;
  if (!Parse(MessageOf(request), move)) return ToGrpcStatus(kMalformed);
  const absl::Status moved =
      backend_.MoveLeader(fiber, NodeId(move.targetid()), Deadline(fiber, request));
  if (absl::IsFailedPrecondition(moved)) return ToGrpcStatus(kNotLeader);
  if (absl::IsInvalidArgument(moved)) return ToGrpcStatus(kBadTransferee);
  if (absl::IsDeadlineExceeded(moved)) return ToGrpcStatus(kTransferTimedOut);
  if (!moved.ok()) return ToGrpcStatus(moved);
  etcdserverpb::MoveLeaderResponse answer;
  FillHeader(backend_.Header(fiber), *answer.mutable_header());
  return Serialize(answer, response);
}

}  // namespace lockstep::kv
