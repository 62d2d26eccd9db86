// More than nodes have room for: what they hold stays bounded, and who asks is told at once.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "framework/base/limits.h"
#include "framework/base/mutant_on.h"
#include "framework/replica/mutants.h"
#include "tests/sim/cluster/small_cluster.h"

namespace lockstep::sim::testing {
namespace {

constexpr uint64_t kRetained = 8 * 1024;
constexpr size_t kCommandBytes = 1000;
// What a follower takes at once, and an envelope.
constexpr uint64_t kAtOnce = 4096 + 200;
constexpr Duration kNever = Seconds(1'000'000);

// Small logs; node 3 leads only if it must, and may be one that never flushes.
SmallCluster::Adjust SmallLogs(Duration compaction, Duration compaction_of_third) {
  return [=](replica::NodeOptions& options) {
    const bool is_third = options.peer_advertise.front() == "n3:2380";
    options.log_bytes_retained = kRetained;
    options.compaction_interval = is_third ? compaction_of_third : compaction;
    options.raft.append_bytes_max = 4096;
    if (is_third) options.raft.first_election_ticks = 90;
  };
}

struct Answers final {
  uint64_t applied = 0;
  uint64_t refused = 0;
  uint64_t others = 0;
  Duration longest{0};
};

// So many clients of the node; each asks again as soon as it is answered, a refused one later.
void Load(SmallCluster& cluster, uint64_t id, int clients, Answers& answers) {
  for (int i = 0; i < clients; ++i) {
    cluster.Spawn(id, [&cluster, &answers, id](Fiber& fiber) {
      for (;;) {
        const MonoTime began = fiber.now();
        const auto answer = cluster.replica(id)->Propose(fiber, std::string(kCommandBytes, 'c'),
                                                         began + Seconds(5));
        answers.longest = std::max(answers.longest, fiber.now() - began);
        const bool is_refused = absl::IsResourceExhausted(answer.status());
        ++(answer.ok() ? answers.applied : is_refused ? answers.refused : answers.others);
        if (!answer.ok()) fiber.SleepFor(Milliseconds(20));
      }
    });
  }
}

// The most that a node holds of its log, while that long goes by.
uint64_t MostLog(SmallCluster& cluster, uint64_t id, Duration length) {
  uint64_t most = 0;
  const VirtualTime end = cluster.world().now() + length;
  while (cluster.world().now() < end) {
    cluster.world().RunFor(Milliseconds(5));
    most = std::max(most, cluster.replica(id)->held().log);
  }
  return most;
}

uint64_t AppliedAt(SmallCluster& cluster, uint64_t id) {
  return cluster.replica(id)->status().applied.value();
}

TEST(Overload, WhoAsksForMoreThanTheLogHasRoomForIsToldAtOnce) {
  // Nothing is ever flushed, so nothing of the log can be forgotten.
  SmallCluster cluster(1, SmallLogs(kNever, kNever));
  ASSERT_TRUE(cluster.RunUntil(Seconds(10), [&] { return cluster.AllHaveLeaders(); }));
  Answers answers;
  for (uint64_t id = 1; id <= 3; ++id) Load(cluster, id, 8, answers);
  const uint64_t most = MostLog(cluster, cluster.LeaderOf(1), Seconds(3));
  cluster.EndWork();
  EXPECT_GE(answers.applied, limits::kLogFull * kRetained / (kCommandBytes + 200));
  EXPECT_GT(answers.refused, 100u);
  EXPECT_EQ(answers.others, 0u);
  EXPECT_LT(answers.longest, Milliseconds(200)) << "nobody waits for a deadline";
  EXPECT_GE(most, limits::kLogFull * kRetained);
  EXPECT_LE(most, limits::kLogFull * kRetained + 24 * (kCommandBytes + 200));
}

TEST(Overload, ALogThatIsFlushedTakesAllThatComes) {
  SmallCluster cluster(1, SmallLogs(Milliseconds(40), Milliseconds(40)));
  ASSERT_TRUE(cluster.RunUntil(Seconds(10), [&] { return cluster.AllHaveLeaders(); }));
  Answers answers;
  for (uint64_t id = 1; id <= 3; ++id) Load(cluster, id, 2, answers);
  cluster.world().RunFor(Seconds(3));
  cluster.EndWork();
  EXPECT_GT(answers.applied, 20 * limits::kLogFull * kRetained / kCommandBytes);
  EXPECT_EQ(answers.others, 0u);
}

TEST(Overload, TheLeadersLogDoesNotWaitForAFollowerThatIsFarBehind) {
  SmallCluster cluster(1, SmallLogs(Milliseconds(40), Milliseconds(40)));
  ASSERT_TRUE(cluster.RunUntil(Seconds(10), [&] { return cluster.AllHaveLeaders(); }));
  const uint64_t leader = cluster.LeaderOf(1);
  const uint64_t follower = leader % 3 + 1;
  for (uint64_t id = 1; id <= 3; ++id) {
    if (id == follower) continue;
    cluster.network().CutBoth(cluster.node(id).host(), cluster.node(follower).host());
  }
  Answers answers;
  Load(cluster, leader, 4, answers);
  const uint64_t most = MostLog(cluster, leader, Seconds(5));
  cluster.EndWork();
  const uint64_t written = answers.applied * kCommandBytes;
  ASSERT_GT(written, 50 * kRetained) << "it has not fallen far behind";
  EXPECT_LE(most, limits::kLogHeldMax * kRetained + 8 * kCommandBytes);
  EXPECT_LT(AppliedAt(cluster, follower) + written / kCommandBytes / 2, AppliedAt(cluster, leader));
  cluster.network().RestoreAll();
  EXPECT_TRUE(cluster.RunUntil(Seconds(10), [&] {
    return AppliedAt(cluster, follower) == AppliedAt(cluster, leader);
  })) << "it comes back, by a snapshot";
}

// Cut off until it needs a snapshot, the follower gets one, slowly, while requests go on.
TEST(Overload, ASnapshotArrivesBeforeTheLogBehindItIsCut) {
  SmallCluster cluster(1, [](replica::NodeOptions& options) {
    SmallLogs(Milliseconds(40), Milliseconds(40))(options);
    options.snapshots.chunk_bytes = 100;
    options.snapshots.bytes_per_second = 10'000;
  });
  ASSERT_TRUE(cluster.RunUntil(Seconds(10), [&] { return cluster.AllHaveLeaders(); }));
  const uint64_t leader = cluster.LeaderOf(1);
  const uint64_t follower = leader % 3 + 1;
  const uint64_t other = 6 - leader - follower;
  cluster.network().CutBoth(cluster.node(leader).host(), cluster.node(follower).host());
  cluster.network().CutBoth(cluster.node(other).host(), cluster.node(follower).host());
  Answers answers;
  Load(cluster, leader, 4, answers);
  cluster.world().RunFor(Seconds(5));
  cluster.EndWork();
  ASSERT_GT(answers.applied * kCommandBytes, 50 * kRetained);
  cluster.network().RestoreAll();
  cluster.Spawn(leader, [&](Fiber& fiber) {
    for (;;) {
      (void)cluster.replica(leader)->Propose(fiber, std::string(kCommandBytes, 'c'),
                                             fiber.now() + Seconds(5));
      fiber.SleepFor(Milliseconds(50));
    }
  });
  const VirtualTime began = cluster.world().now();
  EXPECT_TRUE(cluster.RunUntil(
      Seconds(30), [&] { return AppliedAt(cluster, follower) + 5 > AppliedAt(cluster, leader); }));
  EXPECT_GT(cluster.world().now() - began, Milliseconds(500)) << "it is slow";
  cluster.world().RunFor(Seconds(3));
  EXPECT_GT(AppliedAt(cluster, follower) + 5, AppliedAt(cluster, leader));
  EXPECT_EQ(cluster.counter().snapshots, 1u) << "the first one was in time";
  cluster.EndWork();
}

// Node 3 never flushes, so whatever its log holds stays there.
uint64_t MostLogOfFollowerThatIsStuck(uint64_t* applied) {
  SmallCluster cluster(1, SmallLogs(Milliseconds(40), kNever));
  CHECK(cluster.RunUntil(Seconds(10), [&] { return cluster.AllHaveLeaders(); }));
  CHECK_NE(cluster.LeaderOf(1), 3u);
  Answers answers;
  Load(cluster, cluster.LeaderOf(1), 4, answers);
  const uint64_t most = MostLog(cluster, 3, Seconds(5));
  cluster.EndWork();
  *applied = answers.applied;
  return most;
}

TEST(Overload, AFollowerThatCannotForgetTakesNoMore) {
  uint64_t applied = 0;
  const uint64_t most = MostLogOfFollowerThatIsStuck(&applied);
  EXPECT_GE(most, limits::kLogFullForFollowers * kRetained);
  EXPECT_LE(most, limits::kLogFullForFollowers * kRetained + kAtOnce);
  EXPECT_GT(applied * kCommandBytes, 50 * kRetained) << "the others go on without it";
}

TEST(Overload, PlantedBugHasAFollowerTakeAllThatComes) {
  mutant::Plant(mutant::kM181FollowerTakesAll);
  uint64_t applied = 0;
  const uint64_t most = MostLogOfFollowerThatIsStuck(&applied);
  mutant::Plant(mutant::Id::kNone);
  EXPECT_GT(most, 2 * limits::kLogFullForFollowers * kRetained);
}

TEST(Overload, PlantedBugHasALeaderTakeAllThatComes) {
  mutant::Plant(mutant::kM180FullLogTakesMore);
  SmallCluster cluster(1, SmallLogs(kNever, kNever));
  ASSERT_TRUE(cluster.RunUntil(Seconds(10), [&] { return cluster.AllHaveLeaders(); }));
  Answers answers;
  Load(cluster, cluster.LeaderOf(1), 8, answers);
  const uint64_t most = MostLog(cluster, cluster.LeaderOf(1), Seconds(3));
  cluster.EndWork();
  mutant::Plant(mutant::Id::kNone);
  EXPECT_GT(most, limits::kLogFull * kRetained + 8 * (kCommandBytes + 200));
}

}  // namespace
}  // namespace lockstep::sim::testing
