#include "sim/cluster/oracle.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace lockstep::sim {
namespace {

constexpr GroupId kGroup(1);

// A disk that holds what the test says.
class FakeImage final : public checkers::DurableImage {
 public:
  std::optional<checkers::RecoveredState> Read(NodeId, GroupId) override { return state; }

  std::optional<checkers::RecoveredState> state = checkers::RecoveredState{};
};

raft::Entry Command(uint64_t index, const std::string& payload) {
  raft::Entry entry;
  entry.term = raft::Term(1);
  entry.index = raft::Index(index);
  entry.kind = raft::EntryKind::kCommand;
  entry.payload = std::make_shared<const std::string>(payload);
  return entry;
}

raft::Raft Alone() {
  raft::Options options;
  options.self = NodeId(1);
  raft::InitialState initial;
  initial.snapshot.configuration.voters = {NodeId(1)};
  initial.configuration = initial.snapshot.configuration;
  return raft::Raft(options, std::move(initial));
}

// Ticks until the core wants something written, shown to the observer.
raft::Persist FirstWrite(raft::Raft& core, replica::ReplicaObserver& observer) {
  for (;;) {
    const raft::Effects effects = core.Tick();
    observer.OnStep(kGroup, core, effects);
    if (effects.persist) return *effects.persist;
  }
}

TEST(Oracle, TwoReplicasThatAnswerTheSameEntryDifferentlyAreFound) {
  FakeImage image;
  Oracle oracle(image);
  oracle.ObserverOf(NodeId(1)).OnApplied(kGroup, Command(1, "add"), "1");
  oracle.ObserverOf(NodeId(2)).OnApplied(kGroup, Command(1, "add"), "1");
  EXPECT_FALSE(oracle.violation());
  oracle.ObserverOf(NodeId(3)).OnApplied(kGroup, Command(1, "add"), "2");
  ASSERT_TRUE(oracle.violation());
  EXPECT_EQ(oracle.violation()->oracle, "deterministic apply");
  EXPECT_EQ(oracle.applied_count(), 3u);
}

TEST(Oracle, ReplicasThatApplyDifferentEntriesAtOneIndexAreFound) {
  FakeImage image;
  Oracle oracle(image);
  oracle.ObserverOf(NodeId(1)).OnApplied(kGroup, Command(1, "one"), "");
  oracle.ObserverOf(NodeId(2)).OnApplied(kGroup, Command(1, "two"), "");
  ASSERT_TRUE(oracle.violation());
  EXPECT_NE(oracle.violation()->oracle, "deterministic apply");
}

TEST(Oracle, OneReplicaThatSkipsAnEntryIsFound) {
  FakeImage image;
  Oracle oracle(image);
  oracle.ObserverOf(NodeId(1)).OnApplied(kGroup, Command(1, "one"), "");
  oracle.ObserverOf(NodeId(1)).OnApplied(kGroup, Command(3, "three"), "");
  EXPECT_TRUE(oracle.violation());
}

TEST(Oracle, DurableWritesThatAPowerLossTakesAreFound) {
  FakeImage image;
  Oracle oracle(image);
  raft::Raft core = Alone();
  replica::ReplicaObserver& observer = oracle.ObserverOf(NodeId(1));
  observer.OnStarted(kGroup, core);
  const raft::Persist write = FirstWrite(core, observer);
  oracle.PowerLost(NodeId(1), kGroup);
  EXPECT_FALSE(oracle.violation()) << "nothing was promised yet";
  observer.OnDurable(kGroup, write.id);
  oracle.PowerLost(NodeId(1), kGroup);
  ASSERT_TRUE(oracle.violation());
  EXPECT_EQ(oracle.violation()->oracle, "durability ledger");
}

TEST(Oracle, AnImageThatCannotBeReadIsAViolation) {
  FakeImage image;
  Oracle oracle(image);
  raft::Raft core = Alone();
  replica::ReplicaObserver& observer = oracle.ObserverOf(NodeId(1));
  observer.OnStarted(kGroup, core);
  observer.OnDurable(kGroup, FirstWrite(core, observer).id);
  image.state.reset();
  oracle.PowerLost(NodeId(1), kGroup);
  EXPECT_TRUE(oracle.violation());
}

TEST(Oracle, TheFirstViolationIsKept) {
  FakeImage image;
  Oracle oracle(image);
  oracle.Report(checkers::Violation{"first", "", ""});
  oracle.Report(std::nullopt);
  oracle.Report(checkers::Violation{"second", "", ""});
  EXPECT_EQ(oracle.violation()->oracle, "first");
}

}  // namespace
}  // namespace lockstep::sim
