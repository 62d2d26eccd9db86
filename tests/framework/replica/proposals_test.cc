#include "framework/replica/proposals.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "framework/base/mutant_on.h"
#include "framework/base/random.h"
#include "framework/replica/envelope.h"
#include "framework/replica/mutants.h"
#include "framework/store/memory_store.h"
#include "tests/framework/replica/support.h"

namespace lockstep::replica {
namespace {

constexpr SessionId kSession(77);
constexpr NodeId kOwner(3);

// Callers in fibers; the test is the leader and the applier.
class ProposalsTest : public testing::Test {
 protected:
  struct Caller {
    bool done = false;
    absl::StatusOr<std::string> result{absl::UnknownError("waiting")};
  };

  Caller& Propose(const std::string& command, MonoTime deadline = kNoDeadline) {
    callers_.push_back(std::make_unique<Caller>());
    Caller& caller = *callers_.back();
    scope_.Spawn("caller", [this, &caller, command, deadline](Fiber& fiber) {
      caller.result = proposals_.Propose(fiber, command, deadline);
      caller.done = true;
    });
    scheduler_.RunReady();
    return caller;
  }

  // "r" for a registration, else number:command, as an entry would carry them.
  std::string Take() {
    std::string text;
    for (const wire::ForwardItem& item : proposals_.TakeUnsent(scheduler_.now(), 1 << 20)) {
      const std::optional<Envelope> envelope = DecodeEnvelope(*item.payload);
      CHECK(envelope && envelope->number == item.number);
      if (!text.empty()) text += " ";
      text += envelope->kind == EnvelopeKind::kRegister
                  ? "r"
                  : absl::StrCat(item.number.value(), ":", std::string(envelope->command));
    }
    return text;
  }

  void Applied(uint64_t number, Admission admission, std::string result,
               SessionId session = kSession) {
    std::vector<AppliedRequest> requests{
        {session, RequestNumber(number), admission, std::move(result)}};
    proposals_.OnApplied(requests);
    scheduler_.RunReady();
  }
  void Registered() { Applied(0, Admission::kNew, ""); }

  fiber::Scheduler scheduler_;
  Proposals proposals_{kSession, kOwner};
  std::vector<std::unique_ptr<Caller>> callers_;
  fiber::Scope scope_{scheduler_};
};

TEST_F(ProposalsTest, TheRegistrationLeadsEveryBatchUntilItIsApplied) {
  Propose("a");
  EXPECT_EQ(Take(), "r 1:a");
  Propose("b");
  EXPECT_EQ(Take(), "r 2:b");
  Registered();
  Propose("c");
  EXPECT_EQ(Take(), "3:c");
  EXPECT_EQ(Take(), "");
}

TEST_F(ProposalsTest, ACallReturnsWhenItsCommandIsAppliedHere) {
  const Caller& caller = Propose("a");
  Take();
  Registered();
  EXPECT_FALSE(caller.done);
  Applied(1, Admission::kNew, "result");
  ASSERT_TRUE(caller.done);
  EXPECT_EQ(*caller.result, "result");
}

TEST_F(ProposalsTest, RequestsOfOtherSessionsAreNotOurs) {
  const Caller& caller = Propose("a");
  Take();
  Applied(1, Admission::kNew, "theirs", SessionId(78));
  EXPECT_FALSE(caller.done);
}

TEST_F(ProposalsTest, ANewLeaderGetsTheSameNumbersAgain) {
  Propose("a");
  Propose("b");
  EXPECT_EQ(Take(), "r 1:a 2:b");
  Registered();
  Applied(1, Admission::kNew, "");
  proposals_.ResendAll();
  EXPECT_EQ(Take(), "2:b");
}

TEST_F(ProposalsTest, PlantedBugSendsARetryUnderAFreshNumber) {
  Propose("a");
  Take();
  Registered();
  mutant::Plant(mutant::kM70RetryWithFreshNumber);
  proposals_.ResendAll();
  EXPECT_EQ(Take(), "2:a");
  mutant::Plant(mutant::Id::kNone);
}

TEST_F(ProposalsTest, OnlyWhatIsOverdueIsSentAgain) {
  Registered();
  Propose("a");
  EXPECT_EQ(Take(), "1:a");
  scheduler_.AdvanceTo(scheduler_.now() + Seconds(1));
  Propose("b");
  EXPECT_EQ(Take(), "2:b");
  proposals_.ResendOverdue(scheduler_.now(), Milliseconds(500));
  EXPECT_EQ(Take(), "1:a");
}

TEST_F(ProposalsTest, WhatIsOverdueAgainIsSentAfterTwiceAsLong) {
  Registered();
  Propose("a");
  EXPECT_EQ(Take(), "1:a");
  std::string waited;
  for (int half_seconds = 1; half_seconds <= 20; ++half_seconds) {
    scheduler_.AdvanceTo(scheduler_.now() + Milliseconds(500));
    proposals_.ResendOverdue(scheduler_.now(), Milliseconds(500));
    if (!Take().empty()) absl::StrAppend(&waited, half_seconds, " ");
  }
  EXPECT_EQ(waited, "1 3 7 15 ") << "0.5 s, then 1, 2 and 4 s, and never more";
}

TEST_F(ProposalsTest, WhoWasRefusedByTheOnlyLeaderThatHeardOfItIsTold) {
  Registered();
  const Caller& once = Propose("a");
  EXPECT_EQ(Take(), "1:a");
  proposals_.OnRefused({RequestNumber(1), RequestNumber(9)}, true);
  scheduler_.RunReady();
  ASSERT_TRUE(once.done);
  EXPECT_TRUE(absl::IsResourceExhausted(once.result.status()));
  proposals_.ResendAll();
  EXPECT_EQ(Take(), "") << "nothing happened and nothing will";
  EXPECT_EQ(proposals_.pending_bytes(), 0u);
}

TEST_F(ProposalsTest, ARefusalSaysNothingOfAnEarlierCopy) {
  Registered();
  const Caller& twice = Propose("a");
  EXPECT_EQ(Take(), "1:a");
  proposals_.ResendAll();
  EXPECT_EQ(Take(), "1:a");
  proposals_.OnRefused({RequestNumber(1)}, true);
  scheduler_.RunReady();
  EXPECT_FALSE(twice.done) << "the first leader may have taken it";
  Applied(1, Admission::kNew, "result");
  ASSERT_TRUE(twice.done);
  EXPECT_EQ(*twice.result, "result");
}

TEST_F(ProposalsTest, WhoWasRefusedAsOftenAsItWasSentIsTold) {
  Registered();
  const Caller& thrice = Propose("a");
  Take();
  for (int again = 0; again < 2; ++again) {
    proposals_.ResendAll();
    EXPECT_EQ(Take(), "1:a");
  }
  proposals_.OnRefused({RequestNumber(1)}, true);
  proposals_.OnRefused({RequestNumber(1)}, false);
  scheduler_.RunReady();
  EXPECT_FALSE(thrice.done) << "a copy is on its way, or in a log";
  proposals_.OnRefused({RequestNumber(1)}, true);
  scheduler_.RunReady();
  ASSERT_TRUE(thrice.done);
  EXPECT_TRUE(absl::IsResourceExhausted(thrice.result.status()));
}

TEST_F(ProposalsTest, WhoDoesNotLeadSendsNobodyAway) {
  Registered();
  const Caller& caller = Propose("a");
  Take();
  proposals_.OnRefused({RequestNumber(1)}, false);
  scheduler_.RunReady();
  EXPECT_FALSE(caller.done);
  proposals_.ResendAll();
  EXPECT_EQ(Take(), "1:a") << "another one may take it";
}

TEST_F(ProposalsTest, PlantedBugRefusesWhatAnEarlierLeaderMayHaveTaken) {
  Registered();
  const Caller& twice = Propose("a");
  Take();
  proposals_.ResendAll();
  Take();
  mutant::Plant(mutant::kM183RefusedAfterRetry);
  proposals_.OnRefused({RequestNumber(1)}, true);
  mutant::Plant(mutant::Id::kNone);
  scheduler_.RunReady();
  EXPECT_TRUE(twice.done);
}

// Callers come and go at random; what is held is what waits, and never more than the limits.
TEST_F(ProposalsTest, NoMoreIsHeldThanTheLimitsSay) {
  constexpr ProposalLimits kLimits{.count_max = 5, .bytes_max = 2000};
  Proposals proposals(kSession, kOwner, kLimits);
  base::SequentialRandom random(7);
  fiber::Scope scope(scheduler_);
  size_t waiting = 0;
  size_t refused = 0;
  size_t most_bytes = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string command(random.Below(800), 'c');
    const MonoTime deadline =
        scheduler_.now() + Milliseconds(1 + static_cast<int64_t>(random.Below(20)));
    scope.Spawn("caller", [&, command, deadline](Fiber& fiber) {
      ++waiting;
      const auto result = proposals.Propose(fiber, command, deadline);
      --waiting;
      refused += absl::IsResourceExhausted(result.status()) ? 1 : 0;
    });
    scheduler_.RunReady();
    ASSERT_EQ(proposals.pending_count(), waiting);
    ASSERT_LE(proposals.pending_count(), kLimits.count_max);
    ASSERT_LE(proposals.pending_bytes(), kLimits.bytes_max + 64 * kLimits.count_max);
    most_bytes = std::max(most_bytes, proposals.pending_bytes());
    for (const wire::ForwardItem& item : proposals.TakeUnsent(scheduler_.now(), 1 << 20)) {
      if (random.Below(4) == 0) proposals.OnRefused({item.number}, true);
    }
    scheduler_.AdvanceTo(scheduler_.now() + Milliseconds(1));
    scheduler_.RunReady();
  }
  EXPECT_GT(most_bytes, kLimits.bytes_max / 2);
  EXPECT_GT(refused, 500u);
  scheduler_.AdvanceTo(scheduler_.now() + Seconds(1));
  scheduler_.RunReady();
  EXPECT_EQ(proposals.pending_bytes(), 0u);
}

// Two hundred requests a second come, half of them can be answered: those that are let in are
// answered in time, the others refused at once.
TEST_F(ProposalsTest, WhereAnswersTakeTooLongFewAreLetIn) {
  Registered();
  size_t late = 0;
  size_t refused = 0;
  for (int i = 0; i < 200 * 60; ++i) {
    scope_.Spawn("caller", [&, i](Fiber& fiber) {
      const auto result = proposals_.Propose(fiber, "c", fiber.now() + Seconds(5));
      if (i < 200 * 40) return;
      late += absl::IsDeadlineExceeded(result.status()) ? 1 : 0;
      refused += absl::IsResourceExhausted(result.status()) ? 1 : 0;
    });
    scheduler_.RunReady();
    Take();
    if (i % 2 == 0) Applied(proposals_.acked_below().value(), Admission::kNew, "");
    scheduler_.AdvanceTo(scheduler_.now() + Milliseconds(5));
    scheduler_.RunReady();
  }
  EXPECT_LT(proposals_.share(), Proposals::kShareWhole / 8);
  EXPECT_EQ(late, 0u);
  EXPECT_GT(refused, 100u * 15);
  // Then the leader is quick again.
  for (int i = 0; i < 400; ++i) {
    Propose("c", scheduler_.now() + Seconds(5));
    Take();
    while (proposals_.pending_count() > 0) {
      Applied(proposals_.acked_below().value(), Admission::kNew, "");
    }
    scheduler_.AdvanceTo(scheduler_.now() + Milliseconds(50));
  }
  EXPECT_EQ(proposals_.share(), Proposals::kShareWhole);
}

// A thousand callers that never give up, where a hundred a second are answered.
TEST_F(ProposalsTest, BehindTheFirstWaveHardlyAnybodyWaitsInVain) {
  Registered();
  size_t answered = 0;
  size_t late = 0;
  fiber::Scope scope(scheduler_);
  for (int i = 0; i < 1000; ++i) {
    scope.Spawn("caller", [&](Fiber& fiber) {
      for (;;) {
        const auto result = proposals_.Propose(fiber, "c", fiber.now() + Seconds(5));
        answered += result.ok() ? 1 : 0;
        late += absl::IsDeadlineExceeded(result.status()) ? 1 : 0;
        if (!result.ok()) fiber.SleepFor(Milliseconds(100));
      }
    });
  }
  scheduler_.RunReady();
  for (int i = 0; i < 100 * 60; ++i) {
    Take();
    if (proposals_.pending_count() > 0) {
      Applied(proposals_.acked_below().value(), Admission::kNew, "");
    }
    scheduler_.AdvanceTo(scheduler_.now() + Milliseconds(10));
    scheduler_.RunReady();
  }
  EXPECT_GT(answered, 5800u);
  EXPECT_LE(late, 600u) << "of the first thousand, half are answered within five seconds";
  // Who has less time than others wait is told so.
  const Caller& hasty = Propose("h", scheduler_.now() + Milliseconds(100));
  ASSERT_TRUE(hasty.done);
  EXPECT_TRUE(absl::IsResourceExhausted(hasty.result.status())) << hasty.result.status();
}

// Two hundred callers with large requests, of which ten a second are answered: what is pending is
// few, and much.
TEST_F(ProposalsTest, OfLargeRequestsHardlyAnyWaitsInVain) {
  Registered();
  size_t answered = 0;
  size_t late = 0;
  fiber::Scope scope(scheduler_);
  for (int i = 0; i < 200; ++i) {
    scope.Spawn("caller", [&](Fiber& fiber) {
      for (;;) {
        const auto result =
            proposals_.Propose(fiber, std::string(500'000, 'c'), fiber.now() + Seconds(5));
        answered += result.ok() ? 1 : 0;
        late += absl::IsDeadlineExceeded(result.status()) ? 1 : 0;
        if (!result.ok()) fiber.SleepFor(Milliseconds(100));
      }
    });
  }
  scheduler_.RunReady();
  EXPECT_LE(proposals_.pending_bytes(), proposals_.limits().bytes_max / 4 + 500'100)
      << "nobody knows yet how long answers take";
  for (int i = 0; i < 10 * 60; ++i) {
    Take();
    if (proposals_.pending_count() > 0) {
      Applied(proposals_.acked_below().value(), Admission::kNew, "");
    }
    scheduler_.AdvanceTo(scheduler_.now() + Milliseconds(100));
    scheduler_.RunReady();
  }
  EXPECT_GT(answered, 550u);
  EXPECT_EQ(late, 0u);
  // Who has less time than others wait is told so, however few they are.
  const Caller& hasty = Propose("h", scheduler_.now() + Milliseconds(10));
  ASSERT_TRUE(hasty.done);
  EXPECT_TRUE(absl::IsResourceExhausted(hasty.result.status())) << hasty.result.status();
}

TEST_F(ProposalsTest, ALargeRequestPassesAloneAndPlantedBugLetsEverybodyIn) {
  Proposals proposals(kSession, kOwner, {.count_max = 100, .bytes_max = 10});
  fiber::Scope scope(scheduler_);
  size_t waiting = 0;
  const auto propose = [&] {
    scope.Spawn("caller", [&](Fiber& fiber) {
      ++waiting;
      (void)proposals.Propose(fiber, std::string(100, 'c'), kNoDeadline);
      --waiting;
    });
    scheduler_.RunReady();
  };
  propose();
  EXPECT_EQ(waiting, 1u);
  propose();
  EXPECT_EQ(waiting, 1u);
  for (const mutant::Id id : {mutant::kM182PendingUncounted, mutant::kM224PendingBytesUncounted}) {
    const size_t before = waiting;
    mutant::Plant(id);
    propose();
    mutant::Plant(mutant::Id::kNone);
    EXPECT_EQ(waiting, before + 1);
  }
}

TEST_F(ProposalsTest, AtItsDeadlineTheOutcomeIsUnknownAndNothingIsRetried) {
  Registered();
  const Caller& caller = Propose("a", scheduler_.now() + Seconds(1));
  EXPECT_EQ(Take(), "1:a");
  EXPECT_EQ(proposals_.acked_below(), RequestNumber(1));
  scheduler_.AdvanceTo(scheduler_.now() + Seconds(1));
  scheduler_.RunReady();
  ASSERT_TRUE(caller.done);
  EXPECT_TRUE(absl::IsDeadlineExceeded(caller.result.status()));
  proposals_.ResendAll();
  EXPECT_EQ(Take(), "");
  EXPECT_EQ(proposals_.acked_below(), RequestNumber(2)) << "nobody waits for it any more";
}

TEST_F(ProposalsTest, ASupersededSessionAbortsItsCallsAndAFreshOneIsOpened) {
  Registered();
  const Caller& caller = Propose("a");
  Take();
  Applied(1, Admission::kUnknownSession, "");
  ASSERT_TRUE(caller.done);
  EXPECT_TRUE(absl::IsAborted(caller.result.status()));
  EXPECT_NE(proposals_.session(), kSession);
  Propose("b");
  EXPECT_EQ(Take(), "r 2:b");
}

TEST_F(ProposalsTest, BeforeTheRegistrationIsAppliedAnUnknownSessionOnlyMeansTooEarly) {
  const Caller& caller = Propose("a");
  Take();
  Applied(1, Admission::kUnknownSession, "");
  EXPECT_FALSE(caller.done);
  Registered();
  proposals_.ResendAll();
  EXPECT_EQ(Take(), "1:a");
}

TEST_F(ProposalsTest, ASnapshotAnswersWhatItCovers) {
  const Caller& covered = Propose("a");
  const Caller& later = Propose("b");
  Take();
  store::MemoryStore store;
  const auto group = store.Group(GroupId(1));
  const auto transaction = group->Begin();
  ClientSessions sessions;
  sessions.Register(kSession, kOwner, *transaction);
  sessions.Record(kSession, RequestNumber(1), "from the snapshot");
  proposals_.OnSnapshotInstalled(sessions);
  scheduler_.RunReady();
  ASSERT_TRUE(covered.done);
  EXPECT_EQ(*covered.result, "from the snapshot");
  EXPECT_FALSE(later.done);
  proposals_.ResendAll();
  EXPECT_EQ(Take(), "2:b") << "the snapshot knows the session";
}

TEST_F(ProposalsTest, TheFloorIsTheOldestCallThatWaits) {
  Registered();
  Propose("a");
  Propose("b");
  Applied(2, Admission::kNew, "");
  EXPECT_EQ(proposals_.acked_below(), RequestNumber(1));
  Applied(1, Admission::kDuplicate, "");
  EXPECT_EQ(proposals_.acked_below(), RequestNumber(3));
}

}  // namespace
}  // namespace lockstep::replica
