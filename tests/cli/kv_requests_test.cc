#include "cli/kv_requests.h"

#include <gtest/gtest.h>

#include "kv/proto/rpc.pb.h"

namespace lockstep::cli {
namespace {

const std::string kZero(1, '\0');

std::string EndOf(const std::string& prefix) {
  etcdserverpb::RangeRequest request;
  KvFlags flags;
  flags.prefix = true;
  EXPECT_TRUE(FillRange({prefix}, flags, request).ok());
  return request.range_end();
}

TEST(KvRequests, APrefixEndsBeforeTheNextOne) {
  EXPECT_EQ(EndOf("user/"), "user0");
  EXPECT_EQ(EndOf("a\xff\xff"), "b");
  EXPECT_EQ(EndOf("\xff"), kZero);
  EXPECT_EQ(EndOf(""), kZero);
}

TEST(KvRequests, AnEmptyPrefixIsEveryKey) {
  etcdserverpb::DeleteRangeRequest request;
  KvFlags flags;
  flags.prefix = true;
  ASSERT_TRUE(FillDelete({""}, flags, request).ok());
  EXPECT_EQ(request.key(), kZero);
  EXPECT_EQ(request.range_end(), kZero);
}

TEST(KvRequests, FlagsBecomeFields) {
  etcdserverpb::RangeRequest request;
  KvFlags flags;
  flags.order = "descend";
  flags.sort_by = "modify";
  flags.consistency = "s";
  flags.limit = 3;
  flags.revision = 7;
  ASSERT_TRUE(FillRange({"a", "z"}, flags, request).ok());
  EXPECT_EQ(request.sort_order(), etcdserverpb::RangeRequest::DESCEND);
  EXPECT_EQ(request.sort_target(), etcdserverpb::RangeRequest::MOD);
  EXPECT_TRUE(request.serializable());
  EXPECT_EQ(request.range_end(), "z");
  EXPECT_EQ(request.limit(), 3);
  EXPECT_EQ(request.revision(), 7);
}

TEST(KvRequests, ContradictionsAreRefused) {
  etcdserverpb::RangeRequest request;
  KvFlags both;
  both.prefix = both.from_key = true;
  EXPECT_FALSE(FillRange({"a"}, both, request).ok());
  KvFlags prefix;
  prefix.prefix = true;
  EXPECT_FALSE(FillRange({"a", "b"}, prefix, request).ok());
  EXPECT_FALSE(FillRange({""}, {}, request).ok());
  EXPECT_FALSE(FillRange({}, {}, request).ok());
  KvFlags consistency;
  consistency.consistency = "x";
  EXPECT_FALSE(FillRange({"a"}, consistency, request).ok());
}

TEST(KvRequests, PutsTakeAHexadecimalLease) {
  etcdserverpb::PutRequest request;
  KvFlags flags;
  flags.lease = "2a";
  ASSERT_TRUE(FillPut({"k", "v"}, flags, request).ok());
  EXPECT_EQ(request.lease(), 42);
  flags.lease = "yes";
  EXPECT_FALSE(FillPut({"k", "v"}, flags, request).ok());
  EXPECT_FALSE(FillPut({"k"}, {}, request).ok());
}

}  // namespace
}  // namespace lockstep::cli
