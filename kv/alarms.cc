#include "kv/alarms.h"

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "kv/head.h"
#include "kv/marks.h"
#include "kv/proto/rpc.pb.h"
#include "kv/range.h"

namespace lockstep::kv {
namespace {

using machine::Column;

// kPrimary  00 "alarm" type:1 member:8 -> the key space's revision when it was raised, in digits
constexpr std::string_view kPrefix{"\0alarm", 6};
constexpr size_t kRowKeyBytes = kPrefix.size() + 1 + 8;
constexpr size_t kPutOverheadBytes = 256;

struct Row final {
  int type = 0;
  uint64_t member = 0;
  int64_t revision = 0;
};

absl::StatusOr<Row> DecodeRow(std::string_view key, std::string_view value) {
  Row row;
  if (key.size() != kRowKeyBytes ||
      !absl::SimpleAtoi(absl::string_view(value.data(), value.size()), &row.revision)) {
    return absl::DataLossError("a malformed alarm row");
  }
  row.type = static_cast<unsigned char>(key[kPrefix.size()]);
  for (const char c : key.substr(kPrefix.size() + 1)) {
    row.member = row.member << 8 | static_cast<unsigned char>(c);
  }
  return row;
}

absl::StatusOr<std::vector<Row>> ReadRows(Fiber& fiber, const machine::StoreView& view) {
  std::vector<Row> rows;
  const auto walk = view.NewIterator(Column::kPrimary);
  for (walk->Seek(fiber, kPrefix); walk->Valid(); walk->Next(fiber)) {
    if (!walk->key().starts_with(kPrefix)) break;
    ASSIGN_OR_RETURN(const Row row, DecodeRow(walk->key(), walk->value()));
    rows.push_back(row);
  }
  RETURN_IF_ERROR(walk->status());
  return rows;
}

void Add(int type, uint64_t member, etcdserverpb::AlarmResponse& response) {
  etcdserverpb::AlarmMember& alarm = *response.add_alarms();
  alarm.set_memberid(member);
  alarm.set_alarm(static_cast<etcdserverpb::AlarmType>(type));
}

size_t PutCostOf(const google::protobuf::RepeatedPtrField<etcdserverpb::RequestOp>& branch) {
  size_t cost = 0;
  for (const etcdserverpb::RequestOp& op : branch) {
    if (op.has_request_put()) cost += PutCost(op.request_put());
    if (op.has_request_txn()) cost += PutCost(op.request_txn());
  }
  return cost;
}

}  // namespace

std::string Alarms::RowKey(const Place& place) {
  std::string key(kPrefix);
  key.push_back(static_cast<char>(place.type));
  for (int shift = 56; shift >= 0; shift -= 8) {
    key.push_back(static_cast<char>(place.member >> shift));
  }
  return key;
}

absl::StatusOr<Alarms> Alarms::Read(Fiber& fiber, const machine::StoreView& view) {
  ASSIGN_OR_RETURN(const std::vector<Row> rows, ReadRows(fiber, view));
  Alarms alarms;
  for (const Row& row : rows) alarms.raised_.insert({row.type, row.member});
  return alarms;
}

void Alarms::Change(const etcdserverpb::AlarmRequest& request, int64_t revision,
                    machine::StoreTransaction& store, etcdserverpb::AlarmResponse& response) {
  if (request.alarm() == etcdserverpb::NONE) return;
  if (!etcdserverpb::AlarmType_IsValid(request.alarm())) return;
  const Place place{static_cast<int>(request.alarm()), request.memberid()};
  if (request.action() == etcdserverpb::AlarmRequest::ACTIVATE) {
    if (raised_.insert(place).second) {
      store.Put(Column::kPrimary, RowKey(place), absl::StrCat(revision));
    }
  } else if (request.action() == etcdserverpb::AlarmRequest::DEACTIVATE) {
    if (raised_.erase(place) == 0) return;
    store.Delete(Column::kPrimary, RowKey(place));
  } else {
    return;
  }
  Add(place.type, place.member, response);
}

void Alarms::List(const etcdserverpb::AlarmRequest& request,
                  etcdserverpb::AlarmResponse& response) const {
  for (const Place& place : raised_) {
    const bool is_wanted = request.alarm() == etcdserverpb::NONE || request.alarm() == place.type;
    if (is_wanted) Add(place.type, place.member, response);
  }
}

bool Alarms::Has(int type) const {
  return std::any_of(raised_.begin(), raised_.end(),
                     [&](const Place& place) { return place.type == type; });
}

Verdict Alarms::Refusal(CommandKind kind, bool puts) const {
  if (raised_.empty()) return nullptr;
  switch (kind) {
    case CommandKind::kPut:
    case CommandKind::kDeleteRange:
    case CommandKind::kTxn:
    case CommandKind::kCompact:
    case CommandKind::kRange:
      if (Has(etcdserverpb::CORRUPT)) return &kCorrupt;
      if (!puts || !Has(etcdserverpb::NOSPACE)) return nullptr;
      marks::Reach(kMarkNoSpaceRefused);
      return &kNoSpace;
    default:
      return nullptr;
  }
}

std::string DescribeAlarm(const etcdserverpb::AlarmMember& alarm) {
  return absl::StrCat("memberID:", alarm.memberid(),
                      " alarm:", etcdserverpb::AlarmType_Name(alarm.alarm()), " ");
}

size_t PutCost(const etcdserverpb::PutRequest& request) {
  return kPutOverheadBytes + request.key().size() + request.value().size();
}

size_t PutCost(const etcdserverpb::TxnRequest& request) {
  return std::max(PutCostOf(request.success()), PutCostOf(request.failure()));
}

absl::Status CheckAlarms(Fiber& fiber, const machine::StoreView& view) {
  ASSIGN_OR_RETURN(const std::vector<Row> rows, ReadRows(fiber, view));
  ASSIGN_OR_RETURN(const Head head, ReadHead(fiber, view));
  for (const Row& row : rows) {
    etcdserverpb::RangeRequest request;
    request.set_key(std::string(1, '\0'));
    request.set_range_end(std::string(1, '\0'));
    request.set_min_mod_revision(row.revision + 1);
    request.set_limit(1);
    etcdserverpb::RangeResponse found;
    ASSIGN_OR_RETURN(const Verdict verdict, ExecuteRange(fiber, view, head, request, found));
    CHECK(verdict == nullptr);
    if (found.kvs().empty()) continue;
    return absl::InternalError(absl::StrCat(
        "'", found.kvs(0).key(), "' was put at revision ", found.kvs(0).mod_revision(),
        " although an alarm of type ", row.type, " was raised at revision ", row.revision));
  }
  return absl::OkStatus();
}

}  // namespace lockstep::kv
