#include "framework/replica/identity.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_format.h"
#include "framework/base/checksum.h"
#include "tests/framework/replica/memory_disk.h"
#include "tests/framework/replica/support.h"

namespace lockstep::replica {
namespace {

Member MemberOf(uint64_t id) {
  Member member;
  member.id = NodeId(id);
  member.peers = {"host:1"};
  return member;
}

const Identity kOurs{Identity::kFormatVersion, ClusterId(0xc1), NodeId(0xb2), 1, 0xd3,
                     {MemberOf(0xb2)}};

class IdentityTest : public testing::Test {
 protected:
  absl::Status Claim(const Identity& identity) {
    absl::StatusOr<Identity> claimed = absl::UnknownError("not run");
    RunInFiber([&](Fiber& fiber) { claimed = ClaimDirectory(fiber, disk_, "shard-0", identity); });
    if (claimed.ok()) claimed_ = *claimed;
    return claimed.status();
  }

  MemoryDisk disk_;
  Identity claimed_;
};

TEST_F(IdentityTest, TheFileIsALineOfText) {
  EXPECT_TRUE(Claim(kOurs).ok());
  const std::string text = disk_.Contents().at("shard-0/IDENTITY");
  EXPECT_EQ(text.substr(0, text.find(" initial ")),
            "lockstep 3 cluster 00000000000000c1 node 00000000000000b2 shards 1 directory "
            "00000000000000d3");
}

TEST_F(IdentityTest, TheIdAndTheInitialMembersAreThoseOfTheFirstClaim) {
  ASSERT_TRUE(Claim(kOurs).ok());
  Identity later = kOurs;
  later.directory = 0xd4;
  later.initial = {MemberOf(0xb2), MemberOf(0xb3)};
  ASSERT_TRUE(Claim(later).ok());
  EXPECT_EQ(claimed_, kOurs);
}

TEST_F(IdentityTest, ADirectoryOfTheVersionBeforeGetsAnIdAndKeepsIt) {
  const std::string body = "lockstep 2 cluster 00000000000000c1 node 00000000000000b2 shards 1";
  disk_.SetContents(
      {{"shard-0/IDENTITY", absl::StrFormat("%s sum %016x\n", body, base::Checksum64(body))}});
  ASSERT_TRUE(Claim(kOurs).ok());
  EXPECT_EQ(claimed_, kOurs);
  disk_.LosePower();
  Identity later = kOurs;
  later.directory = 0xd4;
  ASSERT_TRUE(Claim(later).ok());
  EXPECT_EQ(claimed_.directory, 0xd3u);
}

TEST_F(IdentityTest, AClaimSurvivesPowerLoss) {
  ASSERT_TRUE(Claim(kOurs).ok());
  disk_.LosePower();
  EXPECT_EQ(disk_.Contents().count("shard-0/IDENTITY"), 1u);
  EXPECT_TRUE(Claim(kOurs).ok());
}

// The claim of a process that was killed before it synced the name is in the cache only. Found as
// seed 5831 of the short default profile.
TEST_F(IdentityTest, AClaimThatIsFoundIsMadeDurable) {
  disk_.hook = [](const std::string& operation, const std::string&) {
    return operation == "sync directory" ? absl::UnavailableError("killed") : absl::OkStatus();
  };
  ASSERT_FALSE(Claim(kOurs).ok());
  disk_.hook = nullptr;
  ASSERT_TRUE(Claim(kOurs).ok());
  disk_.LosePower();
  EXPECT_EQ(disk_.Contents().count("shard-0/IDENTITY"), 1u);
}

TEST_F(IdentityTest, ADirectoryOfSomebodyElseIsRefusedWithWhatDiffers) {
  ASSERT_TRUE(Claim(kOurs).ok());
  const auto refusal = [this](const Identity& other) {
    const absl::Status status = Claim(other);
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    return std::string(status.message());
  };
  Identity other = kOurs;
  other.cluster = ClusterId(0xdd);
  EXPECT_NE(refusal(other).find("cluster c1, this node is configured for dd"), std::string::npos);
  other = kOurs;
  other.node = NodeId(0xee);
  EXPECT_NE(refusal(other).find("member b2, this node is configured for ee"), std::string::npos);
  other = kOurs;
  other.shard_count = 2;
  EXPECT_NE(refusal(other).find("1 shard(s), not 2"), std::string::npos);
}

TEST_F(IdentityTest, ANewerFormatIsRefused) {
  Identity newer = kOurs;
  newer.format_version = Identity::kFormatVersion + 1;
  disk_.SetContents({{"shard-0/IDENTITY", EncodeIdentity(newer)}});
  const absl::Status status = Claim(kOurs);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_NE(status.message().find("format version 4"), std::string::npos) << status;
}

TEST_F(IdentityTest, ATooOldFormatIsRefused) {
  Identity older = kOurs;
  older.format_version = Identity::kFormatVersionMin - 1;
  disk_.SetContents({{"shard-0/IDENTITY", EncodeIdentity(older)}});
  const absl::Status status = Claim(kOurs);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_NE(status.message().find("reads from 2 on"), std::string::npos) << status;
}

TEST_F(IdentityTest, EveryDamagedByteIsNoticed) {
  const std::string whole = EncodeIdentity(kOurs);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    disk_.SetContents({{"shard-0/IDENTITY", damaged}});
    EXPECT_TRUE(absl::IsDataLoss(Claim(kOurs))) << "byte " << at;
  }
}

TEST_F(IdentityTest, EveryTruncationIsNoticed) {
  const std::string whole = EncodeIdentity(kOurs);
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    disk_.SetContents({{"shard-0/IDENTITY", whole.substr(0, bytes)}});
    EXPECT_TRUE(absl::IsDataLoss(Claim(kOurs))) << bytes << " bytes";
  }
}

TEST_F(IdentityTest, OneDamagedFileIsWrittenAgainFromTheOther) {
  ASSERT_TRUE(Claim(kOurs).ok());
  const auto whole = disk_.Contents();
  ASSERT_EQ(whole.size(), 2u);
  for (const auto& [path, bytes] : whole) {
    for (size_t at = 0; at < bytes.size(); at += 7) {
      auto damaged = whole;
      damaged[path][at] = static_cast<char>(bytes[at] ^ 1);
      disk_.SetContents(damaged);
      ASSERT_TRUE(Claim(kOurs).ok()) << path << " " << at;
      EXPECT_EQ(claimed_, kOurs);
      EXPECT_EQ(disk_.Contents(), whole);
    }
  }
  disk_.SetContents({{"shard-0/IDENTITY", whole.at("shard-0/IDENTITY")}});
  ASSERT_TRUE(Claim(kOurs).ok());
  EXPECT_EQ(disk_.Contents(), whole) << "a directory of the version before";
}

TEST_F(IdentityTest, PowerLossAtAnyStepOfAClaimLeavesADirectoryThatCanBeClaimed) {
  ASSERT_TRUE(Claim(kOurs).ok());
  const size_t steps = disk_.operations.size();
  ASSERT_GE(steps, 6u);
  for (size_t last = 0; last < steps; ++last) {
    disk_.SetContents({});
    disk_.operations.clear();
    disk_.hook = [&](const std::string&, const std::string&) {
      return disk_.operations.size() > last ? absl::UnavailableError("no power") : absl::OkStatus();
    };
    EXPECT_FALSE(Claim(kOurs).ok()) << "step " << last;
    disk_.LosePower();
    disk_.hook = nullptr;
    const absl::Status again = Claim(kOurs);
    EXPECT_TRUE(again.ok()) << "step " << last << ": " << again;
  }
}

}  // namespace
}  // namespace lockstep::replica
