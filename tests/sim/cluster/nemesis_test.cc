#include "sim/cluster/nemesis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/sim/support.h"

namespace lockstep::sim {
namespace {

FaultProfile Only(Knob FaultProfile::*knob, uint64_t value) {
  FaultProfile profile = CalmProfile();
  profile.*knob = {kMillion, value, value, value};
  return profile;
}

constexpr uint64_t kMs = 1'000'000;

// Three idle nodes and somebody who is after them.
class Arena final {
 public:
  explicit Arena(const FaultProfile& profile, uint64_t seed = 5)
      : u(3, seed, /*shards=*/1, profile),
        nemesis(
            u.world, u.network, {&u.node(1), &u.node(2), &u.node(3)},
            [this](SimNode& node) { Boot(node); }, [this](SimNode&) { ++power_losses; }) {
    for (auto& node : u.nodes) Boot(*node);
    nemesis.Start();
  }
  // Nodes call back into the arena.
  ~Arena() {
    for (auto& node : u.nodes) node->Kill();
  }

  void Boot(SimNode& node) {
    ++boots;
    node.Boot([this, &node](Fiber& fiber, runtime::Environment& environment) {
      for (;;) {
        fiber.SleepFor(Milliseconds(10));
        const bool gives_up = gave_up.contains(node.id());
        environment.trace.Emit(runtime::TraceLevel::kInfo, gives_up ? "store.set_aside" : "idle",
                               {});
        auto file = environment.disk.Open(fiber, "file", runtime::OpenMode::kCreate);
        if (!file.ok()) {
          file = environment.disk.Open(fiber, "file", runtime::OpenMode::kReadWrite);
        }
        const absl::Status written = (*file)->WriteAndSync(fiber, 0, std::string(100, 'x'));
        full += absl::IsResourceExhausted(written) ? 1 : 0;
      }
    });
  }
  bool AllRun() const {
    for (const auto& node : u.nodes) {
      if (!node->running()) return false;
    }
    return true;
  }
  uint64_t Count(FaultClass fault) { return u.world.faults().of(fault); }

  int boots = 0;
  int power_losses = 0;
  int full = 0;
  std::set<NodeId> gave_up;
  CalmUniverse u;
  Nemesis nemesis;
};

TEST(Nemesis, ACalmProfileBringsNoDisaster) {
  Arena arena(CalmProfile());
  arena.u.world.RunFor(Seconds(60));
  EXPECT_EQ(arena.boots, 3);
  EXPECT_TRUE(arena.AllRun());
}

TEST(Nemesis, NodesThatDieAreBootedAgain) {
  Arena arena(Only(&FaultProfile::kill_every_ns, 2'000 * kMs));
  arena.u.world.RunFor(Seconds(60));
  EXPECT_GT(arena.Count(FaultClass::kKill), 20u);
  EXPECT_GT(arena.boots, 20);
}

TEST(Nemesis, HealingEndsDisastersAndBootsEverybody) {
  FaultProfile profile = Only(&FaultProfile::kill_every_ns, 500 * kMs);
  profile.partition_every_ns = {kMillion, 500 * kMs, 500 * kMs, 0};
  profile.pause_every_ns = {kMillion, 500 * kMs, 500 * kMs, 0};
  Arena arena(profile);
  arena.u.world.RunFor(Seconds(20));
  arena.nemesis.Heal();
  arena.u.world.RunFor(Seconds(60));
  EXPECT_TRUE(arena.AllRun());
  const int boots = arena.boots;
  arena.u.world.RunFor(Seconds(60));
  EXPECT_EQ(arena.boots, boots);
  for (auto& a : arena.u.nodes) {
    for (auto& b : arena.u.nodes) EXPECT_FALSE(arena.u.network.IsCut(a->host(), b->host()));
  }
}

TEST(Nemesis, PowerFailsDuringSyncsAndTheOracleHears) {
  Arena arena(Only(&FaultProfile::power_loss_in_operation_ppm, 20'000));
  arena.u.world.RunFor(Seconds(30));
  EXPECT_GT(arena.power_losses, 10);
  EXPECT_EQ(static_cast<uint64_t>(arena.power_losses), arena.Count(FaultClass::kPowerLoss));
}

TEST(Nemesis, TraceEventsProvokeDisasters) {
  FaultProfile profile = Only(&FaultProfile::trigger_name_percent, 100);
  profile.trigger_fire_ppm = {kMillion, 100'000, 100'000, 0};
  profile.trigger_spacing_ns = {kMillion, 500 * kMs, 500 * kMs, 0};
  Arena arena(profile);
  arena.u.world.RunFor(Seconds(30));
  const uint64_t deaths = arena.Count(FaultClass::kKill) + arena.Count(FaultClass::kPowerLoss);
  EXPECT_GT(deaths, 5u);
  EXPECT_LE(deaths, 60u) << "no two within the spacing";
  EXPECT_GT(arena.Count(FaultClass::kPause), 1u);
}

TEST(Nemesis, DisksFillUpAndGetRoomAgain) {
  FaultProfile profile = Only(&FaultProfile::disk_full_every_ns, 1'000 * kMs);
  profile.disk_full_lasts_ns = {kMillion, 500 * kMs, 500 * kMs, 0};
  Arena arena(profile);
  arena.u.world.RunFor(Seconds(30));
  arena.nemesis.Heal();
  EXPECT_GT(arena.u.node(1).disk().FreeSpace().free_bytes, uint64_t{1} << 30);
}

std::vector<size_t> CoreAfter(const FaultProfile& profile, uint64_t seed) {
  Arena arena(profile, seed);
  arena.u.world.RunFor(Seconds(20));
  arena.nemesis.Heal();
  arena.u.world.RunFor(Seconds(20));
  for (const size_t target : arena.nemesis.core()) {
    EXPECT_TRUE(arena.u.nodes[target]->running()) << "seed " << seed << ", node " << target + 1;
  }
  return arena.nemesis.core();
}

TEST(Nemesis, WithinTheBudgetAMinorityIsLost) {
  bool was_lost[3] = {};
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    const auto core = CoreAfter(Only(&FaultProfile::lost_node_every_ns, 2'000 * kMs), seed);
    ASSERT_GE(core.size(), 2u) << "seed " << seed;
    for (size_t i = 0; i < 3; ++i) {
      was_lost[i] |= std::find(core.begin(), core.end(), i) == core.end();
    }
  }
  EXPECT_TRUE(was_lost[0] && was_lost[1] && was_lost[2]) << "anybody may be the one";
}

TEST(Nemesis, BeyondTheBudgetNobodyHasToBeWhole) {
  FaultProfile profile = Only(&FaultProfile::lost_node_every_ns, 1'000 * kMs);
  profile.beyond_budget = {kMillion, 1, 1, 0};
  EXPECT_TRUE(CoreAfter(profile, 1).empty());
}

TEST(Nemesis, OnlyACoreIsHealedWhileTheRestStaysBroken) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Arena arena(Only(&FaultProfile::core_only, 1), seed);
    arena.u.world.RunFor(Seconds(5));
    arena.nemesis.Heal();
    arena.u.world.RunFor(Seconds(10));
    const std::vector<size_t>& core = arena.nemesis.core();
    ASSERT_EQ(core.size(), 2u);
    const SimNode& a = *arena.u.nodes[core[0]];
    const SimNode& b = *arena.u.nodes[core[1]];
    EXPECT_TRUE(a.running() && b.running());
    EXPECT_FALSE(arena.u.network.IsCut(a.host(), b.host()));
    EXPECT_FALSE(arena.u.network.IsCut(b.host(), a.host()));
    EXPECT_EQ(arena.Count(FaultClass::kCoreHealed), 1u);
  }
}

// Seed 1001013, once: a core of two, one of which waited for what only the broken third had.
TEST(Nemesis, WhoGaveUpItsStateIsNoPartOfALonelyCore) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Arena arena(Only(&FaultProfile::core_only, 1), seed);
    arena.gave_up = {NodeId(2)};
    arena.u.world.RunFor(Seconds(1));
    arena.nemesis.Heal();
    EXPECT_EQ(arena.nemesis.core(), (std::vector<size_t>{0, 2})) << "seed " << seed;
  }
  Arena arena(Only(&FaultProfile::core_only, 1));
  arena.gave_up = {NodeId(1), NodeId(2)};
  arena.u.world.RunFor(Seconds(1));
  arena.nemesis.Heal();
  EXPECT_EQ(arena.nemesis.core().size(), 3u) << "everybody is healed and has to be whole";
  EXPECT_EQ(arena.Count(FaultClass::kCoreHealed), 0u);
}

// What the node's first start leaves on its disk.
void Claim(SimDiskCore& disk) {
  CHECK_OK(disk.CreateDirectory("shard-0"));
  CHECK_OK(disk.Open("shard-0/IDENTITY", runtime::OpenMode::kCreate).status());
  for (const char* directory : {"shard-0", ""}) {
    CHECK_OK(disk.FinishSyncDirectory(directory, disk.BeginSyncDirectory(directory).value()));
  }
}

// Seed 40768: it would be a wiped node under its old identity.
TEST(Nemesis, NoDiskIsSwappedForABlankOne) {
  Arena arena(Only(&FaultProfile::disk_swap_every_ns, 2'000 * kMs));
  Claim(arena.u.nodes[1]->disk());
  arena.u.world.RunFor(Seconds(30));
  EXPECT_EQ(arena.Count(FaultClass::kDiskSwapped), 0u);
}

TEST(Nemesis, SwappedDisksAreGivenBack) {
  Arena arena(Only(&FaultProfile::disk_swap_every_ns, 2'000 * kMs));
  for (uint64_t i = 0; i < 3; ++i) {
    SimDiskCore& disk = arena.u.nodes[i]->disk();
    CHECK_OK(disk.CreateDirectory(absl::StrCat("of-n", i + 1)));
    Claim(disk);
  }
  arena.u.world.RunFor(Seconds(30));
  EXPECT_GT(arena.Count(FaultClass::kDiskSwapped), 3u);
  arena.nemesis.Heal();
  arena.u.world.RunFor(Seconds(5));
  EXPECT_TRUE(arena.AllRun());
  for (uint64_t i = 0; i < 3; ++i) {
    EXPECT_NE(arena.u.nodes[i]->disk().Find(absl::StrCat("of-n", i + 1)), nullptr);
  }
}

TEST(Nemesis, DamageHitsWhatCanBeToldFromATornTail) {
  FaultProfile profile = Only(&FaultProfile::damage_every_ns, 500 * kMs);
  Arena arena(profile);
  // The nodes' one file is overwritten by each sync: all of it is tail.
  arena.u.world.RunFor(Seconds(20));
  EXPECT_EQ(arena.Count(FaultClass::kBitRot) + arena.Count(FaultClass::kLatentSector), 0u);
  arena.nemesis.Heal();
  EXPECT_EQ(arena.nemesis.core().size(), 3u) << "nothing was damaged";
}

}  // namespace
}  // namespace lockstep::sim
