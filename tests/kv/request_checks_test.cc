#include "kv/request_checks.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/kv/test_kv.h"

namespace lockstep::kv {
namespace {

const std::string kZero(1, '\0');

OpList Repeat(const etcdserverpb::RequestOp& op, int count) {
  return OpList(static_cast<size_t>(count), op);
}

TEST(RequestChecks, RefusalsHaveEtcdsCodesAndTexts) {
  EXPECT_EQ(static_cast<int>(kEmptyKey.code), 3);
  EXPECT_EQ(kEmptyKey.text, "etcdserver: key is not provided");
  EXPECT_EQ(static_cast<int>(kDuplicateKey.code), 3);
  EXPECT_EQ(kDuplicateKey.text, "etcdserver: duplicate key given in txn request");
  EXPECT_EQ(static_cast<int>(kCompacted.code), 11);
  EXPECT_EQ(kCompacted.text, "etcdserver: mvcc: required revision has been compacted");
  EXPECT_EQ(static_cast<int>(kFutureRevision.code), 11);
  EXPECT_EQ(kFutureRevision.text, "etcdserver: mvcc: required revision is a future revision");
  EXPECT_EQ(static_cast<int>(kLeaseNotFound.code), 5);
  EXPECT_EQ(kLeaseNotFound.text, "etcdserver: requested lease not found");
}

TEST(RequestChecks, RangeNeedsAKeyAndKnownSortOptions) {
  etcdserverpb::RangeRequest request;
  request.set_sort_order(static_cast<etcdserverpb::RangeRequest::SortOrder>(3));
  EXPECT_EQ(CheckRange(request), &kEmptyKey);
  request.set_key("a");
  EXPECT_EQ(CheckRange(request), &kInvalidSortOption);
  request.set_sort_order(etcdserverpb::RangeRequest::DESCEND);
  EXPECT_EQ(CheckRange(request), nullptr);
  request.set_sort_target(static_cast<etcdserverpb::RangeRequest::SortTarget>(-1));
  EXPECT_EQ(CheckRange(request), &kInvalidSortOption);
}

TEST(RequestChecks, PutMayNotGiveWhatItIgnores) {
  etcdserverpb::PutRequest request;
  request.set_ignore_value(true);
  request.set_ignore_lease(true);
  request.set_value("v");
  request.set_lease(1);
  EXPECT_EQ(CheckPut(request), &kEmptyKey);
  request.set_key("a");
  EXPECT_EQ(CheckPut(request), &kValueProvided);
  request.clear_value();
  EXPECT_EQ(CheckPut(request), &kLeaseProvided);
  request.clear_lease();
  EXPECT_EQ(CheckPut(request), nullptr);
}

TEST(RequestChecks, TxnCountsTheLargestOfItsLists) {
  EXPECT_EQ(CheckTxn(MakeTxn(Repeat(RangeOp("a"), 128), Repeat(RangeOp("a"), 128))), nullptr);
  EXPECT_EQ(CheckTxn(MakeTxn({}, Repeat(RangeOp("a"), 129))), &kTooManyOps);
  etcdserverpb::TxnRequest txn;
  for (int i = 0; i < 129; ++i) txn.add_compare();
  EXPECT_EQ(CheckTxn(txn), &kTooManyOps);
  EXPECT_EQ(CheckTxn(MakeTxn(Repeat(RangeOp("a"), 3)), 3), nullptr);
  EXPECT_EQ(CheckTxn(MakeTxn(Repeat(RangeOp("a"), 4)), 3), &kTooManyOps);
}

TEST(RequestChecks, NestedTxnHasWhatItsParentLeftOver) {
  OpList ops = Repeat(RangeOp("a"), 99);
  ops.push_back(TxnOp(Repeat(RangeOp("b"), 28)));
  EXPECT_EQ(CheckTxn(MakeTxn(ops)), nullptr);
  ops.back() = TxnOp(Repeat(RangeOp("b"), 29));
  EXPECT_EQ(CheckTxn(MakeTxn(ops)), &kTooManyOps);
}

TEST(RequestChecks, TxnChecksCountThenFieldsThenDuplicates) {
  OpList ops = {PutOp("a"), PutOp("a"), PutOp("")};
  EXPECT_EQ(CheckTxn(MakeTxn(ops)), &kEmptyKey);
  ops.back() = etcdserverpb::RequestOp();
  EXPECT_EQ(CheckTxn(MakeTxn(ops)), &kKeyNotFound);
  ops.back() = PutOp("b");
  EXPECT_EQ(CheckTxn(MakeTxn(ops)), &kDuplicateKey);
}

struct DuplicateCase final {
  const char* name;
  OpList ops;
  bool is_duplicate;
};

TEST(RequestChecks, DuplicatesAreFoundInEtcdsOrder) {
  const DuplicateCase cases[] = {
      {"two puts of one key", {PutOp("a"), PutOp("a")}, true},
      {"a put inside a delete, whatever the order", {PutOp("b"), DeleteOp("a", "c")}, true},
      {"a put at the end of a delete", {PutOp("c"), DeleteOp("a", "c")}, false},
      {"a put under a delete of one key", {PutOp("a"), DeleteOp("a")}, true},
      {"deletes that overlap", {DeleteOp("a", "c"), DeleteOp("b", "d")}, false},
      {"an open end is the string of one zero byte", {PutOp("a"), DeleteOp(kZero, kZero)}, false},
      {"an open end again", {DeleteOp("a", kZero), PutOp("b")}, false},
      {"a child's put and ours", {TxnOp({PutOp("a")}), PutOp("a")}, true},
      {"puts in both branches of a child", {TxnOp({PutOp("a")}, {PutOp("a")})}, false},
      {"both branches, then ours", {TxnOp({PutOp("a")}, {PutOp("a")}), PutOp("a")}, true},
      {"puts of two children", {TxnOp({PutOp("a")}), TxnOp({}, {PutOp("a")})}, true},
      {"then-put against else-delete of one child", {TxnOp({PutOp("a")}, {DeleteOp("a")})}, false},
      {"then-delete against else-put of one child", {TxnOp({DeleteOp("a")}, {PutOp("a")})}, false},
      {"a put in a later sibling of a delete", {TxnOp({DeleteOp("a")}), TxnOp({PutOp("a")})}, true},
      {"a put in an earlier sibling of a delete",
       {TxnOp({PutOp("a")}), TxnOp({DeleteOp("a")})},
       false},
      {"our delete over a child's put", {TxnOp({PutOp("a")}), DeleteOp("a")}, true},
      {"our put under a child's delete", {PutOp("a"), TxnOp({}, {DeleteOp("a")})}, true},
      {"an error deep inside", {TxnOp({TxnOp({PutOp("a"), PutOp("a")})})}, true},
  };
  for (const DuplicateCase& one : cases) {
    const Verdict expected = one.is_duplicate ? &kDuplicateKey : nullptr;
    EXPECT_EQ(CheckTxn(MakeTxn(one.ops)), expected) << one.name;
    EXPECT_EQ(CheckTxn(MakeTxn({}, one.ops)), expected) << one.name << ", in the failure branch";
  }
  EXPECT_EQ(CheckTxn(MakeTxn({PutOp("a")}, {PutOp("a")})), nullptr);
}

TEST(RequestChecks, KnowsWhatOnlyReads) {
  EXPECT_TRUE(IsReadOnly(MakeTxn({RangeOp("a"), TxnOp({RangeOp("b")})}, {RangeOp("c")})));
  EXPECT_FALSE(IsReadOnly(MakeTxn({RangeOp("a")}, {DeleteOp("c")})));
  EXPECT_FALSE(IsReadOnly(MakeTxn({TxnOp({}, {PutOp("b")})})));
  etcdserverpb::RequestOp local = RangeOp("a");
  local.mutable_request_range()->set_serializable(true);
  EXPECT_TRUE(IsSerializable(MakeTxn({local})));
  EXPECT_FALSE(IsSerializable(MakeTxn({local}, {RangeOp("a")})));
}

}  // namespace
}  // namespace lockstep::kv
