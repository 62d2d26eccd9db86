#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/support.h"

namespace lockstep::sim {
namespace {

using runtime::Environment;
using runtime::OpenMode;

// Everything that may be lost at power loss is.
FaultProfile LossyProfile() {
  FaultProfile profile = CalmProfile();
  profile.unsynced_lost_percent = {kMillion, 100, 100, 0};
  profile.size_lost_percent = {kMillion, 100, 100, 0};
  profile.name_lost_percent = {kMillion, 100, 100, 0};
  return profile;
}

FaultProfile With(Knob FaultProfile::*knob, uint64_t value, FaultProfile profile = CalmProfile()) {
  profile.*knob = {0, 0, 0, value};
  return profile;
}

// The core alone, without waiting.
class Disk final {
 public:
  explicit Disk(const FaultProfile& profile, uint64_t seed = 1)
      : world(seed, profile), core(world, NodeId(1)) {}

  InodeRef Create(const std::string& path) { return core.Open(path, OpenMode::kCreate).value(); }
  // A file that is durable, name and content.
  InodeRef CreateSynced(const std::string& path, const std::string& content) {
    const InodeRef file = Create(path);
    CHECK_OK(core.Write(file, 0, content));
    CHECK_OK(Sync(file));
    SyncDirectory("");
    return file;
  }
  absl::Status Sync(const InodeRef& file) { return core.FinishSync(file, core.BeginSync(file)); }
  void SyncDirectory(const std::string& path) {
    CHECK_OK(core.FinishSyncDirectory(path, core.BeginSyncDirectory(path).value()));
  }
  std::string Content(const std::string& path) {
    const InodeRef file = core.Find(path);
    if (file == nullptr) return "(none)";
    std::string content(file->image.size(), '\0');
    CHECK_EQ(core.Read(file, 0, absl::MakeSpan(content)).value(), content.size());
    return content;
  }

  World world;
  SimDiskCore core;
};

TEST(SimDisk, WhatWasSyncedSurvivesPowerLoss) {
  Disk disk(LossyProfile());
  const std::string content(10'000, 'a');
  disk.CreateSynced("f", content);
  disk.core.LosePower();
  EXPECT_EQ(disk.Content("f"), content);
  EXPECT_EQ(disk.core.used_bytes(), 3 * kPageBytes);
}

TEST(SimDisk, WritesAfterTheSyncBeganAreNotCovered) {
  Disk disk(LossyProfile());
  const InodeRef file = disk.CreateSynced("f", "aaaa");
  const auto point = disk.core.BeginSync(file);
  ASSERT_TRUE(disk.core.Write(file, 0, "bbbb").ok());
  ASSERT_TRUE(disk.core.FinishSync(file, point).ok());
  EXPECT_EQ(disk.Content("f"), "bbbb");
  EXPECT_FALSE(disk.core.IsDurable("f", 0, 4));
  disk.core.LosePower();
  EXPECT_EQ(disk.Content("f"), "aaaa");
}

TEST(SimDisk, ASlowSyncDoesNotUndoAFasterLaterOne) {
  Disk disk(LossyProfile());
  const InodeRef file = disk.CreateSynced("f", "aaaa");
  ASSERT_TRUE(disk.core.Write(file, 0, "bbbb").ok());
  const auto slow = disk.core.BeginSync(file);
  ASSERT_TRUE(disk.core.Write(file, 0, "cccccc").ok());
  ASSERT_TRUE(disk.Sync(file).ok());
  ASSERT_TRUE(disk.core.FinishSync(file, slow).ok());
  disk.core.LosePower();
  EXPECT_EQ(disk.Content("f"), "cccccc");
}

TEST(SimDisk, EachUnsyncedPageDecidesForItself) {
  FaultProfile profile = CalmProfile();
  profile.unsynced_lost_percent = {kMillion, 50, 50, 0};
  bool hole_before_data = false;
  for (uint64_t seed = 1; seed <= 50 && !hole_before_data; ++seed) {
    Disk disk(profile, seed);
    const InodeRef file = disk.CreateSynced("f", std::string(2 * kPageBytes, 'o'));
    ASSERT_TRUE(disk.core.Write(file, 0, std::string(kPageBytes, 'n')).ok());
    ASSERT_TRUE(disk.core.Write(file, kPageBytes, std::string(kPageBytes, 'n')).ok());
    disk.core.LosePower();
    const std::string content = disk.Content("f");
    ASSERT_EQ(content.size(), 2 * kPageBytes);
    hole_before_data = content[0] == 'o' && content[kPageBytes] == 'n';
  }
  EXPECT_TRUE(hole_before_data) << "no order among pages is promised, yet none was broken";
}

TEST(SimDisk, AnyUnsyncedVersionMayComeBack) {
  FaultProfile profile = CalmProfile();
  profile.unsynced_lost_percent = {kMillion, 70, 70, 0};
  std::string seen;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Disk disk(profile, seed);
    const InodeRef file = disk.CreateSynced("f", "0");
    for (const char* version : {"1", "2", "3"}) {
      ASSERT_TRUE(disk.core.Write(file, 0, version).ok());
    }
    disk.core.LosePower();
    const char back = disk.Content("f")[0];
    if (seen.find(back) == std::string::npos) seen.push_back(back);
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, "0123");
}

TEST(SimDisk, SizeFallsBackIndependentlyOfData) {
  FaultProfile profile = CalmProfile();
  profile.unsynced_lost_percent = {kMillion, 50, 50, 0};
  profile.size_lost_percent = {kMillion, 50, 50, 0};
  bool zeros = false, shorter = false;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Disk disk(profile, seed);
    const InodeRef file = disk.CreateSynced("f", std::string(kPageBytes, 'a'));
    ASSERT_TRUE(disk.core.Write(file, kPageBytes, std::string(100, 'b')).ok());
    disk.core.LosePower();
    const std::string content = disk.Content("f");
    shorter |= content.size() == kPageBytes;
    zeros |= content.size() == kPageBytes + 100 && content.back() == '\0';
  }
  EXPECT_TRUE(shorter);
  EXPECT_TRUE(zeros);
}

TEST(SimDisk, PagesInFlightTearSectorBySector) {
  FaultProfile profile = CalmProfile();
  profile.torn_percent = {kMillion, 100, 100, 0};
  bool old_sector = false, new_sector = false, garbage = false;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Disk disk(profile, seed);
    const InodeRef file = disk.CreateSynced("f", std::string(kPageBytes, 'o'));
    ASSERT_TRUE(disk.core.Write(file, 0, std::string(kPageBytes, 'n')).ok());
    disk.core.BeginSync(file);
    disk.core.LosePower();
    const std::string content = disk.Content("f");
    for (size_t at = 0; at < kPageBytes; at += kSectorBytes) {
      const std::string sector = content.substr(at, kSectorBytes);
      old_sector |= sector == std::string(kSectorBytes, 'o');
      new_sector |= sector == std::string(kSectorBytes, 'n');
      garbage |= sector.find_first_not_of("on") != std::string::npos;
    }
  }
  EXPECT_TRUE(old_sector && new_sector && garbage);
}

TEST(SimDisk, PowersafeOverwriteLeavesNeighbouringBytesAlone) {
  for (const uint64_t beyond : {0, 1}) {
    FaultProfile profile = With(&FaultProfile::torn_beyond_write, beyond);
    profile.torn_percent = {kMillion, 100, 100, 0};
    bool hurt = false;
    for (uint64_t seed = 1; seed <= 50; ++seed) {
      Disk disk(profile, seed);
      const InodeRef file = disk.CreateSynced("f", std::string(100, 'a'));
      ASSERT_TRUE(disk.core.Write(file, 100, std::string(100, 'b')).ok());
      disk.core.BeginSync(file);
      disk.core.LosePower();
      hurt |= disk.Content("f").substr(0, 100) != std::string(100, 'a');
    }
    EXPECT_EQ(hurt, beyond == 1);
  }
}

TEST(SimDisk, NamesAreLostUntilTheirDirectoryIsSynced) {
  Disk disk(LossyProfile());
  const InodeRef file = disk.Create("f");
  ASSERT_TRUE(disk.core.Write(file, 0, "data").ok());
  ASSERT_TRUE(disk.Sync(file).ok());
  EXPECT_FALSE(disk.core.IsDurable("f", 0, 4));
  disk.core.LosePower();
  EXPECT_EQ(disk.Content("f"), "(none)");
  EXPECT_EQ(disk.core.used_bytes(), 0u);
}

TEST(SimDisk, UnsyncedRemoveAndRenameAreUndone) {
  Disk disk(LossyProfile());
  disk.CreateSynced("a", "1");
  disk.CreateSynced("b", "2");
  disk.CreateSynced("c", "3");
  ASSERT_TRUE(disk.core.Remove("a").ok());
  ASSERT_TRUE(disk.core.Rename("b", "c").ok());
  EXPECT_EQ(disk.Content("c"), "2");
  disk.core.LosePower();
  EXPECT_EQ(disk.Content("a") + disk.Content("b") + disk.Content("c"), "123");
  EXPECT_EQ(disk.core.used_bytes(), 3 * kPageBytes);
}

TEST(SimDisk, ARenameSurvivesWholeOrNotAtAll) {
  FaultProfile profile = CalmProfile();
  profile.name_lost_percent = {kMillion, 50, 50, 0};
  int renamed = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Disk disk(profile, seed);
    disk.CreateSynced("old", "x");
    ASSERT_TRUE(disk.core.Rename("old", "new").ok());
    disk.core.LosePower();
    EXPECT_NE(disk.core.Find("old") == nullptr, disk.core.Find("new") == nullptr);
    renamed += disk.core.Find("new") != nullptr;
  }
  EXPECT_GT(renamed, 5);
  EXPECT_LT(renamed, 35);
}

TEST(SimDisk, IndependentNamesSurviveOutOfOrderAndOrderedOnesDoNot) {
  FaultProfile profile = CalmProfile();
  profile.name_lost_percent = {kMillion, 50, 50, 0};
  for (const NameOrder order : {NameOrder::kIndependent, NameOrder::kOrdered}) {
    bool out_of_order = false;
    for (uint64_t seed = 1; seed <= 60; ++seed) {
      Disk disk(profile, seed);
      ASSERT_TRUE(disk.core.Open("first", OpenMode::kCreate, order).ok());
      ASSERT_TRUE(disk.core.Open("second", OpenMode::kCreate, order).ok());
      disk.core.LosePower();
      out_of_order |= disk.core.Find("first") == nullptr && disk.core.Find("second") != nullptr;
    }
    EXPECT_EQ(out_of_order, order == NameOrder::kIndependent);
  }
}

TEST(SimDisk, ALostDirectoryTakesItsFilesAlong) {
  Disk disk(LossyProfile());
  ASSERT_TRUE(disk.core.CreateDirectory("d/e").ok());
  const InodeRef file = disk.Create("d/e/f");
  ASSERT_TRUE(disk.Sync(file).ok());
  disk.SyncDirectory("d/e");
  disk.SyncDirectory("d");
  disk.core.LosePower();  // the root still has no "d"
  EXPECT_EQ(disk.core.Find("d"), nullptr);
  EXPECT_FALSE(disk.core.Open("d/e/f", OpenMode::kRead).ok());
}

// After a failed sync: what a reader sees, what a second sync makes of it, what power loss leaves.
TEST(SimDisk, FailedSyncKeepsPagesDirty) {
  FaultProfile profile = LossyProfile();
  profile.sync_error_mode = {kMillion, 1, 1, 1};
  Disk disk(profile);
  const InodeRef file = disk.CreateSynced("f", std::string(20 * kPageBytes, 'o'));
  ASSERT_TRUE(disk.core.Write(file, 0, std::string(20 * kPageBytes, 'n')).ok());
  disk.world.rates().sync_error_ppm = kMillion;
  EXPECT_TRUE(absl::IsDataLoss(disk.Sync(file)));
  EXPECT_FALSE(disk.core.IsDurable("f", 0, 20 * kPageBytes));
  disk.world.rates().sync_error_ppm = 0;
  EXPECT_TRUE(disk.Sync(file).ok());
  disk.core.LosePower();
  EXPECT_EQ(disk.Content("f"), std::string(20 * kPageBytes, 'n'));
}

TEST(SimDisk, FailedSyncMarksPagesCleanThatAreNot) {
  FaultProfile profile = LossyProfile();
  profile.sync_error_mode = {kMillion, 2, 2, 2};
  Disk disk(profile);
  const InodeRef file = disk.CreateSynced("f", std::string(20 * kPageBytes, 'o'));
  ASSERT_TRUE(disk.core.Write(file, 0, std::string(20 * kPageBytes, 'n')).ok());
  disk.world.rates().sync_error_ppm = kMillion;
  EXPECT_FALSE(disk.Sync(file).ok());
  disk.world.rates().sync_error_ppm = 0;
  EXPECT_TRUE(disk.Sync(file).ok()) << "the second sync claims success";
  EXPECT_EQ(disk.Content("f"), std::string(20 * kPageBytes, 'n')) << "and the cache agrees";
  EXPECT_FALSE(disk.core.IsDurable("f", 0, 20 * kPageBytes));
  disk.core.LosePower();
  EXPECT_NE(disk.Content("f").find('o'), std::string::npos);
}

TEST(SimDisk, FailedSyncDropsPages) {
  FaultProfile profile = LossyProfile();
  profile.sync_error_mode = {kMillion, 3, 3, 3};
  Disk disk(profile);
  const InodeRef file = disk.CreateSynced("f", std::string(20 * kPageBytes, 'o'));
  ASSERT_TRUE(disk.core.Write(file, 0, std::string(20 * kPageBytes, 'n')).ok());
  disk.world.rates().sync_error_ppm = kMillion;
  EXPECT_FALSE(disk.Sync(file).ok());
  EXPECT_NE(disk.Content("f").find('o'), std::string::npos) << "old data is back at once";
  EXPECT_GT(disk.world.faults().of(FaultClass::kSyncErrorDropPage), 0u);
}

TEST(SimDisk, RunsOutOfSpaceAndRecovers) {
  Disk disk(CalmProfile());
  disk.core.set_capacity(4 * kPageBytes);
  const InodeRef file = disk.Create("f");
  EXPECT_TRUE(disk.core.Write(file, 0, std::string(4 * kPageBytes, 'x')).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(disk.core.Write(file, 4 * kPageBytes, "x")));
  EXPECT_TRUE(disk.core.Write(file, 0, "overwriting needs none").ok());
  EXPECT_EQ(disk.core.FreeSpace().free_bytes, 0u);
  ASSERT_TRUE(disk.core.Truncate(file, kPageBytes).ok());
  EXPECT_EQ(disk.core.FreeSpace().free_bytes, 3 * kPageBytes);
  ASSERT_TRUE(disk.core.Remove("f").ok());
  EXPECT_EQ(disk.core.FreeSpace().free_bytes, 4 * kPageBytes);
}

TEST(SimDisk, MediumErrorsAreDataLoss) {
  Disk disk(CalmProfile());
  const InodeRef file = disk.CreateSynced("f", "abc");
  disk.world.rates().read_error_ppm = disk.world.rates().write_error_ppm = kMillion;
  char c;
  EXPECT_TRUE(absl::IsDataLoss(disk.core.Read(file, 0, absl::MakeSpan(&c, 1)).status()));
  EXPECT_TRUE(absl::IsDataLoss(disk.core.Write(file, 0, "xyz")));
}

TEST(SimDisk, TruncatedBytesReadAsZerosWhenTheFileGrowsAgain) {
  Disk disk(LossyProfile());
  const InodeRef file = disk.CreateSynced("f", std::string(6000, 'x'));
  ASSERT_TRUE(disk.core.Truncate(file, 10).ok());
  ASSERT_TRUE(disk.core.Truncate(file, 5000).ok());
  EXPECT_EQ(disk.Content("f"), std::string(10, 'x') + std::string(4990, '\0'));
  disk.core.LosePower();  // nothing of that was synced
  EXPECT_EQ(disk.Content("f"), std::string(6000, 'x'));
}

TEST(SimDisk, SyncedImageShowsTheMediumNotTheCache) {
  Disk disk(CalmProfile());
  const InodeRef file = disk.CreateSynced("f", "durable");
  ASSERT_TRUE(disk.core.Write(file, 0, "changed and longer").ok());
  EXPECT_EQ(disk.core.SyncedImage("f"), "durable");
  EXPECT_FALSE(disk.core.IsDurable("f", 0, 3));
  ASSERT_TRUE(disk.Sync(file).ok());
  EXPECT_EQ(disk.core.SyncedImage("f"), "changed and longer");
  EXPECT_TRUE(disk.core.IsDurable("f", 0, 18));
  EXPECT_EQ(disk.core.SyncedImage("g"), std::nullopt);
}

TEST(SimDisk, ProcessKillKeepsThePageCache) {
  CalmUniverse u(1, 1, 1, LossyProfile());
  u.Boot(1, [&](Fiber& fiber, Environment& env) {
    auto file = env.disk.Open(fiber, "f", OpenMode::kCreate);
    ASSERT_TRUE((*file)->Write(fiber, 0, "unsynced").ok());
    u.node(1).Kill();
    (*file)->Write(fiber, 0, "after death").IgnoreError();
  });
  u.world.RunFor(Seconds(1));
  std::string read(100, '\0');
  u.Run(1, [&](Fiber& fiber, Environment& env) {
    auto file = env.disk.Open(fiber, "f", OpenMode::kRead);
    ASSERT_TRUE(file.ok());
    read.resize((*file)->Read(fiber, 0, absl::MakeSpan(read)).value());
  });
  EXPECT_EQ(read, "unsynced");
}

TEST(SimDisk, PowerLossDuringASyncMeetsPagesInFlight) {
  FaultProfile profile = With(&FaultProfile::torn_percent, 100);
  profile.sync_ns = {kMillion, 1'000'000'000, 1'000'000'000, 0};
  CalmUniverse u(1, 1, 1, profile);
  u.Boot(1, [&](Fiber& fiber, Environment& env) {
    auto file = env.disk.Open(fiber, "f", OpenMode::kCreate);
    ASSERT_TRUE(env.disk.SyncDirectory(fiber, "").ok());
    (*file)->WriteAndSync(fiber, 0, std::string(100'000, 'x')).IgnoreError();
    ADD_FAILURE() << "the sync came back";
  });
  while (u.node(1).disk().used_bytes() == 0) u.world.Step();
  u.node(1).PowerLoss();
  u.world.RunFor(Seconds(100));
  EXPECT_GT(u.world.faults().of(FaultClass::kTornPage), 0u);
}

TEST(SimDisk, SlowAndHungDisksTakeTheirTime) {
  CalmUniverse u(1);
  Duration usual{}, slow{}, hung{};
  u.Run(1, [&](Fiber& fiber, Environment& env) {
    const auto time = [&] {
      const MonoTime start = env.clock.Monotonic();
      EXPECT_TRUE(env.disk.SyncDirectory(fiber, "").ok());
      return env.clock.Monotonic() - start;
    };
    for (int i = 0; i < 50; ++i) usual += time() / 50;
    u.node(1).disk().Slow(100, u.world.now() + Seconds(100));
    for (int i = 0; i < 50; ++i) slow += time() / 50;
    u.node(1).disk().Hang(u.world.now() + Seconds(7));
    hung = time();
  });
  EXPECT_GT(slow, 30 * usual);
  EXPECT_GE(hung, Seconds(7));
}

}  // namespace
}  // namespace lockstep::sim
