#include "framework/raft/read_index.h"

#include <gtest/gtest.h>

#include <variant>

#include "tests/framework/raft/support.h"

namespace lockstep::raft::testing {
namespace {

size_t Heartbeats(Cluster& cluster) {
  size_t count = 0;
  for (const Message& m : cluster.network()) {
    if (std::holds_alternative<Heartbeat>(m.body)) ++count;
  }
  return count;
}

TEST(ReadIndexQueue, OneRoundServesAllThatWaited) {
  ReadIndexQueue queue;
  queue.Add({ReadId(1), N(1)});
  queue.Add({ReadId(2), N(3)});
  queue.StartRound(Index(5), N(1));
  EXPECT_FALSE(queue.Confirmed(Voters({1, 2, 3})));
  queue.Add({ReadId(3), N(1)});
  queue.Confirm(N(2), 99);
  EXPECT_FALSE(queue.Confirmed(Voters({1, 2, 3}))) << "another round's answer";
  queue.Confirm(N(2), queue.round());
  EXPECT_TRUE(queue.Confirmed(Voters({1, 2, 3})));
  EXPECT_EQ(queue.FinishRound().reads.size(), 2u);
  EXPECT_TRUE(queue.has_waiting());
  EXPECT_EQ(queue.round(), 0u);
  queue.CheckInvariants();
}

TEST(ReadIndexQueue, TakeAllReturnsBothKinds) {
  ReadIndexQueue queue;
  queue.Add({ReadId(1), N(1)});
  queue.StartRound(Index(5), N(1));
  queue.Add({ReadId(2), N(1)});
  EXPECT_EQ(queue.TakeAll().size(), 2u);
  EXPECT_FALSE(queue.in_flight());
  queue.CheckInvariants();
}

TEST(ReadIndex, ConfirmingHeartbeatIsSentAtOnceAndOnce) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.Read(1, 1);
  EXPECT_EQ(Heartbeats(cluster), 2u);
  cluster.Read(1, 2);
  cluster.Read(1, 3);
  EXPECT_EQ(Heartbeats(cluster), 2u) << "they wait for the next round";
  EXPECT_TRUE(cluster.node(1).reads.empty());
  cluster.Settle();
  EXPECT_EQ(cluster.node(1).reads.size(), 3u);
}

TEST(ReadIndex, WaitsUntilAnEntryOfTheOwnTermIsCommitted) {
  Cluster cluster(3);
  cluster.set_drop([](const Message& m) { return std::holds_alternative<AppendReply>(m.body); });
  cluster.Campaign(1);
  cluster.Settle();
  cluster.Read(1, 1);
  cluster.Settle();
  EXPECT_TRUE(cluster.node(1).reads.empty());
  cluster.Heal();
  cluster.RunTicks(10);
  ASSERT_EQ(cluster.node(1).reads.size(), 1u);
  EXPECT_EQ(cluster.node(1).reads[0].index, Index(1));
}

TEST(ReadIndex, DeposedLeaderAnswersNoRead) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.Isolate(1);
  cluster.Read(1, 1);
  cluster.RunTicks(500);
  EXPECT_TRUE(cluster.node(1).reads.empty());
  ASSERT_EQ(cluster.node(1).reads_failed.size(), 1u);
  EXPECT_EQ(cluster.node(1).reads_failed[0], ReadId(1));
}

TEST(ReadIndex, LostHeartbeatIsMadeUpByTheNextTick) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.Read(1, 1);
  cluster.network().clear();
  cluster.RunTicks(10);
  EXPECT_EQ(cluster.node(1).reads.size(), 1u);
}

TEST(ReadIndex, FollowerFailsAReadWhoseAnswerIsLost) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.set_drop(
      [](const Message& m) { return std::holds_alternative<ReadIndexRequest>(m.body); });
  cluster.Read(2, 5);
  cluster.RunTicks(99);
  EXPECT_TRUE(cluster.node(2).reads_failed.empty());
  cluster.RunTicks(1);
  ASSERT_EQ(cluster.node(2).reads_failed.size(), 1u);
  EXPECT_EQ(cluster.node(2).reads_failed[0], ReadId(5));
}

TEST(ReadIndex, FollowerFailsItsReadsWhenTheLeaderIsGone) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.Read(2, 5);
  cluster.Handle(2, cluster.raft(2).LostLeader(N(1)));
  EXPECT_EQ(cluster.node(2).reads_failed.size(), 1u);
  cluster.Read(2, 6);
  EXPECT_EQ(cluster.node(2).reads_failed.size(), 2u) << "nobody to ask";
}

TEST(ReadIndex, AnswerOfAFollowerThatKnowsABetterLeaderIsRefused) {
  Cluster cluster(3);
  cluster.Handle(1, cluster.raft(1).Step(MakeMessage(2, 1, 0, ReadIndexRequest{ReadId(4)})));
  ASSERT_EQ(cluster.network().size(), 1u);
  EXPECT_TRUE(std::get<ReadIndexReply>(cluster.network()[0].body).rejected);
}

TEST(ReadIndex, ConfirmedHeartbeatOfBeforeTheReadDoesNotCount) {
  Cluster cluster(3);
  cluster.Campaign(1);
  cluster.Settle();
  cluster.Handle(1, cluster.raft(1).Step(MakeMessage(2, 1, 1, HeartbeatReply{0})));
  cluster.Read(1, 1);
  cluster.network().clear();
  cluster.Handle(1, cluster.raft(1).Step(MakeMessage(2, 1, 1, HeartbeatReply{0})));
  EXPECT_TRUE(cluster.node(1).reads.empty());
  cluster.Handle(1, cluster.raft(1).Step(MakeMessage(2, 1, 1, HeartbeatReply{1})));
  EXPECT_EQ(cluster.node(1).reads.size(), 1u);
}

}  // namespace
}  // namespace lockstep::raft::testing
