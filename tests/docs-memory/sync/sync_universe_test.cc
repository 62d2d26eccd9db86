// Synced stores and their hub in universes, and bugs that these must find.
#include "docs-memory/testing/sync_universe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "docs-memory/hub/mutants.h"
#include "docs-memory/store/mutants.h"
#include "docs-memory/sync/mutants.h"
#include "framework/base/mutant_on.h"

namespace lockstep::docs {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(SyncUniverse, ConvergesAndLosesNothing) {
  SyncUniverseReport all;
  for (uint64_t seed = 1; seed <= 9; ++seed) {
    const SyncUniverseReport report = RunSyncUniverse({.seed = seed});
    ASSERT_EQ(report.failure, "");
    all.acknowledged += report.acknowledged;
    all.conflicts += report.conflicts;
    all.power_losses += report.power_losses;
  }
  EXPECT_GT(all.acknowledged, 400u);
  EXPECT_GT(all.conflicts, 5u);
  EXPECT_GT(all.power_losses, 5u);
}

// Universes that once found something: what was purged came back or was lost, or there was no rest.
TEST(SyncUniverse, ForgetsWithoutBringingAnythingBack) {
  SyncUniverseReport all;
  for (const uint64_t seed : {7, 29, 42, 47, 62, 69, 91, 98, 120, 129, 171, 207, 277}) {
    const SyncUniverseReport report = RunSyncUniverse({.seed = seed});
    EXPECT_EQ(report.failure, "");
    all.purged += report.purged;
  }
  EXPECT_GT(all.purged, 20u);
}

// Disks of stores go bad in these: the hub is where everything comes back from.
TEST(SyncUniverse, ADamagedStoreSaysSoAndLosesNothingThatTheHubHas) {
  SyncUniverseReport all;
  for (const uint64_t seed : {5, 18, 31, 83, 291}) {
    const SyncUniverseReport report = RunSyncUniverse({.seed = seed});
    EXPECT_EQ(report.failure, "");
    all.spoiled += report.spoiled;
    all.replaced += report.replaced;
  }
  EXPECT_GT(all.spoiled, 20u);
  EXPECT_GT(all.replaced, 10u);
}

// In these, what was acknowledged was once lost: what the hub said of a copy's changes was taken
// for said of the original's, and copies made revisions that were the same.
TEST(SyncUniverse, CopiesAndStoresThatWentBackLoseNothing) {
  uint64_t copied = 0;
  for (const uint64_t seed : {34, 119, 527}) {
    const SyncUniverseReport report = RunSyncUniverse({.seed = seed});
    EXPECT_EQ(report.failure, "");
    copied += report.copied;
  }
  EXPECT_GT(copied, 10u);
}

TEST(SyncUniverse, WhatIsReadOrWrittenElsewhereIsDamageThatIsTold) {
  uint64_t replaced = 0;
  for (const uint64_t seed : {84, 103}) {
    const SyncUniverseReport report = RunSyncUniverse({.seed = seed});
    EXPECT_EQ(report.failure, "");
    replaced += report.replaced;
  }
  EXPECT_GT(replaced, 5u);
}

TEST(SyncUniverse, BeginsAnewWithAHubThatIsRestoredAgainAndAgain) {
  uint64_t restored = 0;
  for (const uint64_t seed : {2, 16, 93, 275}) {
    const SyncUniverseReport report = RunSyncUniverse({.seed = seed});
    EXPECT_EQ(report.failure, "");
    restored += report.restored;
  }
  EXPECT_GT(restored, 8u);
}

TEST(SyncUniverse, IsTheSameForTheSameSeed) {
  EXPECT_EQ(RunSyncUniverse({.seed = 5}).hash, RunSyncUniverse({.seed = 5}).hash);
}

// The first failure that universes of a planted bug show.
std::string FirstFailure(mutant::Id id, uint64_t seeds, uint64_t first = 1, uint64_t step = 1) {
  mutant::Plant(id);
  std::string failure;
  for (uint64_t seed = first; seed <= seeds && failure.empty(); seed += step) {
    failure = RunSyncUniverse({.seed = seed}).failure;
  }
  mutant::Plant(mutant::Id::kNone);
  return failure;
}

TEST(SyncUniverse, FindsChangesThatAreDroppedOnceTheyAreProcessed) {
  EXPECT_THAT(FirstFailure(mutant::kM100DroppedWhenProcessed, 5), HasSubstr("went back"));
}
TEST(SyncUniverse, FindsChangesThatAreDroppedAtTheCheckpoint) {
  EXPECT_THAT(FirstFailure(mutant::kM101DroppedAtPageCheckpoint, 5), HasSubstr("went back"));
}
TEST(SyncUniverse, FindsConflictsThatAreNotTold) {
  EXPECT_THAT(FirstFailure(mutant::kM64ConflictsNotPulled, 5), HasSubstr("heads"));
}
TEST(SyncUniverse, FindsChangesThatAreAppliedTwice) {
  EXPECT_THAT(FirstFailure(mutant::kM105PushAppliedTwice, 10), HasSubstr("applied twice"));
}
TEST(SyncUniverse, FindsATenantWhereItMustNotBe) {
  EXPECT_THAT(FirstFailure(mutant::kM106TenantIgnored, 5), HasSubstr("was answered with"));
}
TEST(SyncUniverse, FindsRefusalsThatNobodyHearsOf) {
  EXPECT_THAT(FirstFailure(mutant::kM108RejectionForgotten, 5), Not(IsEmpty()));
}
TEST(SyncUniverse, FindsAPushThatMovesTheCheckpoint) {
  EXPECT_THAT(FirstFailure(mutant::kM215PushMovesCheckpoint, 5), Not(IsEmpty()));
}
TEST(SyncUniverse, FindsDeletionsThatAreNotPulled) {
  EXPECT_THAT(FirstFailure(mutant::kM216DeletionsNotPulled, 5), Not(IsEmpty()));
}
TEST(SyncUniverse, FindsAClockThatIgnoresOthers) {
  EXPECT_THAT(FirstFailure(mutant::kM109ClockIgnoresOthers, 40), Not(IsEmpty()));
}

// (In every 13th universe disks hang before the power fails.)
TEST(SyncUniverse, FindsWhatTheHubIsToldBeforeItIsDurable) {
  EXPECT_THAT(FirstFailure(mutant::kM208ReportedBeforeDurable, 200, 9, 13),
              HasSubstr("took it back"));
}
// (In every 17th stores are copied.)
TEST(SyncUniverse, FindsAVerdictOfACopysChange) {
  EXPECT_THAT(FirstFailure(mutant::kM219VerdictOfACopy, 200, 17, 17), Not(IsEmpty()));
}
TEST(SyncUniverse, FindsCopiesThatMakeTheSameRevisions) {
  EXPECT_THAT(FirstFailure(mutant::kM220CopiesWriteAlike, 200, 17, 17), HasSubstr("lost"));
}
TEST(SyncUniverse, FindsAnOldChangeInASecondLife) {
  EXPECT_THAT(FirstFailure(mutant::kM200NewLifeTakesOldChanges, 40), HasSubstr("came back"));
}
TEST(SyncUniverse, FindsEventsThatResumeTooFar) {
  EXPECT_THAT(FirstFailure(mutant::kM206EventsResumeTooFar, 30), HasSubstr("listens"));
}
TEST(SyncUniverse, FindsADeletionThatIsNeverTold) {
  EXPECT_THAT(FirstFailure(mutant::kM190PullFromBelowTheFloor, 20), HasSubstr("converge"));
}

}  // namespace
}  // namespace lockstep::docs
