#include "checkers/register_zones.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace lockstep::checkers {
namespace {

using Kind = RegisterInput::Kind;
using Ops = std::vector<RegisterOperation>;

RegisterOperation Write(int64_t call, std::optional<int64_t> returned, int64_t value) {
  return {1, 0, call, returned, {Kind::kWrite, 0, 0, value}, {}};
}
RegisterOperation Read(int64_t call, std::optional<int64_t> returned, int64_t value) {
  return {2, 0, call, returned, {}, {true, value}};
}

TEST(RegisterZones, AStaleReadIsRefutedByThreeOperations) {
  Ops ops = {Write(1, 2, 4), Write(3, 4, 5), Read(5, 6, 4)};
  const auto result = CheckZones(RegisterModel(), ops);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->verdict, Verdict::kViolation);
  EXPECT_EQ(result->counterexample, (std::vector<size_t>{0, 1, 2}));
  EXPECT_EQ(
      result->violation->verdict,
      "client 2 called read of 0 = 4 at 5, returned at 6; no order of the operations explains "
      "this: before it only 5 was possible; client 1 called write of 0 = 4 at 1, returned at "
      "2; client 1 called write of 0 = 5 at 3, returned at 4");
  ops[2].call = 4;
  EXPECT_EQ(CheckZones(RegisterModel(), ops)->verdict, Verdict::kOk) << "equal times overlap";
}

TEST(RegisterZones, ReadingNothingAfterAWriteIsStaleToo) {
  EXPECT_EQ(CheckZones(RegisterModel(), {Write(1, 2, 4), Read(3, 4, kNoValue)})->verdict,
            Verdict::kViolation);
}

TEST(RegisterZones, ValuesOutOfNowhereAreRefuted) {
  EXPECT_EQ(CheckZones(RegisterModel(), {Read(3, 4, 9)})->verdict, Verdict::kViolation);
  EXPECT_EQ(CheckZones(RegisterModel(), {Read(1, 2, 9), Write(3, 4, 9)})->verdict,
            Verdict::kViolation);
}

RegisterOperation Cas(int64_t call, std::optional<int64_t> returned, int64_t from, int64_t to,
                      bool succeeded = true) {
  return {3, 0, call, returned, {Kind::kCas, 0, from, to}, {succeeded, kNoValue}};
}

Verdict Zones(const Ops& ops) {
  const auto result = CheckZones(RegisterModel(), ops);
  return result ? result->verdict : Verdict::kUnknown;
}

TEST(RegisterZones, SayNothingWhereValuesAreWrittenTwice) {
  EXPECT_FALSE(CheckZones(RegisterModel(), {Write(1, 2, 4), Write(3, 4, 4)}));
  EXPECT_EQ(
      CheckRegisters(RegisterModel(), {Write(1, 2, 4), Write(3, 4, 4), Read(5, 6, 5)}).verdict,
      Verdict::kViolation)
      << "the search decides";
}

TEST(RegisterZones, NothingComesBetweenTheLinksOfAChain) {
  // 1 -> 2 -> 3, and a write of 9 that surely lies in it.
  const Ops chain = {Write(1, 2, 1), Cas(3, 4, 1, 2), Cas(9, 10, 2, 3)};
  Ops ops = chain;
  ops.push_back(Write(5, 6, 9));
  EXPECT_EQ(Zones(ops), Verdict::kViolation);
  ops.back().returned = 8;
  EXPECT_EQ(Zones(ops), Verdict::kViolation) << "the last link is yet to come";
  ops.back().returned = 9;
  EXPECT_EQ(Zones(ops), Verdict::kOk) << "after the last link";
  ops = chain;
  ops.push_back(Read(5, 8, 1));
  EXPECT_EQ(Zones(ops), Verdict::kViolation) << "of an earlier link";
  ops.back().call = 4;
  EXPECT_EQ(Zones(ops), Verdict::kOk) << "it may have come before the second";
}

TEST(RegisterZones, TwoCompareAndSetsCannotHoldOnOneValue) {
  const Ops ops = {Write(1, 2, 1), Cas(3, 9, 1, 2), Cas(3, 9, 1, 3)};
  const auto result = CheckZones(RegisterModel(), ops);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->verdict, Verdict::kViolation);
  EXPECT_EQ(result->counterexample, (std::vector<size_t>{1, 2}));
  Ops unknown = ops;
  unknown[2].returned.reset();
  EXPECT_EQ(Zones(unknown), Verdict::kOk) << "the second may not have held";
  unknown.push_back(Read(20, 21, 3));
  EXPECT_EQ(Zones(unknown), Verdict::kViolation) << "but it was read";
}

TEST(RegisterZones, CompareAndSetsInACircleHaveNoBeginning) {
  EXPECT_EQ(Zones({Cas(1, 9, 1, 2), Cas(1, 9, 2, 1)}), Verdict::kViolation);
  EXPECT_EQ(Zones({Cas(1, 9, 5, 2)}), Verdict::kViolation) << "nobody wrote 5";
  EXPECT_EQ(Zones({Cas(1, 9, kNoValue, 2), Cas(1, 9, 2, 3), Read(1, 9, 2)}), Verdict::kOk);
}

TEST(RegisterZones, ACompareAndSetMayFailOnlyWhereItsValueIsNot) {
  const Ops ops = {Write(1, 2, 1), Read(10, 11, 1)};
  Ops failed = ops;
  failed.push_back(Cas(4, 5, 1, 7, false));
  EXPECT_EQ(Zones(failed), Verdict::kViolation) << "1 was surely there";
  failed.back().call = 1;
  EXPECT_EQ(Zones(failed), Verdict::kOk) << "before 1 was written";
  failed.back() = Cas(12, 13, 1, 7, false);
  EXPECT_EQ(CheckRegisters(RegisterModel(), failed).verdict, Verdict::kViolation);
  failed.push_back(Write(13, 20, 2));
  EXPECT_EQ(Zones(failed), Verdict::kOk) << "after 2 was written";
  failed = ops;
  failed.push_back(Cas(4, 5, 6, 7, false));
  EXPECT_EQ(Zones(failed), Verdict::kOk) << "6 was never there";
}

TEST(RegisterZones, KeysOfWhichTheySayNothingAreSearchedAlone) {
  Ops ops = {Write(1, 2, 4), Write(3, 4, 4), Read(5, 6, 5), Write(1, 2, 5), Read(3, 4, 5)};
  for (size_t i = 3; i < 5; ++i) ops[i].input.key = 1;
  const auto result = CheckRegisters(RegisterModel(), ops);
  EXPECT_EQ(result.verdict, Verdict::kViolation);
  EXPECT_EQ(result.culprit, 2u);
}

RC_GTEST_PROP(RegisterZones, AgreeWithTheSearch, ()) {
  Ops ops;
  const auto values = *rc::gen::inRange<int64_t>(1, 6);
  for (int64_t value = 0; value < values; ++value) {
    const auto call = *rc::gen::inRange<int64_t>(0, 30);
    const auto length = *rc::gen::inRange<int64_t>(0, 8);
    ops.push_back(Write(call, call + length, value));
    if (*rc::gen::inRange(0, 8) == 0) ops.back().returned.reset();
    for (auto left = *rc::gen::inRange(0, 4); left > 0; --left) {
      const int64_t at = call + *rc::gen::inRange<int64_t>(0, 12);
      ops.push_back(Read(at, at + *rc::gen::inRange<int64_t>(0, 6), value));
    }
  }
  if (*rc::gen::arbitrary<bool>()) ops.push_back(Read(0, *rc::gen::inRange(0, 10), kNoValue));
  if (*rc::gen::arbitrary<bool>()) ops.push_back(Read(0, {}, kNoValue));
  for (RegisterOperation& op : ops) op.input.key = *rc::gen::inRange(0, 8) == 0 ? 1 : 0;
  Verdict truth = Verdict::kOk;
  for (uint32_t key = 0; key < 2; ++key) {
    Partition<RegisterModel> partition((RegisterModel()));
    for (const RegisterOperation& op : ops) {
      if (op.input.key == key) partition.Add(op);
    }
    const SearchResult result = SearchFrontier(partition, partition.intervals(), {});
    if (result.verdict == Verdict::kViolation) truth = result.verdict;
  }
  const auto zones = CheckZones(RegisterModel(), ops);
  RC_CLASSIFY(truth == Verdict::kOk);
  RC_ASSERT(zones.has_value());
  RC_ASSERT(zones->verdict == truth);
}

// Writes, reads and compare-and-sets of unique values at random times, often near each other.
Ops WithCas() {
  Ops ops;
  const auto values = *rc::gen::inRange<int64_t>(2, 7);
  const auto any = [&] {
    const auto value = *rc::gen::inRange<int64_t>(-1, values);
    return value < 0 ? kNoValue : value;
  };
  for (int64_t value = 0; value < values; ++value) {
    const int64_t call = value * *rc::gen::inRange<int64_t>(0, 6);
    const int64_t end = call + *rc::gen::inRange<int64_t>(0, 9);
    const bool writes = *rc::gen::inRange(0, 3) == 0;
    ops.push_back(writes ? Write(call, end, value)
                         : Cas(call, end, *rc::gen::arbitrary<bool>() ? value - 1 : any(), value));
    if (ops.back().input.from == -1) ops.back().input.from = kNoValue;
    if (*rc::gen::inRange(0, 8) == 0) ops.back().returned.reset();
    for (auto left = *rc::gen::inRange(0, 3); left > 0; --left) {
      const int64_t at = call + *rc::gen::inRange<int64_t>(0, 12);
      ops.push_back(Read(at, at + *rc::gen::inRange<int64_t>(0, 8), value));
    }
    if (*rc::gen::inRange(0, 3) != 0) continue;
    const int64_t at = call + *rc::gen::inRange<int64_t>(0, 12);
    ops.push_back(Cas(at, at + *rc::gen::inRange<int64_t>(0, 8), any(), 100 + value, false));
  }
  return ops;
}

RC_GTEST_PROP(RegisterZones, ChainsAgreeWithTheSearch, ()) {
  const Ops ops = WithCas();
  Partition<RegisterModel> partition((RegisterModel()));
  for (const RegisterOperation& op : ops) partition.Add(op);
  const SearchResult truth = SearchFrontier(partition, partition.intervals(), {});
  const auto zones = CheckZones(RegisterModel(), ops);
  RC_CLASSIFY(truth.verdict == Verdict::kOk);
  RC_CLASSIFY(!zones, "left to the search");
  const bool has_failed = std::any_of(ops.begin(), ops.end(), [](const RegisterOperation& op) {
    return op.input.kind == Kind::kCas && op.returned && !op.output.succeeded;
  });
  RC_ASSERT(zones.has_value() || has_failed);
  if (zones) RC_ASSERT(zones->verdict == truth.verdict);
  const auto all = CheckRegisters(RegisterModel(), ops);
  RC_ASSERT(all.verdict == truth.verdict);
}

}  // namespace
}  // namespace lockstep::checkers
