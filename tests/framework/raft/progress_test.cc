#include "framework/raft/progress.h"

#include <gtest/gtest.h>

namespace lockstep::raft {
namespace {

constexpr FlowLimits kLimits{3, 100};

// A follower known to match `match` in a pipeline.
Progress Replicating(uint64_t match) {
  Progress progress(Index(match + 1), kLimits);
  progress.Accepted(Index(match));
  EXPECT_EQ(progress.state(), Progress::State::kReplicate);
  return progress;
}

TEST(Progress, ProbeSendsOneMessageAtATime) {
  Progress progress(Index(6), kLimits);
  EXPECT_FALSE(progress.Paused());
  progress.Sent(Index(7), 10, Index(0));
  EXPECT_TRUE(progress.Paused());
  EXPECT_EQ(progress.next(), Index(6)) << "a probe does not run ahead";
  progress.Alive();
  EXPECT_FALSE(progress.Paused());
  progress.CheckInvariants();
}

TEST(Progress, RefusalWalksBackToTheHint) {
  Progress progress(Index(10), kLimits);
  progress.Sent(Index(10), 1, Index(0));
  EXPECT_TRUE(progress.Rejected(Index(9), Index(4)));
  EXPECT_EQ(progress.next(), Index(5));
  EXPECT_FALSE(progress.Rejected(Index(9), Index(2))) << "answers an earlier probe";
  EXPECT_EQ(progress.next(), Index(5));
}

TEST(Progress, RefusalAtTheHintStillMovesBack) {
  Progress progress(Index(10), kLimits);
  EXPECT_TRUE(progress.Rejected(Index(9), Index(9)));
  EXPECT_EQ(progress.next(), Index(9));
}

TEST(Progress, AcceptedProbeStartsThePipeline) {
  Progress progress(Index(6), kLimits);
  progress.Sent(Index(5), 0, Index(0));
  EXPECT_TRUE(progress.Accepted(Index(5)));
  EXPECT_EQ(progress.state(), Progress::State::kReplicate);
  EXPECT_EQ(progress.match(), Index(5));
}

TEST(Progress, PipelineStopsAtTheMessageLimit) {
  Progress progress = Replicating(5);
  for (uint64_t i = 6; i < 9; ++i) progress.Sent(Index(i), 1, Index(0));
  EXPECT_TRUE(progress.Paused());
  EXPECT_TRUE(progress.Accepted(Index(7)));
  EXPECT_FALSE(progress.Paused());
  EXPECT_EQ(progress.next(), Index(9));
  progress.CheckInvariants();
}

TEST(Progress, PipelineStopsAtTheByteLimit) {
  Progress progress = Replicating(5);
  progress.Sent(Index(6), 99, Index(0));
  EXPECT_FALSE(progress.Paused());
  progress.Sent(Index(7), 1, Index(0));
  EXPECT_TRUE(progress.Paused());
  progress.Accepted(Index(6));
  EXPECT_FALSE(progress.Paused());
}

TEST(Progress, HeartbeatAnswerFreesAFullPipelineByOne) {
  Progress progress = Replicating(5);
  for (uint64_t i = 6; i < 9; ++i) progress.Sent(Index(i), 1, Index(0));
  progress.Alive();
  EXPECT_FALSE(progress.Paused());
  progress.CheckInvariants();
}

TEST(Progress, RefusalInThePipelineFallsBackToWhatIsCertain) {
  Progress progress = Replicating(5);
  progress.Sent(Index(8), 1, Index(0));
  EXPECT_FALSE(progress.Rejected(Index(5), Index(3))) << "stale: it already matched";
  EXPECT_TRUE(progress.Rejected(Index(8), Index(6)));
  EXPECT_EQ(progress.state(), Progress::State::kProbe);
  EXPECT_EQ(progress.next(), Index(6));
}

TEST(Progress, EmptyAppendTakesNoRoomButTellsTheCommit) {
  Progress progress = Replicating(5);
  progress.Sent(Index(5), 0, Index(4));
  EXPECT_TRUE(progress.nothing_in_flight());
  EXPECT_EQ(progress.commit_told(), Index(4));
}

TEST(Progress, SnapshotHoldsAppendsBackAndResumesByProbe) {
  Progress progress(Index(3), kLimits);
  progress.BecomeSnapshot(Index(9));
  EXPECT_TRUE(progress.Paused());
  progress.Alive();
  EXPECT_TRUE(progress.Paused());
  progress.SnapshotDone(Index(12));
  EXPECT_EQ(progress.state(), Progress::State::kProbe);
  EXPECT_EQ(progress.next(), Index(13));
  EXPECT_TRUE(progress.Paused()) << "until a sign of life";
  progress.Alive();
  EXPECT_FALSE(progress.Paused());
}

TEST(Progress, FailedSnapshotIsTriedAgainFromWhatMatched) {
  Progress progress(Index(3), kLimits);
  progress.BecomeSnapshot(Index(9));
  progress.SnapshotDone(Index(0));
  EXPECT_EQ(progress.next(), Index(1));
  EXPECT_TRUE(progress.Paused());
}

TEST(Progress, AcknowledgementBehindTheSnapshotResumesThePipelineAtOnce) {
  Progress progress(Index(3), kLimits);
  progress.BecomeSnapshot(Index(9));
  EXPECT_TRUE(progress.Accepted(Index(4)));
  EXPECT_EQ(progress.state(), Progress::State::kSnapshot) << "not enough yet";
  EXPECT_TRUE(progress.Accepted(Index(9)));
  EXPECT_EQ(progress.state(), Progress::State::kReplicate);
  progress.CheckInvariants();
}

TEST(Progress, OldAcknowledgementsChangeNothing) {
  Progress progress = Replicating(5);
  progress.Sent(Index(7), 10, Index(0));
  EXPECT_FALSE(progress.Accepted(Index(3)));
  EXPECT_EQ(progress.match(), Index(5));
  EXPECT_EQ(progress.next(), Index(8));
}

}  // namespace
}  // namespace lockstep::raft
