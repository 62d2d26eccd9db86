#include "kv/testing/kv_model.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "framework/base/check.h"

namespace lockstep::kv {
namespace {

using namespace etcdserverpb;  // the messages are this file's subject
using mvccpb::KeyValue;
using Ops = google::protobuf::RepeatedPtrField<RequestOp>;

constexpr int kInvalidArgument = 3;
constexpr int kNotFound = 5;
constexpr int kOutOfRange = 11;
constexpr char kEmptyKeyText[] = "etcdserver: key is not provided";
constexpr char kKeyNotFoundText[] = "etcdserver: key not found";
constexpr char kCompactedText[] = "etcdserver: mvcc: required revision has been compacted";
constexpr char kFutureText[] = "etcdserver: mvcc: required revision is a future revision";

ModelAnswer Answer(const google::protobuf::MessageLite& response) {
  return {0, response.SerializeAsString()};
}

bool InRange(const std::string& key, const std::string& begin, const std::string& end) {
  if (end.empty()) return key == begin;
  if (end == std::string(1, '\0')) return key >= begin;
  return key >= begin && key < end;
}

// The writes of a list of operations, for the search for duplicates.
struct Writes final {
  std::set<std::string> puts;
  std::vector<std::pair<std::string, std::string>> deletes;

  bool Overlaps(const std::string& key) const {
    if (puts.count(key) != 0) return true;
    return IsDeleted(key);
  }
  bool IsDeleted(const std::string& key) const {
    for (const auto& [begin, end] : deletes) {
      if (end.empty() ? key == begin : (begin <= key && key < end)) return true;
    }
    return false;
  }
};

// Nothing if a key is written twice.
std::optional<Writes> CollectWrites(const Ops& ops) {
  Writes all;
  for (const auto& op : ops) {
    if (!op.has_request_delete_range()) continue;
    all.deletes.emplace_back(op.request_delete_range().key(),
                             op.request_delete_range().range_end());
  }
  for (const auto& op : ops) {
    if (!op.has_request_txn()) continue;
    const auto yes = CollectWrites(op.request_txn().success());
    const auto no = CollectWrites(op.request_txn().failure());
    if (!yes || !no) return std::nullopt;
    for (const auto& key : yes->puts) {
      if (all.Overlaps(key)) return std::nullopt;
    }
    for (const auto& key : no->puts) {
      if (all.Overlaps(key)) return std::nullopt;
    }
    all.puts.insert(yes->puts.begin(), yes->puts.end());
    all.puts.insert(no->puts.begin(), no->puts.end());
    all.deletes.insert(all.deletes.end(), yes->deletes.begin(), yes->deletes.end());
    all.deletes.insert(all.deletes.end(), no->deletes.begin(), no->deletes.end());
  }
  for (const auto& op : ops) {
    if (!op.has_request_put()) continue;
    if (all.Overlaps(op.request_put().key())) return std::nullopt;
    all.puts.insert(op.request_put().key());
  }
  return all;
}

// What a sort looks at, in a form that compares.
std::pair<int64_t, std::string> SortKey(const RangeRequest& request, const KeyValue& kv) {
  switch (request.sort_target()) {
    case RangeRequest::VERSION:
      return {kv.version(), ""};
    case RangeRequest::CREATE:
      return {kv.create_revision(), ""};
    case RangeRequest::MOD:
      return {kv.mod_revision(), ""};
    case RangeRequest::VALUE:
      return {0, kv.value()};
    default:
      return {0, kv.key()};
  }
}

// Bubbles until in order: slow, plainly stable.
void SortSlowly(const RangeRequest& request, std::vector<KeyValue>& kvs) {
  const bool descend = request.sort_order() == RangeRequest::DESCEND;
  for (size_t i = 1; i < kvs.size(); ++i) {
    for (size_t j = i; j > 0; --j) {
      const auto left = SortKey(request, kvs[j - 1]);
      const auto right = SortKey(request, kvs[j]);
      if (descend ? left < right : right < left) std::swap(kvs[j - 1], kvs[j]);
    }
  }
}

bool IsFilteredOut(const RangeRequest& request, const KeyValue& kv) {
  const int64_t mod = kv.mod_revision();
  const int64_t create = kv.create_revision();
  if (request.min_mod_revision() != 0 && mod < request.min_mod_revision()) return true;
  if (request.max_mod_revision() != 0 && mod > request.max_mod_revision()) return true;
  if (request.min_create_revision() != 0 && create < request.min_create_revision()) return true;
  return request.max_create_revision() != 0 && create > request.max_create_revision();
}

bool HasFilter(const RangeRequest& request) {
  return (request.min_mod_revision() | request.max_mod_revision() | request.min_create_revision() |
          request.max_create_revision()) != 0;
}

bool CompareHolds(const Compare& compare, const KeyValue& kv) {
  int order = 0;
  const auto numbers = [](int64_t a, int64_t b) { return a == b ? 0 : (a < b ? -1 : 1); };
  switch (compare.target()) {
    case Compare::VERSION:
      order = numbers(kv.version(), compare.version());
      break;
    case Compare::CREATE:
      order = numbers(kv.create_revision(), compare.create_revision());
      break;
    case Compare::MOD:
      order = numbers(kv.mod_revision(), compare.mod_revision());
      break;
    case Compare::VALUE:
      order = kv.value().compare(compare.value());
      break;
    case Compare::LEASE:
      order = numbers(kv.lease(), compare.lease());
      break;
    default:
      break;
  }
  switch (compare.result()) {
    case Compare::EQUAL:
      return order == 0;
    case Compare::NOT_EQUAL:
      return order != 0;
    case Compare::GREATER:
      return order > 0;
    case Compare::LESS:
      return order < 0;
    default:
      return true;
  }
}

uint32_t SlowCrc32c(const std::string& bytes) {
  uint32_t crc = 0xFFFFFFFFu;
  for (unsigned char c : bytes) {
    crc ^= c;
    for (int i = 0; i < 8; ++i) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78u : crc >> 1;
  }
  return ~crc;
}

std::string BigEndian(int64_t value) {
  std::string out;
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  return out;
}

}  // namespace

// ---- Checks of a request alone.

KvModel::Refusal KvModel::CheckRange(const RangeRequest& request) {
  if (request.key().empty()) return Refused{kInvalidArgument, kEmptyKeyText};
  if (request.sort_order() < 0 || request.sort_order() > 2 || request.sort_target() < 0 ||
      request.sort_target() > 4) {
    return Refused{kInvalidArgument, "etcdserver: invalid sort option"};
  }
  return std::nullopt;
}

KvModel::Refusal KvModel::CheckPut(const PutRequest& request) {
  if (request.key().empty()) return Refused{kInvalidArgument, kEmptyKeyText};
  if (request.ignore_value() && !request.value().empty()) {
    return Refused{kInvalidArgument, "etcdserver: value is provided"};
  }
  if (request.ignore_lease() && request.lease() != 0) {
    return Refused{kInvalidArgument, "etcdserver: lease is provided"};
  }
  return std::nullopt;
}

KvModel::Refusal KvModel::CheckTxn(const TxnRequest& request, int budget) {
  const int used =
      std::max(request.compare_size(), std::max(request.success_size(), request.failure_size()));
  if (used > budget) {
    return Refused{kInvalidArgument, "etcdserver: too many operations in txn request"};
  }
  for (const auto& compare : request.compare()) {
    if (compare.key().empty()) return Refused{kInvalidArgument, kEmptyKeyText};
  }
  std::vector<const RequestOp*> ops;
  for (const auto& op : request.success()) ops.push_back(&op);
  for (const auto& op : request.failure()) ops.push_back(&op);
  for (const RequestOp* op : ops) {
    Refusal refusal;
    if (op->has_request_range()) {
      refusal = CheckRange(op->request_range());
    } else if (op->has_request_put()) {
      refusal = CheckPut(op->request_put());
    } else if (op->has_request_delete_range()) {
      if (op->request_delete_range().key().empty()) {
        refusal = Refused{kInvalidArgument, kEmptyKeyText};
      }
    } else if (op->has_request_txn()) {
      refusal = CheckTxn(op->request_txn(), budget - used);
    } else {
      refusal = Refused{kInvalidArgument, kKeyNotFoundText};
    }
    if (refusal) return refusal;
  }
  return std::nullopt;
}

bool KvModel::HasDuplicates(const TxnRequest& request) {
  return !CollectWrites(request.success()) || !CollectWrites(request.failure());
}

// ---- Checks against the state.

std::vector<const KeyValue*> KvModel::Find(const std::string& key, const std::string& range_end,
                                           int64_t revision) const {
  std::vector<const KeyValue*> found;
  for (const auto& [name, versions] : keys_) {
    if (!InRange(name, key, range_end)) continue;
    const auto later =
        std::upper_bound(versions.begin(), versions.end(), revision,
                         [](int64_t at, const Version& version) { return at < version.main; });
    if (later == versions.begin()) continue;
    const Version& last = *std::prev(later);
    if (!last.is_deleted) found.push_back(&last.kv);
  }
  return found;
}

KvModel::Refusal KvModel::CheckState(const PutRequest& request) const {
  if (request.lease() != 0) return Refused{kNotFound, "etcdserver: requested lease not found"};
  if ((request.ignore_value() || request.ignore_lease()) &&
      Find(request.key(), "", revision_).empty()) {
    return Refused{kInvalidArgument, kKeyNotFoundText};
  }
  return std::nullopt;
}

KvModel::Refusal KvModel::CheckState(const TxnRequest& request) const {
  for (const auto& op : AllHold(request) ? request.success() : request.failure()) {
    Refusal refusal;
    if (op.has_request_range() && op.request_range().revision() != 0) {
      const int64_t revision = op.request_range().revision();
      if (revision > revision_) refusal = Refused{kOutOfRange, kFutureText};
      if (revision < compacted_) refusal = Refused{kOutOfRange, kCompactedText};
    }
    if (op.has_request_put()) refusal = CheckState(op.request_put());
    if (op.has_request_txn()) refusal = CheckState(op.request_txn());
    if (refusal) return refusal;
  }
  return std::nullopt;
}

bool KvModel::Holds(const Compare& compare) const {
  const auto found = Find(compare.key(), compare.range_end(), revision_);
  if (found.empty()) {
    return compare.target() != Compare::VALUE && CompareHolds(compare, KeyValue());
  }
  return std::all_of(found.begin(), found.end(),
                     [&](const KeyValue* kv) { return CompareHolds(compare, *kv); });
}

bool KvModel::AllHold(const TxnRequest& request) const {
  return std::all_of(request.compare().begin(), request.compare().end(),
                     [&](const Compare& compare) { return Holds(compare); });
}

// ---- Execution.

KvModel::Refusal KvModel::RunRange(const RangeRequest& request, int64_t now,
                                   RangeResponse& response) const {
  if (request.revision() > now) return Refused{kOutOfRange, kFutureText};
  const int64_t at = request.revision() > 0 ? request.revision() : now;
  if (at < compacted_) return Refused{kOutOfRange, kCompactedText};
  const auto found = Find(request.key(), request.range_end(), at);
  response.mutable_header()->set_revision(now);
  response.set_count(static_cast<int64_t>(found.size()));
  if (request.count_only()) return std::nullopt;

  std::vector<KeyValue> kvs;
  for (const KeyValue* kv : found) kvs.push_back(*kv);
  const auto limit = request.limit() > 0 ? static_cast<size_t>(request.limit()) : kvs.size();
  if (request.sort_order() == RangeRequest::NONE && !HasFilter(request) && kvs.size() > limit) {
    kvs.resize(limit + 1);  // the quirk: this comes before the sort by another target
  }
  std::vector<KeyValue> passed;
  for (const KeyValue& kv : kvs) {
    if (!IsFilteredOut(request, kv)) passed.push_back(kv);
  }
  SortSlowly(request, passed);
  response.set_more(passed.size() > limit);
  if (passed.size() > limit) passed.resize(limit);
  for (KeyValue& kv : passed) {
    if (request.keys_only()) kv.clear_value();
    *response.add_kvs() = kv;
  }
  return std::nullopt;
}

void KvModel::RunPut(const PutRequest& request, Session& session, PutResponse& response) {
  const auto found = Find(request.key(), "", session.now());
  KeyValue kv;
  kv.set_key(request.key());
  kv.set_value(request.value());
  kv.set_lease(request.lease());
  kv.set_mod_revision(session.base + 1);
  kv.set_create_revision(session.base + 1);
  kv.set_version(1);
  if (!found.empty()) {
    const KeyValue& previous = *found.front();
    kv.set_create_revision(previous.create_revision());
    kv.set_version(previous.version() + 1);
    if (request.ignore_value()) kv.set_value(previous.value());
    if (request.ignore_lease()) kv.set_lease(previous.lease());
    if (request.prev_kv()) *response.mutable_prev_kv() = previous;
  }
  keys_[request.key()].push_back({session.base + 1, session.changes++, false, kv});
  response.mutable_header()->set_revision(session.now());
}

void KvModel::RunDelete(const DeleteRangeRequest& request, Session& session,
                        DeleteRangeResponse& response) {
  const auto found = Find(request.key(), request.range_end(), session.now());
  std::vector<KeyValue> gone;
  for (const KeyValue* kv : found) gone.push_back(*kv);
  for (const KeyValue& kv : gone) {
    if (request.prev_kv()) *response.add_prev_kvs() = kv;
    keys_[kv.key()].push_back({session.base + 1, session.changes++, true, {}});
  }
  response.set_deleted(static_cast<int64_t>(gone.size()));
  response.mutable_header()->set_revision(session.now());
}

void KvModel::RunOp(const RequestOp& op, Session& session, ResponseOp& response) {
  if (op.has_request_range()) {
    const Refusal refusal =
        RunRange(op.request_range(), session.now(), *response.mutable_response_range());
    CHECK(!refusal.has_value()) << refusal->text;
  } else if (op.has_request_put()) {
    RunPut(op.request_put(), session, *response.mutable_response_put());
  } else if (op.has_request_delete_range()) {
    RunDelete(op.request_delete_range(), session, *response.mutable_response_delete_range());
  } else {
    response.mutable_response_txn()->mutable_header();
    RunTxn(op.request_txn(), session, *response.mutable_response_txn());
  }
}

void KvModel::RunTxn(const TxnRequest& request, Session& session, TxnResponse& response) {
  const bool holds = AllHold(request);
  response.set_succeeded(holds);
  for (const auto& op : holds ? request.success() : request.failure()) {
    RunOp(op, session, *response.add_responses());
  }
}

// ---- Requests.

ModelAnswer KvModel::Range(const RangeRequest& request) const {
  RangeResponse response;
  Refusal refusal = CheckRange(request);
  if (!refusal) refusal = RunRange(request, revision_, response);
  return refusal ? ModelAnswer{refusal->code, refusal->text} : Answer(response);
}

ModelAnswer KvModel::Put(const PutRequest& request) {
  Refusal refusal = CheckPut(request);
  if (!refusal) refusal = CheckState(request);
  if (refusal) return {refusal->code, refusal->text};
  PutResponse response;
  Session session{revision_};
  RunPut(request, session, response);
  revision_ = session.now();
  return Answer(response);
}

ModelAnswer KvModel::DeleteRange(const DeleteRangeRequest& request) {
  if (request.key().empty()) return {kInvalidArgument, kEmptyKeyText};
  DeleteRangeResponse response;
  Session session{revision_};
  RunDelete(request, session, response);
  revision_ = session.now();
  return Answer(response);
}

ModelAnswer KvModel::Txn(const TxnRequest& request) {
  Refusal refusal = CheckTxn(request, 128);
  if (!refusal && HasDuplicates(request)) {
    refusal = Refused{kInvalidArgument, "etcdserver: duplicate key given in txn request"};
  }
  if (!refusal) refusal = CheckState(request);
  if (refusal) return {refusal->code, refusal->text};
  TxnResponse response;
  Session session{revision_};
  RunTxn(request, session, response);
  revision_ = session.now();
  response.mutable_header()->set_revision(revision_);
  return Answer(response);
}

ModelAnswer KvModel::Compact(const CompactionRequest& request) {
  if (request.revision() <= compacted_) return {kOutOfRange, kCompactedText};
  if (request.revision() > revision_) return {kOutOfRange, kFutureText};
  compacted_ = request.revision();
  for (auto& [key, versions] : keys_) {
    while (versions.size() > 1 && versions[1].main <= compacted_) versions.erase(versions.begin());
  }
  CompactionResponse response;
  response.mutable_header()->set_revision(revision_);
  return Answer(response);
}

ModelAnswer KvModel::HashKv(const HashKVRequest& request) const {
  const int64_t upto = request.revision() == 0 ? revision_ : request.revision();
  if (upto > 0 && upto < compacted_) return {kOutOfRange, kCompactedText};
  if (upto > revision_) return {kOutOfRange, kFutureText};
  const std::string zero(1, '\0');
  const int64_t kept_at = Find(zero, zero, upto).empty() ? compacted_ : upto;
  std::map<std::pair<int64_t, int64_t>, std::string> rows;
  for (const auto& [key, versions] : keys_) {
    const auto kept = Find(key, "", kept_at);
    for (const Version& version : versions) {
      if (version.main > upto) continue;
      const bool is_kept = !kept.empty() && kept.front() == &version.kv;
      if (version.main <= compacted_ && !is_kept) continue;
      KeyValue row = version.kv;
      row.set_key(key);
      rows[{version.main, version.sub}] = BigEndian(version.main) + "_" + BigEndian(version.sub) +
                                          (version.is_deleted ? "t" : "") + row.SerializeAsString();
    }
  }
  std::string bytes = "key";
  for (const auto& [at, row] : rows) bytes += row;
  HashKVResponse response;
  response.mutable_header()->set_revision(revision_);
  response.set_hash(SlowCrc32c(bytes));
  response.set_compact_revision(compacted_);
  response.set_hash_revision(upto);
  return Answer(response);
}

}  // namespace lockstep::kv
