#include "sim/cluster/ambush.h"

#include <gtest/gtest.h>

#include <limits>

#include "framework/base/mutant_on.h"
#include "framework/raft/mutants.h"
#include "sim/cluster/oracle.h"
#include "tests/sim/cluster/small_cluster.h"

namespace lockstep::sim::testing {
namespace {

using mutant::Id;

// Nobody asks what disks hold.
class NoImage final : public checkers::DurableImage {
 public:
  std::optional<checkers::RecoveredState> Read(NodeId, GroupId) override { return std::nullopt; }
};

// Three nodes whose leaders read by lease, an oracle, and an ambush.
class Arena final {
 public:
  explicit Arena(int64_t drift_ppm = 0)
      : oracle_(image_, std::numeric_limits<uint64_t>::max()),
        cluster_(1,
                 [this, drift_ppm](replica::NodeOptions& options) {
                   options.observer = &oracle_.ObserverOf(IdOf(options));
                   options.raft.lease_ns = Seconds(1).count();
                   options.raft.lease_drift_ppm = static_cast<uint32_t>(3 * drift_ppm);
                 }),
        nodes_{&cluster_.node(1), &cluster_.node(2), &cluster_.node(3)},
        ambush_(
            cluster_.world(), cluster_.network(), nodes_, [](SimNode& node) { node.PowerLoss(); },
            [this](SimNode& node) { cluster_.Boot(node.id().value()); }) {
    oracle_.ExpectLeases();
    oracle_.ExpectStepDown(44);  // four election timeouts, and a few
    oracle_.set_on_send([this](GroupId, const raft::Message& message) { ambush_.OnSent(message); });
    for (size_t i = 0; i < nodes_.size(); ++i) {
      nodes_[i]->trace().set_on_emit(
          [this, i](const TraceEvent& event) { ambush_.OnTrace(i, event); });
      nodes_[i]->clock().SetDrift(i == 0 ? -drift_ppm : drift_ppm);
    }
    // As in the simulator: ticks of 10 ms, timeouts of 1 s.
    FaultRates& rates = cluster_.world().rates();
    rates.tick_ns = 10'000'000;
    rates.election_ticks = 100;
    rates.transfer_cut_percent = 100;
    rates.snapshot_break_percent = 100;
  }

  bool AwaitLeader() {
    return cluster_.RunUntil(Seconds(30), [this] { return cluster_.LeaderOf(1) != 0; });
  }
  // The leader is asked to make room for another.
  void HandOver() {
    const uint64_t leader = cluster_.LeaderOf(1);
    const NodeId heir(leader % 3 + 1);
    cluster_.Spawn(leader, [this, leader, heir](Fiber& fiber) {
      (void)cluster_.replica(leader)->TransferLeadership(fiber, heir, fiber.now() + Seconds(1));
    });
    cluster_.world().RunFor(Seconds(4));
    cluster_.EndWork();
  }
  void BesiegeOften() {
    for (uint64_t i = 0; i < 25 && AwaitLeader() && !Found(); ++i) {
      ambush_.Besiege(i);
      cluster_.world().RunFor(Seconds(7));
    }
  }
  bool Found() const { return oracle_.violation().has_value(); }
  std::string Oracle() const { return Found() ? oracle_.violation()->oracle : ""; }
  uint64_t Count(FaultClass fault) { return cluster_.world().faults().of(fault); }
  SmallCluster& cluster() { return cluster_; }
  Ambush& ambush() { return ambush_; }

 private:
  static NodeId IdOf(const replica::NodeOptions& options) {
    for (const auto& [id, addresses] : options.members) {
      if (addresses == options.peer_advertise) return id;
    }
    return NodeId(0);
  }

  NoImage image_;
  sim::Oracle oracle_;
  SmallCluster cluster_;
  std::vector<SimNode*> nodes_;
  Ambush ambush_;
};

class PlantedBug final {
 public:
  explicit PlantedBug(Id bug) { mutant::Plant(bug); }
  ~PlantedBug() { mutant::Plant(Id::kNone); }
};

TEST(Ambush, ALeaseThatIsKeptInATransferIsSeen) {
  for (const Id bug : {Id::kNone, mutant::kM141LeaseKeptInTransfer}) {
    const PlantedBug planted(bug);
    Arena arena;
    for (int i = 0; i < 8 && !arena.Found(); ++i) {
      ASSERT_TRUE(arena.AwaitLeader()) << "the cut does not last";
      arena.HandOver();
    }
    EXPECT_GE(arena.Count(FaultClass::kTransferCut), 1u);
    EXPECT_EQ(arena.Oracle(), bug == Id::kNone ? "" : "lease");
  }
}

TEST(Ambush, ASiegeShowsPromisesThatAreCountedTooLongOrForgotten) {
  for (const Id bug : {Id::kNone, mutant::kM140LeaseFromReceipt, mutant::kM145PromiseForgotten}) {
    const PlantedBug planted(bug);
    Arena arena;
    arena.BesiegeOften();
    EXPECT_EQ(arena.Oracle(), bug == Id::kNone ? "" : "lease") << static_cast<int>(bug);
    if (bug != Id::kNone) continue;
    EXPECT_GT(arena.Count(FaultClass::kLeaderBesieged), 15u);
    EXPECT_GT(arena.Count(FaultClass::kAnswersHeld), 3u);
    EXPECT_GT(arena.Count(FaultClass::kVoterRestarted), 3u);
  }
}

TEST(Ambush, ALeaderWhomNobodyAnswersMustNotLeadOn) {
  for (const Id bug : {Id::kNone, mutant::kM46NoPreVote}) {
    const PlantedBug planted(bug);
    Arena arena;
    ASSERT_TRUE(arena.AwaitLeader());
    const HostId leader = arena.cluster().node(arena.cluster().LeaderOf(1)).host();
    for (uint64_t id = 1; id <= 3; ++id) {
      const HostId other = arena.cluster().node(id).host();
      if (other != leader) arena.cluster().network().Cut(other, leader);
    }
    arena.cluster().world().RunFor(Seconds(6));
    EXPECT_EQ(arena.Oracle(), bug == Id::kNone ? "" : "check quorum");
  }
}

TEST(Ambush, ASiegeShowsThatClocksAreTrustedTooMuch) {
  for (const Id bug : {Id::kNone, mutant::kM142LeaseIgnoresDrift}) {
    const PlantedBug planted(bug);
    Arena arena(/*drift_ppm=*/150'000);
    arena.BesiegeOften();
    EXPECT_EQ(arena.Oracle(), bug == Id::kNone ? "" : "lease");
  }
}

TEST(Ambush, ASnapshotIsInterruptedAsLongAsItIsUnderWay) {
  uint64_t broken = 0;
  for (int i = 0; i < 10; ++i) {
    Arena arena;
    ASSERT_TRUE(arena.AwaitLeader());
    arena.ambush().OnSnapshot(0, 1);
    arena.cluster().world().RunFor(Seconds(3));
    broken += arena.Count(FaultClass::kSnapshotBroken);
    const runtime::TraceField to[] = {{"to", uint64_t{2}}};
    arena.ambush().OnSnapshot(0, 1);
    arena.ambush().OnTrace(0, {NodeId(1), ShardId(0), runtime::TraceLevel::kInfo, "snapshot.sent",
                               absl::MakeConstSpan(to)});
    const uint64_t before = arena.Count(FaultClass::kSnapshotBroken);
    arena.cluster().world().RunFor(Seconds(3));
    EXPECT_EQ(arena.Count(FaultClass::kSnapshotBroken), before);
  }
  EXPECT_GE(broken, 10u);
}

// The first one is given up for the second.
TEST(Ambush, TwoSnapshotsForOneFollowerDoNotKeepEachOtherFromArriving) {
  SmallCluster cluster(1, [](replica::NodeOptions& options) {
    options.snapshots.chunk_bytes = 1;
    options.snapshots.bytes_per_second = 300;
  });
  ASSERT_TRUE(cluster.RunUntil(Seconds(10), [&] { return cluster.LeaderOf(1) != 0; }));
  const uint64_t leader = cluster.LeaderOf(1);
  const uint64_t follower = leader % 3 + 1;
  int arrived = 0;
  cluster.node(follower).trace().set_on_emit([&](const TraceEvent& event) {
    const auto* status =
        event.fields.size() < 2 ? nullptr : std::get_if<std::string_view>(&event.fields[1].value);
    if (event.name == "snapshot.received" && status != nullptr && *status == "OK") ++arrived;
  });
  replica::PeerLink& peers = *cluster.shard(leader);
  peers.StartSnapshot(GroupId(1), NodeId(follower));
  cluster.world().RunFor(Milliseconds(300));
  peers.StartSnapshot(GroupId(1), NodeId(follower));
  EXPECT_TRUE(cluster.RunUntil(Seconds(30), [&] { return arrived > 0; }));
  cluster.world().RunFor(Seconds(10));
  EXPECT_EQ(arrived, 1);
}

TEST(Ambush, WhoCountsByAJointConfigurationIsCutOffAndStartsAgainFromAFlushedState) {
  Arena arena;
  arena.cluster().world().rates().joint_split_percent = 100;
  ASSERT_TRUE(arena.AwaitLeader());
  const uint64_t leader = arena.cluster().LeaderOf(1);
  SimNode& node = arena.cluster().node(leader);
  const uint64_t incarnation = node.incarnation();
  const runtime::TraceField joint[] = {
      {"group", uint64_t{1}}, {"index", uint64_t{3}}, {"outgoing", uint64_t{3}}};
  arena.ambush().OnTrace(leader - 1, {node.id(), ShardId(0), runtime::TraceLevel::kInfo,
                                      "raft.configuration", absl::MakeConstSpan(joint)});
  arena.cluster().world().RunFor(Milliseconds(1));
  EXPECT_EQ(arena.Count(FaultClass::kJointSplit), 1u);
  EXPECT_TRUE(node.fault_points().Fire("replica.eager_compaction")) << "demanded";
  EXPECT_FALSE(
      arena.cluster().node(leader % 3 + 1).fault_points().Fire("replica.eager_compaction"));
  arena.cluster().world().RunFor(Seconds(20));
  EXPECT_GT(node.incarnation(), incarnation);
  EXPECT_FALSE(node.fault_points().Fire("replica.eager_compaction")) << "no more";
  EXPECT_TRUE(arena.AwaitLeader()) << "the cut does not last";
}

TEST(Ambush, WhenItIsOverNobodyIsStruck) {
  Arena arena;
  ASSERT_TRUE(arena.AwaitLeader());
  arena.ambush().Stop();
  arena.ambush().Besiege(0);
  arena.ambush().OnSnapshot(0, 1);
  arena.HandOver();
  EXPECT_EQ(arena.Count(FaultClass::kTransferCut), 0u);
  EXPECT_EQ(arena.Count(FaultClass::kLeaderBesieged), 0u);
  EXPECT_EQ(arena.Count(FaultClass::kSnapshotBroken), 0u);
}

}  // namespace
}  // namespace lockstep::sim::testing
