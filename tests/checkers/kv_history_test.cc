#include "checkers/kv_history.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "checkers/kv_text.h"
#include "checkers/linearizability.h"
#include "tests/checkers/kv_support.h"

namespace lockstep::checkers {
namespace {

Verdict Check(const KvHistory& history) {
  const KvModel model(history);
  return CheckLinearizability(model, model.Judged(history)).verdict;
}

KvOperation Make(uint64_t client, int64_t call, int64_t returned, KvRequest in, KvResponse out) {
  return {client, 0, call, returned, std::move(in), std::move(out)};
}

TEST(KvModel, KeysThatATransactionTouchesAreOnePartition) {
  KvRequest txn = PutRequest("a", "1");
  txn.success.push_back(PutRequest("c", "1").success[0]);
  const KvHistory history = {Make(1, 1, 2, txn, {}), Make(1, 3, 4, GetRequest("b"), {}),
                             Make(1, 5, 6, GetRequest("c"), {})};
  const KvModel model(history);
  EXPECT_EQ(model.Key(history[0].input), model.Key(history[2].input));
  EXPECT_NE(model.Key(history[0].input), model.Key(history[1].input));
}

TEST(KvModel, ARangeJoinsTheKeysItCovers) {
  const KvHistory history = {Make(1, 1, 2, PutRequest("b", "1"), {}),
                             Make(1, 3, 4, RangeRequest("a", "c"), {}),
                             Make(1, 5, 6, PutRequest("c", "1"), {})};
  const KvModel model(history);
  EXPECT_EQ(model.Key(history[0].input), model.Key(history[1].input));
  EXPECT_NE(model.Key(history[0].input), model.Key(history[2].input));
}

RC_GTEST_PROP(KvModel, AcceptsWhatAnAtomicStoreDid, ()) {
  KvWorkload workload;
  workload.seed = *rc::gen::arbitrary<uint64_t>();
  workload.operations = 60;
  workload.clients = *rc::gen::inRange<uint64_t>(1, 5);
  workload.unknown_percent = *rc::gen::inRange<uint64_t>(0, 8);
  AtomicKv store;
  RC_ASSERT(Check(RunKv(workload, &store)) == Verdict::kOk);
}

RC_GTEST_PROP(KvModel, RejectsALinearizableReadOfAnOlderState, ()) {
  KvWorkload workload;
  workload.seed = *rc::gen::arbitrary<uint64_t>();
  workload.operations = 40;
  AtomicKv store;
  KvHistory history = RunKv(workload, &store);
  KvOperation& last = history.back();
  const int64_t age = *rc::gen::inRange<int64_t>(1, 10);
  RC_PRE(store.revision() > age);
  last.output = store.ReadAt(last.input, store.revision() - age);
  // What was there before differs from now by its mod revisions or its keys.
  RC_ASSERT(Check(history) == Verdict::kViolation);
}

RC_GTEST_PROP(KvText, HistoriesSurvive, ()) {
  KvWorkload workload;
  workload.seed = *rc::gen::arbitrary<uint64_t>();
  workload.unknown_percent = 10;
  AtomicKv store;
  KvHistory history = RunKv(workload, &store);
  history.push_back(Make(1, 1, 2, CompactRequest(7), {KvError::kNone, 9, true, {}}));
  history.push_back(
      Make(1, 1, 2, GetRequest(std::string("\0\xff\"", 3)), {KvError::kCompacted, 0, true, {}}));
  const auto read = ReadKvHistory(WriteKvHistory(history));
  RC_ASSERT(read.ok());
  RC_ASSERT(read->size() == history.size());
  for (size_t i = 0; i < history.size(); ++i) {
    RC_ASSERT((*read)[i].input == history[i].input);
    RC_ASSERT((*read)[i].output == history[i].output);
    RC_ASSERT((*read)[i].call == history[i].call);
    RC_ASSERT((*read)[i].returned == history[i].returned);
  }
}

TEST(KvText, WhatIsNoOperationIsRefusedByItsLine) {
  for (const char* input :
       {"x", "[]", "{\"then\":[{}]}", "{\"then\":[{\"put\":\"a\",\"get\":\"a\"}]}",
        "{\"then\":[{\"put\":1}]}", "{\"if\":[{\"target\":\"odd\",\"is\":\"=\"}]}"}) {
    const auto read = ReadKvHistory(WriteHistory({TextOperation{1, 42, 1, {}, input, ""}}));
    ASSERT_FALSE(read.ok()) << input;
    EXPECT_EQ(read.status().message(),
              "line 1: expected a request of a key-value store as JSON in \"input\"");
  }
}

}  // namespace
}  // namespace lockstep::checkers
