// Each planted bug of the log does what it says, so that whoever shall notice it has something to
// notice.
#include <gtest/gtest.h>

#include "framework/base/mutant_on.h"
#include "framework/replica/mutants.h"
#include "tests/framework/replica/log_test_support.h"

namespace lockstep::replica {
namespace {

constexpr GroupId kA(1);
constexpr GroupId kB(2);

class Planted final {
 public:
  explicit Planted(mutant::Id id) { mutant::Plant(id); }
  Planted(const Planted&) = delete;
  Planted& operator=(const Planted&) = delete;
  ~Planted() { mutant::Plant(mutant::Id::kNone); }
};

LogOptions SmallSegments() {
  LogOptions options;
  options.segment_bytes = 1024;
  return options;
}

TEST(LogMutants, SyncThatFailedIsRetriedAndBelieved) {
  const Planted planted(mutant::kM23SyncFailureRetried);
  LogBench bench;
  bench.Listen(kA);
  ASSERT_TRUE(bench.Start().ok());
  bench.disk.hook = [](const std::string& operation, const std::string&) {
    return operation == "write and sync" ? absl::DataLossError("EIO") : absl::OkStatus();
  };
  bench.Append(kA, Entries(1, 1, 1, 1));
  bench.Pump();
  bench.disk.hook = nullptr;
  EXPECT_EQ(bench.acks.size(), 1u);
  bench.LosePower();
  ASSERT_TRUE(bench.Open().ok());
  EXPECT_TRUE(bench.recovered.empty());
}

TEST(LogMutants, NewSegmentVanishesWithItsName) {
  const Planted planted(mutant::kM24SegmentDirectoryNotSynced);
  LogBench bench;
  bench.Listen(kA);
  ASSERT_TRUE(bench.Start().ok());
  bench.Append(kA, Entries(1, 1, 1, 1));
  bench.Pump();
  EXPECT_EQ(bench.acks.size(), 1u);
  bench.LosePower();
  ASSERT_TRUE(bench.Open().ok());
  EXPECT_TRUE(bench.recovered.empty());
}

TEST(LogMutants, RecoveryGoesOnPastABadRecord) {
  LogBench bench;
  ASSERT_TRUE(bench.Start().ok());
  for (uint64_t i = 1; i <= 3; ++i) {
    bench.Append(kA, Entries(i, i, i, i));
    bench.Pump();
  }
  std::string& bytes = bench.disk.names.begin()->second->bytes;
  bytes[bytes.find("e2t2")] = 'x';
  EXPECT_TRUE(absl::IsDataLoss(bench.Open()));
  const Planted planted(mutant::kM25ReplayPastGap);
  ASSERT_TRUE(bench.Open().ok());
  EXPECT_EQ(TextOf(bench.recovered[kA]),
            "snapshot 0/0 of 0 entries 1/1=e1t1 term 3 vote 3 commit 2");
}

TEST(LogMutants, TermIsForgottenWithTheSegmentThatHeldIt) {
  for (const bool plant : {false, true}) {
    const Planted planted(plant ? mutant::kM27TermBackwardAfterSnapshot : mutant::Id::kNone);
    LogBench bench(SmallSegments());
    ASSERT_TRUE(bench.Start().ok());
    bench.Append(kB, Entries(1, 9, 1, 1));
    bench.Pump();
    bench.log->Compact(kB, Meta(1, 9));
    for (uint64_t i = 1; i <= 40; ++i) {
      bench.Append(kA, Entries(i, 1, i, i));
      bench.log->Compact(kA, Meta(i, 1));
      bench.Pump();
    }
    bench.LosePower();
    ASSERT_TRUE(bench.Open().ok());
    EXPECT_EQ(bench.recovered[kB].hard_state.term, raft::Term(plant ? 0 : 9));
  }
}

}  // namespace
}  // namespace lockstep::replica
