#include "framework/replica/node_members.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "framework/base/mutant_on.h"
#include "framework/replica/member_change.h"
#include "framework/replica/mutants.h"
#include "tests/framework/replica/memory_disk.h"
#include "tests/framework/replica/support.h"

namespace lockstep::replica {
namespace {

using wire::HelloRefusal;

constexpr ClusterId kCluster(7);
constexpr uint64_t kOwnDirectory = 11;

Member MemberOf(uint64_t id, uint64_t directory) {
  Member member;
  member.id = NodeId(id);
  member.peers = {"h" + std::to_string(id) + ":1"};
  member.directories = {directory};
  return member;
}

// Node 1; the list has it, node 2 with directory 22, and node 3, which nobody has heard of.
class NodeMembersTest : public testing::Test {
 protected:
  NodeMembersTest() {
    SetList(InitialList({MemberOf(1, kOwnDirectory), MemberOf(2, 22), MemberOf(3, 0)}));
    members_.SetConfigured({NodeId(1), NodeId(2), NodeId(3)});
  }
  ~NodeMembersTest() override { mutant::Plant(mutant::Id::kNone); }

  void SetList(MemberList list, NodeMembers::Source source = NodeMembers::Source::kOwnGroup) {
    list.version = ++version_;
    members_.SetList(std::make_shared<const MemberList>(std::move(list)), source);
  }
  static wire::Hello From(uint64_t node, uint64_t directory) {
    wire::Hello hello;
    hello.cluster = kCluster;
    hello.node = NodeId(node);
    hello.to = NodeId(1);
    hello.directory = directory;
    return hello;
  }
  HelloRefusal RefusalOf(const wire::Hello& hello) const { return members_.Admit(hello).refusal; }
  MemberList Without(uint64_t node) const {
    MemberList list = *members_.list();
    list.removed.push_back({*list.Find(NodeId(node)), {}});
    std::erase_if(list.members, [&](const Member& m) { return m.id == NodeId(node); });
    return list;
  }

  MemoryDisk disk_;
  PeerRecords records_{disk_, "shard-0"};
  uint64_t version_ = 0;
  NodeMembers members_{{kCluster, NodeId(1), ShardId(0), kOwnDirectory}, records_};
};

TEST_F(NodeMembersTest, WhoIsKnownUnderItsDirectoryMayCome) {
  EXPECT_EQ(RefusalOf(From(2, 22)), HelloRefusal::kNone);
  EXPECT_EQ(RefusalOf(From(2, 23)), HelloRefusal::kOtherDirectory);
  EXPECT_EQ(RefusalOf(From(3, 33)), HelloRefusal::kNone);
  EXPECT_EQ(RefusalOf(From(3, 0)), HelloRefusal::kOtherDirectory);
}

TEST_F(NodeMembersTest, TheFirstDirectoryOfAPeerIsRememberedDurably) {
  RunInFiber([&](Fiber& fiber) {
    ASSERT_TRUE(disk_.CreateDirectory(fiber, "shard-0").ok());
    ASSERT_TRUE(disk_.SyncDirectory(fiber, "").ok());
    ASSERT_TRUE(records_.Record(fiber, NodeId(3), 33).ok());
    ASSERT_TRUE(records_.Record(fiber, NodeId(3), 34).ok());
    ASSERT_TRUE(records_.Record(fiber, NodeId(4), 44).ok());
    disk_.LosePower();
    PeerRecords again(disk_, "shard-0");
    ASSERT_TRUE(again.Load(fiber).ok());
    EXPECT_EQ(again.Find(NodeId(3)), 33u);
    EXPECT_EQ(again.Find(NodeId(4)), 44u);
    EXPECT_EQ(again.Find(NodeId(5)), 0u);
  });
  EXPECT_EQ(RefusalOf(From(3, 34)), HelloRefusal::kOtherDirectory);
}

TEST_F(NodeMembersTest, EveryDamagedByteOfTheRecordIsNoticed) {
  RunInFiber([&](Fiber& fiber) {
    ASSERT_TRUE(records_.Record(fiber, NodeId(3), 33).ok());
    const std::string whole = disk_.Contents().at("shard-0/PEERS");
    for (size_t at = 0; at < whole.size(); ++at) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 1);
      disk_.SetContents({{"shard-0/PEERS", damaged}});
      PeerRecords again(disk_, "shard-0");
      EXPECT_TRUE(absl::IsDataLoss(again.Load(fiber))) << "byte " << at;
    }
  });
}

TEST_F(NodeMembersTest, ThisNodeStopsWhenItIsKnownUnderAnotherDirectory) {
  wire::Hello hello = From(2, 22);
  hello.expected_directory = kOwnDirectory;
  EXPECT_TRUE(members_.Admit(hello).fatal.ok());
  hello.expected_directory = 99;
  const NodeMembers::Verdict verdict = members_.Admit(hello);
  EXPECT_EQ(verdict.refusal, HelloRefusal::kNotMeant);
  EXPECT_TRUE(absl::IsFailedPrecondition(verdict.fatal));
  EXPECT_NE(verdict.fatal.message().find("lockstep member remove"), std::string::npos);
  EXPECT_TRUE(absl::IsFailedPrecondition(members_.Heard({HelloRefusal::kOtherDirectory, {}, {}})));
  MemberList list = *members_.list();
  list.Find(NodeId(1))->directories = {99};
  SetList(list);
  EXPECT_TRUE(absl::IsFailedPrecondition(members_.CheckSelf()));
}

TEST_F(NodeMembersTest, WhoWasRemovedIsLetInWhileAConfigurationNeedsIt) {
  SetList(Without(2));
  EXPECT_EQ(RefusalOf(From(2, 22)), HelloRefusal::kNone);
  EXPECT_EQ(members_.Addresses().count(NodeId(2)), 1u);
  members_.SetConfigured({NodeId(1), NodeId(3)});
  EXPECT_EQ(RefusalOf(From(2, 22)), HelloRefusal::kRemoved);
  EXPECT_FALSE(members_.StillAdmits(NodeId(2), 22));
  EXPECT_EQ(members_.Addresses().count(NodeId(2)), 0u);
}

TEST_F(NodeMembersTest, ANodeThatWasRemovedStops) {
  SetList(Without(1));
  EXPECT_TRUE(members_.CheckSelf().ok()) << "a configuration needs it";
  members_.SetConfigured({NodeId(2), NodeId(3)});
  EXPECT_TRUE(absl::IsFailedPrecondition(members_.CheckSelf()));
  EXPECT_TRUE(absl::IsFailedPrecondition(members_.Heard({HelloRefusal::kRemoved, {}, {}})));
  EXPECT_TRUE(members_.Heard({HelloRefusal::kOtherCluster, {}, {}}).ok());
}

// Its groups' configurations may be from before the node was added.
TEST_F(NodeMembersTest, AShardThatHasTheListFromAnotherOneTurnsNobodyAway) {
  SetList(Without(2), NodeMembers::Source::kOtherShard);
  members_.SetConfigured({NodeId(1), NodeId(3)});
  EXPECT_EQ(RefusalOf(From(2, 22)), HelloRefusal::kNone);
  EXPECT_TRUE(members_.StillAdmits(NodeId(2), 22));
  EXPECT_FALSE(members_.SetList(members_.list(), NodeMembers::Source::kOwnGroup));
  EXPECT_EQ(RefusalOf(From(2, 22)), HelloRefusal::kRemoved) << "now its own group has applied it";
}

TEST_F(NodeMembersTest, AnUnknownNodeIsAGuestUntilAListNamesIt) {
  EXPECT_EQ(RefusalOf(From(9, 99)), HelloRefusal::kNone) << "it may know a newer list";
  members_.AddGuest(NodeId(9), "g:1");
  EXPECT_EQ(members_.Addresses().at(NodeId(9)), "g:1");
  MemberList list = *members_.list();
  list.members.push_back(MemberOf(9, 98));
  SetList(list);
  EXPECT_EQ(members_.Addresses().at(NodeId(9)), "h9:1");
  EXPECT_FALSE(members_.StillAdmits(NodeId(9), 99)) << "it was another one";
}

TEST_F(NodeMembersTest, OtherClustersShardsAndNodesAreNotMeant) {
  wire::Hello hello = From(2, 22);
  hello.cluster = ClusterId(8);
  EXPECT_EQ(RefusalOf(hello), HelloRefusal::kOtherCluster);
  hello = From(2, 22);
  hello.shard = ShardId(1);
  EXPECT_EQ(RefusalOf(hello), HelloRefusal::kNotMeant);
  hello = From(2, 22);
  hello.to = NodeId(3);
  EXPECT_EQ(RefusalOf(hello), HelloRefusal::kNotMeant);
}

TEST_F(NodeMembersTest, AnOlderListHasNoEffect) {
  EXPECT_FALSE(members_.SetList(std::make_shared<const MemberList>(InitialList({})),
                                NodeMembers::Source::kOwnGroup));
  EXPECT_EQ(members_.list()->members.size(), 3u);
}

TEST_F(NodeMembersTest, PlantedWipedNodeIsLetIn) {
  mutant::Plant(mutant::kM42WipedNodeLetIn);
  EXPECT_EQ(RefusalOf(From(2, 23)), HelloRefusal::kNone);
}

}  // namespace
}  // namespace lockstep::replica
