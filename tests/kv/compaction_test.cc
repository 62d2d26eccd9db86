#include "kv/compaction.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kv/record.h"
#include "tests/kv/test_kv.h"

namespace lockstep::kv {
namespace {

size_t Versions(TestKv& kv) { return kv.machine.store().rows(machine::Column::kIndex).size(); }
size_t Blocks(TestKv& kv) { return kv.machine.store().rows(machine::Column::kHistory).size(); }

// Proposes to a machine of this test; refuses at first.
class ProposerToMachine final : public machine::Proposer {
 public:
  explicit ProposerToMachine(TestKv& kv) : kv_(kv) {}
  absl::StatusOr<std::string> Propose(Fiber& fiber, std::string command, MonoTime) override {
    if (++calls == 1) return absl::UnavailableError("not now");
    MachineOnMap::Context context(kv_.machine.store());
    return kv_.machine.machine().Apply(fiber, command, context);
  }
  int calls = 0;

 private:
  TestKv& kv_;
};

TEST(KvCompaction, MayBeAskedOncePerRevision) {
  TestKv kv;
  EXPECT_EQ(kv.Compact(0).code, GrpcCode::kOk);
  EXPECT_TRUE(kv.Compact(0).Is(kCompacted));
  EXPECT_EQ(kv.Compact(1).code, GrpcCode::kOk);
  EXPECT_TRUE(kv.Compact(2).Is(kFutureRevision));
  kv.Put("a", "1");
  EXPECT_EQ(kv.Compact(2).code, GrpcCode::kOk);
  EXPECT_TRUE(kv.Compact(2).Is(kCompacted));
  EXPECT_TRUE(kv.Compact(-1).Is(kCompacted));
}

TEST(KvCompaction, CompactedRevisionItselfStaysReadable) {
  TestKv kv;
  for (const char* value : {"1", "2", "3"}) kv.Put("a", value);
  kv.Compact(3);
  EXPECT_TRUE(kv.Get("a", 2).Is(kCompacted));
  EXPECT_EQ(Show(kv.Get("a", 3).response), "a=2");
  EXPECT_EQ(Show(kv.Get("a", 4).response), "a=3");
}

TEST(KvCompaction, RemovesWhatNoReadableRevisionShows) {
  TestKv kv;
  kv.Put("a", "1");  // 2
  kv.Put("a", "2");  // 3
  kv.Delete("a");    // 4
  kv.Put("b", "1");  // 5
  EXPECT_EQ(Versions(kv), 4u);
  EXPECT_EQ(Blocks(kv), 1u);
  kv.Compact(4);
  EXPECT_EQ(Versions(kv), 3u) << "the tombstone at the mark, for watches, and what it deleted";
  EXPECT_EQ(Blocks(kv), 1u);
  kv.Compact(5);
  EXPECT_EQ(Versions(kv), 1u);
  EXPECT_EQ(Blocks(kv), 0u);
  EXPECT_EQ(Show(kv.Get("b").response), "b=1");
  EXPECT_TRUE(kv.machine.CheckInvariants().ok());
}

// Blocks of older revisions come and go at every place of a key's life.
TEST(KvCompaction, EveryRevisionReadsTheSameUntilItIsCompacted) {
  constexpr int64_t kChanges = 3 * static_cast<int64_t>(kOlderMax) + 5;
  for (int64_t mark = 2; mark <= kChanges + 1; ++mark) {
    TestKv kv;
    for (int64_t at = 2; at <= kChanges + 1; ++at) {
      // Every 21st change is a deletion, so that lives are longer and shorter than a block.
      if (at % 21 == 0) {
        kv.Delete("a");
      } else {
        kv.Put("a", std::to_string(at));
      }
    }
    kv.Compact(mark);
    ASSERT_TRUE(kv.machine.CheckInvariants().ok()) << kv.machine.CheckInvariants().ToString();
    EXPECT_TRUE(kv.Get("a", mark - 1).Is(kCompacted) || mark == 2);
    for (int64_t at = mark; at <= kChanges + 1; ++at) {
      const std::string expected = at % 21 == 0 ? "" : "a=" + std::to_string(at);
      ASSERT_EQ(Show(kv.Get("a", at).response), expected) << "at " << at << " after " << mark;
    }
  }
}

TEST(KvCompaction, LeaderSweepsWhatOneEntryCannot) {
  TestKv kv;
  constexpr int kPuts = 3 * static_cast<int>(kSweepChangesMax);
  for (int i = 0; i < kPuts; ++i) kv.Put("a", "v");
  kv.Compact(kPuts + 1);
  const size_t left = Versions(kv);
  EXPECT_GT(left, static_cast<size_t>(kSweepChangesMax));
  EXPECT_TRUE(kv.machine.CheckInvariants().ok());
  kv.machine.Load();  // a new leader knows that there is something left

  ProposerToMachine proposer(kv);
  fiber::Scheduler& scheduler = kv.machine.scheduler();
  fiber::Scope scope(scheduler);
  scope.Spawn("duty", [&](Fiber& fiber) { kv.machine.machine().LeaderDuty(fiber, proposer); });
  scheduler.RunReady();
  EXPECT_EQ(proposer.calls, 1);
  for (int i = 0; i < 10; ++i) {
    scheduler.AdvanceTo(scheduler.now() + Seconds(1));
    scheduler.RunReady();
  }
  EXPECT_EQ(proposer.calls, 3) << "one that failed, two that were needed";
  EXPECT_EQ(Versions(kv), 2u) << "the newest, and the version that it replaced at the mark";
  EXPECT_TRUE(kv.machine.CheckInvariants().ok()) << kv.machine.CheckInvariants().ToString();
}

TEST(KvCompaction, SecondOneContinuesAnUnfinishedSweep) {
  TestKv kv;
  constexpr int kPuts = 2 * static_cast<int>(kSweepChangesMax);
  for (int i = 0; i < kPuts; ++i) kv.Put("a", "v");
  kv.Compact(kPuts);
  kv.Compact(kPuts + 1);
  EXPECT_TRUE(kv.machine.CheckInvariants().ok());
  kv.machine.Apply(EncodeCommand(CommandKind::kSweep, ""));
  EXPECT_EQ(Versions(kv), 2u);
  kv.machine.Apply(EncodeCommand(CommandKind::kSweep, ""));
  EXPECT_TRUE(kv.machine.CheckInvariants().ok());
}

TEST(KvCompaction, HashAtANegativeRevisionIsThatOfNothing) {
  TestKv empty;
  TestKv full;
  full.Put("a", "1");
  full.Delete("a");
  const auto hash = [](TestKv& kv, int64_t revision) {
    etcdserverpb::HashKVRequest request;
    request.set_revision(revision);
    return kv.Call<etcdserverpb::HashKVResponse>(CommandKind::kHashKv, request, true).response;
  };
  EXPECT_EQ(hash(full, -1).hash(), hash(empty, 0).hash());
  EXPECT_NE(hash(full, 0).hash(), hash(empty, 0).hash());
}

TEST(KvCompaction, HashDoesNotDependOnTheSweep) {
  TestKv swept;
  TestKv unswept;
  constexpr int kPuts = 2 * static_cast<int>(kSweepChangesMax);
  for (int i = 0; i < kPuts; ++i) swept.Put("a", "v");
  for (int i = 0; i < kPuts; ++i) unswept.Put("a", "v");
  swept.Compact(kPuts);
  unswept.Compact(kPuts);
  swept.machine.Apply(EncodeCommand(CommandKind::kSweep, ""));
  ASSERT_NE(Versions(swept), Versions(unswept));
  const std::string question = EncodeCommand(CommandKind::kHashKv, "");
  EXPECT_EQ(swept.machine.Query(question), unswept.machine.Query(question));
}

}  // namespace
}  // namespace lockstep::kv
