#include "checkers/string_versions.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "framework/base/random.h"

namespace lockstep::checkers {
namespace {

using Kind = StringInput::Kind;
using Ops = std::vector<StringOperation>;

StringOperation Get(int64_t call, std::optional<int64_t> returned, std::string value) {
  return {1, 0, call, returned, {Kind::kGet, "k", ""}, std::move(value)};
}
StringOperation Put(int64_t call, std::optional<int64_t> returned, std::string value) {
  return {2, 0, call, returned, {Kind::kPut, "k", std::move(value)}, ""};
}
StringOperation Append(int64_t call, std::optional<int64_t> returned, std::string value) {
  return {3, 0, call, returned, {Kind::kAppend, "k", std::move(value)}, ""};
}

Verdict Truth(const Ops& ops) {
  Partition<StringModel> partition((StringModel()));
  for (const StringOperation& op : ops) partition.Add(op);
  return SearchFrontier(partition, partition.intervals(), {}).verdict;
}
// A search that gives up at once: what is decided was decided without it.
Verdict WithoutSearch(const Ops& ops) {
  LinearizabilityLimits limits;
  limits.configurations_max = 0;
  limits.minimize = false;
  return CheckStringStore(StringModel(), ops, limits).verdict;
}

TEST(StringVersions, ReadsTellTheOrderOfWhatOverlapped) {
  Ops ops = {Append(1, 9, "a"), Append(1, 9, "b"), Get(10, 11, "ba"), Append(12, 13, "c")};
  EXPECT_EQ(WithoutSearch(ops), Verdict::kOk);
  ops.push_back(Get(14, 15, "bac"));
  EXPECT_EQ(WithoutSearch(ops), Verdict::kOk);
  ops.back().output = "abc";
  EXPECT_EQ(WithoutSearch(ops), Verdict::kViolation);
}

TEST(StringVersions, AnAppendThatIsMissingAfterItsReturnIsLost) {
  const Ops ops = {Append(1, 2, "a"), Append(3, 4, "b"), Get(5, 6, "a")};
  const auto result = CheckStringStore(StringModel(), ops);
  ASSERT_EQ(result.verdict, Verdict::kViolation);
  EXPECT_EQ(result.culprit, 2u);
  EXPECT_EQ(result.counterexample, (std::vector<size_t>{0, 1, 2}));
}

TEST(StringVersions, APutBeginsAnewAndWhatWasBeforeDoesNotComeBack) {
  const Ops ops = {Append(1, 2, "a"), Put(3, 6, "p"), Append(7, 8, "b")};
  Ops more = ops;
  more.push_back(Get(9, 10, "pb"));
  EXPECT_EQ(WithoutSearch(more), Verdict::kOk);
  more.back().output = "ab";
  EXPECT_EQ(WithoutSearch(more), Verdict::kViolation);
  more.back().output = "apb";
  EXPECT_EQ(WithoutSearch(more), Verdict::kViolation);
  more.back() = Get(5, 10, "a");
  EXPECT_EQ(WithoutSearch(more), Verdict::kOk) << "before the put took effect";
  more.push_back(Get(4, 4, "p"));
  EXPECT_EQ(WithoutSearch(more), Verdict::kViolation) << "which surely was over";
}

TEST(StringVersions, WhatWasNeverReadMayBeAnywhereButInsideOfAChain) {
  const Ops chain = {Put(1, 2, "p"), Get(3, 4, "p"), Append(9, 10, "a"), Get(11, 12, "pa")};
  Ops ops = chain;
  ops.push_back(Append(5, 6, "b"));
  EXPECT_EQ(WithoutSearch(ops), Verdict::kViolation);
  ops.back().returned = 13;
  EXPECT_EQ(WithoutSearch(ops), Verdict::kOk) << "behind it";
  ops.back() = Append(5, {}, "b");
  EXPECT_EQ(WithoutSearch(ops), Verdict::kOk) << "perhaps never";
}

TEST(StringVersions, ReadsOfWhatNobodyWroteAreRefuted) {
  EXPECT_EQ(WithoutSearch({Append(1, 2, "a"), Get(3, 4, "x")}), Verdict::kViolation);
  EXPECT_EQ(WithoutSearch({Append(1, 2, "a"), Get(3, 4, "aa")}), Verdict::kViolation);
  EXPECT_EQ(WithoutSearch({Append(5, 6, "a"), Get(3, 4, "a")}), Verdict::kViolation);
}

TEST(StringVersions, OfTwoAppendsOfOneTextTheTimeTellsWhichWasMeant) {
  Ops ops = {Append(1, 2, "a"), Append(3, 4, "b"), Append(5, 6, "a"), Get(7, 8, "aba")};
  EXPECT_EQ(WithoutSearch(ops), Verdict::kOk);
  ops.back().output = "aab";
  EXPECT_NE(WithoutSearch(ops), Verdict::kOk);
  EXPECT_EQ(CheckStringStore(StringModel(), ops).verdict, Verdict::kViolation);
}

TEST(StringVersions, OneTextPutAndAppendedMayBeginTwoChains) {
  const Ops ops = {Append(1, 2, "a"), Append(3, 4, "b"),  Get(5, 6, "ab"),
                   Put(7, 8, "a"),    Append(9, 10, "c"), Get(11, 12, "ac")};
  EXPECT_NE(WithoutSearch(ops), Verdict::kViolation);
  EXPECT_EQ(CheckStringStore(StringModel(), ops).verdict, Verdict::kOk);
}

TEST(StringVersions, WhereTextsCannotBeTakenApartTheSearchDecides) {
  const Ops ops = {Append(1, 9, "a"), Append(1, 9, "ab"), Get(10, 11, "aba")};
  EXPECT_EQ(WithoutSearch(ops), Verdict::kUnknown);
  EXPECT_EQ(CheckStringStore(StringModel(), ops).verdict, Verdict::kOk);
}

TEST(StringVersions, TenThousandAppendsOfFiftyClientsNeedNoSearch) {
  Ops ops;
  std::string text;
  base::SequentialRandom random(3);
  for (int64_t i = 0; i < 10'000; ++i) {
    const int64_t call = i * 100 - static_cast<int64_t>(random.Below(4'000));
    const int64_t returned = i * 100 + 1 + static_cast<int64_t>(random.Below(4'000));
    if (i % 500 == 499) {
      ops.push_back(Put(call, returned, text = absl::StrCat(i, ",")));
    } else if (i % 2 == 0) {
      ops.push_back(Append(call, returned, absl::StrCat(i, ",")));
      text += ops.back().input.value;
    } else {
      ops.push_back(Get(call, returned, text));
    }
  }
  EXPECT_EQ(WithoutSearch(ops), Verdict::kOk);
  ops[9'001].output = ops[8'001].output;
  EXPECT_EQ(WithoutSearch(ops), Verdict::kViolation);
}

// What an atomic store did, with some answers exchanged; or answers from nowhere.
Ops Arbitrary() {
  base::SequentialRandom random(*rc::gen::arbitrary<uint64_t>());
  const uint64_t texts = *rc::gen::element<uint64_t>(26, 26, 4);
  const auto count = *rc::gen::inRange<size_t>(3, 12);
  const auto reach = *rc::gen::inRange<uint64_t>(1, 50);
  std::string state;
  Ops ops;
  for (size_t i = 0; i < count; ++i) {
    const auto center = static_cast<int64_t>(i * 10);
    const int64_t call = center - static_cast<int64_t>(random.Below(reach));
    const int64_t returned = center + static_cast<int64_t>(random.Below(reach));
    const std::string text(1, static_cast<char>('a' + (texts == 26 ? i : random.Below(texts))));
    const uint64_t drawn = random.Below(10);
    ops.push_back(drawn < 4   ? Get(call, returned, state)
                  : drawn < 8 ? Append(call, returned, text)
                              : Put(call, returned, text));
    const bool is_unknown = random.Below(10) == 0;
    if (is_unknown) ops.back().returned.reset();
    if (is_unknown && random.Below(2) == 0) continue;
    state = *StringModel().Step(state, ops.back().input, nullptr);
  }
  for (uint64_t left = random.Below(3); left > 0; --left) {
    std::string& output = ops[random.Below(count)].output;
    const uint64_t drawn = random.Below(3);
    if (drawn == 0) output = ops[random.Below(count)].output;
    if (drawn == 1 && !output.empty()) output.pop_back();
    if (drawn == 2) output += ops[random.Below(count)].input.value;
  }
  return ops;
}

RC_GTEST_PROP(StringVersions, AgreeWithTheSearch, ()) {
  const Ops ops = Arbitrary();
  const Verdict truth = Truth(ops);
  const Verdict fast = WithoutSearch(ops);
  RC_CLASSIFY(truth == Verdict::kOk);
  RC_CLASSIFY(fast == Verdict::kUnknown, "left to the search");
  if (fast != Verdict::kUnknown) RC_ASSERT(fast == truth);
  const auto all = CheckStringStore(StringModel(), ops);
  RC_ASSERT(all.verdict == truth);
}

}  // namespace
}  // namespace lockstep::checkers
