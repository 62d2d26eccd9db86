#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/support.h"

namespace lockstep::sim {
namespace {

using runtime::OpenMode;
using Damage = SimDiskCore::Damage;

class DiskDamageTest : public testing::Test {
 protected:
  explicit DiskDamageTest(const FaultProfile& profile = CalmProfile())
      : world_(1, profile), disk_(world_, NodeId(1)) {}

  // Creates or extends a file by a synced append.
  InodeRef Append(const std::string& path, const std::string& data,
                  NameOrder order = NameOrder::kIndependent) {
    InodeRef file = disk_.Find(path);
    if (file == nullptr) file = disk_.Open(path, OpenMode::kCreate, order).value();
    CHECK_OK(disk_.Write(file, file->image.size(), data));
    CHECK_OK(disk_.FinishSync(file, disk_.BeginSync(file)));
    CHECK_OK(disk_.FinishSyncDirectory("", disk_.BeginSyncDirectory("").value()));
    return file;
  }
  absl::StatusOr<std::string> Read(const std::string& path) {
    const InodeRef file = disk_.Find(path);
    std::string content(file->image.size(), '\0');
    const auto n = disk_.Read(file, 0, absl::MakeSpan(content));
    if (!n.ok()) return n.status();
    return content;
  }
  uint64_t SiteEnd(const std::string& path) {
    for (const SimDiskCore::DamageSite& site : disk_.DamageSites()) {
      if (site.path == path) return site.end;
    }
    return 0;
  }
  uint64_t Count(FaultClass fault) { return world_.faults().of(fault); }

  World world_;
  SimDiskCore disk_;
};

TEST_F(DiskDamageTest, AFlippedBitIsReadAgainAndAgain) {
  Append("log", std::string(2'000, 'a'));
  disk_.Spoil("log", 700, Damage::kFlipBit, 1);
  std::string expected(2'000, 'a');
  expected[700] = 'c';
  EXPECT_EQ(Read("log").value(), expected);
  EXPECT_EQ(Read("log").value(), expected);
  EXPECT_EQ(Count(FaultClass::kBitRot), 2u);
}

TEST_F(DiskDamageTest, AnUnreadableSectorFailsEveryReadOfIt) {
  const InodeRef file = Append("log", std::string(2'000, 'a'));
  disk_.Spoil("log", 600, Damage::kUnreadable, 0);
  EXPECT_TRUE(absl::IsDataLoss(Read("log").status()));
  std::string other(512, '\0');
  EXPECT_TRUE(disk_.Read(file, 1024, absl::MakeSpan(other)).ok()) << "the next sector";
  EXPECT_EQ(Count(FaultClass::kLatentSector), 1u);
}

TEST_F(DiskDamageTest, DamageSurvivesPowerLossAndEndsWithARewrite) {
  const InodeRef file = Append("log", std::string(2'000, 'a'));
  disk_.Spoil("log", 600, Damage::kUnreadable, 0);
  disk_.LosePower();
  EXPECT_FALSE(Read("log").ok());
  ASSERT_TRUE(disk_.Write(file, 512, std::string(512, 'b')).ok());
  EXPECT_TRUE(Read("log").ok());
}

TEST_F(DiskDamageTest, OraclesSeeWhatWasWritten) {
  Append("log", std::string(2'000, 'a'));
  disk_.Spoil("log", 3, Damage::kFlipBit, 0);
  EXPECT_EQ(disk_.SyncedImage("log"), std::string(2'000, 'a'));
}

TEST_F(DiskDamageTest, WhatLooksLikeATornTailIsSpared) {
  const InodeRef file = Append("log", std::string(1'000, 'a'));
  EXPECT_EQ(SiteEnd("log"), 0u) << "one synced write is all tail";
  Append("log", std::string(500, 'b'));
  EXPECT_EQ(SiteEnd("log"), 1'000u);
  ASSERT_TRUE(disk_.Write(file, 1'500, "unsynced").ok());
  EXPECT_EQ(SiteEnd("log"), 1'000u);
  // A recycled file begins anew.
  ASSERT_TRUE(disk_.Write(file, 0, "first").ok());
  ASSERT_TRUE(disk_.FinishSync(file, disk_.BeginSync(file)).ok());
  EXPECT_EQ(SiteEnd("log"), 0u);
}

TEST_F(DiskDamageTest, FilesWithChecksumsOfTheirOwnMayBeDamagedEverywhere) {
  Append("store", std::string(1'000, 'a'), NameOrder::kOrdered);
  Append("g1-7.snap", std::string(600, 'a'));
  EXPECT_EQ(SiteEnd("store"), 1'000u);
  EXPECT_EQ(SiteEnd("g1-7.snap"), 600u);
}

TEST_F(DiskDamageTest, SwappedDisksHoldEachOthersFiles) {
  SimDiskCore other(world_, NodeId(2));
  Append("mine", "content");
  disk_.SwapContents(other);
  EXPECT_EQ(disk_.Find("mine"), nullptr);
  EXPECT_EQ(other.SyncedImage("mine"), "content");
  EXPECT_GT(other.used_bytes(), 0u);
  EXPECT_EQ(disk_.used_bytes(), 0u);
}

TEST_F(DiskDamageTest, DamageStaysWithTheMedium) {
  SimDiskCore other(world_, NodeId(2));
  Append("log", std::string(1'000, 'a'));
  disk_.Spoil("log", 600, Damage::kUnreadable, 0);
  disk_.SwapContents(other);
  const InodeRef file = other.Find("log");
  std::string bytes(1'000, '\0');
  EXPECT_FALSE(other.Read(file, 0, absl::MakeSpan(bytes)).ok());
}

class MisdirectingTest : public DiskDamageTest {
 protected:
  static FaultProfile Always() {
    FaultProfile profile = CalmProfile();
    profile.misdirected_ppm = {kMillion, kMillion, kMillion, 0};
    return profile;
  }
  MisdirectingTest() : DiskDamageTest(Always()) {}
};

TEST_F(MisdirectingTest, AWriteAlsoLandsWhereOlderDataIs) {
  Append("log", std::string(4'096, 'a'));
  Append("log", std::string(512, 'b'));
  EXPECT_EQ(Read("log").value(), std::string(4'096, 'a') + std::string(512, 'b'));
  disk_.set_misdirects(true);
  Append("log", std::string(512, 'c'));
  disk_.set_misdirects(false);
  const std::string content = Read("log").value();
  EXPECT_EQ(std::count(content.begin(), content.begin() + 4'096, 'c'), 512);
  EXPECT_EQ(content.substr(4'096), std::string(512, 'b') + std::string(512, 'c'))
      << "it reaches its own place, and the last synced write is spared";
}

TEST_F(MisdirectingTest, AReadReturnsAnotherSectorOnce) {
  std::string content;
  for (char c = 'a'; c < 'a' + 16; ++c) content += std::string(512, c);
  Append("log", content);
  Append("log", "tail");
  content += "tail";
  disk_.set_misdirects(true);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Read("log").ok());
  EXPECT_GT(Count(FaultClass::kMisdirectedRead), 0u);
  disk_.set_misdirects(false);
  EXPECT_EQ(Read("log").value(), content);
}

}  // namespace
}  // namespace lockstep::sim
