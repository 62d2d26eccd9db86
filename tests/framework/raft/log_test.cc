#include "framework/raft/log.h"

#include <gtest/gtest.h>

#include "framework/raft/log_slice.h"
#include "tests/framework/raft/support.h"

namespace lockstep::raft::testing {
namespace {

LogSlice Slice(uint64_t prev_index, uint64_t prev_term, const std::vector<uint64_t>& terms) {
  std::vector<Entry> entries;
  for (uint64_t term : terms) entries.push_back(MakeEntry(term, prev_index + entries.size() + 1));
  auto slice = LogSlice::Make(Index(prev_index), Term(prev_term), std::move(entries), Term(99));
  EXPECT_TRUE(slice.has_value());
  return *std::move(slice);
}

std::vector<uint64_t> Terms(const Log& log) {
  std::vector<uint64_t> terms;
  for (Index i = log.first_index(); i <= log.last_index(); ++i) {
    terms.push_back(log.TermAt(i).value());
  }
  return terms;
}

SnapshotMeta Meta(uint64_t index, uint64_t term) {
  SnapshotMeta meta;
  meta.index = Index(index);
  meta.term = Term(term);
  return meta;
}

using Numbers = std::vector<uint64_t>;

TEST(LogSlice, RefusesGapsFallingTermsAndTermsOfTheFuture) {
  const auto make = [](uint64_t prev, uint64_t prev_term, std::vector<Entry> entries) {
    return LogSlice::Make(Index(prev), Term(prev_term), std::move(entries), Term(5)).has_value();
  };
  EXPECT_TRUE(make(1, 1, {MakeEntry(2, 2), MakeEntry(2, 3)}));
  EXPECT_FALSE(make(1, 1, {MakeEntry(2, 3)}));
  EXPECT_FALSE(make(1, 3, {MakeEntry(2, 2)}));
  EXPECT_FALSE(make(1, 1, {MakeEntry(3, 2), MakeEntry(2, 3)}));
  EXPECT_FALSE(make(1, 1, {MakeEntry(6, 2)}));
  EXPECT_FALSE(make(0, 1, {}));
  EXPECT_FALSE(make(1, 0, {}));
}

TEST(LogSlice, DropThroughTrimsWhatIsKnown) {
  LogSlice slice = Slice(2, 1, {1, 2, 2});
  slice.DropThrough(Index(4), Term(2));
  EXPECT_EQ(slice.entries().size(), 1u);
  EXPECT_EQ(slice.prev_index(), Index(4));
  slice.DropThrough(Index(9), Term(3));
  EXPECT_TRUE(slice.empty());
  EXPECT_EQ(slice.last_index(), Index(9));
}

TEST(Log, AppendKeepsWhatAgreesAndReplacesFromTheFirstConflict) {
  Log log({}, LogOfTerms({1, 1, 2, 2}), Index(1), Index(0));
  log.Append(Slice(1, 1, {1, 3, 3, 3}));
  EXPECT_EQ(Terms(log), (Numbers{1, 1, 3, 3, 3}));
  const UnsavedLog unsaved = log.TakeUnsaved();
  ASSERT_EQ(unsaved.entries.size(), 3u);
  EXPECT_EQ(unsaved.entries.front().index, Index(3));
  log.CheckContent();
}

TEST(Log, RepeatedAppendNeverShortensTheLog) {
  Log log({}, LogOfTerms({1, 1, 1, 1}), Index(0), Index(0));
  log.Append(Slice(1, 1, {1}));
  log.Append(Slice(0, 0, {}));
  EXPECT_EQ(Terms(log), (Numbers{1, 1, 1, 1}));
  EXPECT_TRUE(log.TakeUnsaved().entries.empty());
}

TEST(LogDeathTest, CommittedEntryIsNeverReplaced) {
  Log log({}, LogOfTerms({1, 1, 1}), Index(2), Index(0));
  EXPECT_DEATH(log.Append(Slice(1, 1, {2})), "CHECK failed");
}

TEST(Log, IsAtMostComparesTheLastTermFirst) {
  Log log({}, LogOfTerms({1, 2, 2}), Index(0), Index(0));
  EXPECT_TRUE(log.IsAtMost(Index(1), Term(3)));
  EXPECT_TRUE(log.IsAtMost(Index(3), Term(2)));
  EXPECT_FALSE(log.IsAtMost(Index(2), Term(2)));
  EXPECT_FALSE(log.IsAtMost(Index(9), Term(1)));
}

TEST(Log, LastWithTermAtMostSkipsWholeTerms) {
  Log log(Meta(3, 1), {}, Index(3), Index(3));
  log.Append(Slice(3, 1, {2, 2, 5, 5}));
  EXPECT_EQ(log.LastWithTermAtMost(Index(7), Term(5)), Index(7));
  EXPECT_EQ(log.LastWithTermAtMost(Index(7), Term(4)), Index(5));
  EXPECT_EQ(log.LastWithTermAtMost(Index(99), Term(1)), Index(3));
  EXPECT_EQ(log.LastWithTermAtMost(Index(2), Term(1)), Index(0)) << "before the snapshot";
}

TEST(Log, CopyTakesAtLeastOneEntryAndStopsAtTheByteLimit) {
  Log log({}, LogOfTerms({1, 1, 1}), Index(0), Index(0));
  EXPECT_EQ(log.Copy(Index(1), 1).size(), 1u);
  EXPECT_EQ(log.Copy(Index(1), 2 * 49).size(), 2u);
  EXPECT_EQ(log.Copy(Index(2), 1000).size(), 2u);
  EXPECT_TRUE(log.Copy(Index(4), 1000).empty());
}

TEST(Log, CopiesShareThePayload) {
  Log log({}, LogOfTerms({1}), Index(0), Index(0));
  EXPECT_EQ(log.Copy(Index(1), 1)[0].payload.get(), log.At(Index(1)).payload.get());
}

TEST(Log, HandOverPagesByBytesAndGoesOnWhenApplied) {
  Log log({}, LogOfTerms({1, 1, 1, 1, 1}), Index(5), Index(0));
  const size_t two = 2 * 49;
  EXPECT_EQ(log.HandOver(Index(5), two).size(), 2u);
  EXPECT_TRUE(log.HandOver(Index(5), two).empty()) << "the page is not applied yet";
  log.AppliedTo(Index(1));
  const std::vector<Entry> next = log.HandOver(Index(5), two);
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].index, Index(3));
  log.AppliedTo(Index(3));
  EXPECT_EQ(log.HandOver(Index(4), two).size(), 1u) << "only up to the limit";
  log.CheckContent();
}

TEST(Log, HandOverLetsASingleLargeEntryThrough) {
  Log log({}, LogOfTerms({1, 1}), Index(2), Index(0));
  EXPECT_EQ(log.HandOver(Index(2), 1).size(), 1u);
  log.AppliedTo(Index(1));
  EXPECT_EQ(log.HandOver(Index(2), 1).size(), 1u);
}

TEST(Log, CompactKeepsTheTermAtItsEdge) {
  Log log({}, LogOfTerms({1, 2, 2}), Index(3), Index(3));
  log.Compact(Meta(2, 2));
  EXPECT_EQ(log.first_index(), Index(3));
  EXPECT_TRUE(log.Matches(Index(2), Term(2)));
  EXPECT_FALSE(log.Matches(Index(1), Term(1)));
  EXPECT_EQ(log.bytes(), 49u);
  log.Compact(Meta(1, 1));  // late: no effect
  EXPECT_EQ(log.first_index(), Index(3));
  log.CheckContent();
}

TEST(Log, RestoreReplacesEverythingAndIsSaved) {
  Log log({}, LogOfTerms({1, 1, 1}), Index(2), Index(0));
  EXPECT_EQ(log.HandOver(Index(2), 1000).size(), 2u);
  log.Restore(Meta(9, 4));
  EXPECT_EQ(log.first_index(), Index(10));
  EXPECT_EQ(log.commit(), Index(9));
  const UnsavedLog unsaved = log.TakeUnsaved();
  ASSERT_TRUE(unsaved.snapshot.has_value());
  EXPECT_EQ(unsaved.snapshot->index, Index(9));
  EXPECT_TRUE(unsaved.entries.empty());
  log.AppliedTo(Index(2));  // entries that were under way still count
  log.AppliedTo(Index(9));
  log.CheckInvariants();
  log.CheckContent();
}

TEST(Log, CommitHintOfARestartIsBroughtIntoRange) {
  EXPECT_EQ(Log({}, LogOfTerms({1, 1}), Index(9), Index(0)).commit(), Index(2));
  EXPECT_EQ(Log({}, LogOfTerms({1, 1}), Index(0), Index(1)).commit(), Index(1));
}

TEST(Log, TimestampsGoOnFromTheSnapshot) {
  SnapshotMeta meta = Meta(3, 1);
  meta.timestamp_ns = 77;
  const Log log(meta, {}, Index(3), Index(3));
  EXPECT_EQ(log.last_timestamp_ns(), 77);
}

}  // namespace
}  // namespace lockstep::raft::testing
