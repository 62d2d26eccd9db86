#include "framework/replica/storage_watch.h"

#include <gtest/gtest.h>

namespace lockstep::replica {
namespace {

using runtime::TraceLevel;

class Recorded final : public runtime::Trace {
 public:
  bool enabled(TraceLevel level) const override { return level >= least; }
  void Emit(TraceLevel, std::string_view name, absl::Span<const runtime::TraceField>) override {
    names.emplace_back(name);
  }
  TraceLevel least = TraceLevel::kInfo;
  std::vector<std::string> names;
};

TEST(StorageWatch, CountsWhatIsToldOfTheDiskAndPassesEverythingOn) {
  Recorded inner;
  StorageCounts counts;
  StorageWatch watch(inner, counts);
  runtime::Trace& trace = watch;
  trace.Emit(TraceLevel::kError, "scrub.log_damaged", {{"cause", "DATA_LOSS: x"}});
  trace.Emit(TraceLevel::kError, "scrub.log_damaged", {{"cause", "UNAVAILABLE: x"}});
  trace.Emit(TraceLevel::kError, "log.repaired", {});
  trace.Emit(TraceLevel::kWarning, "log.space", {{"full", 1}});
  trace.Emit(TraceLevel::kWarning, "log.space", {{"full", 0}});
  trace.Emit(TraceLevel::kInfo, "snapshot.received", {{"status", "OK"}});
  trace.Emit(TraceLevel::kInfo, "snapshot.received", {{"status", "DATA_LOSS: checksum"}});
  trace.Emit(TraceLevel::kInfo, "replica.snapshot_installed", {{"group", 1}});
  trace.Emit(TraceLevel::kInfo, "raft.role", {});
  StorageCounts expected;
  expected.log_rewritten = expected.unreadable = expected.log_mended = expected.log_full = 1;
  expected.snapshots_damaged = expected.snapshots_installed = 1;
  EXPECT_EQ(counts, expected);
  EXPECT_EQ(inner.names.size(), 9u);
}

TEST(StorageWatch, CountsAlsoWhatNobodyLogs) {
  Recorded inner;
  inner.least = TraceLevel::kError;
  StorageCounts counts;
  StorageWatch watch(inner, counts);
  runtime::Trace& trace = watch;
  trace.Emit(TraceLevel::kInfo, "replica.snapshot_installed", {});
  trace.Emit(TraceLevel::kDebug, "scrub.pass", {});
  EXPECT_EQ(counts.snapshots_installed, 1u);
  EXPECT_TRUE(inner.names.empty());
}

TEST(StorageWatch, TroubleIsToldInWordsAndRoutineIsNot) {
  StorageCounts counts;
  counts.snapshots_installed = 3;
  EXPECT_TRUE(DescribeTrouble(counts).empty());
  StorageCounts other;
  other.log_rewritten = 1;
  counts.Add(other);
  counts.Add(other);
  EXPECT_EQ(DescribeTrouble(counts),
            std::vector<std::string>{
                "storage, since its start: 2 damaged segments of the log, written anew"});
}

}  // namespace
}  // namespace lockstep::replica
