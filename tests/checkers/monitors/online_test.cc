// The monitors against the checkers that see the whole history.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <tuple>

#include "checkers/linearizability.h"
#include "checkers/models/register.h"
#include "checkers/monitors/linearizability_monitor.h"
#include "checkers/monitors/revision_monitor.h"
#include "checkers/revision_certificate.h"
#include "tests/checkers/kv_support.h"

namespace lockstep::checkers {
namespace {

constexpr int64_t kPatience = 120;  // after that, a client gives an operation up

// Hands a history to a monitor in the order of time. Returns when and what it said.
template <typename Monitor, typename Ops>
std::optional<std::pair<int64_t, Violation>> Feed(Monitor& monitor, const Ops& operations,
                                                  size_t* held_max = nullptr) {
  std::vector<std::tuple<int64_t, int, size_t>> events;  // calls first: equal times overlap
  for (size_t i = 0; i < operations.size(); ++i) {
    events.emplace_back(operations[i].call, 0, i);
    const bool known = operations[i].returned.has_value();
    events.emplace_back(known ? *operations[i].returned : operations[i].call + kPatience,
                        known ? 1 : 2, i);
  }
  std::sort(events.begin(), events.end());
  for (const auto& [time, kind, i] : events) {
    const auto& op = operations[i];
    std::optional<Violation> found;
    if (kind == 0) monitor.OnCall(i + 1, op.client, time, op.input);
    if (kind == 1) found = monitor.OnReturn(i + 1, time, op.output);
    if (kind == 2) found = monitor.OnUnknown(i + 1);
    if (held_max) *held_max = std::max(*held_max, monitor.held());
    if (found) return std::pair(time, *found);
  }
  return std::nullopt;
}

std::vector<RegisterOperation> Registers(uint64_t seed, int count, uint64_t unknown) {
  base::SequentialRandom random(seed);
  RegisterModel model;
  int64_t state = kNoValue;
  std::vector<RegisterOperation> operations;
  for (int i = 0; i < count; ++i) {
    RegisterOperation op;
    op.client = static_cast<uint64_t>(i % 5);
    op.call = i * 10 - static_cast<int64_t>(random.Below(20));
    op.returned = i * 10 + 1 + static_cast<int64_t>(random.Below(20));
    op.input = {static_cast<RegisterInput::Kind>(random.Below(3)), 0,
                static_cast<int64_t>(random.Below(4)), static_cast<int64_t>(random.Below(4))};
    const bool is_unknown = random.Below(100) < unknown;
    if (is_unknown) op.returned.reset();
    op.output.value = state;
    op.output.succeeded = op.input.kind != RegisterInput::Kind::kCas || state == op.input.from;
    if (!is_unknown || random.Below(2) == 0) state = *model.Step(state, op.input, nullptr);
    operations.push_back(op);
  }
  return operations;
}

RC_GTEST_PROP(LinearizabilityMonitor, SaysWhatTheSearchSays, ()) {
  auto operations = Registers(*rc::gen::arbitrary<uint64_t>(), 40, 8);
  for (auto left = *rc::gen::inRange(0, 3); left > 0; --left) {
    RegisterOperation& op = operations[*rc::gen::inRange<size_t>(0, operations.size())];
    op.output.value = *rc::gen::inRange<int64_t>(0, 4);
    op.output.succeeded = *rc::gen::arbitrary<bool>();
  }
  const RegisterModel model;
  LinearizabilityMonitor<RegisterModel> monitor(model);
  const auto found = Feed(monitor, operations);
  const auto whole = CheckLinearizability(model, operations);
  RC_CLASSIFY(found.has_value());
  RC_ASSERT(!monitor.has_given_up());
  RC_ASSERT(found.has_value() == (whole.verdict == Verdict::kViolation));
  // Within the patience of the operations that were open.
  if (found) RC_ASSERT(found->first <= *operations[whole.culprit].returned + kPatience);
}

TEST(LinearizabilityMonitor, StopsAtTheReadThatProvesIt) {
  std::vector<RegisterOperation> operations(3);
  for (size_t i = 0; i < 3; ++i) {
    operations[i].call = static_cast<int64_t>(i) * 10;
    operations[i].returned = operations[i].call + 5;
  }
  operations[0].input = {RegisterInput::Kind::kWrite, 0, 0, 1};
  operations[1].input = {RegisterInput::Kind::kWrite, 0, 0, 2};
  operations[2].output.value = 1;
  const RegisterModel model;
  LinearizabilityMonitor<RegisterModel> monitor(model);
  const auto found = Feed(monitor, operations);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->first, 25);
  EXPECT_EQ(found->second.verdict,
            "client 0 called read of 0 = 1 at 20, returned at 25; no order of the operations "
            "explains this: before it only 2 was possible");
}

TEST(LinearizabilityMonitor, HoldsOnlyWhatIsOpen) {
  const RegisterModel model;
  LinearizabilityMonitor<RegisterModel> monitor(model);
  size_t held_max = 0;
  EXPECT_FALSE(Feed(monitor, Registers(3, 20'000, 0), &held_max));
  EXPECT_LE(held_max, 12u);
  EXPECT_FALSE(monitor.has_given_up());
}

RC_GTEST_PROP(RevisionMonitor, AcceptsWhatAnAtomicStoreDid, ()) {
  AtomicKv store;
  const auto unknown = *rc::gen::inRange<uint64_t>(0, 15);
  const KvHistory history = RunKv({*rc::gen::arbitrary<uint64_t>(), 150, 4, 4, unknown}, &store);
  RevisionMonitor monitor;
  const auto found = Feed(monitor, history);
  if (found) RC_LOG() << found->second;
  RC_ASSERT(!found.has_value());
}

// One lie that the certificate sees without looking at the past.
RC_GTEST_PROP(RevisionMonitor, FindsAReadBentToAnotherState, ()) {
  AtomicKv store;
  KvHistory history = RunKv({*rc::gen::arbitrary<uint64_t>(), 60, 3, 3, 0}, &store);
  const int64_t end = history.back().call + 10;
  const auto add = [&](int64_t at, KvRequest request) {
    KvOperation op{9, history.size() + 1, end + at, end + at + 1, std::move(request), {}};
    op.output = store.Execute(op.input);
    history.push_back(op);
  };
  add(0, PutRequest("k0", "first"));
  add(2, PutRequest("k0", "second"));
  add(4, GetRequest("k0"));
  KvResponse& answer = history.back().output;
  switch (*rc::gen::inRange(0, 4)) {
    case 0:
      answer.results[0].kvs[0].value = "first";
      break;
    case 1:
      answer = store.ReadAt(GetRequest("k0"), store.revision() - 1);
      break;
    case 2:
      ++answer.results[0].kvs[0].version;
      break;
    default:
      answer.results[0] = {};
      break;
  }
  RevisionMonitor monitor;
  const auto found = Feed(monitor, history);
  RC_ASSERT(found.has_value());
  RC_ASSERT(found->first == end + 5);
  RC_ASSERT(CheckRevisions(history).violation.has_value());
}

TEST(RevisionMonitor, NamesARevisionThatNobodyCanHaveWritten) {
  KvOperation op{1, 1, 10, 11, PutRequest("k", "v"), {}};
  op.output.results.resize(1);
  op.output.revision = 3;
  RevisionMonitor monitor;
  const auto found = Feed(monitor, KvHistory{op});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->second.verdict.rfind("no write can have produced revision 2", 0), 0u);
  KvOperation unknown{2, 2, 9, {}, PutRequest("k", "w"), {}};
  RevisionMonitor other;
  EXPECT_FALSE(Feed(other, KvHistory{unknown, op})) << "the unknown one may have";
}

TEST(RevisionMonitor, HoldsOnlyWhatIsOpen) {
  AtomicKv store;
  const KvHistory history = RunKv({11, 3000, 4, 4, 0}, &store);
  RevisionMonitor monitor;
  size_t held_max = 0;
  EXPECT_FALSE(Feed(monitor, history, &held_max));
  EXPECT_LE(held_max, 40u);
}

}  // namespace
}  // namespace lockstep::checkers
