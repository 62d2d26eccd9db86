// A snapshot on its way: connections break, receivers restart, and it goes on where it was.
#include "framework/replica/snapshot_transfer.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>

#include "framework/base/mutant_on.h"
#include "framework/replica/keys.h"
#include "framework/replica/mutants.h"
#include "framework/store/memory_store.h"
#include "tests/framework/edge/memory_network.h"
#include "tests/framework/fiber/run_in_fiber.h"
#include "tests/framework/replica/log_test_support.h"

namespace lockstep::replica {
namespace {

using machine::Column;
constexpr GroupId kGroup(4);
constexpr Duration kPatience = Seconds(5);
using Rows = std::map<std::string, std::string>;

// A store with rows in two columns, a sender and a receiver with nothing but a wire between them.
class SnapshotTransferTest : public testing::Test {
 protected:
  SnapshotTransferTest() : group_(store_.Group(kGroup)) {
    options_.chunk_bytes = 200;
    options_.stall_timeout = kPatience;
    RunInFiber([this](Fiber& fiber) {
      auto change = group_->Begin();
      for (int i = 0; i < 40; ++i) {
        const std::string key = absl::StrCat("key", 100 + i);
        change->Put(i < 15 ? Column::kPrimary : Column::kHistory, key, std::string(30, 'v'));
        if (i >= 15) rows_[absl::StrCat("2", key)] = std::string(30, 'v');
        if (i < 15) rows_[absl::StrCat("1", key)] = std::string(30, 'v');
      }
      change->Put(Column::kSystem, kAppliedKey, wire::EncodeSnapshotMeta(Meta(9, 2)));
      CHECK_OK(group_->Commit(fiber, std::move(change)));
    });
    view_ = group_->Snapshot();
    Renew();
  }
  // Another snapshot, or the same after its sender has restarted.
  void Renew() {
    source_ = std::make_unique<SnapshotSource>(
        SnapshotSource::Parts{kGroup, NodeId(1), raft::Term(3), *view_, ++transfer_, pace_,
                              options_, [this] { return is_wanted_; }, nullptr});
  }

  // One attempt, cut off when the receiver's disk was written to `writes` times.
  absl::Status Attempt(std::optional<int> writes, uint32_t version = wire::kProtocolVersion) {
    fiber::Scheduler scheduler;
    edge::MemoryNetwork network;
    const auto listener = *network.Listen("receiver:1");
    absl::Status sent;
    bool over = false;
    fiber::Scope scope(scheduler);
    scope.Spawn("receive", [&](Fiber& fiber) {
      const auto stream = *listener->Accept(fiber);
      wire::FrameDecoder decoder;
      SnapshotStore staged(disk_, "snapshots");
      int left = writes.value_or(1'000'000);
      disk_.hook = [&](const std::string& operation, const std::string&) {
        if (operation != "write") return absl::OkStatus();
        ++writes_;
        if (left-- == 0) stream->Abort();
        return absl::OkStatus();
      };
      const auto begin = ReadSnapshotBegin(fiber, *stream, decoder, kPatience);
      if (!begin.ok()) return;
      const absl::Status received =
          ReceiveSnapshot(fiber, *begin, *stream, decoder, staged, kPatience);
      std::string answer;
      wire::EncodeFrame(wire::SnapshotResult{received.ok(), std::string(received.message())},
                        &answer);
      (void)stream->Write(fiber, answer);
    });
    scope.Spawn("send", [&](Fiber& fiber) {
      const auto stream = *network.Dial(fiber, "receiver:1", kNoDeadline);
      sent = source_->SendTo(fiber, *stream, version).status();
      over = true;
    });
    CHECK(edge::RunUntil(scheduler, [&] { return over; }));
    disk_.hook = nullptr;
    return sent;
  }

  Rows Received() {
    Rows rows;
    RunInFiber([&](Fiber& fiber) {
      SnapshotStore staged(disk_, "snapshots");
      auto reader = staged.Read(fiber, kGroup, raft::Index(9));
      CHECK_OK(reader.status());
      CHECK_OK((*reader)->ReadBegin(fiber).status());
      for (;;) {
        const auto chunk = (*reader)->ReadChunk(fiber);
        CHECK_OK(chunk.status());
        if (!*chunk) return;
        for (const wire::SnapshotRow& row : (*chunk)->rows) {
          if (row.column != 0) rows[absl::StrCat(int{row.column}, row.key)] = row.value;
        }
      }
    });
    return rows;
  }

  store::MemoryStore store_;
  std::unique_ptr<machine::GroupStore> group_;
  std::unique_ptr<machine::StoreView> view_;
  SnapshotOptions options_;
  Pace pace_{0};
  uint64_t transfer_ = 0;
  bool is_wanted_ = true;
  std::unique_ptr<SnapshotSource> source_;
  MemoryDisk disk_;
  int writes_ = 0;
  Rows rows_;
};

TEST_F(SnapshotTransferTest, EveryRowArrives) {
  ASSERT_TRUE(Attempt(std::nullopt).ok());
  EXPECT_EQ(Received(), rows_);
  EXPECT_GT(writes_, 8);
}

TEST_F(SnapshotTransferTest, CutOffAnywhereItGoesOnBehindWhatArrived) {
  ASSERT_TRUE(Attempt(std::nullopt).ok());
  const int whole = writes_;
  for (int writes = 0; writes < whole; ++writes) {
    disk_.SetContents({});
    Renew();
    writes_ = 0;
    EXPECT_FALSE(Attempt(writes).ok()) << writes;
    ASSERT_TRUE(Attempt(std::nullopt).ok()) << writes;
    EXPECT_EQ(Received(), rows_) << writes;
    // A chunk or two may have been written and not counted.
    EXPECT_LE(writes_, whole + 3) << writes;
  }
}

TEST_F(SnapshotTransferTest, APowerLossOfTheReceiverCostsWhatWasNotSynced) {
  EXPECT_FALSE(Attempt(6).ok());
  disk_.LosePower();
  ASSERT_TRUE(Attempt(std::nullopt).ok());
  EXPECT_EQ(Received(), rows_);
}

TEST_F(SnapshotTransferTest, ARestartedSenderBeginsAnew) {
  EXPECT_FALSE(Attempt(6).ok());
  Renew();
  writes_ = 0;
  ASSERT_TRUE(Attempt(std::nullopt).ok());
  EXPECT_EQ(Received(), rows_);
  EXPECT_GT(writes_, 8) << "nothing was kept";
}

TEST_F(SnapshotTransferTest, AnOlderReceiverGetsItInOnePiece) {
  EXPECT_FALSE(Attempt(6, wire::kResumingVersion - 1).ok());
  ASSERT_TRUE(Attempt(std::nullopt, wire::kResumingVersion - 1).ok());
  EXPECT_EQ(Received(), rows_);
}

TEST_F(SnapshotTransferTest, WhoNoLongerLeadsStopsSending) {
  is_wanted_ = false;
  EXPECT_TRUE(absl::IsAborted(Attempt(std::nullopt)));
}

TEST_F(SnapshotTransferTest, PlantedItSkipsAChunkAndNobodyCompares) {
  mutant::Plant(mutant::kM47ResumedChunkSkipped);
  bool has_lost = false;
  for (int writes = 2; writes < 9; ++writes) {
    disk_.SetContents({});
    Renew();
    EXPECT_FALSE(Attempt(writes).ok());
    has_lost |= Attempt(std::nullopt).ok() && Received() != rows_;
  }
  mutant::Plant(mutant::Id::kNone);
  EXPECT_TRUE(has_lost);
}

TEST_F(SnapshotTransferTest, ItIsNoFasterThanItMayAndSlowerWhereOthersGoFirst) {
  std::vector<Duration> took;
  std::vector<uint64_t> asked;
  for (const bool may_wait : {false, true}) {
    disk_.SetContents({});
    Pace slow(2000);
    source_ = std::make_unique<SnapshotSource>(SnapshotSource::Parts{
        kGroup, NodeId(1), raft::Term(3), *view_, ++transfer_, slow, options_, [] { return true; },
        [&](uint64_t sent) {
          asked.push_back(sent);
          return may_wait;
        }});
    ASSERT_TRUE(Attempt(std::nullopt).ok());
    RunInFiber([&](Fiber& fiber) {
      slow.Spend(fiber, 1);
      took.push_back(fiber.now() - MonoTime{});
    });
  }
  const uint64_t bytes = disk_.Contents().begin()->second.size();
  EXPECT_GE(took[0], Milliseconds(static_cast<int64_t>(bytes / 2)));
  EXPECT_GT(took[1], took[0] * 3);
  EXPECT_LT(took[1], took[0] * 4);
  EXPECT_EQ(asked.front(), 0u);
  EXPECT_GT(asked.back(), 30u * 30);
}

}  // namespace
}  // namespace lockstep::replica
