#include "sim/cluster/durable_image.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "framework/replica/log.h"
#include "tests/sim/support.h"

namespace lockstep::sim {
namespace {

constexpr ClusterId kCluster(7);
constexpr GroupId kGroup(1);

class Acks final : public replica::LogClient {
 public:
  void OnDurable(raft::WriteId id) override { last = id; }
  raft::WriteId last;
};

raft::Persist Write(uint64_t number) {
  raft::Entry entry;
  entry.term = raft::Term(1);
  entry.index = raft::Index(number);
  entry.kind = raft::EntryKind::kCommand;
  entry.payload = std::make_shared<const std::string>("a command");
  raft::Persist persist;
  persist.id = raft::WriteId(number);
  persist.entries.push_back(std::move(entry));
  persist.hard_state = raft::HardState{raft::Term(1), NodeId(1), raft::Index(0)};
  return persist;
}

// A node that writes a log, and the image of it.
class LoggingNode final {
 public:
  LoggingNode()
      : u(1), image([this](NodeId, GroupId) {
          return LogImage::Place{&u.node(1).disk(), kCluster, ShardId(0), "log"};
        }) {}

  // Appends so many entries, one batch each, and lets them become durable.
  void Log(uint64_t entries) {
    u.Boot(1, [this, entries](Fiber& fiber, runtime::Environment& environment) {
      replica::LogOptions options;
      options.cluster = kCluster;
      options.directory = "log";
      options.segment_bytes = 16 * 1024;
      std::map<GroupId, replica::RecoveredGroup> recovered;
      auto log = replica::Log::Open(fiber, environment, options, &recovered);
      CHECK(log.ok()) << log.status();
      (*log)->Register(kGroup, acks);
      fiber::Scope writer(environment.scheduler);
      writer.Spawn("log", [&](Fiber& writing) { (*log)->Run(writing).IgnoreError(); });
      for (uint64_t i = 1; i <= entries; ++i) {
        (*log)->Append(kGroup, Write(i));
        fiber.SleepFor(Milliseconds(5));
      }
      fiber.SleepFor(Seconds(1'000'000));
    });
    u.world.RunFor(Seconds(3));
  }

  Acks acks;
  CalmUniverse u;
  LogImage image;
};

TEST(LogImage, ANodeThatNeverLoggedHasAnEmptyImage) {
  LoggingNode node;
  const auto state = node.image.Read(NodeId(1), kGroup);
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->entries.empty());
}

TEST(LogImage, HoldsWhatTheLogReportedDurable) {
  LoggingNode node;
  node.Log(20);
  ASSERT_EQ(node.acks.last, raft::WriteId(20));
  const auto state = node.image.Read(NodeId(1), kGroup);
  ASSERT_TRUE(state);
  ASSERT_EQ(state->entries.size(), 20u);
  EXPECT_EQ(state->entries.back().index, raft::Index(20));
  EXPECT_EQ(state->hard_state.vote, NodeId(1));
}

TEST(LogImage, DoesNotHoldWhatIsOnlyInTheCache) {
  LoggingNode node;
  node.u.node(1).disk().Hang(node.u.world.now() + Seconds(1'000));
  node.Log(3);
  const auto state = node.image.Read(NodeId(1), kGroup);
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->entries.empty());
}

TEST(LogImage, DamagedSegmentsCannotBeRead) {
  LoggingNode node;
  node.Log(20);
  SimDiskCore& disk = node.u.node(1).disk();
  const auto names = disk.List("log");
  ASSERT_TRUE(names.ok());
  for (const std::string& name : *names) {
    const InodeRef file = disk.Find("log/" + name);
    const auto point = disk.BeginSync(file);
    ASSERT_TRUE(disk.FinishSync(file, point).ok());
    // Behind the header, before later batches.
    ASSERT_TRUE(disk.Write(file, 4096 + 100, std::string(300, 'x')).ok());
    const auto again = disk.BeginSync(file);
    ASSERT_TRUE(disk.FinishSync(file, again).ok());
  }
  EXPECT_FALSE(node.image.Read(NodeId(1), kGroup));
}

TEST(LogImage, ReadingChangesNothing) {
  LoggingNode node;
  node.Log(5);
  const uint64_t used = node.u.node(1).disk().used_bytes();
  ASSERT_TRUE(node.image.Read(NodeId(1), kGroup));
  const auto again = node.image.Read(NodeId(1), kGroup);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->entries.size(), 5u);
  EXPECT_EQ(node.u.node(1).disk().used_bytes(), used);
}

}  // namespace
}  // namespace lockstep::sim
