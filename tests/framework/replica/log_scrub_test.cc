// Rot in a log that is in use: found by reading it, and mended from memory without any loss.
#include "framework/replica/log_scrub.h"

#include <gtest/gtest.h>

#include "framework/base/mutant_on.h"
#include "framework/replica/log_names.h"
#include "framework/store/mutants.h"
#include "tests/framework/fiber/run_in_fiber.h"
#include "tests/framework/replica/log_test_support.h"

namespace lockstep::replica {
namespace {

constexpr GroupId kA(1);
constexpr GroupId kB(2);
constexpr uint64_t kBatches = 9;
const LogIdentity kIdentity{ClusterId(7), NodeId(3), ShardId(0)};

LogOptions SmallSegments() {
  LogOptions options;
  options.segment_bytes = 1024;
  return options;
}

raft::Persist Whole(uint64_t term, uint64_t last, uint64_t commit) {
  raft::Persist whole = Entries(kBatches, term, 1, last);
  whole.hard_state->commit = raft::Index(commit);
  return whole;
}

// Two groups that wrote kBatches batches together, and know what they wrote.
struct Past final {
  Past() {
    bench.Listen(kA);
    bench.Listen(kB);
    CHECK_OK(bench.Start());
    for (uint64_t i = 1; i <= kBatches; ++i) {
      bench.Append(kA, Entries(i, 2, i, i));
      bench.Append(kB, Entries(i, 4, 2 * i - 1, 2 * i));
      bench.Pump();
    }
    // What is damaged is durable, and read from the medium.
    bench.whole = [](GroupId group) {
      return group == kA ? Whole(2, kBatches, kBatches - 1)
                         : Whole(4, 2 * kBatches, 2 * kBatches - 2);
    };
  }
  void Damage(uint64_t sequence, uint64_t offset) {
    MemoryInode& file = *bench.disk.names[PathIn("wal", SegmentName(sequence))];
    file.bytes[offset] = static_cast<char>(file.bytes[offset] ^ 4);
    file.durable = file.bytes;
  }
  absl::Status Check(const SegmentExtent& segment) {
    absl::Status status;
    RunInFiber([&](Fiber& fiber) {
      Pace pace(0);
      status = CheckSegment(fiber, bench.disk, "wal", kIdentity, segment.sequence,
                            segment.used_bytes, pace);
    });
    return status;
  }
  absl::Status CheckAll() {
    for (const SegmentExtent& segment : bench.log->segments()) {
      if (segment.used_bytes > 0) RETURN_IF_ERROR(Check(segment));
    }
    return absl::OkStatus();
  }
  // What a restart after a power loss finds.
  std::string Recovered() {
    LogBench after(SmallSegments());
    bench.LosePower();
    after.disk.SetContents(bench.disk.Contents());
    const absl::Status opened = after.Open();
    return opened.ok() ? TextOf(after.recovered) : opened.ToString();
  }

  LogBench bench{SmallSegments()};
};

TEST(LogScrub, EveryFlippedBitOfWhatWasAcknowledgedIsFound) {
  Past past;
  const std::vector<SegmentExtent> segments = past.bench.log->segments();
  ASSERT_GE(segments.size(), 3u);
  ASSERT_TRUE(past.CheckAll().ok());
  for (const SegmentExtent& segment : segments) {
    for (uint64_t offset = 0; offset < segment.used_bytes; offset += 5) {
      past.Damage(segment.sequence, offset);
      EXPECT_TRUE(absl::IsDataLoss(past.Check(segment))) << segment.sequence << " " << offset;
      past.Damage(segment.sequence, offset);  // the bit is back
    }
  }
  EXPECT_TRUE(past.CheckAll().ok());
}

TEST(LogScrub, ASectorThatCannotBeReadIsDamageAndAnErrorOfAMomentIsNot) {
  Past past;
  const SegmentExtent first = past.bench.log->segments().front();
  int failures = 2;
  past.bench.disk.hook = [&](const std::string& operation, const std::string&) {
    return operation == "read" && failures-- > 0 ? absl::DataLossError("EIO") : absl::OkStatus();
  };
  EXPECT_TRUE(past.Check(first).ok());
  past.bench.disk.hook = nullptr;
  past.bench.disk.unreadable = {PathIn("wal", SegmentName(first.sequence)), 512};
  EXPECT_TRUE(absl::IsDataLoss(past.Check(first)));
}

TEST(LogScrub, ALogThatIsWrittenAnewLosesNothingAndKeepsNoDamage) {
  Past sound;
  const std::string expected = sound.Recovered();
  Past past;
  past.Damage(2, 300);
  ASSERT_FALSE(past.CheckAll().ok());
  past.bench.log->WriteAnew();
  past.bench.Pump();
  EXPECT_EQ(past.bench.log->stats().rewrites, 1u);
  EXPECT_EQ(past.bench.log->segments().size(), 1u);
  EXPECT_TRUE(past.CheckAll().ok());
  // It goes on as any other.
  past.bench.Append(kA, Entries(kBatches + 1, 2, kBatches + 1, kBatches + 1));
  past.bench.Pump();
  EXPECT_EQ(past.bench.acks.back().id, raft::WriteId(kBatches + 1));
  EXPECT_TRUE(past.CheckAll().ok());
  const std::string found = past.Recovered();
  EXPECT_NE(found, expected);
  EXPECT_NE(found.find("10/2=e10t2"), std::string::npos) << found;
}

TEST(LogScrub, WritesThatWaitAreAcknowledgedWithTheWhole) {
  Past past;
  past.bench.Append(kA, Entries(kBatches + 1, 2, kBatches + 1, kBatches + 1));
  past.bench.whole = [](GroupId group) {
    return group == kA ? Whole(2, kBatches + 1, kBatches)
                       : Whole(4, 2 * kBatches, 2 * kBatches - 2);
  };
  past.bench.log->WriteAnew();
  past.bench.Pump();
  EXPECT_EQ(past.bench.acks.back(), (Acknowledgement{kA, raft::WriteId(kBatches + 1)}));
  EXPECT_NE(past.Recovered().find("10/2=e10t2"), std::string::npos);
}

TEST(LogScrub, ADeathAtAnyStepLeavesTheDamagedLogOrTheWholeOne) {
  Past sound;
  const std::string expected = sound.Recovered();
  int wholes = 0;
  for (int steps = 0;; ++steps) {
    Past past;
    past.Damage(2, 300);
    int left = steps;
    past.bench.disk.hook = [&](const std::string&, const std::string&) {
      return left-- > 0 ? absl::OkStatus() : absl::AbortedError("died");
    };
    past.bench.log->WriteAnew();
    past.bench.Pump();
    const bool done = left > 0;
    past.bench.disk.hook = nullptr;
    const std::string found = past.Recovered();
    if (found == expected) {
      ++wholes;
    } else {
      EXPECT_EQ(found.find("DATA_LOSS"), 0u) << steps << ": " << found;
      EXPECT_EQ(wholes, 0) << steps;
    }
    if (done) break;
    ASSERT_LT(steps, 100);
  }
  EXPECT_GT(wholes, 2);
}

TEST(LogScrub, WhatNobodyKnowsEndsTheLogForARestartToMend) {
  Past past;
  past.bench.whole = nullptr;
  past.bench.log->WriteAnew();
  past.bench.Pump();
  EXPECT_TRUE(absl::IsDataLoss(past.bench.run_status)) << past.bench.run_status;
}

TEST(LogScrub, PlantedItComparesNothing) {
  Past past;
  past.Damage(2, 300);
  mutant::Plant(mutant::kM160ScrubberSkipsChecksums);
  EXPECT_TRUE(past.CheckAll().ok());
  mutant::Plant(mutant::Id::kNone);
}

TEST(LogScrub, ItReadsNoFasterThanItMay) {
  Past past;
  uint64_t bytes = 0;
  for (const SegmentExtent& segment : past.bench.log->segments()) bytes += segment.used_bytes;
  RunInFiber([&](Fiber& fiber) {
    const MonoTime start = fiber.now();
    Pace pace(1000);
    for (const SegmentExtent& segment : past.bench.log->segments()) {
      if (segment.used_bytes == 0) continue;
      EXPECT_TRUE(CheckSegment(fiber, past.bench.disk, "wal", kIdentity, segment.sequence,
                               segment.used_bytes, pace)
                      .ok());
    }
    pace.Spend(fiber, 1);
    EXPECT_GE(fiber.now() - start, Milliseconds(static_cast<int64_t>(bytes)));
  });
}

}  // namespace
}  // namespace lockstep::replica
