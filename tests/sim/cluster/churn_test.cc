#include "sim/cluster/churn.h"

#include <gtest/gtest.h>

#include "framework/raft/types.h"
#include "tests/sim/support.h"

namespace lockstep::sim {
namespace {

FaultProfile ChurningProfile() {
  FaultProfile profile = CalmProfile();
  profile.churn_percent = {kMillion, 100, 100, 0};
  return profile;
}

// Nodes that only claim to lead.
class Arena final {
 public:
  explicit Arena(const FaultProfile& profile, uint64_t seed = 1)
      : u(3, seed, /*shards=*/1, profile),
        nodes{&u.node(1), &u.node(2), &u.node(3)},
        churn(
            u.world, u.network, nodes, [](SimNode& node) { node.PowerLoss(); },
            [this](SimNode& node) { Boot(node); }) {
    for (SimNode* node : nodes) Boot(*node);
  }
  ~Arena() {
    for (SimNode* node : nodes) node->Kill();
  }
  void Boot(SimNode& node) {
    node.Boot([](Fiber& fiber, runtime::Environment&) { fiber.SleepFor(Seconds(1'000)); });
  }
  void Emit(size_t target, std::string_view name, raft::Role role, uint64_t term) {
    const runtime::TraceField fields[] = {{"role", static_cast<int>(role)}, {"term", term}};
    churn.OnTrace(target, {nodes[target]->id(), ShardId(0), runtime::TraceLevel::kInfo, name,
                           absl::MakeConstSpan(fields)});
  }
  bool IsWhole() {
    for (SimNode* a : nodes) {
      if (!a->running()) return false;
      for (SimNode* b : nodes) {
        if (u.network.IsCut(a->host(), b->host())) return false;
      }
    }
    return true;
  }
  uint64_t strikes() { return u.world.faults().of(FaultClass::kLeaderStruck); }

  CalmUniverse u;
  std::vector<SimNode*> nodes;
  LeaderChurn churn;
};

TEST(LeaderChurn, EveryNewLeaderIsStruckSoon) {
  uint64_t struck_within_a_moment = 0;
  uint64_t struck = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Arena arena(ChurningProfile(), seed);
    arena.Emit(0, "raft.role", raft::Role::kLeader, 7);
    for (int i = 0; i < 12; ++i) {
      arena.Emit(0, "log.durable", raft::Role::kFollower, 0);
      arena.churn.OnSent(0);
    }
    arena.u.world.RunFor(Milliseconds(10));
    struck_within_a_moment += arena.strikes() > 0 ? 1 : 0;
    arena.u.world.RunFor(Seconds(3));
    struck += arena.strikes() > 0 ? 1 : 0;
  }
  EXPECT_GT(struck_within_a_moment, 25u);
  EXPECT_GT(struck, 35u);
}

TEST(LeaderChurn, FollowersAreLeftAlone) {
  Arena arena(ChurningProfile());
  arena.Emit(0, "raft.role", raft::Role::kFollower, 7);
  arena.Emit(1, "raft.role", raft::Role::kPreCandidate, 7);
  arena.u.world.RunFor(Seconds(10));
  EXPECT_EQ(arena.strikes(), 0u);
  EXPECT_TRUE(arena.IsWhole());
}

TEST(LeaderChurn, WhoWasStruckComesBack) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Arena arena(ChurningProfile(), seed);
    arena.Emit(2, "raft.role", raft::Role::kLeader, 3);
    arena.u.world.RunFor(Milliseconds(2'500));
    arena.churn.Stop();
    arena.u.world.RunFor(Seconds(30));
    EXPECT_TRUE(arena.IsWhole()) << "seed " << seed;
  }
}

TEST(LeaderChurn, WithoutTheClassNobodyIsStruck) {
  Arena arena(CalmProfile());
  arena.Emit(0, "raft.role", raft::Role::kLeader, 7);
  arena.u.world.RunFor(Seconds(10));
  EXPECT_EQ(arena.strikes(), 0u);
}

}  // namespace
}  // namespace lockstep::sim
