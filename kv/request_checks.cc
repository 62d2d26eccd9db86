#include "kv/request_checks.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "absl/container/btree_set.h"
#include "kv/proto/rpc.pb.h"

namespace lockstep::kv {
namespace {

using etcdserverpb::RequestOp;
using etcdserverpb::TxnRequest;
using Ops = google::protobuf::RepeatedPtrField<RequestOp>;

Verdict CheckTxnFields(const TxnRequest& txn, int ops_max);

Verdict CheckOp(const RequestOp& op, int ops_max) {
  switch (op.request_case()) {
    case RequestOp::kRequestRange:
      return CheckRange(op.request_range());
    case RequestOp::kRequestPut:
      return CheckPut(op.request_put());
    case RequestOp::kRequestDeleteRange:
      return CheckDeleteRange(op.request_delete_range());
    case RequestOp::kRequestTxn:
      return CheckTxnFields(op.request_txn(), ops_max);
    case RequestOp::REQUEST_NOT_SET:
      break;
  }
  return &kKeyNotFound;
}

Verdict CheckTxnFields(const TxnRequest& txn, int ops_max) {
  const int ops = std::max({txn.compare_size(), txn.success_size(), txn.failure_size()});
  if (ops > ops_max) return &kTooManyOps;
  for (const auto& compare : txn.compare()) {
    if (compare.key().empty()) return &kEmptyKey;
  }
  for (const Ops* branch : {&txn.success(), &txn.failure()}) {
    for (const RequestOp& op : *branch) {
      if (Verdict verdict = CheckOp(op, ops_max - ops); verdict != nullptr) return verdict;
    }
  }
  return nullptr;
}

// The keys that a list of operations puts, and the intervals that it deletes. The end of an
// interval is a plain string here: a single zero byte does not mean "no end", so such a delete
// overlaps nothing, as in etcd.
class WriteSet final {
 public:
  void AddDelete(const etcdserverpb::DeleteRangeRequest& request) {
    deletes_.push_back({request.key(), request.range_end()});
  }
  void AddDeletes(const WriteSet& other) {
    deletes_.insert(deletes_.end(), other.deletes_.begin(), other.deletes_.end());
  }
  bool Puts(std::string_view key) const { return puts_.contains(key); }
  bool Deletes(std::string_view key) const {
    return std::any_of(deletes_.begin(), deletes_.end(), [&](const Interval& interval) {
      return interval.end.empty() ? key == interval.begin
                                  : interval.begin <= key && key < interval.end;
    });
  }
  void AddPut(std::string_view key) { puts_.insert(key); }
  const absl::btree_set<std::string_view>& puts() const { return puts_; }

 private:
  struct Interval final {
    std::string_view begin;
    std::string_view end;
  };
  absl::btree_set<std::string_view> puts_;
  std::vector<Interval> deletes_;
};

Verdict CollectWrites(const Ops& ops, WriteSet& writes);

// Adds the puts of one nested transaction's two branches, of which only one will run.
Verdict CollectNested(const TxnRequest& txn, WriteSet& writes) {
  WriteSet success;
  WriteSet failure;
  if (Verdict verdict = CollectWrites(txn.success(), success); verdict != nullptr) return verdict;
  if (Verdict verdict = CollectWrites(txn.failure(), failure); verdict != nullptr) return verdict;
  for (std::string_view key : success.puts()) {
    if (writes.Puts(key) || writes.Deletes(key)) return &kDuplicateKey;
    writes.AddPut(key);
  }
  for (std::string_view key : failure.puts()) {
    if (writes.Puts(key) && !success.Puts(key)) return &kDuplicateKey;
    if (writes.Deletes(key)) return &kDuplicateKey;
    writes.AddPut(key);
  }
  // Only now, so that one branch's deletes do not meet the other's puts.
  writes.AddDeletes(success);
  writes.AddDeletes(failure);
  return nullptr;
}

// The order matters: this list's deletes, then nested transactions one by one, then this list's
// puts. It decides which overlaps are noticed.
Verdict CollectWrites(const Ops& ops, WriteSet& writes) {
  for (const RequestOp& op : ops) {
    if (op.has_request_delete_range()) writes.AddDelete(op.request_delete_range());
  }
  for (const RequestOp& op : ops) {
    if (!op.has_request_txn()) continue;
    if (Verdict verdict = CollectNested(op.request_txn(), writes); verdict != nullptr) {
      return verdict;
    }
  }
  for (const RequestOp& op : ops) {
    if (!op.has_request_put()) continue;
    const std::string_view key = op.request_put().key();
    if (writes.Puts(key) || writes.Deletes(key)) return &kDuplicateKey;
    writes.AddPut(key);
  }
  return nullptr;
}

template <typename Predicate>
bool AllOps(const TxnRequest& txn, Predicate predicate) {
  return std::all_of(txn.success().begin(), txn.success().end(), predicate) &&
         std::all_of(txn.failure().begin(), txn.failure().end(), predicate);
}

}  // namespace

Verdict CheckRange(const etcdserverpb::RangeRequest& request) {
  if (request.key().empty()) return &kEmptyKey;
  if (!etcdserverpb::RangeRequest::SortOrder_IsValid(request.sort_order()) ||
      !etcdserverpb::RangeRequest::SortTarget_IsValid(request.sort_target())) {
    return &kInvalidSortOption;
  }
  return nullptr;
}

Verdict CheckPut(const etcdserverpb::PutRequest& request) {
  if (request.key().empty()) return &kEmptyKey;
  if (request.ignore_value() && !request.value().empty()) return &kValueProvided;
  if (request.ignore_lease() && request.lease() != 0) return &kLeaseProvided;
  return nullptr;
}

Verdict CheckDeleteRange(const etcdserverpb::DeleteRangeRequest& request) {
  return request.key().empty() ? &kEmptyKey : nullptr;
}

Verdict CheckTxn(const TxnRequest& request, int ops_max) {
  if (Verdict verdict = CheckTxnFields(request, ops_max); verdict != nullptr) return verdict;
  for (const Ops* branch : {&request.success(), &request.failure()}) {
    WriteSet writes;
    if (Verdict verdict = CollectWrites(*branch, writes); verdict != nullptr) return verdict;
  }
  return nullptr;
}

bool IsReadOnly(const TxnRequest& request) {
  return AllOps(request, [](const RequestOp& op) {
    return op.has_request_range() || (op.has_request_txn() && IsReadOnly(op.request_txn()));
  });
}

bool AnswersKeys(const TxnRequest& request) {
  return !AllOps(request, [](const RequestOp& op) {
    if (op.has_request_txn()) return !AnswersKeys(op.request_txn());
    return !op.has_request_range() && !op.request_put().prev_kv() &&
           !op.request_delete_range().prev_kv();
  });
}

bool IsSerializable(const TxnRequest& request) {
  if (request.success().empty() && request.failure().empty()) return false;
  return AllOps(request, [](const RequestOp& op) {
    return op.has_request_range() && op.request_range().serializable();
  });
}

}  // namespace lockstep::kv
