#include "framework/replica/member_change.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "framework/base/mutant_on.h"
#include "framework/replica/mutants.h"

namespace lockstep::replica {
namespace {

using Kind = MemberStep::Kind;

Member MemberOf(uint64_t id, bool is_learner = false, bool has_started = true) {
  Member member;
  member.id = NodeId(id);
  member.name = absl::StrCat("n", id);
  member.peers = {absl::StrCat("h", id, ":1")};
  member.is_learner = is_learner;
  if (has_started) member.directories = {1000 + id};
  return member;
}

std::vector<NodeId> Nodes(const std::vector<uint64_t>& ids) { return {ids.begin(), ids.end()}; }

// Members 1, 2 and 3 vote, whatever a test adds.
class MemberChangeTest : public testing::Test {
 protected:
  MemberChangeTest() { configuration_.voters = Nodes({1, 2, 3}); }
  ~MemberChangeTest() override { mutant::Plant(mutant::Id::kNone); }

  MemberRefusal Change(std::vector<MemberStep> steps) {
    std::vector<MemberSight> sights;
    for (uint64_t id = 1; id <= 9; ++id) {
      sights.push_back({NodeId(id), !Has(dead_, id), !Has(behind_, id)});
    }
    const auto seen = WithSights(EncodeMemberChange({std::move(steps)}), sights);
    return Grant(seen.value_or(""), configuration_, list_);
  }
  MemberRefusal Change(Kind kind, Member member) { return Change({{kind, std::move(member)}}); }
  MemberRefusal Change(Kind kind, uint64_t id) { return Change(kind, MemberOf(id)); }
  raft::Configuration Next(std::vector<uint64_t> ready = {}) const {
    return Wanted(list_, configuration_,
                  [&](const Member& member) { return Has(ready, member.id.value()); });
  }
  static bool Has(const std::vector<uint64_t>& ids, uint64_t id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  }

  MemberList list_ = InitialList({MemberOf(1), MemberOf(2), MemberOf(3)});
  raft::Configuration configuration_;
  std::vector<uint64_t> dead_;
  std::vector<uint64_t> behind_;
};

TEST_F(MemberChangeTest, AListSurvivesItsBytes) {
  ASSERT_EQ(Change({{Kind::kAdd, MemberOf(4)}, {Kind::kRemove, MemberOf(3)}}),
            MemberRefusal::kNone);
  const std::string bytes = EncodeMemberList(list_);
  const auto decoded = DecodeMemberList(bytes);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, list_);
  EXPECT_EQ(list_.version, 1u);
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(DecodeMemberList(bytes.substr(0, cut)).ok()) << cut;
  }
  EXPECT_FALSE(DecodeMemberList(bytes + "x").ok());
}

TEST_F(MemberChangeTest, ADamagedChangeIsRefusedOrReadAsAnother) {
  const std::string bytes = EncodeMemberChange({{{Kind::kAdd, MemberOf(4)}}});
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    MemberList list = list_;
    EXPECT_EQ(Grant(bytes.substr(0, cut), configuration_, list), MemberRefusal::kMalformed);
  }
  std::string huge = bytes;
  huge[0] = '\xff';
  huge[7] = '\xff';
  MemberList list = list_;
  EXPECT_EQ(Grant(huge, configuration_, list), MemberRefusal::kMalformed);
}

TEST_F(MemberChangeTest, WhoIsAddedLearnsUntilItHasStartedAndCaughtUp) {
  ASSERT_EQ(Change(Kind::kAdd, MemberOf(4)), MemberRefusal::kNone);
  EXPECT_EQ(Next({4}).voters, Nodes({1, 2, 3})) << "nobody has heard of its directory yet";
  EXPECT_EQ(Next({4}).learners, Nodes({4}));
  ASSERT_EQ(Change(Kind::kRegister, MemberOf(4)), MemberRefusal::kNone);
  EXPECT_EQ(Next({}).learners, Nodes({4})) << "it is behind";
  EXPECT_EQ(Next({4}).voters, Nodes({1, 2, 3, 4}));
}

TEST_F(MemberChangeTest, ALearnerStaysOneUntilItIsPromoted) {
  ASSERT_EQ(Change(Kind::kAdd, MemberOf(4, true)), MemberRefusal::kNone);
  behind_ = {4};
  EXPECT_EQ(Change(Kind::kPromote, 4), MemberRefusal::kLearnerNotReady);
  behind_ = {};
  EXPECT_EQ(Change(Kind::kPromote, 4), MemberRefusal::kLearnerNotReady) << "it never started";
  ASSERT_EQ(Change(Kind::kRegister, MemberOf(4)), MemberRefusal::kNone);
  EXPECT_EQ(Next({4}).learners, Nodes({4}));
  ASSERT_EQ(Change(Kind::kPromote, 4), MemberRefusal::kNone);
  EXPECT_EQ(Next({4}).voters, Nodes({1, 2, 3, 4}));
  EXPECT_EQ(Change(Kind::kPromote, 4), MemberRefusal::kNotLearner);
}

TEST_F(MemberChangeTest, PlantedVoteWithoutCatchingUp) {
  ASSERT_EQ(Change(Kind::kAdd, MemberOf(4)), MemberRefusal::kNone);
  mutant::Plant(mutant::kM93PromotedWithoutCatchingUp);
  EXPECT_EQ(Next().voters, Nodes({1, 2, 3, 4}));
}

TEST_F(MemberChangeTest, PlantedVoteOfWhoWasRemoved) {
  ASSERT_EQ(Change(Kind::kRemove, 3), MemberRefusal::kNone);
  mutant::Plant(mutant::kM92RemovedStillCounted);
  EXPECT_EQ(Next().voters, Nodes({1, 2, 3}));
}

TEST_F(MemberChangeTest, IdsNeverComeBackAndAddressesAreUnique) {
  EXPECT_EQ(Change(Kind::kAdd, MemberOf(3)), MemberRefusal::kIdExists);
  Member twin = MemberOf(4);
  twin.peers = MemberOf(3).peers;
  EXPECT_EQ(Change(Kind::kAdd, twin), MemberRefusal::kPeersExist);
  twin.peers = {"a:1", "b:1"};
  EXPECT_EQ(Change(Kind::kAdd, twin), MemberRefusal::kBadPeers) << "one per shard";
  ASSERT_EQ(Change(Kind::kRemove, 3), MemberRefusal::kNone);
  EXPECT_EQ(Change(Kind::kAdd, MemberOf(3)), MemberRefusal::kIdExists);
  EXPECT_EQ(Change(Kind::kRemove, 3), MemberRefusal::kNotFound);
  twin.peers = MemberOf(3).peers;
  EXPECT_EQ(Change(Kind::kAdd, twin), MemberRefusal::kNone) << "its place is free";
}

TEST_F(MemberChangeTest, ARemovalThatWouldLoseTheQuorumIsRefused) {
  dead_ = {1};
  EXPECT_EQ(Change(Kind::kRemove, 2), MemberRefusal::kUnhealthy);
  EXPECT_EQ(Change(Kind::kDemote, 2), MemberRefusal::kUnhealthy);
  EXPECT_EQ(Change(Kind::kRemove, 1), MemberRefusal::kNone) << "the dead may go";
}

TEST_F(MemberChangeTest, TheLastVoterStays) {
  configuration_.voters = Nodes({1});
  configuration_.learners = Nodes({2, 3});
  EXPECT_EQ(Change(Kind::kRemove, 1), MemberRefusal::kNoVoterLeft);
  EXPECT_EQ(Change(Kind::kDemote, 1), MemberRefusal::kNoVoterLeft);
  list_.members.clear();
  EXPECT_EQ(Next(), configuration_) << "whatever the list says";
}

TEST_F(MemberChangeTest, WhoIsReplacedVotesUntilItsHeirDoes) {
  ASSERT_EQ(Change({{Kind::kAdd, MemberOf(4)}, {Kind::kRemove, MemberOf(3)}}),
            MemberRefusal::kNone);
  ASSERT_EQ(Change(Kind::kRegister, MemberOf(4)), MemberRefusal::kNone);
  EXPECT_EQ(Next().voters, Nodes({1, 2, 3}));
  EXPECT_FALSE(IsFinal(list_, Next()));
  EXPECT_EQ(Next({4}).voters, Nodes({1, 2, 4})) << "in one step";
  EXPECT_TRUE(IsFinal(list_, Next({4})));
  ASSERT_EQ(Change(Kind::kRemove, 4), MemberRefusal::kNone);
  EXPECT_EQ(Next().voters, Nodes({1, 2})) << "there is nobody to wait for";
}

TEST_F(MemberChangeTest, IfNoVoterStaysTheNewOnesJoinThemFirst) {
  configuration_.voters = Nodes({3});
  configuration_.learners = Nodes({1, 2});
  list_ = InitialList({MemberOf(1, true), MemberOf(2, true), MemberOf(3)});
  ASSERT_EQ(Change({{Kind::kPromote, MemberOf(1)}, {Kind::kDemote, MemberOf(3)}}),
            MemberRefusal::kNone);
  configuration_ = Next({1});
  EXPECT_EQ(configuration_.voters, Nodes({1, 3})) << "the only voter needs an heir";
  EXPECT_EQ(configuration_.learners, Nodes({2}));
  configuration_ = Next({1});
  EXPECT_EQ(configuration_.voters, Nodes({1}));
  EXPECT_EQ(configuration_.learners, Nodes({2, 3}));
  EXPECT_TRUE(IsFinal(list_, configuration_));
}

TEST_F(MemberChangeTest, AllStepsAreTakenOrNone) {
  const MemberList before = list_;
  EXPECT_EQ(Change({{Kind::kAdd, MemberOf(4)}, {Kind::kRemove, MemberOf(9)}}),
            MemberRefusal::kNotFound);
  EXPECT_EQ(list_, before);
}

TEST_F(MemberChangeTest, ADirectoryIsKnownForEver) {
  Member other = MemberOf(2);
  EXPECT_EQ(Change(Kind::kRegister, other), MemberRefusal::kNone);
  EXPECT_EQ(list_.version, 0u) << "that was known";
  other.directories = {77};
  EXPECT_EQ(Change(Kind::kRegister, other), MemberRefusal::kOtherDirectory);
}

TEST_F(MemberChangeTest, WhatAMemberSaysOfItselfIsKept) {
  Member said = MemberOf(2);
  said.name = "two";
  said.client_urls = {"http://h2:2379"};
  ASSERT_EQ(Change(Kind::kPublish, said), MemberRefusal::kNone);
  EXPECT_EQ(list_.Find(NodeId(2))->name, "two");
  Member moved = MemberOf(2);
  moved.peers = {"h7:1"};
  ASSERT_EQ(Change(Kind::kUpdate, moved), MemberRefusal::kNone);
  EXPECT_EQ(list_.Find(NodeId(2))->peers.front(), "h7:1");
  moved.peers = MemberOf(1).peers;
  EXPECT_EQ(Change(Kind::kUpdate, moved), MemberRefusal::kPeersExist);
}

TEST_F(MemberChangeTest, OnlyTheNewestOfTheRemovedKeepMoreThanTheirIds) {
  for (uint64_t id = 10; id < 40; ++id) {
    ASSERT_EQ(Change(Kind::kAdd, MemberOf(id, true)), MemberRefusal::kNone);
    ASSERT_EQ(Change(Kind::kRemove, id), MemberRefusal::kNone);
  }
  EXPECT_EQ(list_.removed.size(), 30u);
  EXPECT_TRUE(list_.removed.front().member.peers.empty());
  EXPECT_FALSE(list_.removed.back().member.peers.empty());
  EXPECT_EQ(Change(Kind::kAdd, MemberOf(10)), MemberRefusal::kIdExists);
}

}  // namespace
}  // namespace lockstep::replica
