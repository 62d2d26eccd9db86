#include "kv/members.h"

#include <gtest/gtest.h>

#include "tests/kv/test_kv.h"

namespace lockstep::kv {
namespace {

etcdserverpb::Member Make(uint64_t id, const std::string& name, const std::string& url) {
  etcdserverpb::Member member;
  member.set_id(id);
  member.set_name(name);
  member.add_clienturls(url);
  return member;
}

auto Publish(TestKv& kv, const etcdserverpb::Member& member) {
  return kv.Call<etcdserverpb::Member>(CommandKind::kPublish, member);
}

auto List(TestKv& kv) {
  return kv.Call<etcdserverpb::MemberListResponse>(CommandKind::kMembers, etcdserverpb::Member(),
                                                   true);
}

TEST(Members, TheLastThatAMemberPublishedCountsInOrderOfIds) {
  TestKv kv;
  Publish(kv, Make(~uint64_t{0}, "z", "http://z:1"));
  Publish(kv, Make(7, "a", "http://a:1"));
  Publish(kv, Make(7, "a", "http://a:2"));
  const auto list = List(kv).response;
  ASSERT_EQ(list.members_size(), 2);
  EXPECT_EQ(list.members(0).clienturls(0), "http://a:2");
  EXPECT_EQ(list.members(1).id(), ~uint64_t{0});
}

TEST(Members, AreNoPartOfTheKeySpace) {
  TestKv kv;
  kv.Put("a", "1");
  Publish(kv, Make(7, "a", "http://a:1"));
  etcdserverpb::RangeRequest all;
  all.set_key(std::string(1, '\0'));
  all.set_range_end(std::string(1, '\0'));
  const auto range = kv.Range(all);
  EXPECT_EQ(range.revision(), 2);
  EXPECT_EQ(range.response.count(), 1);
}

TEST(Members, NonsenseIsRefused) {
  TestKv kv;
  EXPECT_NE(Publish(kv, Make(0, "a", "http://a:1")).code, GrpcCode::kOk);
  EXPECT_NE(Publish(kv, Make(1, std::string(70'000, 'x'), "u")).code, GrpcCode::kOk);
  EXPECT_EQ(List(kv).response.members_size(), 0);
}

}  // namespace
}  // namespace lockstep::kv
