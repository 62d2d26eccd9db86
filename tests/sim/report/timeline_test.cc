#include "sim/report/timeline.h"

#include <gtest/gtest.h>

#include "sim/report/ascii.h"

namespace lockstep::sim {
namespace {

constexpr int64_t kMs = 1'000'000;

VirtualTime At(int64_t ms) { return {ms * kMs}; }

void Happens(Timeline& timeline, int64_t ms, std::string_view what, std::string_view where,
             std::string_view peer = "", int64_t until_ms = 0) {
  timeline.OnHappening(
      At(ms), {.what = what, .where = where, .peer = peer, .until = At(until_ms), .amount = 0});
}

void Becomes(Timeline& timeline, int64_t ms, uint64_t node, std::string_view role, uint64_t term,
             uint64_t applied) {
  timeline.OnReplica(At(ms), {NodeId(node), role, term, applied, applied, applied});
}

MessageFacts Message(bool arrives, uint64_t identity = 7) {
  MessageFacts facts;
  facts.from = NodeId(1);
  facts.to = NodeId(2);
  facts.arrives = arrives;
  facts.kind = "heartbeat";
  facts.identity = identity;
  return facts;
}

OperationFacts Put(uint64_t id, uint32_t client, std::string key, std::string value) {
  OperationFacts facts;
  facts.id = id;
  facts.client = client;
  facts.endpoint = "n1:2379";
  facts.words = "put of " + key + " = " + value;
  facts.keys = {key};
  facts.token = value;
  return facts;
}

TEST(Timeline, AMessageThatArrivesIsTheOneThatWasSent) {
  Timeline timeline;
  timeline.OnMessage(At(1), Message(false));
  timeline.OnMessage(At(2), Message(false));
  timeline.OnMessage(At(3), Message(true, 8));  // nobody sent that
  timeline.OnMessage(At(4), Message(true));
  ASSERT_EQ(timeline.messages().size(), 2u);
  EXPECT_EQ(timeline.messages()[0].arrived, 4 * kMs);
  EXPECT_EQ(timeline.messages()[1].arrived, kNotYet);
}

TEST(Timeline, WhatWasLostLongAgoGivesWayToAnEqualMessage) {
  Timeline timeline;
  timeline.OnMessage(At(1), Message(false));
  timeline.OnMessage(At(2'000), Message(false));
  timeline.OnMessage(At(2'001), Message(true));
  EXPECT_EQ(timeline.messages()[0].arrived, kNotYet);
  EXPECT_EQ(timeline.messages()[1].arrived, 2'001 * kMs);
}

TEST(Timeline, KeepsTheNewestMessagesAndStillKnowsWhichArrive) {
  Timeline timeline({.messages_max = 3, .lines_max = 3, .faults_max = 3});
  for (uint64_t i = 0; i < 10; ++i) timeline.OnMessage(At(1), Message(false, i));
  timeline.OnMessage(At(2), Message(true, 0));
  timeline.OnMessage(At(3), Message(true, 9));
  ASSERT_EQ(timeline.messages().size(), 3u);
  EXPECT_EQ(timeline.messages()[2].arrived, 3 * kMs);
}

TEST(Timeline, AStateThatDidNotChangeIsNoNews) {
  Timeline timeline;
  Becomes(timeline, 1, 1, "follower", 1, 5);
  Becomes(timeline, 2, 1, "follower", 1, 5);
  Becomes(timeline, 3, 1, "follower", 1, 6);
  EXPECT_EQ(timeline.states().size(), 2u);
}

TEST(Timeline, OperationsOffendByTheirInstantOrByWhatTheyWrote) {
  Timeline timeline;
  timeline.OnInvoked({1'234'567}, Put(1, 0, "k1", "c1-1"));
  timeline.OnInvoked({2'234'567}, Put(2, 1, "k1", "c1-11"));
  timeline.OnInvoked({3'234'567}, Put(3, 2, "k2", "c3-1"));
  timeline.MarkOffenders("client 0 at 1234567, but c1-11 was there, at 32345678");
  EXPECT_TRUE(timeline.operations()[0].offends);
  EXPECT_TRUE(timeline.operations()[1].offends);
  EXPECT_FALSE(timeline.operations()[2].offends);
}

TEST(Timeline, AnOperationKnowsItsLogEntry) {
  Timeline timeline;
  timeline.OnInvoked(At(1), Put(1, 0, "k1", "c1-1"));
  timeline.OnApplied(At(2), NodeId(1), 17, "[k1][c1-1]");
  timeline.OnApplied(At(3), NodeId(2), 18, "c1-1 again");
  EXPECT_EQ(timeline.operations()[0].index, 17u);
}

TEST(Ascii, HasAColumnPerNodeAndTellsWhatHappened) {
  Timeline timeline;
  for (const char* node : {"n1", "n2"}) Happens(timeline, 0, "node.boot", node);
  Becomes(timeline, 10, 1, "leader", 1, 0);
  Becomes(timeline, 11, 2, "follower", 1, 0);
  Happens(timeline, 20, "node.power_loss", "n1");
  timeline.OnInvoked(At(30), Put(1, 1, "k1", "c2-1"));
  timeline.OnReturned(At(40), 1, "");
  EXPECT_EQ(AsciiTimeline(timeline),
            "        t  n1                  n2                  clients and disasters\n"
            "   0.010s  L t1 c0 a0          starting            n1 leads term 1\n"
            "   0.011s  L t1 c0 a0          F t1 c0 a0          \n"
            "   0.020s  down                F t1 c0 a0          n1 loses power\n"
            "   0.030s  down                F t1 c0 a0          c2 put of k1 = c2-1 -> n1:2379\n"
            "   0.040s  down                F t1 c0 a0          c2 is told: unknown\n");
  EXPECT_EQ(DisasterList(timeline), " 0.020s  n1 loses power\n");
  EXPECT_EQ(HappenedIn(timeline, 15 * kMs, 25 * kMs), "n1 loses power");
}

TEST(Ascii, OfManyRowsShowsTheLast) {
  Timeline timeline;
  Happens(timeline, 0, "node.boot", "n1");
  for (int64_t i = 1; i <= 100; ++i) Happens(timeline, i, "clock.step", "n1");
  const std::string text = AsciiTimeline(timeline, 10);
  EXPECT_NE(text.find("(90 rows before)"), std::string::npos);
  EXPECT_EQ(text.find("0.090s"), std::string::npos);
  EXPECT_NE(text.find("0.100s"), std::string::npos);
}

TEST(Words, OfAVerdictArePeoples) {
  EXPECT_EQ(ShowVerdict("client 0 called get at 3100000000, index 17"),
            "client c1 called get at 3.100s, index 17");
}

TEST(Words, OfADisasterThatIsNewAreItsName) {
  Timeline::Event event;
  event.what = "disk.rot";
  event.where = "n3";
  EXPECT_EQ(ShowEvent(event), "disk.rot n3");
  event.what = "link.cut";
  event.peer = "n1";
  EXPECT_EQ(ShowEvent(event), "cut n3 to n1");
}

}  // namespace
}  // namespace lockstep::sim
