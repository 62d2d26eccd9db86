#include "checkers/register_zones.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

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

TEST(RegisterZones, SayNothingWhereValuesComeTwiceOrDependOnEachOther) {
  EXPECT_FALSE(CheckZones(RegisterModel(), {Write(1, 2, 4), Write(3, 4, 4)}));
  RegisterOperation cas = Write(1, 2, 4);
  cas.input.kind = Kind::kCas;
  EXPECT_FALSE(CheckZones(RegisterModel(), {cas}));
  EXPECT_EQ(
      CheckRegisters(RegisterModel(), {Write(1, 2, 4), Write(3, 4, 4), Read(5, 6, 5)}).verdict,
      Verdict::kViolation)
      << "the search decides";
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

}  // namespace
}  // namespace lockstep::checkers
