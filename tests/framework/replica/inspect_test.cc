#include "framework/replica/inspect.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "framework/replica/store_care.h"
#include "framework/store/memory_store.h"
#include "tests/framework/fiber/run_in_fiber.h"
#include "tests/framework/replica/log_test_support.h"

namespace lockstep::replica {
namespace {

// Shard 0 of node 3: an identity and a log of three batches of group 1.
class InspectTest : public testing::Test {
 protected:
  InspectTest() {
    bench_.options.directory = "shard-0/log";
    RunInFiber([this](Fiber& fiber) {
      Identity identity;
      identity.cluster = ClusterId(7);
      identity.node = NodeId(3);
      identity.directory = 1;
      CHECK_OK(ClaimDirectory(fiber, bench_.disk, "shard-0", identity).status());
    });
    CHECK_OK(bench_.Start());
    for (uint64_t i = 1; i <= 3; ++i) {
      bench_.Append(GroupId(1), Entries(i, 2, i, i));
      bench_.Pump();
    }
    bench_.LosePower();
  }

  ShardReport Inspect(machine::OrderedStore* store = nullptr) {
    ShardReport report;
    const auto before = bench_.disk.Contents();
    RunInFiber([&](Fiber& fiber) {
      report = InspectShard(fiber, bench_.disk, {"shard-0", ShardId(0), store, nullptr});
    });
    EXPECT_EQ(bench_.disk.Contents(), before) << "it only reads";
    return report;
  }

  std::string& Log() { return bench_.disk.names.at("shard-0/log/0000000000000001.log")->bytes; }

  LogBench bench_;
};

TEST_F(InspectTest, TellsWhatIsThere) {
  const ShardReport report = Inspect();
  EXPECT_FALSE(report.is_damaged());
  EXPECT_EQ(report.identity->node, NodeId(3));
  ASSERT_EQ(report.segments.size(), 1u);
  EXPECT_EQ(report.segments[0].batches, 3u);
  ASSERT_EQ(report.groups.size(), 1u);
  EXPECT_EQ(report.groups[0].hard_state.term, raft::Term(2));
  EXPECT_EQ(report.groups[0].log_end, raft::Index(3));
}

TEST_F(InspectTest, FindsAFlippedBitAnywhereButInTheLastBatch) {
  const std::string intact = Log();
  const size_t last = intact.rfind("LSBH");
  for (size_t i = 64; i < last; i += 7) {
    Log()[i] = static_cast<char>(intact[i] ^ 4);
    EXPECT_TRUE(Inspect().is_damaged()) << i;
    Log() = intact;
  }
}

TEST_F(InspectTest, FindsAnIdentityThatIsDamaged) {
  bench_.disk.names.at("shard-0/IDENTITY")->bytes[20] ^= 1;
  const ShardReport report = Inspect();
  EXPECT_TRUE(report.is_damaged());
  EXPECT_EQ(report.findings.at(0).path, "shard-0/IDENTITY");
}

TEST_F(InspectTest, FindsAStateThatDoesNotFitTheLog) {
  ASSERT_TRUE(bench_.Start().ok());
  bench_.log->Compact(GroupId(1), Meta(2, 2));
  bench_.Append(GroupId(1), Entries(4, 2, 4, 4));
  bench_.Pump();
  bench_.LosePower();
  store::MemoryStore store;
  const ShardReport report = Inspect(&store);
  ASSERT_TRUE(report.is_damaged());
  EXPECT_EQ(report.findings.at(0).text, "group 1: the state ends at 0 and the log starts after 2");
}

// --- StoreCare
// -------------------------------------------------------------------------------------

class StoreCareTest : public testing::Test {
 protected:
  // Whether the shard is to be opened again.
  bool Mend(StoreCare& care, const absl::Status& store) {
    bool again = false;
    RunInFiber(
        [&](Fiber& fiber) { again = *care.Mend(fiber, absl::UnknownError("ended"), store); });
    return again;
  }
  bool WasRenamed() const {
    const auto& operations = bench_.disk.operations;
    return std::find(operations.begin(), operations.end(),
                     "rename shard-0/state shard-0/state.damaged") != operations.end();
  }

  LogBench bench_;
};

TEST_F(StoreCareTest, ADamagedStoreIsSetAsideUnderAName) {
  bench_.disk.SetContents({{"shard-0/state", "(a directory)"}});
  StoreCare care(bench_.environment,
                 {.directory = "shard-0", .store_name = "state", .has_peers = true});
  EXPECT_TRUE(Mend(care, absl::DataLossError("rot")));
  EXPECT_TRUE(WasRenamed());
}

TEST_F(StoreCareTest, WithoutPeersNothingIsSetAside) {
  bench_.disk.SetContents({{"shard-0/state", "(a directory)"}});
  StoreCare care(bench_.environment,
                 {.directory = "shard-0", .store_name = "state", .has_peers = false});
  EXPECT_FALSE(Mend(care, absl::DataLossError("rot")));
  EXPECT_FALSE(WasRenamed());
}

TEST_F(StoreCareTest, AFullDiskIsWaitedForAndADeviceHasThreeAttempts) {
  bench_.disk.SetContents({{"shard-0/state", "(a directory)"}});
  StoreCare care(bench_.environment,
                 {.directory = "shard-0", .store_name = "state", .has_peers = true});
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(Mend(care, absl::ResourceExhaustedError("full")));
  EXPECT_TRUE(Mend(care, absl::UnavailableError("I/O")));
  EXPECT_TRUE(Mend(care, absl::UnavailableError("I/O")));
  EXPECT_FALSE(WasRenamed());
  EXPECT_TRUE(Mend(care, absl::UnavailableError("I/O")));
  EXPECT_TRUE(WasRenamed());
}

TEST_F(StoreCareTest, WhatIsNotTheStoresFaultEndsTheNode) {
  StoreCare care(bench_.environment,
                 {.directory = "shard-0", .store_name = "state", .has_peers = true});
  EXPECT_FALSE(Mend(care, absl::OkStatus()));
}

}  // namespace
}  // namespace lockstep::replica
