// Calls to groups that are not up. (Calls that cross shards and succeed:
// tests/examples/bank_test.cc, where every universe with two shards is made of them.)
#include "framework/replica/group_client.h"

#include <gtest/gtest.h>

#include <deque>
#include <utility>

#include "tests/framework/replica/log_test_support.h"
#include "tests/framework/replica/support.h"

namespace lockstep::replica {
namespace {

// Holds posts until the test delivers them.
class HeldMailbox final : public runtime::Mailbox {
 public:
  void Post(ShardId to, absl::AnyInvocable<void()> deliver) override {
    posts.emplace_back(to, std::move(deliver));
  }
  uint32_t shard_count() const override { return 2; }
  void DeliverAll() {
    while (!posts.empty()) {
      auto deliver = std::move(posts.front().second);
      posts.pop_front();
      deliver();
    }
  }
  std::deque<std::pair<ShardId, absl::AnyInvocable<void()>>> posts;
};

class GroupClientTest : public testing::Test {
 protected:
  // Asks from shard 0 about a group of shard `group % 2`.
  absl::StatusOr<std::string> Propose(GroupId group, bool deliver) {
    absl::StatusOr<std::string> result{absl::UnknownError("pending")};
    RunInFiber([&](Fiber& fiber) {
      runtime::Environment environment{
          NodeId(1), ShardId(0), fiber.scheduler(), forbidden_, forbidden_, forbidden_,
          disk_,     forbidden_, mailbox_,          forbidden_, trace_};
      GroupClient client(environment, directory_, group);
      fiber::Scope scope(fiber.scheduler());
      bool done = false;
      scope.Spawn("ask", [&](Fiber& asking) {
        result = client.Propose(asking, "command", asking.now() + Seconds(2));
        done = true;
      });
      fiber.SleepFor(Seconds(1));
      if (deliver) mailbox_.DeliverAll();
      fiber.SleepFor(Seconds(2));
      CHECK(done);
    });
    return result;
  }

  Forbidden forbidden_;
  MemoryDisk disk_;
  NoTrace trace_;
  HeldMailbox mailbox_;
  ShardDirectory directory_{2};
};

TEST_F(GroupClientTest, GroupsAreSpreadOverTheShardsByTheirIds) {
  EXPECT_EQ(directory_.ShardOf(GroupId(1)), ShardId(1));
  EXPECT_EQ(directory_.ShardOf(GroupId(2)), ShardId(0));
  EXPECT_EQ(ShardDirectory(1).ShardOf(GroupId(1)), ShardId(0));
}

TEST_F(GroupClientTest, AGroupOfThisShardThatIsNotUpIsUnavailableAtOnce) {
  EXPECT_TRUE(absl::IsUnavailable(Propose(GroupId(2), false).status()));
  EXPECT_TRUE(mailbox_.posts.empty());
}

TEST_F(GroupClientTest, AShardThatDoesNotAnswerEndsTheCallAtItsDeadline) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(Propose(GroupId(1), false).status()));
  ASSERT_EQ(mailbox_.posts.size(), 1u);
  EXPECT_EQ(mailbox_.posts.front().first, ShardId(1));
  mailbox_.DeliverAll();  // nobody is there any more: it must not matter
}

TEST_F(GroupClientTest, AShardThatIsNotUpIsNotWaitedForBeyondTheDeadline) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(Propose(GroupId(1), true).status()));
}

}  // namespace
}  // namespace lockstep::replica
