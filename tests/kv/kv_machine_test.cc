#include "kv/kv_machine.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/kv/test_kv.h"

namespace lockstep::kv {
namespace {

using etcdserverpb::Compare;
using etcdserverpb::RangeRequest;

const std::string kZero(1, '\0');

RangeRequest All() {
  RangeRequest request;
  request.set_key(kZero);
  request.set_range_end(kZero);
  return request;
}

// ---- Revisions

TEST(KvRevisions, StartAtOneAndTheFirstChangeIsTwo) {
  TestKv kv;
  const auto empty = kv.Get("a");
  EXPECT_EQ(empty.revision(), 1);
  EXPECT_EQ(empty.response.count(), 0);
  EXPECT_EQ(kv.Put("a", "1").revision(), 2);
  EXPECT_EQ(kv.Get("a").revision(), 2);
}

TEST(KvRevisions, WhatChangesNothingRaisesNothing) {
  TestKv kv;
  kv.Put("a", "1");
  EXPECT_EQ(kv.Delete("b").revision(), 2);
  EXPECT_EQ(kv.Txn(MakeTxn({})).revision(), 2);
  EXPECT_EQ(kv.Txn(MakeTxn({RangeOp("a"), DeleteOp("b")})).revision(), 2);
  EXPECT_EQ(kv.Compact(2).revision(), 2);
  EXPECT_EQ(kv.Put("a", "2").revision(), 3);
}

TEST(KvRevisions, DeletedKeyStartsAgain) {
  TestKv kv;
  kv.Put("a", "1");
  kv.Put("a", "2");
  EXPECT_EQ(kv.Get("a").response.kvs(0).version(), 2);
  EXPECT_EQ(kv.Get("a").response.kvs(0).create_revision(), 2);
  EXPECT_EQ(kv.Delete("a").revision(), 4);
  kv.Put("a", "3");
  const auto again = kv.Get("a").response.kvs(0);
  EXPECT_EQ(again.version(), 1);
  EXPECT_EQ(again.create_revision(), 5);
  EXPECT_EQ(again.mod_revision(), 5);
}

// ---- Range

TEST(KvRange, EndsMeanWhatEtcdSays) {
  TestKv kv;
  for (const char* key : {"a", "b", "c"}) kv.Put(key, key);
  const auto show = [&](const std::string& key, const std::string& end) {
    RangeRequest request;
    request.set_key(key);
    request.set_range_end(end);
    return Show(kv.Range(request).response);
  };
  EXPECT_EQ(show("b", ""), "b=b");
  EXPECT_EQ(show("a", "c"), "a=a b=b");
  EXPECT_EQ(show("b", kZero), "b=b c=c");
  EXPECT_EQ(show(kZero, kZero), "a=a b=b c=c");
  EXPECT_EQ(show("c", "a"), "");
  EXPECT_EQ(show("b", "b"), "");
}

TEST(KvRange, CountIgnoresLimitAndFilters) {
  TestKv kv;
  for (const char* key : {"a", "b", "c"}) kv.Put(key, key);
  RangeRequest request = All();
  request.set_limit(1);
  auto answer = kv.Range(request);
  EXPECT_EQ(Show(answer.response), "a=a");
  EXPECT_TRUE(answer.response.more());
  EXPECT_EQ(answer.response.count(), 3);
  request.set_min_mod_revision(4);
  answer = kv.Range(request);
  EXPECT_EQ(Show(answer.response), "c=c");
  EXPECT_FALSE(answer.response.more());
  EXPECT_EQ(answer.response.count(), 3);
  request.set_count_only(true);
  EXPECT_EQ(kv.Range(request).response.kvs_size(), 0);
  EXPECT_EQ(kv.Range(request).response.count(), 3);
}

TEST(KvRange, FiltersThenSortsThenLimits) {
  TestKv kv;
  kv.Put("a", "3");
  kv.Put("b", "1");
  kv.Put("c", "2");
  kv.Put("a", "4");
  RangeRequest request = All();
  request.set_sort_order(RangeRequest::DESCEND);
  EXPECT_EQ(Show(kv.Range(request).response), "c=2 b=1 a=4");
  request.set_sort_target(RangeRequest::VALUE);
  request.set_limit(2);
  EXPECT_EQ(Show(kv.Range(request).response), "a=4 c=2");
  EXPECT_TRUE(kv.Range(request).response.more());
  request.set_max_mod_revision(4);
  EXPECT_EQ(Show(kv.Range(request).response), "c=2 b=1");
  EXPECT_FALSE(kv.Range(request).response.more());
}

TEST(KvRange, WithoutAnOrderALimitComesBeforeTheSort) {
  TestKv kv;
  kv.Put("a", "3");
  kv.Put("b", "2");
  kv.Put("c", "1");
  RangeRequest request = All();
  request.set_sort_target(RangeRequest::VALUE);
  EXPECT_EQ(Show(kv.Range(request).response), "c=1 b=2 a=3");
  request.set_limit(1);
  EXPECT_EQ(Show(kv.Range(request).response), "b=2");
}

TEST(KvRange, KeysOnlyKeepsEverythingButTheValue) {
  TestKv kv;
  kv.Put("a", "1");
  RangeRequest request = All();
  request.set_keys_only(true);
  const auto response = kv.Range(request).response;
  EXPECT_EQ(response.kvs(0).value(), "");
  EXPECT_EQ(response.kvs(0).key(), "a");
  EXPECT_EQ(response.kvs(0).version(), 1);
}

TEST(KvRange, OldRevisionsAreExact) {
  TestKv kv;
  kv.Put("a", "1");                                            // 2
  kv.Put("a", "2");                                            // 3
  kv.Put("a" + kZero, "z");                                    // 4
  kv.Delete("a");                                              // 5
  kv.Put("a", "3");                                            // 6
  kv.Txn(MakeTxn({PutOp("a", "4"), DeleteOp(kZero, kZero)}));  // 7
  const char* expected[] = {"", "a=1", "a=2", "a=2 a.=z", "a.=z", "a=3 a.=z", ""};
  for (int64_t revision = 1; revision <= 7; ++revision) {
    RangeRequest request = All();
    request.set_revision(revision);
    std::string shown = Show(kv.Range(request).response);
    for (char& c : shown) c = c == '\0' ? '.' : c;
    EXPECT_EQ(shown, expected[revision - 1]) << "revision " << revision;
    EXPECT_EQ(kv.Range(request).revision(), 7);
  }
  EXPECT_TRUE(kv.Get("a", 8).Is(kFutureRevision));
  EXPECT_FALSE(kv.Get("a", -3).Is(kCompacted));
}

// ---- Put

TEST(KvPut, PreviousPairIsReturnedOnDemand) {
  TestKv kv;
  etcdserverpb::PutRequest request;
  request.set_key("a");
  request.set_prev_kv(true);
  EXPECT_FALSE(kv.Put(request).response.has_prev_kv());
  request.set_value("x");
  const auto answer = kv.Put(request);
  EXPECT_EQ(answer.response.prev_kv().version(), 1);
  EXPECT_EQ(answer.response.prev_kv().mod_revision(), 2);
}

TEST(KvPut, IgnoredValueIsKeptAndNeedsAKey) {
  TestKv kv;
  etcdserverpb::PutRequest request;
  request.set_key("a");
  request.set_ignore_value(true);
  EXPECT_TRUE(kv.Put(request).Is(kKeyNotFound));
  kv.Put("a", "1");
  EXPECT_EQ(kv.Put(request).revision(), 3);
  EXPECT_EQ(kv.Get("a").response.kvs(0).value(), "1");
  EXPECT_EQ(kv.Get("a").response.kvs(0).version(), 2);
}

TEST(KvPut, NoLeaseExists) {
  TestKv kv;
  etcdserverpb::PutRequest request;
  request.set_key("a");
  request.set_lease(7);
  EXPECT_TRUE(kv.Put(request).Is(kLeaseNotFound));
  *request.mutable_value() = "";
  request.set_ignore_value(true);
  EXPECT_TRUE(kv.Put(request).Is(kLeaseNotFound));
  EXPECT_EQ(kv.Get("a").revision(), 1);
}

// ---- DeleteRange

TEST(KvDeleteRange, DeletesManyKeysInOneRevision) {
  TestKv kv;
  for (int i = 0; i < 700; ++i) kv.Put("k" + std::to_string(i), "v");
  etcdserverpb::DeleteRangeRequest request;
  request.set_key("k");
  request.set_range_end("l");
  request.set_prev_kv(true);
  const auto answer = kv.machine.Apply(EncodeCommand(CommandKind::kDeleteRange, request));
  etcdserverpb::DeleteRangeResponse response;
  ASSERT_TRUE(response.ParseFromString(answer.substr(1)));
  EXPECT_EQ(response.deleted(), 700);
  EXPECT_EQ(response.prev_kvs_size(), 700);
  EXPECT_EQ(response.header().revision(), 702);
  EXPECT_EQ(kv.Range(All()).response.count(), 0);
  EXPECT_TRUE(kv.machine.CheckInvariants().ok());
}

// ---- Txn

TEST(KvTxn, ReadsSeeEarlierWritesAndInnerHeadersCarryTheRevision) {
  TestKv kv;
  kv.Put("a", "1");
  const auto answer =
      kv.Txn(MakeTxn({RangeOp("a"), PutOp("a", "2"), RangeOp("a"), DeleteOp("zz")}));
  ASSERT_EQ(answer.response.responses_size(), 4);
  EXPECT_TRUE(answer.response.succeeded());
  EXPECT_EQ(answer.revision(), 3);
  const auto& responses = answer.response.responses();
  EXPECT_EQ(Show(responses[0].response_range()), "a=1");
  EXPECT_EQ(responses[0].response_range().header().revision(), 2);
  EXPECT_EQ(responses[1].response_put().header().revision(), 3);
  EXPECT_EQ(Show(responses[2].response_range()), "a=2");
  EXPECT_EQ(responses[2].response_range().header().revision(), 3);
  EXPECT_EQ(responses[3].response_delete_range().header().revision(), 3);
}

TEST(KvTxn, BadReadRejectsEverythingBeforeWriting) {
  TestKv kv;
  kv.Put("a", "1");
  kv.Put("a", "2");
  kv.Compact(3);
  EXPECT_TRUE(kv.Txn(MakeTxn({PutOp("b"), RangeOp("a", 2)})).Is(kCompacted));
  EXPECT_TRUE(kv.Txn(MakeTxn({PutOp("b"), RangeOp("a", -1)})).Is(kCompacted));
  EXPECT_TRUE(kv.Txn(MakeTxn({PutOp("b"), RangeOp("a", 4)})).Is(kFutureRevision));
  EXPECT_TRUE(kv.Txn(MakeTxn({PutOp("b"), TxnOp({RangeOp("a", 9)})})).Is(kFutureRevision));
  EXPECT_EQ(kv.Get("b").response.count(), 0);
  EXPECT_EQ(kv.Get("b").revision(), 3);
  // The branch that is not taken may ask for anything.
  EXPECT_EQ(kv.Txn(MakeTxn({PutOp("b")}, {RangeOp("a", 9)})).revision(), 4);
}

TEST(KvTxn, NestedComparesSeeTheStateBeforeTheTransaction) {
  TestKv kv;
  etcdserverpb::RequestOp nested = TxnOp({PutOp("yes")}, {PutOp("no")});
  Compare& compare = *nested.mutable_request_txn()->add_compare();
  compare.set_key("a");
  compare.set_target(Compare::VERSION);
  compare.set_result(Compare::GREATER);
  const auto answer = kv.Txn(MakeTxn({PutOp("a"), nested}));
  EXPECT_FALSE(answer.response.responses(1).response_txn().succeeded());
  EXPECT_TRUE(answer.response.responses(1).response_txn().has_header());
  EXPECT_EQ(answer.response.responses(1).response_txn().header().revision(), 0);
  EXPECT_EQ(kv.Get("no").response.count(), 1);
}

TEST(KvTxn, PutIntoAnOpenEndedDeleteIsDeleted) {
  TestKv kv;
  const auto answer = kv.Txn(MakeTxn({PutOp("a"), DeleteOp(kZero, kZero)}));
  EXPECT_EQ(answer.revision(), 2);
  EXPECT_EQ(answer.response.responses(1).response_delete_range().deleted(), 1);
  EXPECT_EQ(kv.Get("a").response.count(), 0);
  EXPECT_TRUE(kv.machine.CheckInvariants().ok());
}

struct CompareCase final {
  const char* name;
  Compare::CompareTarget target;
  Compare::CompareResult result;
  const char* key;
  const char* range_end;
  bool holds;
};

TEST(KvTxn, ComparesMissingKeysAndRanges) {
  TestKv kv;
  kv.Put("a", "1");
  kv.Put("b", "2");
  const CompareCase cases[] = {
      {"a missing key has version 0", Compare::VERSION, Compare::EQUAL, "x", "", true},
      {"a missing key has revision 0", Compare::MOD, Compare::LESS, "x", "", false},
      {"a missing key has no lease", Compare::LEASE, Compare::EQUAL, "x", "", true},
      {"a missing key has no value", Compare::VALUE, Compare::EQUAL, "x", "", false},
      {"not even a different one", Compare::VALUE, Compare::NOT_EQUAL, "x", "", false},
      {"every key of a range", Compare::VERSION, Compare::GREATER, "a", "c", true},
      {"every value of a range", Compare::VALUE, Compare::GREATER, "a", "c", true},
      {"one key of a range does not", Compare::VERSION, Compare::EQUAL, "a", "c", false},
      {"an empty range is a missing key", Compare::CREATE, Compare::EQUAL, "x", "z", true},
      {"an inverted range too", Compare::VALUE, Compare::EQUAL, "b", "a", false},
      {"no lease on a key", Compare::LEASE, Compare::EQUAL, "a", "", true},
  };
  for (const CompareCase& one : cases) {
    etcdserverpb::TxnRequest txn;
    Compare& compare = *txn.add_compare();
    compare.set_target(one.target);
    compare.set_result(one.result);
    compare.set_key(one.key);
    compare.set_range_end(one.range_end);
    EXPECT_EQ(kv.Txn(txn).response.succeeded(), one.holds) << one.name;
  }
}

// ---- Entries that should not exist

TEST(KvMachine, AnswersToEntriesThatMakeNoSense) {
  TestKv kv;
  const std::string unknown = EncodeRefusal(kUnknownCommand);
  EXPECT_EQ(kv.machine.Apply(""), unknown);
  EXPECT_EQ(kv.machine.Apply("\x7F"), unknown);
  EXPECT_EQ(kv.machine.Apply(std::string("\x01\xFF\xFF", 3)), unknown);
  EXPECT_EQ(kv.machine.Apply(EncodeCommand(CommandKind::kRange, "")), unknown);
  EXPECT_EQ(kv.machine.Apply(EncodeCommand(CommandKind::kPut, "")), EncodeRefusal(kEmptyKey));
  EXPECT_EQ(kv.machine.Query(""), unknown);
  EXPECT_EQ(kv.machine.Query(EncodeCommand(CommandKind::kPut, "")), unknown);
  EXPECT_EQ(kv.machine.Query(EncodeCommand(CommandKind::kTxn, MakeTxn({PutOp("a")}))), unknown);
}

TEST(KvMachine, ReadOnlyTxnIsAnsweredAsAQuery) {
  TestKv kv;
  kv.Put("a", "1");
  const auto txn = MakeTxn({RangeOp("a"), TxnOp({RangeOp("b")})});
  EXPECT_EQ(kv.machine.Query(EncodeCommand(CommandKind::kTxn, txn)),
            kv.machine.Apply(EncodeCommand(CommandKind::kTxn, txn)));
}

TEST(KvCommand, HeaderIsCompletedInPlace) {
  TestKv kv;
  const std::string bytes = kv.machine.Query(EncodeCommand(CommandKind::kRange, All()));
  const std::string complete =
      AppendHeader(DecodeOutcome(bytes)->body, {.cluster_id = 1, .member_id = 2, .raft_term = 3});
  etcdserverpb::RangeResponse response;
  ASSERT_TRUE(response.ParseFromString(complete));
  EXPECT_EQ(response.header().cluster_id(), 1u);
  EXPECT_EQ(response.header().member_id(), 2u);
  EXPECT_EQ(response.header().revision(), 1);
  EXPECT_EQ(response.header().raft_term(), 3u);
  EXPECT_EQ(response.SerializeAsString(), complete) << "one field, in canonical order";
}

}  // namespace
}  // namespace lockstep::kv
