#include "kv/testing/kv_workload.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"

namespace lockstep::kv {
namespace {

using etcdserverpb::RangeRequest;
using etcdserverpb::RequestOp;

template <typename Message>
Message Parse(const std::string& bytes) {
  Message message;
  CHECK(message.ParseFromString(bytes));
  return message;
}

}  // namespace

ModelAnswer Ask(KvModel& model, const WorkloadRequest& request) {
  const std::string& body = request.body;
  switch (request.kind) {
    case CommandKind::kRange:
      return model.Range(Parse<RangeRequest>(body));
    case CommandKind::kPut:
      return model.Put(Parse<etcdserverpb::PutRequest>(body));
    case CommandKind::kDeleteRange:
      return model.DeleteRange(Parse<etcdserverpb::DeleteRangeRequest>(body));
    case CommandKind::kTxn:
      return model.Txn(Parse<etcdserverpb::TxnRequest>(body));
    case CommandKind::kCompact:
      return model.Compact(Parse<etcdserverpb::CompactionRequest>(body));
    default:
      break;
  }
  CHECK(request.kind == CommandKind::kHashKv) << "not a request of the workload";
  return model.HashKv(Parse<etcdserverpb::HashKVRequest>(body));
}

// Mostly short names that share prefixes; now and then bytes that an encoding could stumble over.
std::string KvWorkload::Key() {
  if (options_.with_bad_requests && Chance(1)) return "";
  const uint64_t pick = random_.Below(static_cast<uint64_t>(options_.keys));
  std::string key = absl::StrCat("k", pick / 4);
  switch (pick % 4) {
    case 0:
      return key;
    case 1:
      return key + std::string(1, '\0');
    case 2:
      return key + "\xFF" + std::string(2, '\0') + "\x01";
    default:
      return key + "/x";
  }
}

std::string KvWorkload::RangeEnd(const std::string& key) {
  switch (random_.Below(8)) {
    case 0:
    case 1:
    case 2:
      return "";
    case 3:
      return std::string(1, '\0');
    case 4:
      return "l";
    case 5:
      return key + "\xFF";
    default:
      return Key();
  }
}

std::string KvWorkload::UniqueValue() { return absl::StrCat(options_.name, "-", ++values_); }

int64_t KvWorkload::Revision(int64_t newest) {
  switch (random_.Below(10)) {
    case 0:
      return newest + static_cast<int64_t>(random_.Below(3));
    case 1:
      return -static_cast<int64_t>(random_.Below(3));
    case 2:
      return static_cast<int64_t>(random_.Below(static_cast<uint64_t>(newest) + 1));
    default: {
      const int64_t back = static_cast<int64_t>(random_.Below(60));
      return newest > back ? newest - back : newest;
    }
  }
}

RangeRequest KvWorkload::Range(int64_t newest) {
  RangeRequest request;
  request.set_key(Key());
  request.set_range_end(RangeEnd(request.key()));
  if (Chance(40)) request.set_revision(Revision(newest));
  if (Chance(40)) request.set_limit(static_cast<int64_t>(random_.Below(6)) - 1);
  if (Chance(40)) request.set_sort_order(static_cast<RangeRequest::SortOrder>(random_.Below(3)));
  if (Chance(40)) request.set_sort_target(static_cast<RangeRequest::SortTarget>(random_.Below(5)));
  if (options_.with_etcd_differences && Chance(1)) {
    request.set_sort_target(static_cast<RangeRequest::SortTarget>(7));
  }
  request.set_serializable(Chance(10));
  request.set_keys_only(Chance(15));
  request.set_count_only(Chance(10));
  if (Chance(10)) request.set_min_mod_revision(Revision(newest));
  if (Chance(10)) request.set_max_mod_revision(Revision(newest));
  if (Chance(10)) request.set_min_create_revision(Revision(newest));
  if (Chance(10)) request.set_max_create_revision(Revision(newest));
  return request;
}

etcdserverpb::PutRequest KvWorkload::Put(bool in_txn) {
  etcdserverpb::PutRequest request;
  request.set_key(Key());
  request.set_prev_kv(Chance(30));
  const bool anything = !in_txn || options_.with_etcd_differences;
  if (anything) {
    request.set_ignore_value(Chance(8));
    request.set_ignore_lease(Chance(8));
  }
  if (!request.ignore_value() || (options_.with_bad_requests && Chance(10))) {
    request.set_value(UniqueValue());
  }
  if (options_.with_bad_requests && anything && Chance(2)) request.set_lease(7);
  return request;
}

etcdserverpb::DeleteRangeRequest KvWorkload::DeleteRange() {
  etcdserverpb::DeleteRangeRequest request;
  request.set_key(Key());
  if (Chance(20)) request.set_range_end(RangeEnd(request.key()));
  request.set_prev_kv(Chance(30));
  return request;
}

etcdserverpb::Compare KvWorkload::Compare(int64_t newest) {
  etcdserverpb::Compare compare;
  compare.set_key(Key());
  if (Chance(30)) compare.set_range_end(RangeEnd(compare.key()));
  compare.set_result(static_cast<etcdserverpb::Compare::CompareResult>(random_.Below(4)));
  compare.set_target(static_cast<etcdserverpb::Compare::CompareTarget>(random_.Below(5)));
  switch (compare.target()) {
    case etcdserverpb::Compare::VERSION:
      compare.set_version(static_cast<int64_t>(random_.Below(4)));
      break;
    case etcdserverpb::Compare::CREATE:
      compare.set_create_revision(Revision(newest));
      break;
    case etcdserverpb::Compare::MOD:
      compare.set_mod_revision(Revision(newest));
      break;
    case etcdserverpb::Compare::VALUE:
      compare.set_value(absl::StrCat(options_.name, "-", random_.Below(values_ + 1)));
      break;
    default:
      break;  // lease 0, or an operand that is not set
  }
  return compare;
}

void KvWorkload::FillOp(int64_t newest, int depth, RequestOp& op) {
  const uint64_t pick = random_.Below(100);
  if (options_.with_bad_requests && pick == 0) return;
  if (pick < 35) {
    *op.mutable_request_range() = Range(newest);
  } else if (pick < 70) {
    *op.mutable_request_put() = Put(true);
  } else if (pick < 85 || depth == 0) {
    *op.mutable_request_delete_range() = DeleteRange();
  } else {
    *op.mutable_request_txn() = Txn(newest, depth - 1);
  }
}

etcdserverpb::TxnRequest KvWorkload::Txn(int64_t newest, int depth) {
  etcdserverpb::TxnRequest request;
  for (uint64_t i = random_.Below(3); i > 0; --i) *request.add_compare() = Compare(newest);
  for (uint64_t i = random_.Below(4); i > 0; --i) FillOp(newest, depth, *request.add_success());
  for (uint64_t i = random_.Below(4); i > 0; --i) FillOp(newest, depth, *request.add_failure());
  return request;
}

WorkloadRequest KvWorkload::Next(int64_t newest) {
  const auto permille = static_cast<int>(random_.Below(1000));
  int bound = options_.compact_permille;
  if (permille < bound) {
    etcdserverpb::CompactionRequest request;
    request.set_revision(Revision(newest));
    request.set_physical(true);  // so that an etcd has swept when it answers
    return {CommandKind::kCompact, false, request.SerializeAsString()};
  }
  if (permille < (bound += options_.hash_permille)) {
    etcdserverpb::HashKVRequest request;
    request.set_revision(Chance(50) ? 0 : Revision(newest));
    return {CommandKind::kHashKv, true, request.SerializeAsString()};
  }
  if (permille < (bound += 10 * options_.put_percent)) {
    return {CommandKind::kPut, false, Put().SerializeAsString()};
  }
  if (permille < (bound += 10 * options_.delete_percent)) {
    return {CommandKind::kDeleteRange, false, DeleteRange().SerializeAsString()};
  }
  if (permille < (bound += 10 * options_.txn_percent)) {
    return {CommandKind::kTxn, false, Txn(newest, 2).SerializeAsString()};
  }
  return {CommandKind::kRange, true, Range(newest).SerializeAsString()};
}

}  // namespace lockstep::kv
