#include "checkers/linearizability.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <chrono>
#include <numeric>

#include "framework/base/random.h"
#include "tests/checkers/support.h"

namespace lockstep::checkers {
namespace {

using Ops = std::vector<CellOp>;

CellOp Write(uint64_t client, int64_t call, std::optional<int64_t> returned, int value) {
  return {client, 0, call, returned, {CellInput::kWrite, 0, value, "x"}, {}};
}
CellOp Read(uint64_t client, int64_t call, int64_t returned, std::optional<int> value) {
  return {client, 0, call, returned, {CellInput::kRead, 0, 0, "x"}, {true, value}};
}
CellOp Cas(uint64_t client, int64_t call, std::optional<int64_t> returned, int from, int to,
           bool succeeded) {
  return {client, 0, call, returned, {CellInput::kCas, from, to, "x"}, {succeeded, {}}};
}
Verdict Check(const Ops& ops) { return CheckLinearizability(CellModel(), ops).verdict; }

TEST(Linearizability, ConcurrentWriteMayBeSeenOrNot) {
  EXPECT_EQ(Check({Write(1, 1, 10, 5), Read(2, 2, 3, std::nullopt), Read(2, 4, 5, 5)}),
            Verdict::kOk);
}

TEST(Linearizability, AReadMayNotGoBackInTime) {
  EXPECT_EQ(Check({Write(1, 1, 10, 5), Read(2, 2, 3, 5), Read(2, 4, 5, std::nullopt)}),
            Verdict::kViolation);
}

TEST(Linearizability, EqualTimesOverlap) {
  EXPECT_EQ(Check({Write(1, 1, 5, 7), Read(2, 5, 6, std::nullopt)}), Verdict::kOk);
  EXPECT_EQ(Check({Write(1, 1, 5, 7), Read(2, 6, 7, std::nullopt)}), Verdict::kViolation);
}

TEST(Linearizability, AnUnknownWriteMayTakeEffectLateOrNever) {
  const CellOp unknown = Write(1, 1, std::nullopt, 5);
  EXPECT_EQ(Check({unknown, Read(2, 2, 3, std::nullopt)}), Verdict::kOk);
  EXPECT_EQ(Check({unknown, Read(2, 2, 3, std::nullopt), Read(2, 90, 91, 5)}), Verdict::kOk);
  EXPECT_EQ(Check({unknown, Read(2, 2, 3, 5), Write(3, 4, 5, 6), Read(2, 6, 7, 5)}),
            Verdict::kViolation)
      << "it takes effect once";
}

TEST(Linearizability, AnUnknownWriteDoesNotTakeEffectBeforeItsCall) {
  EXPECT_EQ(Check({Read(2, 2, 3, 5), Write(1, 4, std::nullopt, 5)}), Verdict::kViolation);
}

TEST(Linearizability, OnlyOneOfTwoEqualCompareAndSetsSucceeds) {
  EXPECT_EQ(Check({Write(1, 1, 2, 1), Cas(1, 3, 9, 1, 2, true), Cas(2, 3, 9, 1, 3, true)}),
            Verdict::kViolation);
  EXPECT_EQ(Check({Write(1, 1, 2, 1), Cas(1, 3, 9, 1, 2, true), Cas(2, 3, 9, 1, 3, false)}),
            Verdict::kOk);
}

TEST(Linearizability, TheTextNamesOperationKeyTimesAndWhatWasPossible) {
  const auto result = CheckLinearizability(
      CellModel(), Ops{Write(1, 10, 20, 4), Write(1, 30, 40, 5), Read(3, 50, 60, 4)});
  ASSERT_TRUE(result.violation);
  EXPECT_EQ(result.violation->where, "key x");
  EXPECT_EQ(result.violation->verdict,
            "client 3 called read of the value 4 at 50, returned at 60; no order of the operations "
            "explains this: before it only the value 5 was possible; client 1 called write of 4 at "
            "10, returned at 20; client 1 called write of 5 at 30, returned at 40");
}

TEST(Linearizability, TheLimitGivesUnknownAndNeverAFalseOk) {
  Ops ops;
  for (int i = 0; i < 14; ++i) ops.push_back(Write(static_cast<uint64_t>(i), 1, 100, i));
  ops.push_back(Read(99, 101, 102, 1000));
  LinearizabilityLimits limits;
  limits.configurations_max = 500;
  EXPECT_EQ(CheckLinearizability(CellModel(), ops, limits).verdict, Verdict::kUnknown);
  EXPECT_EQ(Check(ops), Verdict::kViolation);
}

TEST(Linearizability, MoreUnknownOperationsThanSlotsGiveUnknown) {
  Ops ops;
  for (int i = 0; i < 2000; ++i) ops.push_back(Write(1, 1, std::nullopt, i));
  ops.push_back(Read(2, 2, 3, 7));
  EXPECT_EQ(Check(ops), Verdict::kUnknown);
}

TEST(Linearizability, AnEasilyRefutedKeyIsFoundBesideAHardOne) {
  Ops ops;
  for (int i = 0; i < 20; ++i) ops.push_back(Write(static_cast<uint64_t>(i), 1, 100, i));
  ops.push_back(Read(99, 101, 102, 1000));
  CellOp easy = Read(1, 1, 2, 9);
  easy.input.key = "y";
  ops.push_back(easy);
  const auto result = CheckLinearizability(CellModel(), ops);
  ASSERT_EQ(result.verdict, Verdict::kViolation);
  EXPECT_EQ(result.violation->where, "key y");
}

// Ground truth: tries every order, with a pending operation anywhere after its call or nowhere.
bool BruteForce(const CellModel& model, const Ops& ops, uint32_t used, std::optional<int> state) {
  bool complete = true;
  int64_t earliest_return = INT64_MAX;
  for (size_t i = 0; i < ops.size(); ++i) {
    if ((used >> i & 1) != 0 || !ops[i].returned) continue;
    complete = false;
    earliest_return = std::min(earliest_return, *ops[i].returned);
  }
  if (complete) return true;
  for (size_t i = 0; i < ops.size(); ++i) {
    if ((used >> i & 1) != 0 || ops[i].call > earliest_return) continue;
    const auto next = model.Step(state, ops[i].input, ops[i].returned ? &ops[i].output : nullptr);
    if (next && BruteForce(model, ops, used | 1u << i, *next)) return true;
  }
  return false;
}

CellOp ArbitraryOp() {
  const auto call = *rc::gen::inRange<int64_t>(0, 12);
  const auto length = *rc::gen::inRange<int64_t>(0, 6);
  const auto kind = *rc::gen::inRange(0, 3);
  CellOp op{1, 0, call, call + length, {}, {}};
  op.input = {static_cast<CellInput::Kind>(kind), *rc::gen::inRange(0, 3), *rc::gen::inRange(0, 3),
              "x"};
  const auto value = *rc::gen::inRange(-1, 3);
  op.output = {*rc::gen::arbitrary<bool>(), value < 0 ? std::nullopt : std::optional<int>(value)};
  if (*rc::gen::inRange(0, 4) == 0) op.returned.reset();
  return op;
}

RC_GTEST_PROP(Linearizability, AgreesWithTryingEveryOrder, ()) {
  Ops ops;
  const auto count = *rc::gen::inRange(1, 8);
  for (int i = 0; i < count; ++i) ops.push_back(ArbitraryOp());
  const bool truth = BruteForce(CellModel(), ops, 0, std::nullopt);
  RC_CLASSIFY(truth);
  RC_ASSERT(Check(ops) == (truth ? Verdict::kOk : Verdict::kViolation));
}

// Clients of one register per key that take effect at a hidden instant inside each interval.
Ops Simulate(uint64_t seed, int count, uint64_t clients, uint64_t keys, uint64_t unknown_percent) {
  base::SequentialRandom random(seed);
  std::vector<int64_t> free_at(clients, 0);
  std::vector<std::pair<int64_t, size_t>> effects;
  Ops ops;
  for (int i = 0; i < count; ++i) {
    const auto client =
        static_cast<size_t>(std::min_element(free_at.begin(), free_at.end()) - free_at.begin());
    const int64_t call = free_at[client] + 1 + static_cast<int64_t>(random.Below(10));
    const int64_t effect = call + static_cast<int64_t>(random.Below(50));
    const int64_t returned = effect + 1 + static_cast<int64_t>(random.Below(50));
    CellOp op{client, static_cast<uint64_t>(i), call, returned, {}, {}};
    op.input = {static_cast<CellInput::Kind>(random.Below(3)), static_cast<int>(random.Below(5)), i,
                absl::StrCat("k", random.Below(keys))};
    if (random.Below(100) < unknown_percent) op.returned.reset();
    free_at[client] = returned;
    effects.emplace_back(effect, ops.size());
    ops.push_back(op);
  }
  std::sort(effects.begin(), effects.end());
  std::map<std::string, std::optional<int>> state;
  for (const auto& [time, i] : effects) {
    CellOp& op = ops[i];
    std::optional<int>& value = state[op.input.key];
    if (op.input.kind == CellInput::kCas && value) op.input.from = *value + (i % 2 == 0 ? 0 : 1);
    op.output = {value == op.input.from, value};
    if (!op.returned && i % 2 == 0) continue;
    value = *CellModel().Step(value, op.input, nullptr);
  }
  return ops;
}

RC_GTEST_PROP(Linearizability, AcceptsWhatAnAtomicStoreDidUnderAnyOverlap, ()) {
  const auto seed = *rc::gen::arbitrary<uint64_t>();
  const auto clients = *rc::gen::inRange<uint64_t>(1, 7);
  const auto unknown = *rc::gen::inRange<uint64_t>(0, 10);
  const Ops ops = Simulate(seed, 150, clients, 3, unknown);
  const auto result = CheckLinearizability(CellModel(), ops);
  RC_ASSERT(result.verdict == Verdict::kOk);
}

RC_GTEST_PROP(Linearizability, RejectsAStaleReadAddedToAValidHistory, ()) {
  const auto seed = *rc::gen::arbitrary<uint64_t>();
  Ops ops = Simulate(seed, 60, *rc::gen::inRange<uint64_t>(1, 5), 1, 0);
  int64_t end = 0;
  for (const CellOp& op : ops) end = std::max(end, *op.returned);
  CellOp first = Write(50, end + 1, end + 2, 1000);
  CellOp second = Write(50, end + 3, end + 4, 1001);
  CellOp stale = Read(51, end + 5, end + 6, 1000);
  for (CellOp* op : {&first, &second, &stale}) op->input.key = "k0";
  ops.insert(ops.end(), {first, second, stale});
  RC_ASSERT(Check(ops) == Verdict::kViolation);
}

TEST(Linearizability, ThreeThousandOperationsOfEightClientsTakeMilliseconds) {
  for (const uint64_t clients : {4u, 8u}) {
    const Ops ops = Simulate(clients, 3000, clients, 10, 1);
    const auto start = std::chrono::steady_clock::now();
    const auto result = CheckLinearizability(CellModel(), ops);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    EXPECT_EQ(result.verdict, Verdict::kOk);
    EXPECT_LT(result.configurations, 40'000u);
    RecordProperty(absl::StrCat("clients_", clients, "_us"), static_cast<int>(took.count() * 1000));
    std::printf("%d clients: %.2f ms, %zu configurations\n", static_cast<int>(clients),
                took.count(), result.configurations);
  }
}

}  // namespace
}  // namespace lockstep::checkers
