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

raft::Raft Alone(NodeId self = NodeId(1)) {
  raft::Options options;
  options.self = self;
  raft::InitialState initial;
  initial.snapshot.configuration.voters = {self};
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

// An oracle that has seen three nodes start.
class Watched final {
 public:
  Watched() : oracle(image) {
    for (uint64_t node = 1; node <= 3; ++node) {
      oracle.ObserverOf(NodeId(node)).OnStarted(kGroup, Alone(NodeId(node)));
    }
  }
  void Apply(uint64_t node, const raft::Entry& entry, std::string_view result) {
    oracle.ObserverOf(NodeId(node)).OnApplied(kGroup, entry, result);
  }

  FakeImage image;
  Oracle oracle;
};

// Ticks until the core, which is alone, has committed its first entry.
void CommitFirstEntry(raft::Raft& core, replica::ReplicaObserver& observer) {
  while (core.commit() < raft::Index(1)) {
    raft::Persist write = FirstWrite(core, observer);
    for (std::optional<raft::Persist> next = std::move(write); next;) {
      observer.OnDurable(kGroup, next->id);
      const raft::Effects effects = core.Persisted(next->id);
      observer.OnStep(kGroup, core, effects);
      next = effects.persist;
    }
  }
}

TEST(Oracle, AnEntryThatIsAnsweredDifferentlyElsewhereIsFound) {
  FakeImage image;
  Oracle oracle(image);
  raft::Raft core = Alone();
  replica::ReplicaObserver& observer = oracle.ObserverOf(NodeId(1));
  observer.OnStarted(kGroup, core);
  CommitFirstEntry(core, observer);
  const raft::Entry entry = core.EntryAt(raft::Index(1));
  observer.OnApplied(kGroup, entry, "1");
  // Another replica, which learned the same entry.
  replica::ReplicaObserver& other = oracle.ObserverOf(NodeId(2));
  other.OnStarted(kGroup, Alone(NodeId(2)));
  EXPECT_FALSE(oracle.violation()) << *oracle.violation();
  other.OnApplied(kGroup, entry, "2");
  ASSERT_TRUE(oracle.violation());
  EXPECT_EQ(oracle.violation()->oracle, "deterministic apply");
  EXPECT_EQ(oracle.applied_count(), 2u);
}

TEST(Oracle, ReplicasThatApplyDifferentEntriesAtOneIndexAreFound) {
  Watched watched;
  watched.Apply(1, Command(1, "one"), "");
  watched.Apply(2, Command(1, "two"), "");
  ASSERT_TRUE(watched.oracle.violation());
  EXPECT_NE(watched.oracle.violation()->oracle, "deterministic apply");
}

TEST(Oracle, OneReplicaThatSkipsAnEntryIsFound) {
  Watched watched;
  watched.Apply(1, Command(1, "one"), "");
  watched.Apply(1, Command(3, "three"), "");
  EXPECT_TRUE(watched.oracle.violation());
}

TEST(Oracle, DurableWritesThatAPowerLossTakesAreFound) {
  FakeImage image;
  Oracle oracle(image);
  raft::Raft core = Alone();
  replica::ReplicaObserver& observer = oracle.ObserverOf(NodeId(1));
  observer.OnStarted(kGroup, core);
  const raft::Persist write = FirstWrite(core, observer);
  oracle.CheckImage(NodeId(1), kGroup);
  EXPECT_FALSE(oracle.violation()) << "nothing was promised yet";
  observer.OnDurable(kGroup, write.id);
  oracle.CheckImage(NodeId(1), kGroup);
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
  oracle.CheckImage(NodeId(1), kGroup);
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
