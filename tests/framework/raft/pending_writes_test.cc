#include "framework/raft/pending_writes.h"

#include <gtest/gtest.h>

namespace lockstep::raft {
namespace {

TEST(PendingWrites, WritesBecomeDurableInOrder) {
  PendingWrites writes(Index(4));
  EXPECT_EQ(writes.IssueEntries(Index(5), Index(6)), WriteId(1));
  EXPECT_EQ(writes.IssueEntries(Index(7), Index(9)), WriteId(2));
  EXPECT_EQ(writes.newest_outstanding(), WriteId(2));
  writes.Persisted(WriteId(1));
  EXPECT_EQ(writes.durable(), Index(6));
  writes.Persisted(WriteId(2));
  EXPECT_EQ(writes.durable(), Index(9));
  EXPECT_EQ(writes.newest_outstanding(), WriteId(0));
  writes.CheckInvariants();
}

TEST(PendingWrites, OverwrittenEntriesAreNotVouchedForByTheOldWrite) {
  PendingWrites writes(Index(4));
  writes.IssueEntries(Index(5), Index(9));
  writes.IssueEntries(Index(7), Index(8));
  writes.Persisted(WriteId(1));
  EXPECT_EQ(writes.durable(), Index(6));
  writes.Persisted(WriteId(2));
  EXPECT_EQ(writes.durable(), Index(8));
}

TEST(PendingWrites, ReplacingDurableEntriesTakesThemBack) {
  PendingWrites writes(Index(9));
  writes.IssueEntries(Index(3), Index(3));
  EXPECT_EQ(writes.durable(), Index(2));
  writes.Persisted(WriteId(1));
  EXPECT_EQ(writes.durable(), Index(3));
}

TEST(PendingWrites, SnapshotRevokesEverythingBefore) {
  PendingWrites writes(Index(4));
  writes.IssueEntries(Index(5), Index(20));
  writes.IssueSnapshot(Index(15), Index(15));
  writes.Persisted(WriteId(1));
  EXPECT_EQ(writes.durable(), Index(0));
  writes.Persisted(WriteId(2));
  EXPECT_EQ(writes.durable(), Index(15));
}

TEST(PendingWrites, HardStateVouchesForNoEntry) {
  PendingWrites writes(Index(4));
  writes.IssueHardState();
  writes.Persisted(WriteId(1));
  EXPECT_EQ(writes.durable(), Index(4));
}

TEST(PendingWrites, OldIdsAreIgnored) {
  PendingWrites writes(Index(0));
  writes.IssueEntries(Index(1), Index(1));
  writes.IssueEntries(Index(2), Index(2));
  writes.Persisted(WriteId(2));
  writes.Persisted(WriteId(1));
  EXPECT_EQ(writes.persisted(), WriteId(2));
  EXPECT_EQ(writes.durable(), Index(2));
}

TEST(PendingWritesDeathTest, UnknownWriteIsABug) {
  PendingWrites writes(Index(0));
  EXPECT_DEATH(writes.Persisted(WriteId(1)), "never asked for");
}

}  // namespace
}  // namespace lockstep::raft
