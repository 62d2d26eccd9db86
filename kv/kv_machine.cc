#include "kv/kv_machine.h"

#include <google/protobuf/arena.h>

#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "kv/alarms.h"
#include "kv/changes.h"
#include "kv/compaction.h"
#include "kv/hash_kv.h"
#include "kv/invariants.h"
#include "kv/mutants.h"
#include "kv/proto/rpc.pb.h"
#include "kv/range.h"
#include "kv/request_checks.h"
#include "kv/txn.h"
#include "kv/write.h"

namespace lockstep::kv {
namespace {

// How long a proposed sweep may take; the pause after one, which leaves room for clients' entries,
// and after one that failed.
constexpr Duration kSweepTimeout = Seconds(10);
constexpr Duration kSweepPause = Milliseconds(10);
constexpr Duration kSweepRetryPause = Milliseconds(500);

// Where the messages of one request live.
class Messages final {
 public:
  Messages() : arena_(first_block_, sizeof(first_block_)) {}

  template <typename Message>
  Message& New() {
    return *google::protobuf::Arena::CreateMessage<Message>(&arena_);
  }
  // Null if the bytes are no such message.
  template <typename Message>
  const Message* Parse(std::string_view bytes) {
    Message& message = New<Message>();
    const bool ok = message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
    return ok ? &message : nullptr;
  }

 private:
  alignas(8) char first_block_[1024];
  google::protobuf::Arena arena_;
};

std::string EncodeOutcome(Verdict verdict, const google::protobuf::MessageLite& response) {
  return verdict == nullptr ? EncodeResponse(response) : EncodeRefusal(*verdict);
}

absl::StatusOr<std::string> QueryRange(Fiber& fiber, std::string_view body,
                                       const machine::StoreView& view) {
  Messages messages;
  const auto* request = messages.Parse<etcdserverpb::RangeRequest>(body);
  if (request == nullptr) return EncodeRefusal(kUnknownCommand);
  if (Verdict verdict = CheckRange(*request); verdict != nullptr) return EncodeRefusal(*verdict);
  ASSIGN_OR_RETURN(const Head head, ReadHead(fiber, view));
  auto& response = messages.New<etcdserverpb::RangeResponse>();
  ASSIGN_OR_RETURN(const Verdict verdict, ExecuteRange(fiber, view, head, *request, response));
  return EncodeOutcome(verdict, response);
}

absl::StatusOr<std::string> QueryTxn(Fiber& fiber, std::string_view body,
                                     const machine::StoreView& view) {
  Messages messages;
  const auto* request = messages.Parse<etcdserverpb::TxnRequest>(body);
  if (request == nullptr || !IsReadOnly(*request)) return EncodeRefusal(kUnknownCommand);
  if (Verdict verdict = CheckTxn(*request, kTxnOpsCeiling); verdict != nullptr)
    return EncodeRefusal(*verdict);
  ASSIGN_OR_RETURN(const Head head, ReadHead(fiber, view));
  auto& response = messages.New<etcdserverpb::TxnResponse>();
  ASSIGN_OR_RETURN(const Verdict verdict,
                   ExecuteReadOnlyTxn(fiber, view, head, *request, response));
  return EncodeOutcome(verdict, response);
}

absl::StatusOr<std::string> QueryHashKv(Fiber& fiber, std::string_view body,
                                        const machine::StoreView& view) {
  Messages messages;
  const auto* request = messages.Parse<etcdserverpb::HashKVRequest>(body);
  if (request == nullptr) return EncodeRefusal(kUnknownCommand);
  ASSIGN_OR_RETURN(const Head head, ReadHead(fiber, view));
  auto& response = messages.New<etcdserverpb::HashKVResponse>();
  ASSIGN_OR_RETURN(const Verdict verdict, ExecuteHashKv(fiber, view, head, *request, response));
  return EncodeOutcome(verdict, response);
}

etcdserverpb::CompactionResponse HeaderAlone(const Head& head) {
  etcdserverpb::CompactionResponse response;
  response.mutable_header()->set_revision(head.revision);
  return response;
}

absl::StatusOr<std::string> QueryState(Fiber& fiber, const machine::StoreView& view) {
  ASSIGN_OR_RETURN(const Head head, ReadHead(fiber, view));
  return EncodeResponse(HeaderAlone(head));
}

}  // namespace

absl::StatusOr<std::string> KvMachine::Apply(Fiber& fiber, std::string_view command,
                                             machine::ApplyContext& context) {
  if (command.empty()) return EncodeRefusal(kUnknownCommand);
  const std::string_view body = command.substr(1);
  machine::StoreTransaction& store = context.store();
  switch (static_cast<CommandKind>(command.front())) {
    case CommandKind::kPut:
      return ApplyPut(fiber, body, store);
    case CommandKind::kDeleteRange:
      return ApplyDeleteRange(fiber, body, store);
    case CommandKind::kTxn:
      return ApplyTxn(fiber, body, store);
    case CommandKind::kCompact:
      return ApplyCompact(fiber, body, store);
    case CommandKind::kSweep:
      return ApplySweep(fiber, store);
    case CommandKind::kAlarm:
      return ApplyAlarm(body, store);
    default:
      return EncodeRefusal(kUnknownCommand);
  }
}

absl::StatusOr<std::string> KvMachine::ApplyPut(Fiber& fiber, std::string_view body,
                                                machine::StoreTransaction& store) {
  Messages messages;
  const auto* request = messages.Parse<etcdserverpb::PutRequest>(body);
  if (request == nullptr) return EncodeRefusal(kUnknownCommand);
  if (Verdict verdict = CheckPut(*request); verdict != nullptr) return EncodeRefusal(*verdict);
  if (Verdict verdict = alarms_.Refusal(CommandKind::kPut, true)) return EncodeRefusal(*verdict);
  ASSIGN_OR_RETURN(const Verdict verdict, CheckPutAgainst(fiber, store, *request));
  if (verdict != nullptr) return EncodeRefusal(*verdict);
  auto& response = messages.New<etcdserverpb::PutResponse>();
  Changes changes(store, head_, recent_);
  RETURN_IF_ERROR(ExecutePut(fiber, changes, *request, response));
  return EncodeResponse(response);
}

absl::StatusOr<std::string> KvMachine::ApplyDeleteRange(Fiber& fiber, std::string_view body,
                                                        machine::StoreTransaction& store) {
  Messages messages;
  const auto* request = messages.Parse<etcdserverpb::DeleteRangeRequest>(body);
  if (request == nullptr) return EncodeRefusal(kUnknownCommand);
  if (Verdict verdict = CheckDeleteRange(*request); verdict != nullptr) {
    return EncodeRefusal(*verdict);
  }
  if (Verdict verdict = alarms_.Refusal(CommandKind::kDeleteRange, false)) {
    return EncodeRefusal(*verdict);
  }
  auto& response = messages.New<etcdserverpb::DeleteRangeResponse>();
  Changes changes(store, head_, recent_);
  RETURN_IF_ERROR(ExecuteDeleteRange(fiber, changes, *request, response));
  return EncodeResponse(response);
}

absl::StatusOr<std::string> KvMachine::ApplyTxn(Fiber& fiber, std::string_view body,
                                                machine::StoreTransaction& store) {
  Messages messages;
  const auto* request = messages.Parse<etcdserverpb::TxnRequest>(body);
  if (request == nullptr) return EncodeRefusal(kUnknownCommand);
  if (Verdict verdict = CheckTxn(*request, kTxnOpsCeiling); verdict != nullptr)
    return EncodeRefusal(*verdict);
  const bool puts = PutCost(*request) > 0 && !mutant::Enabled(mutant::kM78QuotaIgnoredByTxn);
  if (Verdict verdict = alarms_.Refusal(CommandKind::kTxn, puts)) return EncodeRefusal(*verdict);
  auto& response = messages.New<etcdserverpb::TxnResponse>();
  Changes changes(store, head_, recent_);
  ASSIGN_OR_RETURN(const Verdict verdict, ExecuteTxn(fiber, changes, *request, response));
  return EncodeOutcome(verdict, response);
}

absl::StatusOr<std::string> KvMachine::ApplyCompact(Fiber& fiber, std::string_view body,
                                                    machine::StoreTransaction& store) {
  Messages messages;
  const auto* request = messages.Parse<etcdserverpb::CompactionRequest>(body);
  if (request == nullptr) return EncodeRefusal(kUnknownCommand);
  if (Verdict refusal = alarms_.Refusal(CommandKind::kCompact, false)) {
    return EncodeRefusal(*refusal);
  }
  const Verdict verdict = Compact(store, request->revision(), head_);
  if (verdict != nullptr) return EncodeRefusal(*verdict);
  // Most compactions are small: the first sweep is all that they need.
  RETURN_IF_ERROR(ApplySweep(fiber, store).status());
  return EncodeResponse(HeaderAlone(head_));
}

absl::StatusOr<std::string> KvMachine::ApplySweep(Fiber& fiber, machine::StoreTransaction& store) {
  ASSIGN_OR_RETURN(const bool unswept, Sweep(fiber, store, head_));
  SetUnswept(unswept);
  return EncodeResponse(unswept ? std::string_view("+") : std::string_view());
}

absl::StatusOr<std::string> KvMachine::ApplyAlarm(std::string_view body,
                                                  machine::StoreTransaction& store) {
  Messages messages;
  const auto* request = messages.Parse<etcdserverpb::AlarmRequest>(body);
  if (request == nullptr) return EncodeRefusal(kUnknownCommand);
  auto& response = messages.New<etcdserverpb::AlarmResponse>();
  alarms_.Change(*request, head_.revision, store, response);
  return EncodeResponse(response);
}

absl::StatusOr<std::string> KvMachine::QueryAlarms(std::string_view body) const {
  Messages messages;
  const auto* request = messages.Parse<etcdserverpb::AlarmRequest>(body);
  if (request == nullptr) return EncodeRefusal(kUnknownCommand);
  auto& response = messages.New<etcdserverpb::AlarmResponse>();
  alarms_.List(*request, response);
  return EncodeResponse(response);
}

void KvMachine::SetUnswept(bool unswept) {
  if (unswept) {
    unswept_.Set();
  } else {
    unswept_.Reset();
  }
}

absl::StatusOr<std::string> KvMachine::Query(Fiber& fiber, std::string_view request,
                                             const machine::StoreView& view) {
  if (request.empty()) return EncodeRefusal(kUnknownCommand);
  const std::string_view body = request.substr(1);
  const auto kind = static_cast<CommandKind>(request.front());
  if (Verdict verdict = alarms_.Refusal(kind, false)) return EncodeRefusal(*verdict);
  switch (kind) {
    case CommandKind::kRange:
      return QueryRange(fiber, body, view);
    case CommandKind::kTxn:
      return QueryTxn(fiber, body, view);
    case CommandKind::kHashKv:
      return QueryHashKv(fiber, body, view);
    case CommandKind::kState:
      return QueryState(fiber, view);
    case CommandKind::kAlarms:
      return QueryAlarms(body);
    default:
      return EncodeRefusal(kUnknownCommand);
  }
}

absl::Status KvMachine::Load(Fiber& fiber, const machine::StoreView& view) {
  recent_.Clear();
  ASSIGN_OR_RETURN(head_, ReadHead(fiber, view));
  ASSIGN_OR_RETURN(alarms_, Alarms::Read(fiber, view));
  ASSIGN_OR_RETURN(const Revision position, SweepPosition(fiber, view));
  SetUnswept(position.main < head_.compacted);
  return absl::OkStatus();
}

void KvMachine::LeaderDuty(Fiber& fiber, machine::Proposer& proposer) {
  while (true) {
    unswept_.Wait(fiber);
    const auto outcome = proposer.Propose(fiber, EncodeCommand(CommandKind::kSweep, ""),
                                          fiber.now() + kSweepTimeout);
    // Not applied, or not known to be: sweeping once too often does no harm.
    fiber.SleepFor(outcome.ok() ? kSweepPause : kSweepRetryPause);
  }
}

absl::Status KvMachine::CheckInvariants(Fiber& fiber, const machine::StoreView& view) {
  RETURN_IF_ERROR(CheckAlarms(fiber, view));
  return CheckKeySpace(fiber, view);
}

}  // namespace lockstep::kv
