// The checks without a search against the search.
#include "checkers/collections.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "framework/base/random.h"

namespace lockstep::checkers {
namespace {

QueueOperation Enqueue(int64_t call, std::optional<int64_t> returned, int64_t value) {
  return {1, 0, call, returned, {true, value}, {}};
}
QueueOperation Dequeue(int64_t call, std::optional<int64_t> returned,
                       std::optional<int64_t> value) {
  return {2, 0, call, returned, {}, value};
}
std::string WhyOf(const LinearizabilityResult& result) {
  return result.violation ? result.violation->verdict.substr(0, result.violation->verdict.find(';'))
                          : "";
}
std::string Queue(const std::vector<QueueOperation>& operations) {
  return WhyOf(CheckQueue(QueueModel(), operations));
}

TEST(CheckQueue, EveryConflictIsNamed) {
  EXPECT_EQ(Queue({Enqueue(1, 2, 7), Dequeue(3, 4, 8)}), "8 was dequeued and nobody enqueued it");
  EXPECT_EQ(Queue({Dequeue(1, 2, 7), Enqueue(3, 4, 7)}), "7 was dequeued before it was enqueued");
  EXPECT_EQ(Queue({Enqueue(1, 2, 7), Dequeue(3, 4, 7), Dequeue(5, 6, 7)}), "7 was dequeued twice");
  EXPECT_EQ(Queue({Enqueue(1, 2, 7), Enqueue(3, 4, 8), Dequeue(5, 6, 8)}),
            "7 was enqueued before 8, which left the queue first");
  EXPECT_EQ(Queue({Enqueue(1, 2, 7), Dequeue(3, 4, {}), Dequeue(5, 6, 7)}),
            "the queue was never empty during the dequeue");
  EXPECT_EQ(Queue({Enqueue(1, 2, 7), Enqueue(3, 4, 8), Dequeue(5, 9, 7), Dequeue(5, 9, {}),
                   Dequeue(10, 11, 8)}),
            "the queue was never empty during the dequeue");
}

TEST(CheckQueue, OverlapExcuses) {
  EXPECT_EQ(Queue({Enqueue(1, 4, 7), Enqueue(4, 5, 8), Dequeue(6, 7, 8), Dequeue(8, 9, 7)}), "");
  EXPECT_EQ(Queue({Enqueue(1, 3, 7), Dequeue(3, 4, {}), Dequeue(5, 6, 7)}), "");
  EXPECT_EQ(Queue({Enqueue(1, 2, 7), Dequeue(3, 6, {}), Dequeue(4, 5, 7)}), "");
}

TEST(CheckQueue, UnknownOutcomesMayHaveHappenedOrNot) {
  EXPECT_EQ(Queue({Enqueue(1, {}, 7), Dequeue(3, 4, {}), Dequeue(5, 6, 7)}), "");
  EXPECT_EQ(Queue({Enqueue(1, 2, 7), Enqueue(3, 4, 8), Dequeue(5, {}, {}), Dequeue(6, 7, 8)}), "")
      << "the unknown one took 7";
  EXPECT_NE(Queue({Enqueue(1, 2, 7), Enqueue(3, 4, 8), Dequeue(8, {}, {}), Dequeue(6, 7, 8)}), "");
}

template <typename M, typename Ops>
Verdict Searched(const M& model, const Ops& operations) {
  Partition<M> partition(model);
  for (const auto& op : operations) partition.Add(op);
  return SearchFrontier(partition, partition.intervals(), {}).verdict;
}

std::pair<int64_t, std::optional<int64_t>> ArbitraryInterval(int unknown_percent) {
  const auto call = *rc::gen::inRange<int64_t>(0, 20);
  const auto length = *rc::gen::inRange<int64_t>(0, 8);
  if (*rc::gen::inRange(0, 100) < unknown_percent) return {call, std::nullopt};
  return {call, call + length};
}

RC_GTEST_PROP(CheckQueue, AgreesWithTheSearch, ()) {
  std::vector<QueueOperation> operations;
  const auto values = *rc::gen::inRange<int64_t>(1, 5);
  for (int64_t value = 0; value < values; ++value) {
    const auto [call, returned] = ArbitraryInterval(10);
    operations.push_back(Enqueue(call, returned, value));
  }
  for (int64_t value = 0; value < values; ++value) {
    if (*rc::gen::inRange(0, 4) == 0) continue;
    const auto [call, returned] = ArbitraryInterval(5);
    operations.push_back(
        Dequeue(call + 6, returned ? std::optional(*returned + 6) : std::nullopt, value));
  }
  for (auto left = *rc::gen::inRange(0, 3); left > 0; --left) {
    const auto [call, returned] = ArbitraryInterval(0);
    operations.push_back(Dequeue(call, returned, std::nullopt));
  }
  const Verdict truth = Searched(QueueModel(), operations);
  RC_CLASSIFY(truth == Verdict::kOk);
  RC_ASSERT(CheckQueue(QueueModel(), operations).verdict == truth);
}

LockOperation Lock(uint64_t client, bool acquire, int64_t call, std::optional<int64_t> returned) {
  return {client, 0, call, returned, {acquire, client}, {}};
}

TEST(CheckLock, TwoHoldersAtOnceAreNamed) {
  EXPECT_EQ(WhyOf(CheckLock({Lock(1, true, 1, 2), Lock(2, true, 3, 4), Lock(1, false, 5, 6)})),
            "clients 1 and 2 both held the lock");
  EXPECT_EQ(WhyOf(CheckLock({Lock(1, true, 1, 2), Lock(2, true, 3, 6), Lock(1, false, 5, 7)})), "");
  EXPECT_EQ(WhyOf(CheckLock({Lock(1, true, 1, {}), Lock(2, true, 3, 4)})), "")
      << "the first may have been refused";
  EXPECT_EQ(WhyOf(CheckLock({Lock(1, true, 1, 2), Lock(1, false, 3, {}), Lock(2, true, 5, 6)})),
            "");
  EXPECT_EQ(CheckLock({Lock(1, false, 1, 2)}).verdict, Verdict::kViolation);
}

RC_GTEST_PROP(CheckLock, AgreesWithTheSearch, ()) {
  std::vector<LockOperation> operations;
  for (uint64_t client = 0; client < 3; ++client) {
    int64_t now = 0;
    bool acquire = true;
    for (auto left = *rc::gen::inRange(0, 5); left > 0; --left, acquire = !acquire) {
      const int64_t call = now + *rc::gen::inRange<int64_t>(1, 12);
      now = call + *rc::gen::inRange<int64_t>(0, 5);
      const bool is_unknown = *rc::gen::inRange(0, 10) == 0;
      operations.push_back(
          Lock(client, acquire, call, is_unknown ? std::nullopt : std::optional(now)));
      if (is_unknown) break;
    }
  }
  const Verdict truth = Searched(LockModel(), operations);
  RC_CLASSIFY(truth == Verdict::kOk);
  RC_ASSERT(CheckLock(operations).verdict == truth);
}

SetOperation Add(int64_t call, std::optional<int64_t> returned, int64_t value) {
  return {1, 0, call, returned, {true, value}, {}};
}
SetOperation ReadSet(int64_t call, int64_t returned, std::vector<int64_t> seen) {
  return {2, 0, call, returned, {}, std::move(seen)};
}

TEST(CheckSet, EveryConflictIsNamed) {
  const auto why = [](const std::vector<SetOperation>& operations) {
    return WhyOf(CheckSet(SetModel(), operations));
  };
  EXPECT_EQ(why({Add(1, 2, 7), ReadSet(3, 4, {7, 8})}), "a read shows 8, which nobody added");
  EXPECT_EQ(why({Add(1, 9, 7), Add(1, 9, 8), ReadSet(1, 9, {7}), ReadSet(1, 9, {8})}),
            "each of two reads shows what the other does not");
  EXPECT_NE(why({Add(1, 2, 7), ReadSet(3, 4, {})}), "") << "lost";
  EXPECT_NE(why({Add(1, 9, 7), ReadSet(1, 2, {7}), ReadSet(3, 4, {})}), "") << "seen, then gone";
  EXPECT_EQ(why({Add(1, 3, 7), ReadSet(3, 4, {}), Add(5, {}, 8), ReadSet(6, 7, {7, 8})}), "");
}

RC_GTEST_PROP(CheckSet, AgreesWithTheSearch, ()) {
  std::vector<SetOperation> operations;
  const auto values = *rc::gen::inRange<int64_t>(1, 5);
  std::vector<int64_t> order;
  for (int64_t value = 0; value < values; ++value) {
    const auto [call, returned] = ArbitraryInterval(10);
    operations.push_back(Add(call, returned, value));
    const auto at = *rc::gen::inRange<size_t>(0, order.size() + 1);
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(at), value);
  }
  for (auto left = *rc::gen::inRange(1, 4); left > 0; --left) {
    const auto [call, returned] = ArbitraryInterval(0);
    const auto size = *rc::gen::inRange<size_t>(0, order.size() + 1);
    std::vector<int64_t> seen(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(size));
    std::sort(seen.begin(), seen.end());
    operations.push_back(ReadSet(call, *returned, seen));
  }
  const Verdict truth = Searched(SetModel(), operations);
  RC_CLASSIFY(truth == Verdict::kOk);
  RC_ASSERT(CheckSet(SetModel(), operations).verdict == truth);
}

// --- stacks and priority queues ---------------------------------------------------------------

std::string Ordered(Discipline discipline, const std::vector<QueueOperation>& operations) {
  return WhyOf(CheckQueue(QueueModel(discipline), operations));
}

TEST(CheckStack, TheLastInIsTheFirstOut) {
  const auto why = [](const std::vector<QueueOperation>& operations) {
    return Ordered(Discipline::kLifo, operations);
  };
  EXPECT_EQ(why({Enqueue(1, 2, 7), Enqueue(3, 4, 8), Dequeue(5, 6, 7), Dequeue(7, 8, 8)}),
            "no value can have lain below all others from the push of 7 to the pop of 8");
  EXPECT_EQ(why({Enqueue(1, 2, 7), Enqueue(3, 4, 8), Dequeue(5, 6, 7)}),
            "no value can have lain below all others from the push of 7 to the pop of 8");
  EXPECT_EQ(why({Enqueue(1, 2, 7), Enqueue(3, 4, 8), Dequeue(5, 6, 8), Dequeue(7, 8, 7)}), "");
  EXPECT_EQ(why({Enqueue(1, 2, 7), Enqueue(3, 4, 8), Dequeue(5, 7, 7), Dequeue(7, 8, 8)}), "")
      << "the pops overlap";
  EXPECT_EQ(why({Enqueue(1, 3, 7), Enqueue(3, 4, 8), Dequeue(5, 6, 7), Dequeue(7, 8, 8)}), "")
      << "the pushes overlap";
  EXPECT_EQ(why({Enqueue(1, 2, 7), Enqueue(3, 4, 8), Dequeue(5, 6, 7), Dequeue(1, {}, {})}), "")
      << "a pop of unknown outcome took 8";
  EXPECT_EQ(why({Enqueue(1, 2, 7), Dequeue(3, 4, {}), Dequeue(5, 6, 7)}),
            "the stack was never empty during the pop");
}

TEST(CheckStack, ADeepOneIsDecidedQuickly) {
  std::vector<QueueOperation> operations;
  constexpr int64_t kDepth = 50'000;
  for (int64_t i = 0; i < kDepth; ++i) operations.push_back(Enqueue(i * 10, i * 10 + 12, i));
  for (int64_t i = 0; i < kDepth; ++i) {
    const int64_t at = (2 * kDepth - i) * 10;
    operations.push_back(Dequeue(at, at + 12, i));
  }
  EXPECT_EQ(Ordered(Discipline::kLifo, operations), "");
  std::swap(operations[70'000].output, operations[70'003].output);
  EXPECT_NE(Ordered(Discipline::kLifo, operations), "");
}

TEST(CheckPriorityQueue, TheSmallestIsTheFirstOut) {
  const auto why = [](const std::vector<QueueOperation>& operations) {
    return Ordered(Discipline::kSmallestFirst, operations);
  };
  EXPECT_EQ(why({Enqueue(1, 2, 7), Enqueue(3, 4, 8), Dequeue(5, 6, 8), Dequeue(7, 8, 7)}),
            "8 was extracted while 7 or smaller was there");
  EXPECT_EQ(why({Enqueue(1, 2, 8), Enqueue(3, 4, 7), Dequeue(5, 6, 7), Dequeue(7, 8, 8)}), "");
  EXPECT_EQ(why({Enqueue(1, 2, 8), Enqueue(3, 6, 7), Dequeue(5, 6, 8), Dequeue(7, 8, 7)}), "")
      << "7 came later";
  EXPECT_EQ(why({Enqueue(1, 2, 5), Enqueue(1, 2, 9), Enqueue(3, 4, 6), Dequeue(4, 9, 5),
                 Dequeue(5, 8, 9), Dequeue(9, 10, 6)}),
            "9 was extracted while 6 or smaller was there");
  EXPECT_EQ(why({Enqueue(1, 2, 7), Dequeue(3, 4, {})}),
            "the queue was never empty during the "
            "extract");
}

RC_GTEST_PROP(CheckOrdered, AgreesWithTheSearch, ()) {
  const QueueModel model(*rc::gen::element(Discipline::kLifo, Discipline::kSmallestFirst));
  std::vector<QueueOperation> operations;
  const auto values = *rc::gen::inRange<int64_t>(1, 6);
  for (int64_t value = 0; value < values; ++value) {
    const auto [call, returned] = ArbitraryInterval(8);
    operations.push_back(Enqueue(call, returned, value));
    if (*rc::gen::inRange(0, 4) == 0) continue;
    const auto [start, end] = ArbitraryInterval(5);
    operations.push_back(Dequeue(start + 6, end ? std::optional(*end + 6) : std::nullopt, value));
  }
  if (*rc::gen::inRange(0, 3) == 0) {
    const auto [call, returned] = ArbitraryInterval(0);
    operations.push_back(Dequeue(call, returned, std::nullopt));
  }
  const Verdict truth = Searched(model, operations);
  RC_CLASSIFY(truth == Verdict::kOk);
  RC_ASSERT(CheckQueue(model, operations).verdict == truth);
}

// --- counters and sets with removal -----------------------------------------------------------

CounterOperation Increment(int64_t call, std::optional<int64_t> returned, int64_t delta = 1) {
  return {1, 0, call, returned, {false, delta}, 0};
}
CounterOperation Count(int64_t call, int64_t returned, int64_t value) {
  return {2, 0, call, returned, {true, 0}, value};
}

TEST(CheckCounter, EveryConflictIsNamed) {
  const auto why = [](const std::vector<CounterOperation>& operations) {
    return WhyOf(CheckCounter(CounterModel(), operations));
  };
  EXPECT_EQ(why({Increment(1, 2), Increment(3, 4), Count(5, 6, 1)}), "a read misses an increment");
  EXPECT_EQ(why({Increment(1, 2), Increment(3, 6), Count(5, 6, 1)}), "");
  EXPECT_EQ(why({Increment(1, 2), Count(3, 4, 2), Increment(5, 6)}),
            "a read shows more increments than were called");
  EXPECT_EQ(why({Increment(1, 9), Count(2, 3, 1), Count(4, 5, 0)}),
            "reads show the counter going "
            "back");
  EXPECT_EQ(why({Increment(1, 9, 3), Count(2, 3, 2)}),
            "a read shows what no number of increments makes");
  EXPECT_EQ(why({Increment(1, {}), Increment(2, 3), Count(4, 5, 1), Count(6, 7, 2)}), "");
  EXPECT_NE(why({Increment(1, 2, 3), Increment(1, 2, 5), Count(4, 5, 6)}), "") << "by the search";
}

TEST(CheckCounter, AReadCountsWhatHadToBeOverAndNotWhatCameFirst) {
  const auto verdict = [](const std::vector<CounterOperation>& operations) {
    return CheckCounter(CounterModel(), operations).verdict;
  };
  EXPECT_EQ(verdict({Increment(15, 21), Increment(5, 5), Increment(5, 5), Increment(2, 8),
                     Count(15, 15, 3), Count(6, 11, 2), Count(1, 8, 1)}),
            Verdict::kOk);
  EXPECT_EQ(verdict({Increment(16, 16), Increment(13, 18), Increment(16, 17), Increment(14, 16),
                     Increment(18, 22), Count(17, 18, 3), Count(8, 13, 1)}),
            Verdict::kOk);
  EXPECT_EQ(verdict({Increment(16, 16), Increment(12, 18), Increment(16, 16), Increment(14, 16),
                     Count(17, 18, 3), Count(8, 13, 1)}),
            Verdict::kViolation);
}

RC_GTEST_PROP(CheckCounter, AgreesWithTheSearch, ()) {
  std::vector<CounterOperation> operations;
  const auto step = *rc::gen::element<int64_t>(1, 2, -3);
  const auto count = *rc::gen::inRange<int64_t>(1, 7);
  for (int64_t i = 0; i < count; ++i) {
    const auto [call, returned] = ArbitraryInterval(10);
    operations.push_back(Increment(call, returned, step));
  }
  for (auto left = *rc::gen::inRange(1, 5); left > 0; --left) {
    const auto [call, returned] = ArbitraryInterval(0);
    operations.push_back(Count(call, *returned, step * *rc::gen::inRange<int64_t>(0, count + 1)));
  }
  const Verdict truth = Searched(CounterModel(), operations);
  RC_CLASSIFY(truth == Verdict::kOk);
  RC_ASSERT(CheckCounter(CounterModel(), operations).verdict == truth);
}

using Member = MembershipInput::Kind;
MembershipOperation Ask(Member kind, int64_t call, std::optional<int64_t> returned,
                        std::optional<bool> answer, int64_t element = 0) {
  return {1, 0, call, returned, {kind, element}, answer};
}

TEST(CheckMembership, AnElementIsThereFromItsAddToItsRemoval) {
  const auto verdict = [](const std::vector<MembershipOperation>& operations) {
    return CheckMembership(MembershipModel(), operations).verdict;
  };
  const auto add = Ask(Member::kAdd, 1, 3, true);
  const auto removal = Ask(Member::kRemove, 7, 9, true);
  EXPECT_EQ(verdict({add, removal, Ask(Member::kContains, 4, 5, true)}), Verdict::kOk);
  EXPECT_EQ(verdict({add, removal, Ask(Member::kContains, 4, 5, false)}), Verdict::kViolation);
  EXPECT_EQ(verdict({add, removal, Ask(Member::kContains, 3, 5, false)}), Verdict::kOk);
  EXPECT_EQ(verdict({add, removal, Ask(Member::kContains, 4, 7, false)}), Verdict::kOk);
  EXPECT_EQ(verdict({add, removal, Ask(Member::kContains, 10, 11, true)}), Verdict::kViolation)
      << "it came back";
  EXPECT_EQ(verdict({add, removal, Ask(Member::kContains, 10, 11, true, 1)}), Verdict::kViolation)
      << "another element";
  EXPECT_EQ(verdict({add, Ask(Member::kRemove, 7, 9, {}), Ask(Member::kAdd, 10, 11, false)}),
            Verdict::kViolation)
      << "it was gone when it was added again";
  EXPECT_EQ(verdict({add, removal, Ask(Member::kAdd, 10, 11, true)}), Verdict::kOk);
}

RC_GTEST_PROP(CheckMembership, AgreesWithTheSearch, ()) {
  std::vector<MembershipOperation> operations;
  const auto may = [](int percent) { return *rc::gen::inRange(0, 100) < percent; };
  for (const Member kind : {Member::kAdd, Member::kRemove}) {
    if (may(15)) continue;
    const auto [call, returned] = ArbitraryInterval(5);
    operations.push_back(Ask(kind, call, returned, may(20) ? std::nullopt : std::optional(true)));
  }
  for (auto left = *rc::gen::inRange(0, 6); left > 0; --left) {
    const auto [call, returned] = ArbitraryInterval(0);
    const Member kind = may(80) ? Member::kContains : may(50) ? Member::kAdd : Member::kRemove;
    operations.push_back(Ask(kind, call, returned, kind == Member::kContains && may(50)));
  }
  const Verdict truth = Searched(MembershipModel(), operations);
  RC_CLASSIFY(truth == Verdict::kOk);
  RC_ASSERT(CheckMembership(MembershipModel(), operations).verdict == truth);
}

}  // namespace
}  // namespace lockstep::checkers
