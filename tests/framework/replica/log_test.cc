#include "framework/replica/log.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "framework/replica/log_names.h"
#include "tests/framework/replica/log_test_support.h"

namespace lockstep::replica {
namespace {

constexpr GroupId kA(1);
constexpr GroupId kB(2);

LogOptions SmallSegments(uint64_t bytes = 1024) {
  LogOptions options;
  options.segment_bytes = bytes;
  options.prewrite_chunk_bytes = 256;
  return options;
}

uint64_t CountOf(const std::vector<std::string>& operations, const std::string& prefix) {
  return static_cast<uint64_t>(
      std::count_if(operations.begin(), operations.end(),
                    [&](const std::string& o) { return o.rfind(prefix, 0) == 0; }));
}

TEST(Log, RecoversWhatItAcknowledged) {
  LogBench bench;
  bench.Listen(kA);
  ASSERT_TRUE(bench.Start().ok());
  EXPECT_TRUE(bench.recovered.empty());
  bench.Append(kA, Entries(1, 1, 1, 3));
  bench.Pump();
  EXPECT_EQ(bench.acks, (std::vector<Acknowledgement>{{kA, raft::WriteId(1)}}));
  bench.LosePower();
  ASSERT_TRUE(bench.Open().ok());
  EXPECT_EQ(TextOf(bench.recovered),
            "1: snapshot 0/0 of 0 entries 1/1=e1t1 2/1=e2t1 3/1=e3t1 term 1 vote 3 commit 0\n");
}

// The example in docs/formats.md.
TEST(Log, WritesTheDocumentedBytes) {
  LogBench bench;
  ASSERT_TRUE(bench.Start().ok());
  raft::Persist persist;
  persist.id = raft::WriteId(1);
  persist.entries = {Command(1, 3, "hello")};
  persist.hard_state = raft::HardState{raft::Term(3), NodeId(1), raft::Index(0)};
  bench.Append(GroupId(5), std::move(persist));
  bench.Pump();
  EXPECT_EQ(absl::BytesToHexString(bench.disk.Contents().begin()->second),
            "4c4b5354504c4f47010000000000000007000000000000000300000000000000"
            "010000000000000001000000000000000000000000000000"
            "4f512467c20f256c"
            "4c534248a000000001000000000000002f9a597474453bb553387ca2dcaacfa1"
            "0000000000000100010000002f00000004000000010004000500000000000000"
            "0000000000000000000000000000000005000000370000002000000004000000"
            "040000000400020003000000000000000100000000000000e803000000000000"
            "0100000000000000050000002a000000000000000000000068656c6c6f000000"
            "0300000000000000010000000000000000000000000000000000000000000000");
}

TEST(Log, AcknowledgesNothingBeforeTheSync) {
  LogBench bench;
  bench.Listen(kA);
  ASSERT_TRUE(bench.Start().ok());
  bench.Append(kA, Entries(1, 1, 1, 3));
  bool synced = false;
  bench.disk.hook = [&](const std::string& operation, const std::string&) {
    if (operation == "write and sync") {
      EXPECT_TRUE(bench.acks.empty());
      synced = true;
    }
    return absl::OkStatus();
  };
  bench.Pump();
  EXPECT_TRUE(synced);
  EXPECT_EQ(bench.acks.size(), 1u);
}

TEST(Log, NewEntriesReplaceTheSuffix) {
  LogBench bench;
  ASSERT_TRUE(bench.Start().ok());
  bench.Append(kA, Entries(1, 1, 1, 5));
  bench.Append(kA, Entries(2, 2, 3, 4));
  bench.Pump();
  bench.LosePower();
  ASSERT_TRUE(bench.Open().ok());
  EXPECT_EQ(TextOf(bench.recovered[kA]),
            "snapshot 0/0 of 0 entries 1/1=e1t1 2/1=e2t1 3/2=e3t2 4/2=e4t2 term 2 vote 3 commit 2");
}

TEST(Log, SnapshotReplacesEverythingBeforeIt) {
  LogBench bench;
  ASSERT_TRUE(bench.Start().ok());
  bench.Append(kA, Entries(1, 1, 1, 5));
  raft::Persist persist = Entries(2, 3, 101, 101);
  persist.snapshot = Meta(100, 2);
  bench.Append(kA, std::move(persist));
  bench.Pump();
  bench.LosePower();
  ASSERT_TRUE(bench.Open().ok());
  EXPECT_EQ(TextOf(bench.recovered[kA]),
            "snapshot 100/2 of 3 entries 101/3=e101t3 term 3 vote 3 commit 100");
}

TEST(Log, CompactionKeepsTheEntriesBehindIt) {
  LogBench bench;
  ASSERT_TRUE(bench.Start().ok());
  bench.Append(kA, Entries(1, 1, 1, 5));
  bench.Pump();
  bench.log->Compact(kA, Meta(3, 1));
  bench.Append(kB, Entries(1, 1, 1, 1));
  bench.Pump();
  bench.LosePower();
  ASSERT_TRUE(bench.Open().ok());
  EXPECT_EQ(TextOf(bench.recovered[kA]),
            "snapshot 3/1 of 3 entries 4/1=e4t1 5/1=e5t1 term 1 vote 3 commit 0");
}

TEST(Log, OneSyncCarriesAllThatIsQueuedOfAllGroups) {
  LogBench bench;
  bench.Listen(kA);
  bench.Listen(kB);
  ASSERT_TRUE(bench.Start().ok());
  for (uint64_t i = 1; i <= 10; ++i) {
    bench.Append(kA, Entries(i, 1, i, i));
    bench.Append(kB, Entries(i, 1, i, i));
  }
  bench.disk.operations.clear();
  bench.Pump();
  EXPECT_EQ(CountOf(bench.disk.operations, "write and sync"), 1u);
  EXPECT_EQ(bench.log->stats().syncs, 1u);
  EXPECT_EQ(bench.log->stats().writes, 20u);
  ASSERT_EQ(bench.acks.size(), 20u);
  EXPECT_EQ(bench.acks.back(), (Acknowledgement{kB, raft::WriteId(10)}));
}

TEST(Log, WritesThatAClientAppendsInItsCallbackAreTheNextBatch) {
  LogBench bench;
  bench.Listen(kA);
  ASSERT_TRUE(bench.Start().ok());
  bench.on_ack = [&](const Acknowledgement& ack) {
    const uint64_t next = ack.id.value() + 1;
    if (next <= 5) bench.Append(kA, Entries(next, 1, next, next));
  };
  bench.Append(kA, Entries(1, 1, 1, 1));
  bench.Pump();
  EXPECT_EQ(bench.acks.size(), 5u);
  EXPECT_EQ(bench.log->stats().batches, 5u);
}

TEST(Log, LargeQueuesAreCutIntoBatches) {
  LogOptions options;
  options.batch_bytes_max = 500;
  LogBench bench(options);
  bench.Listen(kA);
  ASSERT_TRUE(bench.Start().ok());
  for (uint64_t i = 1; i <= 20; ++i) bench.Append(kA, Entries(i, 1, i, i));
  bench.Pump();
  EXPECT_EQ(bench.acks.size(), 20u);
  EXPECT_GT(bench.log->stats().batches, 3u);
}

TEST(Log, FailedSyncPoisonsItForEver) {
  LogBench bench;
  bench.Listen(kA);
  ASSERT_TRUE(bench.Start().ok());
  bench.Append(kA, Entries(1, 1, 1, 1));
  bench.Pump();
  bench.disk.hook = [&](const std::string& operation, const std::string&) {
    return operation == "write and sync" ? absl::DataLossError("EIO") : absl::OkStatus();
  };
  bench.Append(kA, Entries(2, 1, 2, 2));
  bench.Pump();
  bench.disk.hook = nullptr;
  bench.Append(kA, Entries(3, 1, 3, 3));
  bench.Pump();
  EXPECT_TRUE(absl::IsDataLoss(bench.run_status));
  EXPECT_EQ(bench.acks.size(), 1u);
  bench.LosePower();
  ASSERT_TRUE(bench.Open().ok());
  EXPECT_EQ(bench.recovered[kA].entries.size(), 1u);
}

// The kernel still shows a batch whose sync failed, and calls it clean: a later sync of that file
// succeeds and writes nothing. Found as seed 1283 of the short default profile.
TEST(Log, WhatARestartFindsInTheCacheIsMadeDurableElsewhere) {
  LogBench bench;
  bench.Listen(kA);
  ASSERT_TRUE(bench.Start().ok());
  bench.Append(kA, Entries(1, 1, 1, 1));
  bench.Pump();
  bench.disk.hook = [&](const std::string& operation, const std::string&) {
    return operation == "write and sync" ? absl::DataLossError("EIO") : absl::OkStatus();
  };
  bench.Append(kA, Entries(2, 1, 2, 2));
  bench.Pump();
  bench.disk.hook = nullptr;
  ASSERT_TRUE(bench.Open().ok());
  const size_t believed = bench.recovered[kA].entries.size();
  EXPECT_EQ(believed, 2u);
  bench.LosePower();
  bench.recovered.clear();
  ASSERT_TRUE(bench.Open().ok());
  EXPECT_EQ(bench.recovered[kA].entries.size(), believed);
}

TEST(Log, WaitsForSpaceAndGoesOn) {
  LogBench bench;
  bench.Listen(kA);
  ASSERT_TRUE(bench.Start().ok());
  int full = 3;
  bench.disk.hook = [&](const std::string& operation, const std::string&) {
    const bool refuse = operation == "write and sync" && full-- > 0;
    if (refuse) {
      EXPECT_EQ(bench.log->out_of_space(), full < 2);
    }
    return refuse ? absl::ResourceExhaustedError("full") : absl::OkStatus();
  };
  bench.Append(kA, Entries(1, 1, 1, 1));
  bench.Pump();
  EXPECT_EQ(bench.acks.size(), 1u);
  EXPECT_FALSE(bench.log->out_of_space());
  bench.LosePower();
  ASSERT_TRUE(bench.Open().ok());
  EXPECT_EQ(bench.recovered[kA].entries.size(), 1u);
}

TEST(Log, RefusesALogOfAnotherClusterAndNode) {
  LogBench bench;
  ASSERT_TRUE(bench.Start().ok());
  bench.Append(kA, Entries(1, 1, 1, 1));
  bench.Pump();
  bench.options.cluster = ClusterId(8);
  EXPECT_TRUE(absl::IsFailedPrecondition(bench.Open()));
  bench.options.cluster = ClusterId(7);
  EXPECT_TRUE(bench.Open().ok());
  bench.environment.node = NodeId(4);
  EXPECT_TRUE(absl::IsFailedPrecondition(bench.Open()));
}

TEST(LogSegments, NameIsDurableBeforeAnythingInItIsAcknowledged) {
  LogBench bench(SmallSegments());
  bench.Listen(kA);
  ASSERT_TRUE(bench.Start().ok());
  for (uint64_t i = 1; i <= 40; ++i) {
    bench.on_ack = [&](const Acknowledgement&) {
      for (const auto& [name, inode] : bench.disk.names) {
        if (inode->durable.empty() || !SequenceOf(name.substr(4))) continue;
        EXPECT_EQ(bench.disk.durable_names.count(name), 1u) << name;
      }
    };
    bench.Append(kA, Entries(i, 1, i, i));
    bench.Pump();
  }
  EXPECT_GT(bench.log->stats().segments, 5u);
}

TEST(LogSegments, AreKeptWhileAnyGroupNeedsThemAndRecycledAfter) {
  LogBench bench(SmallSegments());
  ASSERT_TRUE(bench.Start().ok());
  bench.Append(kB, Entries(1, 1, 1, 1));
  for (uint64_t i = 1; i <= 40; ++i) {
    bench.Append(kA, Entries(i, 1, i, i));
    if (i > 3) bench.log->Compact(kA, Meta(i - 3, 1));
    bench.Pump();
  }
  EXPECT_EQ(bench.log->OldestNeededBy(), kB);
  EXPECT_GT(bench.log->stats().segments, 5u);
  EXPECT_GT(bench.log->BytesRetained(kB), 0u);
  bench.log->Compact(kB, Meta(1, 1));
  for (uint64_t i = 41; i <= 80; ++i) {
    bench.Append(kA, Entries(i, 1, i, i));
    bench.log->Compact(kA, Meta(i - 3, 1));
    bench.Pump();
  }
  EXPECT_LE(bench.log->stats().segments, 3u);
  EXPECT_GT(bench.log->stats().segments_recycled, 3u);
  EXPECT_EQ(bench.log->BytesRetained(kB), 0u);
  bench.LosePower();
  ASSERT_TRUE(bench.Open().ok());
  EXPECT_EQ(TextOf(bench.recovered),
            "1: snapshot 77/1 of 3 entries 78/1=e78t1 79/1=e79t1 80/1=e80t1 "
            "term 1 vote 3 commit 79\n"
            "2: snapshot 1/1 of 3 entries term 1 vote 3 commit 0\n");
}

TEST(LogSegments, ReplacedEntriesKeepNone) {
  LogBench bench(SmallSegments());
  ASSERT_TRUE(bench.Start().ok());
  bench.Append(kB, Entries(1, 1, 1, 9));
  bench.Pump();
  bench.Append(kB, Entries(2, 2, 1, 2));
  for (uint64_t i = 1; i <= 20; ++i) {
    bench.Append(kA, Entries(i, 1, i, i));
    bench.log->Compact(kA, Meta(i, 1));
    bench.Pump();
  }
  bench.log->Compact(kB, Meta(2, 2));
  bench.Append(kA, Entries(21, 1, 21, 21));
  bench.Pump();
  EXPECT_EQ(bench.log->stats().segments, 1u);
}

TEST(LogSegments, ArePreparedAheadSoThatTheWriterMakesNone) {
  LogBench bench(SmallSegments(4096));
  ASSERT_TRUE(bench.Start().ok());
  bench.disk.operations.clear();
  for (uint64_t i = 1; i <= 100; ++i) {
    bench.Append(kA, Entries(i, 1, i, i));
    bench.Pump();
  }
  EXPECT_EQ(CountOf(bench.disk.operations, "create wal/0"), 0u);
  EXPECT_GT(CountOf(bench.disk.operations, "rename wal/spare.log wal/0"), 3u);
}

TEST(LogSegments, DirectoryIsSyncedBetweenAnyTwoRemovals) {
  LogBench bench(SmallSegments());
  ASSERT_TRUE(bench.Start().ok());
  for (uint64_t i = 1; i <= 60; ++i) bench.Append(kA, Entries(i, 1, i, i)), bench.Pump();
  bench.disk.operations.clear();
  bench.log->Compact(kA, Meta(60, 1));
  bench.Append(kA, Entries(61, 1, 61, 61));
  bench.Pump();
  int since_sync = 0;
  int removals = 0;
  for (const std::string& operation : bench.disk.operations) {
    if (operation.rfind("sync directory", 0) == 0) since_sync = 0;
    if (operation.rfind("remove", 0) == 0 || operation.rfind("rename wal/0", 0) == 0) {
      EXPECT_EQ(since_sync++, 0) << operation;
      ++removals;
    }
  }
  EXPECT_GT(removals, 5);
}

}  // namespace
}  // namespace lockstep::replica
