#include "checkers/transactions/list_append.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "tests/checkers/transactions/txn_support.h"

namespace lockstep::checkers {
namespace {

using Names = std::set<std::string>;
using Lines = std::vector<TxnLine>;

TEST(ListAppend, ASerialHistoryIsFine) {
  EXPECT_EQ(AnomaliesOf({{0, 1, 2, "[[:append x 1] [:r x [1]]]"},
                         {1, 3, 4, "[[:r x [1]] [:append x 2] [:append y 1]]"},
                         {0, 5, 6, "[[:r x [1 2]] [:r y [1]] [:r z nil]]"}}),
            Names());
}

TEST(ListAppend, WritesInOppositeOrdersAreG0) {
  const Lines lines = {{0, 1, 9, "[[:append x 1] [:append y 1]]"},
                       {1, 1, 9, "[[:append x 2] [:append y 2]]"},
                       {2, 10, 11, "[[:r x [1 2]] [:r y [2 1]]]"}};
  EXPECT_EQ(AnomaliesOf(lines), Names({"G0"}));
  EXPECT_EQ(AnomaliesOf(lines, Isolation::kReadUncommitted), Names({"G0"}));
}

TEST(ListAppend, ReadingWhatFailedIsG1a) {
  const Lines lines = {{0, 1, -2, "[[:append x 1]]"}, {1, 3, 4, "[[:r x [1]]]"}};
  EXPECT_EQ(AnomaliesOf(lines), Names({"G1a"}));
  EXPECT_EQ(AnomaliesOf(lines, Isolation::kReadUncommitted), Names());
  EXPECT_EQ(AnomaliesOf({{0, 1, -1, "[[:append x 1]]"}, {1, 3, 4, "[[:r x [1]]]"}}), Names())
      << "an unknown outcome may have been a success";
}

TEST(ListAppend, ReadingHalfOfATransactionIsG1b) {
  EXPECT_EQ(AnomaliesOf({{0, 1, 9, "[[:append x 1] [:append x 2]]"}, {1, 1, 9, "[[:r x [1]]]"}})
                .contains("G1b"),
            true);
  EXPECT_EQ(AnomaliesOf({{0, 1, 9, "[[:append x 1] [:r x [1]] [:append x 2]]"},
                         {1, 1, 9, "[[:r x [1 2]]]"}}),
            Names())
      << "one's own halves may be read";
}

TEST(ListAppend, SeeingEachOtherIsG1c) {
  const Lines lines = {{0, 1, 9, "[[:append x 1] [:r y [1]]]"},
                       {1, 1, 9, "[[:append y 1] [:r x [1]]]"}};
  EXPECT_EQ(AnomaliesOf(lines), Names({"G1c"}));
  EXPECT_EQ(AnomaliesOf(lines, Isolation::kReadCommitted), Names({"G1c"}));
  EXPECT_EQ(AnomaliesOf(lines, Isolation::kReadUncommitted), Names());
}

TEST(ListAppend, ReadSkewIsGSingle) {
  const Lines lines = {{0, 1, 9, "[[:append x 1] [:append y 1]]"},
                       {1, 1, 9, "[[:r x [1]] [:r y nil]]"},
                       {2, 10, 11, "[[:r x [1]] [:r y [1]]]"}};
  EXPECT_EQ(AnomaliesOf(lines), Names({"G-single"}));
  EXPECT_EQ(AnomaliesOf(lines, Isolation::kSnapshot), Names({"G-single"}));
  EXPECT_EQ(AnomaliesOf(lines, Isolation::kReadCommitted), Names());
}

TEST(ListAppend, WriteSkewIsG2AndAllowedBySnapshots) {
  const Lines lines = {{0, 1, 9, "[[:r x nil] [:append y 1]]"},
                       {1, 1, 9, "[[:r y nil] [:append x 1]]"},
                       {2, 10, 11, "[[:r x [1]] [:r y [1]]]"}};
  EXPECT_EQ(AnomaliesOf(lines), Names({"G2-item"}));
  EXPECT_EQ(AnomaliesOf(lines, Isolation::kSnapshot), Names());
}

TEST(ListAppend, WriteSkewIsSeenWhereNobodyReadsTheWrites) {
  EXPECT_EQ(AnomaliesOf(
                {{0, 1, 9, "[[:r x nil] [:append y 1]]"}, {1, 1, 9, "[[:r y nil] [:append x 1]]"}}),
            Names({"G2-item"}));
}

TEST(ListAppend, LongForkHasNoTwoMissedWritesInARow) {
  const Lines lines = {{0, 1, 9, "[[:append x 1]]"},
                       {1, 1, 9, "[[:append y 1]]"},
                       {2, 1, 9, "[[:r x [1]] [:r y nil]]"},
                       {3, 1, 9, "[[:r x nil] [:r y [1]]]"},
                       {4, 10, 11, "[[:r x [1]] [:r y [1]]]"}};
  EXPECT_EQ(AnomaliesOf(lines), Names({"G-nonadjacent"}));
  EXPECT_EQ(AnomaliesOf(lines, Isolation::kSnapshot), Names({"G-nonadjacent"}));
}

TEST(ListAppend, AStaleReadIsWrongOnlyInRealTime) {
  const Lines lines = {
      {0, 1, 2, "[[:append x 1]]"}, {1, 3, 4, "[[:r x nil]]"}, {2, 5, 6, "[[:r x [1]]]"}};
  EXPECT_EQ(AnomaliesOf(lines), Names({"G-single-realtime"}));
  EXPECT_EQ(AnomaliesOf(lines, Isolation::kSerializable), Names());
  EXPECT_EQ(AnomaliesOf(lines, Isolation::kStrongSession), Names());
}

TEST(ListAppend, EqualTimesOverlap) {
  EXPECT_EQ(
      AnomaliesOf(
          {{0, 1, 3, "[[:append x 1]]"}, {1, 3, 4, "[[:r x nil]]"}, {2, 5, 6, "[[:r x [1]]]"}}),
      Names());
}

TEST(ListAppend, AClientThatForgetsWhatItDidBreaksItsSession) {
  const Lines lines = {
      {0, 1, 2, "[[:append x 1]]"}, {0, 3, 4, "[[:r x nil]]"}, {2, 5, 6, "[[:r x [1]]]"}};
  EXPECT_EQ(AnomaliesOf(lines, Isolation::kStrongSession), Names({"G-single-process"}));
  EXPECT_EQ(AnomaliesOf(lines, Isolation::kSerializable), Names());
}

TEST(ListAppend, TwoUpdatesOfOneVersionLoseOne) {
  const Lines lines = {{0, 1, 9, "[[:r x [0]] [:append x 1]]"},
                       {1, 1, 9, "[[:r x [0]] [:append x 2]]"},
                       {2, 0, 0, "[[:append x 0]]"},
                       {3, 10, 11, "[[:r x [0 1 2]]]"}};
  EXPECT_EQ(AnomaliesOf(lines), Names({"G-single", "lost-update"}));
  EXPECT_EQ(AnomaliesOf(lines, Isolation::kReadCommitted), Names());
}

TEST(ListAppend, ReadsInTwoOrdersAreIncompatible) {
  EXPECT_TRUE(AnomaliesOf({{0, 1, 9, "[[:append x 1]]"},
                           {1, 1, 9, "[[:append x 2]]"},
                           {2, 1, 9, "[[:r x [1 2]]]"},
                           {3, 1, 9, "[[:r x [2 1]]]"}})
                  .contains("incompatible-order"));
}

TEST(ListAppend, WhatNobodyAppendedOrTwiceIsNamed) {
  EXPECT_EQ(AnomaliesOf({{0, 1, 9, "[[:r x [7]]]"}}), Names({"garbage-read"}));
  EXPECT_EQ(AnomaliesOf({{0, 1, 9, "[[:append x 7]]"}, {1, 1, 9, "[[:r x [7 7]]]"}}),
            Names({"duplicate-elements"}));
  EXPECT_EQ(AnomaliesOf({{0, 1, 9, "[[:append x 7]]"}, {1, 1, 9, "[[:append x 7]]"}}),
            Names({"duplicate-writes"}));
  EXPECT_EQ(AnomaliesOf({{0, 1, 9, "[[:append x 7] [:append x 9000000000]]"},
                         {1, 1, 9, "[[:append x 7]]"}}),
            Names({"duplicate-writes"}));
}

TEST(ListAppend, ATransactionAgreesWithItself) {
  EXPECT_EQ(AnomaliesOf({{0, 1, 9, "[[:append x 1] [:r x nil]]"}}), Names({"internal"}));
  EXPECT_TRUE(AnomaliesOf({{0, 1, 9, "[[:r x nil] [:r x [1]]]"}, {1, 1, 9, "[[:append x 1]]"}})
                  .contains("internal"));
  EXPECT_EQ(AnomaliesOf({{0, 1, 9, "[[:r x [1]] [:append x 1]]"}}), Names({"future-read"}));
  EXPECT_EQ(AnomaliesOf({{0, 1, 9, "[[:r x nil] [:append x 1] [:append x 2] [:r x [1 2]]]"}}),
            Names());
}

TEST(ListAppend, ATransactionsAppendsKeepTheirOrder) {
  EXPECT_EQ(AnomaliesOf({{0, 1, 2, "[[:append x 1] [:append x 2]]"}, {1, 3, 4, "[[:r x [2 1]]]"}}),
            Names({"internal", "G1b"}));
  EXPECT_EQ(AnomaliesOf({{0, 1, 2, "[[:append x 1] [:append x 2]]"}, {1, 3, 4, "[[:r x [2]]]"}}),
            Names({"internal", "G-single"}))
      << "half of it is missing";
}

TEST(ListAppend, BuildingOnWhatFailedIsADirtyUpdate) {
  EXPECT_EQ(AnomaliesOf({{0, 1, -2, "[[:append x 1]]"},
                         {1, 3, 4, "[[:append x 2]]"},
                         {2, 5, 6, "[[:r x [1 2]]]"}}),
            Names({"dirty-update", "G1a"}));
}

TEST(ListAppend, TheCycleIsToldInWords) {
  const TxnResult result = CheckTxns({{0, 1, 2, "[[:append x 1] [:append y 5]]"},
                                      {1, 3, 4, "[[:r x nil]]"},
                                      {2, 5, 6, "[[:r x [1]]]"}});
  ASSERT_EQ(result.anomalies.size(), 1u);
  EXPECT_EQ(result.anomalies[0].text,
            "T1 read x = [] and did not see 1, which T0 appended; T0 returned at 2 before T1 was "
            "called at 3; so each would have to come before itself. T1 (client 1, called at 3, "
            "returned at 4: read x = []), T0 (client 0, called at 1, returned at 2: append 1 to x, "
            "append 5 to y)");
  EXPECT_EQ(result.anomalies[0].txns, (std::vector<uint32_t>{1, 0}));
}

// --- against every order ----------------------------------------------------------------------

// Whether some order of the committed transactions, within real time if asked, gives every read.
bool BruteForce(const TxnHistory& history, bool realtime) {
  std::vector<uint32_t> order(history.txns.size());
  std::iota(order.begin(), order.end(), 0u);
  do {
    bool fits = true;
    std::map<uint32_t, std::vector<int64_t>> lists;
    for (size_t i = 0; i < order.size() && fits; ++i) {
      const Txn& txn = history.txns[order[i]];
      for (size_t j = i + 1; j < order.size() && realtime; ++j) {
        fits = fits && history.txns[order[j]].returned >= txn.call;
      }
      for (const TxnOp& op : history.OpsOf(txn)) {
        std::vector<int64_t>& list = lists[op.key];
        if (op.kind == TxnOp::Kind::kWrite) {
          list.push_back(op.value);
        } else {
          const auto seen = history.ListOf(op);
          fits = fits && list == std::vector<int64_t>(seen.begin(), seen.end());
        }
      }
    }
    if (fits) return true;
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

// Up to five transactions whose reads show prefixes of one order per key, and a read of all at the
// end, so that every dependency can be inferred.
Lines ArbitraryLines() {
  std::vector<std::vector<std::vector<int>>> plan;  // per transaction: {is_append, key, element}
  std::vector<std::vector<int>> appended(2);
  const auto count = *rc::gen::inRange<size_t>(2, 6);
  for (size_t t = 0; t < count; ++t) {
    plan.emplace_back();
    for (int left = *rc::gen::inRange(1, 4); left > 0; --left) {
      const auto key = *rc::gen::inRange(0, 2);
      const bool append = *rc::gen::arbitrary<bool>();
      const int element = static_cast<int>(appended[0].size() + appended[1].size()) + 1;
      if (append) appended[static_cast<size_t>(key)].push_back(element);
      plan.back().push_back({append ? 1 : 0, key, element});
    }
  }
  std::vector<std::vector<int>> order(2);
  for (size_t key = 0; key < 2; ++key) {
    for (const int element : appended[key]) {
      const auto at = *rc::gen::inRange<size_t>(0, order[key].size() + 1);
      order[key].insert(order[key].begin() + static_cast<std::ptrdiff_t>(at), element);
    }
  }
  const auto prefix = [&](size_t key, size_t length) {
    std::string text = absl::StrCat("[:r ", key, " [");
    for (size_t i = 0; i < length; ++i) absl::StrAppend(&text, order[key][i], " ");
    return text + "]]";
  };
  Lines lines;
  for (size_t t = 0; t < plan.size(); ++t) {
    std::string steps;
    for (const std::vector<int>& step : plan[t]) {
      const auto key = static_cast<size_t>(step[1]);
      absl::StrAppend(
          &steps, step[0] == 1 ? absl::StrCat("[:append ", key, " ", step[2], "]")
                               : prefix(key, *rc::gen::inRange<size_t>(0, order[key].size() + 1)));
    }
    const auto call = *rc::gen::inRange<int64_t>(0, 10);
    const auto length = *rc::gen::inRange<int64_t>(0, 8);
    lines.push_back({t, call, call + length, "[" + steps + "]"});
  }
  lines.push_back(
      {90, 100, 101,
       "[[:append z 0]" + prefix(0, order[0].size()) + prefix(1, order[1].size()) + "]"});
  return lines;
}

RC_GTEST_PROP(ListAppend, AgreesWithTryingEveryOrder, ()) {
  const Lines lines = ArbitraryLines();
  const bool strict = BruteForce(TxnsOf(lines), true);
  const bool serializable = BruteForce(TxnsOf(lines), false);
  RC_CLASSIFY(strict);
  RC_CLASSIFY(serializable && !strict);
  RC_ASSERT(CheckTxns(lines).verdict == (strict ? Verdict::kOk : Verdict::kViolation));
  RC_ASSERT(CheckTxns(lines, Isolation::kSerializable).verdict ==
            (serializable ? Verdict::kOk : Verdict::kViolation));
}

RC_GTEST_PROP(ListAppend, EveryLevelForbidsWhatTheWeakerOnesForbid, ()) {
  const Lines lines = ArbitraryLines();
  bool violated = false;
  for (const std::string& name : IsolationNames()) {
    const bool here = CheckTxns(lines, *IsolationNamed(name)).verdict == Verdict::kViolation;
    RC_ASSERT(here || !violated);
    violated = here;
  }
}

}  // namespace
}  // namespace lockstep::checkers
