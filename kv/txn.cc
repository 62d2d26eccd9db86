#include "kv/txn.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "kv/keyspace.h"
#include "kv/marks.h"
#include "kv/mutants.h"
#include "kv/proto/rpc.pb.h"
#include "kv/range.h"
#include "kv/write.h"

namespace lockstep::kv {
namespace {

using etcdserverpb::Compare;
using etcdserverpb::RequestOp;
using etcdserverpb::ResponseOp;
using etcdserverpb::TxnRequest;
using etcdserverpb::TxnResponse;
using Ops = google::protobuf::RepeatedPtrField<RequestOp>;

int ThreeWay(int64_t a, int64_t b) { return a < b ? -1 : a > b ? 1 : 0; }

// The sign of (what is stored) - (what the compare names). An unset operand is zero or empty.
int CompareTarget(const Compare& compare, const Record& record) {
  switch (compare.target()) {
    case Compare::VERSION:
      return ThreeWay(record.version, compare.version());
    case Compare::CREATE:
      return ThreeWay(record.create, compare.create_revision());
    case Compare::MOD:
      return ThreeWay(record.mod.main, compare.mod_revision());
    case Compare::VALUE:
      return ThreeWay(record.value.compare(compare.value()), 0);
    case Compare::LEASE:
      return ThreeWay(record.lease, compare.lease());
    default:
      return 0;
  }
}

bool Holds(const Compare& compare, const Record& record) {
  const int sign = CompareTarget(compare, record);
  switch (compare.result()) {
    case Compare::EQUAL:
      return sign == 0;
    case Compare::GREATER:
      return sign > 0;
    case Compare::LESS:
      return sign < 0;
    case Compare::NOT_EQUAL:
      return sign != 0;
    default:
      return true;
  }
}

// One execution of a transaction, in three passes over the request: choose the branches, look for
// refusals, run. The choices are kept in the order in which the passes come by them.
// Without `changes` nothing may be written.
class TxnRun final {
 public:
  TxnRun(const machine::StoreView& view, const Head& head, Changes* changes)
      : view_(view), head_(head), changes_(changes) {}

  absl::StatusOr<Verdict> Execute(Fiber& fiber, const TxnRequest& request, TxnResponse& response) {
    RETURN_IF_ERROR(Choose(fiber, request));
    ASSIGN_OR_RETURN(const Verdict verdict, Check(fiber, request));
    if (verdict != nullptr) return verdict;
    CHECK_EQ(next_choice_, choices_.size());
    next_choice_ = 0;
    RETURN_IF_ERROR(Run(fiber, request, response));
    CHECK_EQ(next_choice_, choices_.size());
    response.mutable_header()->set_revision(head().revision);
    return nullptr;
  }

 private:
  const Head& head() const { return changes_ != nullptr ? changes_->head() : head_; }
  const Ops& NextBranch(const TxnRequest& request) {
    return choices_[next_choice_++] ? request.success() : request.failure();
  }

  absl::Status Choose(Fiber& fiber, const TxnRequest& request);
  absl::StatusOr<bool> HoldsForRange(Fiber& fiber, const Compare& compare);
  absl::StatusOr<Verdict> Check(Fiber& fiber, const TxnRequest& request);
  Verdict CheckRevision(const etcdserverpb::RangeRequest& request) const;
  absl::Status Run(Fiber& fiber, const TxnRequest& request, TxnResponse& response);
  absl::Status RunOp(Fiber& fiber, const RequestOp& op, ResponseOp& response);
  absl::Status RunRange(Fiber& fiber, const etcdserverpb::RangeRequest& request,
                        etcdserverpb::RangeResponse& response);

  const machine::StoreView& view_;
  const Head& head_;
  Changes* changes_;
  std::vector<bool> choices_;  // whether the compares of each transaction held, parents first
  size_t next_choice_ = 0;
};

absl::StatusOr<bool> TxnRun::HoldsForRange(Fiber& fiber, const Compare& compare) {
  bool found = false;
  bool holds = true;
  RETURN_IF_ERROR(VisitNewest(fiber, view_, KeyRange(compare.key(), compare.range_end()),
                              [&](std::string_view, const Record& record) -> absl::StatusOr<bool> {
                                found = true;
                                holds = Holds(compare, record);
                                return holds;
                              }));
  if (found) return holds;
  // A key that is not there has no value; everything else of it is zero.
  return compare.target() != Compare::VALUE && Holds(compare, Record{});
}

absl::Status TxnRun::Choose(Fiber& fiber, const TxnRequest& request) {
  bool all_hold = true;
  for (const Compare& compare : request.compare()) {
    ASSIGN_OR_RETURN(all_hold, HoldsForRange(fiber, compare));
    if (!all_hold) break;
  }
  choices_.push_back(all_hold);
  for (const RequestOp& op : all_hold ? request.success() : request.failure()) {
    if (op.has_request_txn()) RETURN_IF_ERROR(Choose(fiber, op.request_txn()));
  }
  return absl::OkStatus();
}

// Unlike a range of its own, one in a transaction has no use for negative revisions: they are
// before whatever was compacted (and -1 is "never compacted"), as in etcd.
Verdict TxnRun::CheckRevision(const etcdserverpb::RangeRequest& request) const {
  if (request.revision() == 0) return nullptr;
  if (request.revision() > head().revision) return &kFutureRevision;
  return request.revision() < head().compacted ? &kCompacted : nullptr;
}

absl::StatusOr<Verdict> TxnRun::Check(Fiber& fiber, const TxnRequest& request) {
  for (const RequestOp& op : NextBranch(request)) {
    Verdict verdict = nullptr;
    if (op.has_request_range()) {
      verdict = CheckRevision(op.request_range());
    } else if (op.has_request_put()) {
      ASSIGN_OR_RETURN(verdict, CheckPutAgainst(fiber, view_, op.request_put()));
    } else if (op.has_request_txn()) {
      ASSIGN_OR_RETURN(verdict, Check(fiber, op.request_txn()));
    }
    if (verdict != nullptr) return verdict;
  }
  return nullptr;
}

absl::Status TxnRun::Run(Fiber& fiber, const TxnRequest& request, TxnResponse& response) {
  marks::Sometimes(!choices_[next_choice_], kMarkCompareFailed);
  response.set_succeeded(choices_[next_choice_]);
  for (const RequestOp& op : NextBranch(request)) {
    RETURN_IF_ERROR(RunOp(fiber, op, *response.add_responses()));
  }
  return absl::OkStatus();
}

absl::Status TxnRun::RunOp(Fiber& fiber, const RequestOp& op, ResponseOp& response) {
  switch (op.request_case()) {
    case RequestOp::kRequestRange:
      return RunRange(fiber, op.request_range(), *response.mutable_response_range());
    case RequestOp::kRequestPut:
      CHECK(changes_ != nullptr);
      return ExecutePut(fiber, *changes_, op.request_put(), *response.mutable_response_put());
    case RequestOp::kRequestDeleteRange:
      CHECK(changes_ != nullptr);
      return ExecuteDeleteRange(fiber, *changes_, op.request_delete_range(),
                                *response.mutable_response_delete_range());
    case RequestOp::kRequestTxn: {
      TxnResponse& nested = *response.mutable_response_txn();
      nested.mutable_header();  // present and empty, as etcd's
      return Run(fiber, op.request_txn(), nested);
    }
    case RequestOp::REQUEST_NOT_SET:
      break;
  }
  return absl::InternalError("an operation without content passed the checks");
}

absl::Status TxnRun::RunRange(Fiber& fiber, const etcdserverpb::RangeRequest& request,
                              etcdserverpb::RangeResponse& response) {
  const etcdserverpb::RangeRequest* actual = &request;
  etcdserverpb::RangeRequest before_own_writes;
  if (mutant::Enabled(mutant::kM74TxnReadsBeforeOwnWrites) && changes_ != nullptr &&
      request.revision() <= 0) {
    before_own_writes = request;
    before_own_writes.set_revision(changes_->base_revision());
    actual = &before_own_writes;
  }
  ASSIGN_OR_RETURN(const Verdict verdict, ExecuteRange(fiber, view_, head(), *actual, response));
  CHECK(verdict == nullptr) << "a range passed the checks and was refused: " << verdict->text;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Verdict> ExecuteTxn(Fiber& fiber, Changes& changes, const TxnRequest& request,
                                   TxnResponse& response) {
  return TxnRun(changes.store(), changes.head(), &changes).Execute(fiber, request, response);
}

absl::StatusOr<Verdict> ExecuteReadOnlyTxn(Fiber& fiber, const machine::StoreView& view,
                                           const Head& head, const TxnRequest& request,
                                           TxnResponse& response) {
  return TxnRun(view, head, nullptr).Execute(fiber, request, response);
}

}  // namespace lockstep::kv
