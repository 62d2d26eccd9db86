// Every licence to prune against the same search without it.
#include "checkers/search.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "checkers/linearizability.h"
#include "checkers/models/register.h"
#include "checkers/models/string_store.h"
#include "framework/base/random.h"

namespace lockstep::checkers {
namespace {

// A model without its licences.
template <typename M>
struct Plain final {
  using Input = typename M::Input;
  using Output = typename M::Output;
  using State = typename M::State;
  M model;

  State Initial() const { return model.Initial(); }
  std::optional<State> Step(const State& state, const Input& in, const Output* out) const {
    return model.Step(state, in, out);
  }
  uint64_t Hash(const State& state) const { return model.Hash(state); }
  std::string Key(const Input& in) const { return model.Key(in); }
  bool NeverMutates(const Input& in, const Output* out) const {
    return model.NeverMutates(in, out);
  }
  std::string Describe(const Input& in, const Output* out) const { return model.Describe(in, out); }
  std::string DescribeState(const State& state) const { return model.DescribeState(state); }
};

static_assert(ObservingModel<RegisterModel> && !ObservingModel<Plain<RegisterModel>>);
static_assert(ExtendingModel<StringModel> && !ExtendingModel<Plain<StringModel>>);

template <typename M>
SearchResult Frontier(
    const M& model, const std::vector<Operation<typename M::Input, typename M::Output>>& history) {
  Partition<M> partition(model);
  for (const auto& op : history) partition.Add(op);
  return SearchFrontier(partition, partition.intervals(), {});
}

// Intervals of a few clients on one key; each operation takes effect at a hidden instant.
template <typename Op, typename Draw, typename Apply>
std::vector<Op> Simulate(uint64_t seed, uint64_t count, uint64_t unknown_percent, Draw draw,
                         Apply apply) {
  base::SequentialRandom random(seed);
  std::vector<std::pair<int64_t, size_t>> effects;
  std::vector<Op> ops;
  const uint64_t clients = 2 + random.Below(5);
  for (uint64_t i = 0; i < count; ++i) {
    Op op;
    op.client = i % clients;
    op.call = static_cast<int64_t>(i * 10 + random.Below(5));
    const int64_t effect = op.call + static_cast<int64_t>(random.Below(clients * 5));
    op.returned = effect + static_cast<int64_t>(random.Below(clients * 5));
    if (random.Below(100) < unknown_percent) op.returned.reset();
    op.input = draw(random, i);
    effects.emplace_back(effect, ops.size());
    ops.push_back(op);
  }
  std::sort(effects.begin(), effects.end());
  for (const auto& [time, i] : effects) {
    if (ops[i].returned || random.Below(2) == 0) apply(ops[i]);
  }
  return ops;
}

std::vector<RegisterOperation> Registers(uint64_t seed, uint64_t unknown, bool cas,
                                         int64_t values) {
  int64_t state = kNoValue;
  RegisterModel model;
  return Simulate<RegisterOperation>(
      seed, 18, unknown,
      [&](base::SequentialRandom& random, uint64_t) {
        RegisterInput in;
        in.kind = static_cast<RegisterInput::Kind>(random.Below(cas ? 3 : 2));
        in.from = static_cast<int64_t>(random.Below(static_cast<uint64_t>(values)));
        in.to = static_cast<int64_t>(random.Below(static_cast<uint64_t>(values)));
        return in;
      },
      [&](RegisterOperation& op) {
        op.output.value = state;
        op.output.succeeded = op.input.kind != RegisterInput::Kind::kCas || state == op.input.from;
        state = *model.Step(state, op.input, nullptr);
      });
}

std::vector<StringOperation> Strings(uint64_t seed, uint64_t unknown) {
  std::string state;
  StringModel model;
  return Simulate<StringOperation>(
      seed, 16, unknown,
      [&](base::SequentialRandom& random, uint64_t i) {
        StringInput in;
        const uint64_t drawn = random.Below(10);
        in.kind = drawn < 4   ? StringInput::Kind::kGet
                  : drawn < 9 ? StringInput::Kind::kAppend
                              : StringInput::Kind::kPut;
        in.value = std::string(1, static_cast<char>('a' + i % 5));
        return in;
      },
      [&](StringOperation& op) {
        op.output = state;
        state = *model.Step(state, op.input, nullptr);
      });
}

RC_GTEST_PROP(Search, LicencesOfRegistersChangeNoVerdict, ()) {
  const auto seed = *rc::gen::arbitrary<uint64_t>();
  auto ops = Registers(seed, *rc::gen::element<uint64_t>(0, 0, 20), *rc::gen::arbitrary<bool>(),
                       *rc::gen::element<int64_t>(3, 100));
  for (auto left = *rc::gen::inRange(0, 3); left > 0; --left) {
    const auto at = *rc::gen::inRange<size_t>(0, ops.size());
    ops[at].output.value = ops[*rc::gen::inRange<size_t>(0, ops.size())].input.to;
  }
  const SearchResult with = Frontier(RegisterModel(), ops);
  const SearchResult without = Frontier(Plain<RegisterModel>(), ops);
  RC_CLASSIFY(with.verdict == Verdict::kOk);
  if (without.verdict == Verdict::kUnknown) return;  // it may reach its limits
  RC_ASSERT(with.verdict == without.verdict);
  RC_ASSERT(with.culprit == without.culprit);
}

RC_GTEST_PROP(Search, LicencesOfStringsChangeNoVerdict, ()) {
  auto ops = Strings(*rc::gen::arbitrary<uint64_t>(), *rc::gen::element<uint64_t>(0, 0, 15));
  if (*rc::gen::arbitrary<bool>()) {
    const auto at = *rc::gen::inRange<size_t>(0, ops.size());
    ops[at].output = ops[*rc::gen::inRange<size_t>(0, ops.size())].output;
  }
  const SearchResult with = Frontier(StringModel(), ops);
  const SearchResult without = Frontier(Plain<StringModel>(), ops);
  RC_CLASSIFY(with.verdict == Verdict::kOk);
  if (without.verdict == Verdict::kUnknown) return;  // it may reach its limits
  RC_ASSERT(with.verdict == without.verdict);
  // Looking ahead may see the violation earlier, never later.
  if (with.verdict == Verdict::kViolation) {
    RC_ASSERT(*ops[with.culprit].returned <= *ops[without.culprit].returned);
  }
}

RC_GTEST_PROP(Search, AnOrderFoundDepthFirstIsAProof, ()) {
  const auto ops = Registers(*rc::gen::arbitrary<uint64_t>(), 10, true, 4);
  Partition<RegisterModel> partition((RegisterModel()));
  for (const auto& op : ops) partition.Add(op);
  const auto order = FindOrder(partition, partition.intervals(), 1'000'000);
  RC_ASSERT(order.has_value());
  const auto problem = CheckOrder(RegisterModel(), ops, *order);
  RC_ASSERT(!problem.has_value());
}

TEST(Search, TheOrderOfTheMachineIsCheckedWithoutASearch) {
  std::vector<RegisterOperation> ops;
  std::vector<size_t> order;
  for (size_t i = 0; i < 60; ++i) {  // all at once: no search ends here
    ops.push_back({i, i, 1, 100, {RegisterInput::Kind::kWrite, 0, 0, static_cast<int64_t>(i)}, {}});
    order.push_back(59 - i);
  }
  ops.push_back({99, 99, 101, 102, {}, {true, 0}});
  order.push_back(60);
  EXPECT_EQ(CheckOrder(RegisterModel(), ops, order), std::nullopt);
  std::swap(order[58], order[59]);
  EXPECT_EQ(CheckOrder(RegisterModel(), ops, order),
            "client 99 called read of 0 = 0 at 101, returned at 102, where the state was 1");
  std::swap(order[0], order[60]);
  EXPECT_NE(CheckOrder(RegisterModel(), ops, order), std::nullopt) << "not within its interval";
  EXPECT_EQ(CheckLinearizabilityByOrder(RegisterModel(), ops, order).verdict, Verdict::kOk)
      << "a wrong order proves nothing; the search decides";
  order.pop_back();
  EXPECT_NE(CheckOrder(RegisterModel(), ops, order), std::nullopt) << "one is missing";
}

TEST(Search, BytesAreALimitAndGiveUnknown) {
  std::vector<StringOperation> ops;
  for (size_t i = 0; i < 40; ++i) {
    ops.push_back({i, i, 1, 100, {StringInput::Kind::kAppend, "k", std::string(100, 'a')}, {}});
    ops.back().input.value += static_cast<char>('a' + i);
  }
  ops.push_back({99, 99, 101, 102, {StringInput::Kind::kGet, "k", ""}, "impossible"});
  LinearizabilityLimits limits;
  limits.configurations_max = size_t{1} << 40;
  limits.frontier_max = size_t{1} << 40;
  limits.bytes_max = 1 << 20;
  const Plain<StringModel> model;
  const auto result = CheckLinearizability(model, ops, limits);
  EXPECT_EQ(result.verdict, Verdict::kUnknown);
  EXPECT_LT(result.peak_bytes, size_t{4} << 20);
}

TEST(Search, WhoeverAsksItToStopGetsUnknown) {
  std::vector<StringOperation> ops;
  for (size_t i = 0; i < 40; ++i) {
    ops.push_back({i, i, 1, 100, {StringInput::Kind::kAppend, "k", std::string(1, 'a')}, {}});
    ops.back().input.value += static_cast<char>('a' + i);
  }
  ops.push_back({99, 99, 101, 102, {StringInput::Kind::kGet, "k", ""}, "impossible"});
  LinearizabilityLimits limits;
  int asked = 0;
  limits.stop = [&] { return ++asked > 3; };
  const Plain<StringModel> model;
  EXPECT_EQ(CheckLinearizability(model, ops, limits).verdict, Verdict::kUnknown);
  EXPECT_GE(asked, 3);
}

TEST(Search, MoreThan128OpenOperationsAreDecided) {
  std::vector<RegisterOperation> ops;
  for (size_t i = 0; i < 600; ++i) {
    ops.push_back({i, i, 1, 100, {RegisterInput::Kind::kWrite, 0, 0, static_cast<int64_t>(i)}, {}});
  }
  ops.push_back({99, 99, 101, 102, {}, {true, 7}});
  ops.push_back({99, 99, 103, 104, {}, {true, 8}});
  EXPECT_EQ(CheckLinearizability(RegisterModel(), ops).verdict, Verdict::kViolation);
  ops.pop_back();
  EXPECT_EQ(CheckLinearizability(RegisterModel(), ops).verdict, Verdict::kOk);
}

// --- minimal counterexamples ------------------------------------------------------------------

TEST(Minimize, AStaleReadIsLeftWithTheTwoWritesThatRefuteIt) {
  auto ops = Registers(7, 10, true, 5);
  RegisterOperation op;
  const auto add = [&](RegisterInput::Kind kind, int64_t at, int64_t value) {
    op.input = {kind, 0, 0, value};
    op.output.value = value;
    op.call = at;
    op.returned = at + 1;
    ops.push_back(op);
  };
  add(RegisterInput::Kind::kWrite, 1000, 70);
  add(RegisterInput::Kind::kWrite, 1002, 71);
  add(RegisterInput::Kind::kRead, 1010, 70);
  for (int64_t i = 0; i < 5; ++i) add(RegisterInput::Kind::kWrite, 1020 + i * 2, 80 + i);
  const auto result = CheckLinearizability(RegisterModel(), ops);
  ASSERT_EQ(result.verdict, Verdict::kViolation);
  EXPECT_EQ(result.counterexample, (std::vector<size_t>{18, 19, 20}));
  EXPECT_EQ(result.culprit, 20u);
}

TEST(Minimize, OfManyWritesThatSayTheSameOneIsLeft) {
  std::vector<RegisterOperation> ops;
  RegisterOperation op;
  const auto add = [&](RegisterInput::Kind kind, int64_t from, int64_t to) {
    op.call = static_cast<int64_t>(ops.size()) * 10;
    op.returned = op.call + 5;
    op.input = {kind, 0, from, to};
    ops.push_back(op);
  };
  for (int64_t i = 0; i < 5; ++i) add(RegisterInput::Kind::kWrite, 0, 2);
  add(RegisterInput::Kind::kWrite, 0, 1);
  add(RegisterInput::Kind::kCas, 2, 3);
  ops.back().output.succeeded = false;
  add(RegisterInput::Kind::kRead, 0, 0);
  ops.back().output.value = 2;
  const auto result = CheckLinearizability(RegisterModel(), ops);
  ASSERT_EQ(result.verdict, Verdict::kViolation);
  EXPECT_EQ(result.counterexample.size(), 3u);
}

TEST(Minimize, WhatLookingAheadFoundIsToldAtTheReadThatNothingExplains) {
  std::vector<StringOperation> ops;
  StringOperation op;
  const auto add = [&](StringInput::Kind kind, const std::string& text) {
    op.call = static_cast<int64_t>(ops.size()) * 10;
    op.returned = op.call + 5;
    op.input = {kind, "k", kind == StringInput::Kind::kGet ? "" : text};
    op.output = text;
    ops.push_back(op);
  };
  add(StringInput::Kind::kAppend, "a");
  add(StringInput::Kind::kAppend, "b");
  add(StringInput::Kind::kGet, "ab");
  add(StringInput::Kind::kGet, "b");
  const auto result = CheckLinearizability(StringModel(), ops);
  EXPECT_EQ(result.culprit, 3u);
  ASSERT_TRUE(result.violation);
  EXPECT_NE(result.violation->verdict.find("before it only \"ab\" was possible"), std::string::npos)
      << *result.violation;
}

RC_GTEST_PROP(Minimize, WhatIsLeftIsImpossibleAndLosesThatWithAnyRead, ()) {
  auto ops = Registers(*rc::gen::arbitrary<uint64_t>(), 10, true, 4);
  RegisterOperation stale;  // of a value that was overwritten long ago
  for (const int64_t at : {1000, 1002}) {
    stale.input = {RegisterInput::Kind::kWrite, 0, 0, at};
    stale.call = at;
    stale.returned = at + 1;
    ops.push_back(stale);
  }
  stale.input = {};
  stale.output.value = 1000;
  stale.call = 1010;
  stale.returned = 1011;
  ops.push_back(stale);
  const auto result = CheckLinearizability(RegisterModel(), ops);
  RC_ASSERT(result.verdict == Verdict::kViolation);
  std::vector<RegisterOperation> left;
  for (const size_t place : result.counterexample) left.push_back(ops[place]);
  RC_ASSERT(Frontier(RegisterModel(), left).verdict == Verdict::kViolation);
  RC_ASSERT(left.size() <= 4u);
  for (size_t i = 0; i < left.size(); ++i) {
    if (left[i].input.kind != RegisterInput::Kind::kRead) continue;
    auto without = left;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    RC_ASSERT(Frontier(RegisterModel(), without).verdict == Verdict::kOk);
  }
}

}  // namespace
}  // namespace lockstep::checkers
