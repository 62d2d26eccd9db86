#include "framework/replica/reads.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace lockstep::replica {
namespace {

// Readers in fibers; the test is the core.
class ReadsTest : public testing::Test {
 protected:
  struct Reader {
    bool done = false;
    std::optional<raft::Index> index;
  };

  Reader& Ask(MonoTime deadline = kNoDeadline) {
    readers_.push_back(std::make_unique<Reader>());
    Reader& reader = *readers_.back();
    scope_.Spawn("reader", [this, &reader, deadline](Fiber& fiber) {
      reader.index = reads_.Await(fiber, deadline);
      reader.done = true;
    });
    scheduler_.RunReady();
    return reader;
  }
  void Ready(raft::ReadId id, uint64_t index) {
    reads_.OnReady({id, raft::Index(index)});
    scheduler_.RunReady();
  }

  fiber::Scheduler scheduler_;
  Reads reads_;
  std::vector<std::unique_ptr<Reader>> readers_;
  fiber::Scope scope_{scheduler_};
};

TEST_F(ReadsTest, ReadsThatWaitShareARound) {
  const Reader& one = Ask();
  const Reader& two = Ask();
  const auto round = reads_.StartRound(MonoTime{});
  ASSERT_TRUE(round);
  EXPECT_FALSE(reads_.StartRound(MonoTime{})) << "one at a time";
  Ready(*round, 9);
  EXPECT_EQ(one.index, raft::Index(9));
  EXPECT_EQ(two.index, raft::Index(9));
}

TEST_F(ReadsTest, AReadThatArrivesDuringARoundWaitsForTheNext) {
  Ask();
  const auto first = reads_.StartRound(MonoTime{});
  const Reader& late = Ask();
  Ready(*first, 9);
  EXPECT_FALSE(late.done) << "the first round began before it arrived";
  const auto second = reads_.StartRound(MonoTime{});
  ASSERT_TRUE(second);
  Ready(*second, 12);
  EXPECT_EQ(late.index, raft::Index(12));
}

TEST_F(ReadsTest, ReadsOfAFailedRoundGoIntoTheNext) {
  const Reader& reader = Ask();
  const auto first = reads_.StartRound(MonoTime{});
  reads_.OnFailed(*first);
  scheduler_.RunReady();
  EXPECT_FALSE(reader.done);
  EXPECT_TRUE(reads_.last_failed());
  const auto second = reads_.StartRound(MonoTime{});
  ASSERT_TRUE(second);
  EXPECT_NE(*second, *first);
  Ready(*second, 4);
  EXPECT_EQ(reader.index, raft::Index(4));
  EXPECT_FALSE(reads_.last_failed());
}

TEST_F(ReadsTest, AnAnswerToAnEarlierRoundIsIgnored) {
  const Reader& reader = Ask();
  const auto first = reads_.StartRound(MonoTime{});
  reads_.OnFailed(*first);
  scheduler_.RunReady();
  const auto second = reads_.StartRound(MonoTime{});
  ASSERT_TRUE(second);
  Ready(*first, 2);
  EXPECT_FALSE(reader.done);
  reads_.OnFailed(*first);
  Ready(*second, 5);
  EXPECT_EQ(reader.index, raft::Index(5));
}

TEST_F(ReadsTest, AReadGivesUpAtItsDeadlineAndTheOthersGoOn) {
  const Reader& hasty = Ask(scheduler_.now() + Seconds(1));
  const Reader& patient = Ask();
  const auto round = reads_.StartRound(MonoTime{});
  scheduler_.AdvanceTo(scheduler_.now() + Seconds(1));
  scheduler_.RunReady();
  EXPECT_TRUE(hasty.done);
  EXPECT_FALSE(hasty.index);
  Ready(*round, 3);
  EXPECT_EQ(patient.index, raft::Index(3));
}

TEST_F(ReadsTest, NobodyWaitsMeansNoRound) { EXPECT_FALSE(reads_.StartRound(MonoTime{})); }

TEST_F(ReadsTest, TheAgeOfAnAnswerCountsFromWhenItWasAskedFor) {
  const MonoTime start{1'000'000};
  EXPECT_FALSE(reads_.ConfirmedWithin(start, Seconds(5)));
  const auto round = reads_.StartRound(start);
  ASSERT_TRUE(round) << "asked for by the one who found nothing";
  EXPECT_FALSE(reads_.ConfirmedWithin(start + Seconds(2), Seconds(5))) << "no answer yet";
  Ready(*round, 9);
  EXPECT_EQ(reads_.ConfirmedWithin(start + Seconds(5), Seconds(5)), raft::Index(9));
  EXPECT_FALSE(reads_.ConfirmedWithin(start + Seconds(5) + Nanoseconds(1), Seconds(5)));
}

TEST_F(ReadsTest, AnAgeingAnswerIsRenewedBeforeItIsTooOld) {
  const MonoTime start{1'000'000};
  Ask();
  Ready(*reads_.StartRound(start), 9);
  EXPECT_TRUE(reads_.ConfirmedWithin(start + Seconds(1), Seconds(4)));
  EXPECT_FALSE(reads_.has_work());
  EXPECT_TRUE(reads_.ConfirmedWithin(start + Seconds(3), Seconds(4)));
  EXPECT_TRUE(reads_.has_work());
}

}  // namespace
}  // namespace lockstep::replica
