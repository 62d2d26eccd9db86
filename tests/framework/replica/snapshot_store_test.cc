#include "framework/replica/snapshot_store.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/framework/replica/log_test_support.h"
#include "tests/framework/replica/support.h"

namespace lockstep::replica {
namespace {

constexpr GroupId kGroup(4);

wire::SnapshotBegin BeginOf(GroupId group, uint64_t index) {
  wire::SnapshotBegin begin;
  begin.group = group;
  begin.meta = Meta(index, 1);
  begin.term = raft::Term(1);
  begin.from = NodeId(1);
  return begin;
}

class SnapshotStoreTest : public testing::Test {
 protected:
  // Two chunks of a row each.
  absl::Status Stage(Fiber& fiber, GroupId group, uint64_t index) {
    ASSIGN_OR_RETURN(auto writer, store_.Begin(fiber, group, raft::Index(index)));
    RETURN_IF_ERROR(writer->Append(fiber, BeginOf(group, index)));
    RETURN_IF_ERROR(writer->Append(fiber, wire::SnapshotChunk{0, {{1, "key", "one"}}}));
    RETURN_IF_ERROR(writer->Append(fiber, wire::SnapshotChunk{1, {{1, "other", "two"}}}));
    RETURN_IF_ERROR(writer->Append(fiber, wire::SnapshotEnd{2, 0}));
    return writer->Commit(fiber);
  }

  // Its values, or what is wrong.
  absl::StatusOr<std::string> ReadAll(Fiber& fiber, GroupId group, uint64_t index) {
    ASSIGN_OR_RETURN(auto reader, store_.Read(fiber, group, raft::Index(index)));
    ASSIGN_OR_RETURN(const wire::SnapshotBegin begin, reader->ReadBegin(fiber));
    CHECK_EQ(begin.meta.index, raft::Index(index));
    std::string values;
    for (;;) {
      ASSIGN_OR_RETURN(const auto chunk, reader->ReadChunk(fiber));
      if (!chunk) return values;
      for (const wire::SnapshotRow& row : chunk->rows) values += row.value;
    }
  }

  MemoryDisk disk_;
  SnapshotStore store_{disk_, "snapshots"};
};

TEST_F(SnapshotStoreTest, ACommittedSnapshotSurvivesPowerLoss) {
  RunInFiber([this](Fiber& fiber) {
    ASSERT_TRUE(Stage(fiber, kGroup, 9).ok());
    disk_.LosePower();
    ASSERT_TRUE(store_.Open(fiber).ok());
    EXPECT_EQ(*ReadAll(fiber, kGroup, 9), "onetwo");
  });
}

TEST_F(SnapshotStoreTest, ThereIsNoSnapshotAtAnotherIndex) {
  RunInFiber([this](Fiber& fiber) {
    ASSERT_TRUE(Stage(fiber, kGroup, 9).ok());
    EXPECT_TRUE(absl::IsNotFound(ReadAll(fiber, kGroup, 8).status()));
    EXPECT_TRUE(absl::IsNotFound(ReadAll(fiber, GroupId(5), 9).status()));
  });
}

TEST_F(SnapshotStoreTest, PowerLossAtAnyStepLeavesAWholeSnapshotOrNone) {
  RunInFiber([this](Fiber& fiber) {
    ASSERT_TRUE(Stage(fiber, kGroup, 9).ok());
    const size_t steps = disk_.operations.size();
    ASSERT_GE(steps, 5u);
    for (size_t last = 0; last < steps; ++last) {
      disk_.SetContents({});
      disk_.operations.clear();
      disk_.hook = [&](const std::string&, const std::string&) {
        return disk_.operations.size() > last ? absl::UnavailableError("no power")
                                              : absl::OkStatus();
      };
      EXPECT_FALSE(Stage(fiber, kGroup, 9).ok());
      disk_.LosePower();
      disk_.hook = nullptr;
      ASSERT_TRUE(store_.Open(fiber).ok());
      const absl::StatusOr<std::string> values = ReadAll(fiber, kGroup, 9);
      EXPECT_TRUE(absl::IsNotFound(values.status()) || (values.ok() && *values == "onetwo"))
          << "step " << last << ": " << values.status();
    }
  });
}

TEST_F(SnapshotStoreTest, WhatWasNotCommittedStaysForItsSenderAndForNobodyElse) {
  RunInFiber([this](Fiber& fiber) {
    wire::SnapshotBegin begin = BeginOf(kGroup, 9);
    begin.transfer = 77;
    const wire::SnapshotRow row{1, "key", "one"};
    {
      auto partial = store_.Resume(fiber, begin);
      ASSERT_TRUE(partial.ok());
      EXPECT_EQ(partial->chunks, 0u);
      ASSERT_TRUE(partial->writer->Append(fiber, wire::SnapshotChunk{0, {row}}).ok());
    }
    ASSERT_TRUE(store_.Open(fiber).ok());
    SnapshotSums sums;
    sums.Add(row);
    const auto partial = store_.Resume(fiber, begin);
    ASSERT_TRUE(partial.ok());
    EXPECT_EQ(partial->chunks, 1u);
    EXPECT_EQ(partial->sums.end().checksum, sums.end().checksum);
    begin.transfer = 78;
    EXPECT_EQ(store_.Resume(fiber, begin)->chunks, 0u);
    EXPECT_EQ(disk_.names.size(), 1u) << "the other one is gone";
  });
}

TEST_F(SnapshotStoreTest, APartialSnapshotThatIsCutOrDamagedAnywhereGoesOnBehindItsLastWholeChunk) {
  RunInFiber([this](Fiber& fiber) {
    wire::SnapshotBegin begin = BeginOf(kGroup, 9);
    begin.transfer = 77;
    {
      auto partial = store_.Resume(fiber, begin);
      ASSERT_TRUE(partial->writer->Append(fiber, wire::SnapshotChunk{0, {{1, "key", "one"}}}).ok());
      ASSERT_TRUE(
          partial->writer->Append(fiber, wire::SnapshotChunk{1, {{1, "more", "two"}}}).ok());
    }
    const auto [path, whole] = *disk_.Contents().begin();
    uint64_t chunks_seen = 0;
    for (size_t at = 0; at < whole.size(); ++at) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
      for (const std::string& bytes : {whole.substr(0, at), damaged}) {
        disk_.SetContents({{path, bytes}});
        auto partial = store_.Resume(fiber, begin);
        ASSERT_TRUE(partial.ok()) << at;
        ASSERT_LE(partial->chunks, 1u) << at;
        chunks_seen = std::max(chunks_seen, partial->chunks);
        // And takes the rest.
        for (uint64_t n = partial->chunks; n < 2; ++n) {
          const wire::SnapshotChunk chunk{n,
                                          {{1, n == 0 ? "key" : "more", n == 0 ? "one" : "two"}}};
          ASSERT_TRUE(partial->writer->Append(fiber, chunk).ok());
        }
        ASSERT_TRUE(partial->writer->Append(fiber, wire::SnapshotEnd{2, 0}).ok());
        ASSERT_TRUE(partial->writer->Commit(fiber).ok());
        EXPECT_EQ(ReadAll(fiber, kGroup, 9).value_or("damaged"), "onetwo") << at;
      }
    }
    EXPECT_EQ(chunks_seen, 1u);
  });
}

TEST_F(SnapshotStoreTest, ASecondAttemptReplacesTheFirst) {
  RunInFiber([this](Fiber& fiber) {
    auto writer = store_.Begin(fiber, kGroup, raft::Index(9));
    ASSERT_TRUE((*writer)->Append(fiber, BeginOf(kGroup, 9)).ok());
    writer->reset();
    ASSERT_TRUE(Stage(fiber, kGroup, 9).ok());
    EXPECT_EQ(*ReadAll(fiber, kGroup, 9), "onetwo");
  });
}

TEST_F(SnapshotStoreTest, ASnapshotThatIsCutShortAnywhereIsDataLoss) {
  RunInFiber([this](Fiber& fiber) {
    ASSERT_TRUE(Stage(fiber, kGroup, 9).ok());
    const auto [path, whole] = *disk_.Contents().begin();
    for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
      disk_.SetContents({{path, whole.substr(0, bytes)}});
      EXPECT_TRUE(absl::IsDataLoss(ReadAll(fiber, kGroup, 9).status())) << bytes << " bytes";
    }
  });
}

TEST_F(SnapshotStoreTest, EveryDamagedByteIsNoticed) {
  RunInFiber([this](Fiber& fiber) {
    ASSERT_TRUE(Stage(fiber, kGroup, 9).ok());
    const auto [path, whole] = *disk_.Contents().begin();
    for (size_t at = 0; at < whole.size(); ++at) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
      disk_.SetContents({{path, damaged}});
      EXPECT_FALSE(ReadAll(fiber, kGroup, 9).ok()) << "byte " << at;
    }
  });
}

TEST_F(SnapshotStoreTest, FlushedSnapshotsOfThatGroupAreRemovedAndNoOthers) {
  RunInFiber([this](Fiber& fiber) {
    for (const uint64_t index : {9, 10, 11}) ASSERT_TRUE(Stage(fiber, kGroup, index).ok());
    ASSERT_TRUE(Stage(fiber, GroupId(40), 9).ok());
    ASSERT_TRUE(store_.RemoveUpTo(fiber, kGroup, raft::Index(10)).ok());
    EXPECT_TRUE(absl::IsNotFound(ReadAll(fiber, kGroup, 9).status()));
    EXPECT_TRUE(absl::IsNotFound(ReadAll(fiber, kGroup, 10).status()));
    EXPECT_TRUE(ReadAll(fiber, kGroup, 11).ok());
    EXPECT_TRUE(ReadAll(fiber, GroupId(40), 9).ok());
  });
}

}  // namespace
}  // namespace lockstep::replica
