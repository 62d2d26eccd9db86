#include "checkers/transactions/rw_register.h"

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

TEST(RwRegister, ASerialHistoryIsFine) {
  EXPECT_EQ(AnomaliesOf({{0, 1, 2, "[[:w x 1] [:r x 1]]"},
                         {1, 3, 4, "[[:r x 1] [:w x 2] [:w y 1]]"},
                         {0, 5, 6, "[[:r x 2] [:r y 1] [:r z nil]]"}}),
            Names());
}

TEST(RwRegister, ReadingWhatFailedIsG1a) {
  EXPECT_EQ(AnomaliesOf({{0, 1, -2, "[[:w x 1]]"}, {1, 3, 4, "[[:r x 1]]"}}), Names({"G1a"}));
  EXPECT_EQ(AnomaliesOf({{0, 1, -1, "[[:w x 1]]"}, {1, 3, 4, "[[:r x 1]]"}}), Names());
}

TEST(RwRegister, ReadingHalfOfATransactionIsG1b) {
  EXPECT_EQ(AnomaliesOf({{0, 1, 9, "[[:w x 1] [:w x 2]]"}, {1, 1, 9, "[[:r x 1]]"}},
                        Isolation::kReadCommitted),
            Names({"G1b"}));
}

TEST(RwRegister, SeeingEachOtherIsG1c) {
  EXPECT_EQ(AnomaliesOf({{0, 1, 9, "[[:w x 1] [:r y 1]]"}, {1, 1, 9, "[[:w y 1] [:r x 1]]"}}),
            Names({"G1c"}));
}

TEST(RwRegister, WhatIsReadComesBeforeWhatIsThenWritten) {
  const Lines lines = {{0, 1, 9, "[[:w x 1] [:w y 1]]"},
                       {1, 1, 9, "[[:r x 1] [:w x 2] [:w y 2]]"},
                       {2, 1, 9, "[[:r y 1] [:r x 2]]"},
                       {3, 1, 9, "[[:r y 1] [:w y 3]]"}};
  EXPECT_EQ(AnomaliesOf(lines, Isolation::kSerializable), Names());
  const Lines fractured = {{0, 1, 9, "[[:w x 1]]"},
                           {1, 1, 9, "[[:r x 1] [:w x 2] [:w y 2]]"},
                           {2, 1, 9, "[[:r x 1] [:r y 2]]"}};
  EXPECT_EQ(AnomaliesOf(fractured, Isolation::kSerializable), Names({"G-single"}));
  EXPECT_EQ(AnomaliesOf(fractured, Isolation::kReadCommitted), Names());
}

TEST(RwRegister, WriteSkewIsG2) {
  EXPECT_EQ(AnomaliesOf({{0, 1, 9, "[[:r x nil] [:w y 1]]"}, {1, 1, 9, "[[:r y nil] [:w x 1]]"}},
                        Isolation::kSerializable),
            Names({"G2-item"}));
}

TEST(RwRegister, AStaleReadIsWrongOnlyInRealTime) {
  const Lines lines = {{0, 1, 2, "[[:w x 1]]"}, {0, 3, 4, "[[:w x 2]]"}, {1, 5, 6, "[[:r x 1]]"}};
  EXPECT_TRUE(AnomaliesOf(lines).contains("G-single-realtime") ||
              AnomaliesOf(lines).contains("cyclic-versions"));
  EXPECT_EQ(AnomaliesOf(lines, Isolation::kSerializable), Names());
  EXPECT_EQ(AnomaliesOf({{0, 1, 2, "[[:w x 1]]"}, {1, 3, 4, "[[:r x nil]]"}}),
            Names({"G-single-realtime", "cyclic-versions"}));
}

TEST(RwRegister, TwoUpdatesOfOneVersionLoseOne) {
  EXPECT_TRUE(AnomaliesOf({{0, 1, 2, "[[:w x 0]]"},
                           {1, 3, 9, "[[:r x 0] [:w x 1]]"},
                           {2, 3, 9, "[[:r x 0] [:w x 2]]"}},
                          Isolation::kSnapshot)
                  .contains("lost-update"));
}

TEST(RwRegister, ValuesOfNobodyOrOfTwoAreNamed) {
  EXPECT_EQ(AnomaliesOf({{0, 1, 9, "[[:w y 1] [:r x 7]]"}}), Names({"garbage-read"}));
  EXPECT_EQ(AnomaliesOf({{0, 1, 9, "[[:w x 7]]"}, {1, 1, 9, "[[:w x 7]]"}}),
            Names({"duplicate-writes"}));
  EXPECT_EQ(AnomaliesOf({{0, 1, 9, "[[:w x 7] [:r x nil]]"}}), Names({"internal"}));
  EXPECT_EQ(AnomaliesOf({{0, 1, 9, "[[:r x 7] [:w x 7]]"}}), Names({"future-read"}));
}

bool BruteForce(const TxnHistory& history, bool realtime) {
  std::vector<uint32_t> order(history.txns.size());
  std::iota(order.begin(), order.end(), 0u);
  do {
    bool fits = true;
    std::map<uint32_t, int64_t> values;
    for (size_t i = 0; i < order.size() && fits; ++i) {
      const Txn& txn = history.txns[order[i]];
      for (size_t j = i + 1; j < order.size() && realtime; ++j) {
        fits = fits && history.txns[order[j]].returned >= txn.call;
      }
      for (const TxnOp& op : history.OpsOf(txn)) {
        const auto at = values.try_emplace(op.key, TxnOp::kNothing).first;
        if (op.kind == TxnOp::Kind::kWrite) {
          at->second = op.value;
        } else {
          fits = fits && at->second == op.value;
        }
      }
    }
    if (fits) return true;
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

// Reads show any value that is written, or nothing.
Lines ArbitraryLines() {
  const auto count = *rc::gen::inRange<size_t>(2, 6);
  const auto values = static_cast<int>(count) * 2;
  Lines lines;
  int next = 0;
  for (size_t t = 0; t < count; ++t) {
    std::string steps;
    for (int left = 2; left > 0; --left) {
      const auto key = *rc::gen::inRange(0, 2);
      const auto seen = *rc::gen::inRange(-1, values);
      if (*rc::gen::arbitrary<bool>()) {
        absl::StrAppend(&steps, "[:w ", key, " ", key * 100 + next++, "]");
      } else {
        absl::StrAppend(&steps, "[:r ", key, " ",
                        seen < 0 ? std::string("nil") : absl::StrCat(key * 100 + seen), "]");
      }
    }
    const auto call = *rc::gen::inRange<int64_t>(0, 10);
    const auto length = *rc::gen::inRange<int64_t>(0, 8);
    lines.push_back({t, call, call + length, "[" + steps + "]"});
  }
  lines.push_back({9, 0, 100, "[[:w z 1]]"});
  return lines;
}

RC_GTEST_PROP(RwRegister, NeverAccusesWhatSomeOrderExplains, ()) {
  const Lines lines = ArbitraryLines();
  const bool strict = BruteForce(TxnsOf(lines), true);
  const bool serializable = BruteForce(TxnsOf(lines), false);
  RC_CLASSIFY(strict);
  RC_CLASSIFY(serializable && !strict);
  if (strict) RC_ASSERT(CheckTxns(lines).verdict == Verdict::kOk);
  if (serializable) {
    RC_ASSERT(CheckTxns(lines, Isolation::kSerializable).verdict == Verdict::kOk);
  }
}

// What single-key histories show is enough to decide them.
RC_GTEST_PROP(RwRegister, FindsEveryStaleReadBehindAChainOfUpdates, ()) {
  const auto count = *rc::gen::inRange<int>(3, 20);
  const auto stale = *rc::gen::inRange<int>(0, count - 1);
  Lines lines;
  for (int i = 0; i < count; ++i) {
    const std::string before = i == 0 ? "nil" : absl::StrCat(i - 1);
    lines.push_back({1, i * 10, i * 10 + 5, absl::StrCat("[[:r x ", before, "] [:w x ", i, "]]")});
  }
  Lines good = lines;
  good.push_back({2, count * 10, count * 10 + 5, absl::StrCat("[[:r x ", count - 1, "]]")});
  RC_ASSERT(CheckTxns(good).verdict == Verdict::kOk);
  lines.push_back({2, count * 10, count * 10 + 5, absl::StrCat("[[:r x ", stale, "]]")});
  RC_ASSERT(CheckTxns(lines).verdict == Verdict::kViolation);
  RC_ASSERT(CheckTxns(lines, Isolation::kSerializable).verdict == Verdict::kOk);
}

}  // namespace
}  // namespace lockstep::checkers
