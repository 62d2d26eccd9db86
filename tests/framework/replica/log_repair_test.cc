// A log that rotted in its middle, mended: it goes back, its votes do not.
#include "framework/replica/log_repair.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "framework/replica/log_recovery.h"
#include "tests/framework/fiber/run_in_fiber.h"
#include "tests/framework/replica/log_test_support.h"

namespace lockstep::replica {
namespace {

using Files = std::map<std::string, std::string>;

constexpr GroupId kGroup(1);
const LogIdentity kIdentity{ClusterId(7), NodeId(3), ShardId(0)};

std::string EntriesOf(const RecoveredGroup& group) {
  std::string text = absl::StrCat(group.snapshot.index.value(), ":");
  for (const raft::Entry& entry : group.entries) absl::StrAppend(&text, " ", *entry.payload);
  return text;
}

struct Past final {
  Files files;
  std::vector<std::string> entries;  // after each batch
  raft::HardState hard_state;        // in the end
};

// Six batches; the third replaces an entry. With small segments each has a file of its own.
Past MakePast(uint64_t segment_bytes) {
  LogOptions options;
  options.segment_bytes = segment_bytes;
  LogBench bench(options);
  CHECK_OK(bench.Start());
  Past past;
  past.entries.push_back("0:");
  const std::vector<raft::Persist> writes = {Entries(1, 1, 1, 2), Entries(2, 1, 3, 3),
                                             Entries(3, 2, 3, 4), Entries(4, 5, 5, 5),
                                             Entries(5, 5, 6, 6), Entries(6, 6, 7, 7)};
  for (const raft::Persist& write : writes) {
    bench.Append(kGroup, write);
    bench.Pump();
    LogBench copy(options);
    copy.disk.SetContents(bench.disk.Contents());
    CHECK_OK(copy.Open());
    past.entries.push_back(EntriesOf(copy.recovered[kGroup]));
    past.hard_state = copy.recovered[kGroup].hard_state;
  }
  bench.LosePower();
  past.files = bench.disk.Contents();
  return past;
}

absl::Status Repair(LogBench& bench) {
  absl::Status status = absl::UnknownError("not done");
  RunInFiber([&](Fiber& fiber) {
    status = RepairLog(fiber, bench.disk, bench.options.directory, kIdentity).status();
  });
  return status;
}

class LogRepairAnywhere : public testing::TestWithParam<uint64_t> {};
INSTANTIATE_TEST_SUITE_P(SegmentBytes, LogRepairAnywhere, testing::Values(1 << 20, 720));

TEST_P(LogRepairAnywhere, DamagedAnywhereItGoesBackToWhatItWasAndKeepsItsVote) {
  const Past past = MakePast(GetParam());
  size_t mended = 0;
  for (const auto& [name, bytes] : past.files) {
    for (size_t i = 0; i < bytes.size(); i += 3) {
      Files files = past.files;
      files[name][i] = static_cast<char>(bytes[i] ^ (1 << (i % 8)));
      LogBench bench;
      bench.disk.SetContents(files);
      if (bench.Open().ok()) continue;  // harmless, or the very last batch
      ASSERT_TRUE(Repair(bench).ok()) << name << " " << i;
      ASSERT_TRUE(bench.Start().ok()) << name << " " << i;
      const RecoveredGroup& group = bench.recovered[kGroup];
      EXPECT_NE(std::find(past.entries.begin(), past.entries.end(), EntriesOf(group)),
                past.entries.end())
          << name << " " << i << ": " << EntriesOf(group);
      EXPECT_TRUE(group.hard_state.abstains);
      EXPECT_EQ(group.hard_state.term, past.hard_state.term);
      EXPECT_EQ(group.hard_state.vote, past.hard_state.vote);
      EXPECT_LE(group.hard_state.commit, group.snapshot.index + group.entries.size());
      ++mended;
      // It goes on as any other log.
      const uint64_t next = (group.snapshot.index + group.entries.size()).value() + 1;
      bench.Append(kGroup, Entries(7, 6, next, next));
      bench.Pump();
      bench.LosePower();
      ASSERT_TRUE(bench.Open().ok()) << name << " " << i;
    }
  }
  EXPECT_GT(mended, 300u);
}

TEST_P(LogRepairAnywhere, ADeathAtAnyStepLeavesALogThatIsMendedByTheNext) {
  const Past past = MakePast(GetParam());
  Files damaged = past.files;
  std::string& first = damaged.begin()->second;
  first[200] = static_cast<char>(first[200] ^ 1);
  for (int steps = 0;; ++steps) {
    LogBench bench;
    bench.disk.SetContents(damaged);
    int left = steps;
    bench.disk.hook = [&](const std::string&, const std::string&) {
      return left-- > 0 ? absl::OkStatus() : absl::AbortedError("died");
    };
    const bool done = Repair(bench).ok();
    bench.disk.hook = nullptr;
    bench.disk.LosePower();
    absl::Status opened = bench.Open();
    if (!opened.ok()) {
      ASSERT_TRUE(absl::IsDataLoss(opened)) << steps << ": " << opened;
      ASSERT_TRUE(Repair(bench).ok()) << steps;
      opened = bench.Open();
    }
    ASSERT_TRUE(opened.ok()) << steps << ": " << opened;
    EXPECT_TRUE(bench.recovered[kGroup].hard_state.abstains) << steps;
    EXPECT_EQ(bench.recovered[kGroup].hard_state.term, past.hard_state.term) << steps;
    if (done) break;
    ASSERT_LT(steps, 500);
  }
}

TEST(LogRepair, AVoteThatMayBeLostIsNotGuessed) {
  LogBench bench;
  ASSERT_TRUE(bench.Start().ok());
  bench.Append(kGroup, Entries(1, 1, 1, 1));
  bench.Pump();
  bench.Append(kGroup, Entries(2, 4, 2, 2));
  bench.Pump();
  raft::Persist silent = Entries(3, 4, 3, 3);
  silent.hard_state.reset();
  bench.Append(kGroup, silent);
  bench.Pump();
  bench.LosePower();
  Files files = bench.disk.Contents();
  std::string& bytes = files.begin()->second;
  const size_t second = bytes.find("e2t4");
  ASSERT_NE(second, std::string::npos);
  bytes[second] = 'x';
  bench.disk.SetContents(files);
  EXPECT_TRUE(absl::IsDataLoss(Repair(bench)));
  EXPECT_EQ(bench.disk.Contents(), files) << "nothing was changed";
}

// The first group wrote once, and that is lost: it may have voted, and nothing tells for whom.
TEST(LogRepair, AGroupOfWhichNothingIsLeftIsNotForgotten) {
  LogBench bench;
  ASSERT_TRUE(bench.Start().ok());
  const GroupId other(2);
  bench.Append(kGroup, Entries(1, 1, 1, 1));
  bench.Pump();
  for (uint64_t i = 1; i <= 3; ++i) {
    bench.Append(other, Entries(i, 4, i, i));
    bench.Pump();
  }
  bench.LosePower();
  Files files = bench.disk.Contents();
  std::string& bytes = files.begin()->second;
  const size_t first = bytes.find("e1t1");
  ASSERT_NE(first, std::string::npos);
  bytes[first] = 'x';
  bench.disk.SetContents(files);
  ASSERT_TRUE(absl::IsDataLoss(bench.Open()));
  RunInFiber([&](Fiber& fiber) {
    const std::string& directory = bench.options.directory;
    const auto refused = RepairLog(fiber, bench.disk, directory, kIdentity, {kGroup, other});
    EXPECT_TRUE(absl::IsDataLoss(refused.status())) << refused.status();
    EXPECT_NE(refused.status().message().find("nothing behind it tells of group 1"),
              absl::string_view::npos)
        << refused.status();
    EXPECT_EQ(bench.disk.Contents(), files) << "nothing was changed";
    // Who does not know of the first group would mend a log without it.
    EXPECT_TRUE(RepairLog(fiber, bench.disk, directory, kIdentity, {other}).ok());
  });
}

TEST(LogRepair, ALogWithoutAnIntactBatchIsNotMended) {
  LogBench bench;
  ASSERT_TRUE(bench.Start().ok());
  bench.Append(kGroup, Entries(1, 1, 1, 1));
  bench.Pump();
  bench.LosePower();
  Files files = bench.disk.Contents();
  std::string& bytes = files.begin()->second;
  bytes[bytes.find("e1t1")] = 'x';
  bench.disk.SetContents(files);
  RunInFiber([&](Fiber& fiber) {
    const auto refused = RepairLog(fiber, bench.disk, bench.options.directory, kIdentity, {kGroup});
    EXPECT_TRUE(absl::IsDataLoss(refused.status())) << refused.status();
  });
  EXPECT_EQ(bench.disk.Contents(), files) << "nothing was changed";
}

TEST(LogRepair, ASectorThatCannotBeReadIsDamageAndNoTornTail) {
  LogBench bench;
  ASSERT_TRUE(bench.Start().ok());
  for (uint64_t i = 1; i <= 9; ++i) {
    bench.Append(kGroup, Entries(i, 1, i, i));
    bench.Pump();
  }
  bench.LosePower();
  bench.disk.unreadable = {"wal/0000000000000001.log", 512};
  const absl::Status opened = bench.Open();
  EXPECT_TRUE(absl::IsDataLoss(opened)) << opened;
  ASSERT_TRUE(Repair(bench).ok());
  EXPECT_TRUE(bench.Open().ok());
}

}  // namespace
}  // namespace lockstep::replica
