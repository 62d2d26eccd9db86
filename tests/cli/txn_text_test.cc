#include <gtest/gtest.h>

#include "cli/kv_requests.h"
#include "kv/proto/rpc.pb.h"

namespace lockstep::cli {
namespace {

using etcdserverpb::Compare;
using etcdserverpb::TxnRequest;

TEST(TxnText, HasThreeListsEndedByEmptyLines) {
  TxnRequest txn;
  ASSERT_TRUE(ParseTxn("ver(\"a\") = \"2\"\nvalue(b) != \"x y\"\n\n"
                       "put a \"1 \\\"2\\\"\"\nget a z --limit=5\n\n"
                       "# nothing there\ndel a --prefix --prev-kv\n",
                       txn)
                  .ok());
  ASSERT_EQ(txn.compare_size(), 2);
  EXPECT_EQ(txn.compare(0).target(), Compare::VERSION);
  EXPECT_EQ(txn.compare(0).version(), 2);
  EXPECT_EQ(txn.compare(1).result(), Compare::NOT_EQUAL);
  EXPECT_EQ(txn.compare(1).value(), "x y");
  ASSERT_EQ(txn.success_size(), 2);
  EXPECT_EQ(txn.success(0).request_put().value(), "1 \"2\"");
  EXPECT_EQ(txn.success(1).request_range().limit(), 5);
  ASSERT_EQ(txn.failure_size(), 1);
  EXPECT_EQ(txn.failure(0).request_delete_range().range_end(), "b");
}

TEST(TxnText, ListsMayBeEmpty) {
  TxnRequest txn;
  ASSERT_TRUE(ParseTxn("\nput a 1\n", txn).ok());
  EXPECT_EQ(txn.compare_size(), 0);
  EXPECT_EQ(txn.success_size(), 1);
  TxnRequest failure_only;
  ASSERT_TRUE(ParseTxn("\n\nput a 1\n", failure_only).ok());
  EXPECT_EQ(failure_only.failure_size(), 1);
}

TEST(TxnText, KeysMayHoldWhatTheGrammarUses) {
  TxnRequest txn;
  ASSERT_TRUE(ParseTxn("mod(\"a)b\") > \"0\"\n\nput \"a b\" \"\"\n", txn).ok());
  EXPECT_EQ(txn.compare(0).key(), "a)b");
  EXPECT_EQ(txn.success(0).request_put().key(), "a b");
}

TEST(TxnText, ErrorsNameTheLine) {
  for (const char* line :
       {"ver(a) = x", "size(a) = 1", "ver a = 1", "ver(a) ~ 1", "ver(\"a) = 1", "ver(a) = 1 2"}) {
    TxnRequest txn;
    const absl::Status status = ParseTxn(std::string("val(k) = v\n") + line + "\n", txn);
    ASSERT_FALSE(status.ok()) << line;
    EXPECT_EQ(status.message().substr(0, 7), "line 2:") << status;
  }
  for (const char* line : {"move a b", "put a", "get a --rev=x", "del", "put \"a"}) {
    TxnRequest txn;
    const absl::Status status = ParseTxn(std::string("\n") + line + "\n", txn);
    ASSERT_FALSE(status.ok()) << line;
    EXPECT_EQ(status.message().substr(0, 7), "line 2:") << status;
  }
}

}  // namespace
}  // namespace lockstep::cli
