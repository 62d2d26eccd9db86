#include "net/environment.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "disk/posix_disk.h"
#include "framework/base/check.h"
#include "framework/fiber/sync.h"
#include "net/system_devices.h"
#include "tests/net/support.h"

namespace lockstep::net {
namespace {

// A node on a directory of its own.
class NodeRuntimeTest : public testing::Test {
 protected:
  NodeRuntimeTest() {
    std::string name = testing::TempDir() + "lockstep-net-XXXXXX";
    CHECK(mkdtemp(name.data()) != nullptr);
    root_ = name;
  }
  ~NodeRuntimeTest() override { std::filesystem::remove_all(root_); }

  std::unique_ptr<NodeRuntime> MakeNode(uint32_t shards) {
    auto node = NodeRuntime::Create(
        {.node = NodeId(1), .shard_count = shards},
        [this](ShardId shard,
               runtime::Offload& offload) -> absl::StatusOr<std::unique_ptr<runtime::Disk>> {
          const std::string path = absl::StrCat(root_, "/shard-", shard.value());
          std::filesystem::create_directory(path);
          return disk::PosixDisk::OpenBlocking(offload, path, "log");
        });
    CHECK(node.ok()) << node.status().ToString();
    return *std::move(node);
  }

  std::string root_;
};

TEST_F(NodeRuntimeTest, EachShardHasAThreadAndAnEnvironmentOfItsOwn) {
  const auto node = MakeNode(3);
  std::vector<std::thread::id> threads(3);
  std::vector<const runtime::Environment*> environments(3);
  node->Run([&](ShardRuntime& shard) {
    runtime::Environment& environment = shard.environment();
    threads[environment.shard.value()] = std::this_thread::get_id();
    environments[environment.shard.value()] = &environment;
  });
  EXPECT_EQ(threads[0], std::this_thread::get_id());
  EXPECT_EQ(std::set<std::thread::id>(threads.begin(), threads.end()).size(), 3u);
  for (const auto* environment : environments) {
    EXPECT_EQ(environment->mailbox.shard_count(), 3u);
    EXPECT_EQ(environment->node, NodeId(1));
    EXPECT_FALSE(environment->fault_points.Fire("anything"));
  }
}

TEST_F(NodeRuntimeTest, AMessageTravelsRoundAllShards) {
  constexpr uint32_t kShards = 3;
  constexpr int kRounds = 1000;
  const auto node = MakeNode(kShards);
  int hops = 0;
  std::function<void(uint32_t)> hop = [&](uint32_t at) {
    if (++hops == kRounds * static_cast<int>(kShards)) return node->Stop();
    const uint32_t next = (at + 1) % kShards;
    node->shard(ShardId(at)).environment().mailbox.Post(ShardId(next), [&, next] { hop(next); });
  };
  node->Run([&](ShardRuntime& shard) {
    if (shard.environment().shard == ShardId(0)) shard.loop().Post([&] { hop(0); });
    shard.Run();
  });
  EXPECT_EQ(hops, kRounds * static_cast<int>(kShards));
}

TEST_F(NodeRuntimeTest, AllDevicesWorkTogether) {
  const auto node = MakeNode(1);
  node->Run([&](ShardRuntime& shard) {
    runtime::Environment& env = shard.environment();
    fiber::Scope scope(env.scheduler);
    scope.Spawn("all", [&](Fiber& f) {
      auto listener = env.network.Listen("127.0.0.1:0");
      CHECK(listener.ok());
      auto client = env.network.Dial(f, (*listener)->address(), f.now() + kPatience);
      auto server = (*listener)->Accept(f);
      CHECK(client.ok() && server.ok());
      CHECK_OK((*client)->Write(f, "to the disk"));
      (*client)->CloseWrite();
      auto file = env.disk.Open(f, "data", runtime::OpenMode::kCreate);
      CHECK(file.ok());
      CHECK_OK((*file)->WriteAndSync(f, 0, ReadToEnd(f, **server)));
      EXPECT_EQ(*(*file)->Size(f), 11u);
      EXPECT_LE(f.now(), env.clock.Monotonic());
      node->Stop();
    });
    shard.Run();
  });
  EXPECT_EQ(std::filesystem::file_size(root_ + "/shard-0/data"), 11u);
}

TEST_F(NodeRuntimeTest, StoppingUnwindsWhatStillWaits) {
  const auto node = MakeNode(2);
  std::vector<int> unwound(2, 0);
  node->Run([&](ShardRuntime& shard) {
    runtime::Environment& env = shard.environment();
    struct Note {
      int& count;
      ~Note() { ++count; }
    };
    fiber::Scope scope(env.scheduler);
    scope.Spawn("acceptor", [&](Fiber& f) {
      const Note note{unwound[env.shard.value()]};
      auto listener = env.network.Listen("127.0.0.1:0");
      (*listener)->Accept(f).IgnoreError();
    });
    scope.Spawn("sleeper", [&](Fiber& f) {
      const Note note{unwound[env.shard.value()]};
      f.SleepUntil(kNoDeadline);
    });
    if (env.shard == ShardId(1)) {
      scope.Spawn("stopper", [&](Fiber& f) {
        f.Yield();
        node->Stop();
      });
    }
    shard.Run();
  });
  EXPECT_EQ(unwound, (std::vector<int>{2, 2}));
}

TEST_F(NodeRuntimeTest, MessagesThatNobodyRanGoWithTheNode) {
  auto node = MakeNode(2);
  const auto token = std::make_shared<int>(0);
  node->shard(ShardId(0)).environment().mailbox.Post(ShardId(1), [token] {});
  EXPECT_EQ(token.use_count(), 2);
  node.reset();
  EXPECT_EQ(token.use_count(), 1);
}

TEST(NodeRuntime, PassesOnThatADiskCannotBeOpened) {
  const auto node = NodeRuntime::Create(
      {.node = NodeId(1)},
      [](ShardId, runtime::Offload&) -> absl::StatusOr<std::unique_ptr<runtime::Disk>> {
        return absl::DataLossError("broken");
      });
  EXPECT_EQ(node.status(), absl::DataLossError("broken"));
}

TEST(SystemClock, RunsOnAndKnowsTheCentury) {
  SystemClock clock;
  const MonoTime before = clock.Monotonic();
  EXPECT_GE(clock.Monotonic(), before);
  EXPECT_GT(clock.Wall().ns, 1'700'000'000'000'000'000);
}

TEST(SystemRandom, NeverRepeatsItself) {
  SystemRandom one;
  SystemRandom other;
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(seen.insert(one.Draw("test")).second);
    EXPECT_TRUE(seen.insert(other.Draw("test")).second);
  }
}

}  // namespace
}  // namespace lockstep::net
