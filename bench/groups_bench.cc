// groups_bench: what idle groups cost, and how fast all of them fail over.
//
// Starts three nodes, each a process with one shard that hosts all groups, on this machine. Prints
// for each node its resident memory and the processor time that it takes while all groups are idle,
// then kills node 1 and prints when the others know leaders for all groups.
//   groups_bench [GROUPS=1000] [QUIESCE_TICKS=200] [BASE_PORT=23800]
// Bytes per group: the difference of two runs, with many groups and with one.
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "disk/posix_disk.h"
#include "framework/base/check.h"
#include "framework/replica/node.h"
#include "framework/store/real_env.h"
#include "framework/store/rocks_store.h"
#include "net/environment.h"

namespace lockstep::bench {
namespace {

constexpr Duration kSettle = Seconds(12);
constexpr Duration kWindow = Seconds(10);

struct Settings final {
  uint64_t groups = 1000;
  uint32_t quiesce_ticks = 200;
  uint32_t base_port = 23800;
  std::string directory;
};

class NullMachine final : public machine::StateMachine {
 public:
  absl::StatusOr<std::string> Apply(Fiber&, std::string_view, machine::ApplyContext&) override {
    return std::string();
  }
  absl::StatusOr<std::string> Query(Fiber&, std::string_view, const machine::StoreView&) override {
    return std::string();
  }
  absl::Status Load(Fiber&, const machine::StoreView&) override { return absl::OkStatus(); }
};

double SecondsOf(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double CpuSeconds() {
  rusage usage{};
  CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
  return SecondsOf(usage.ru_utime) + SecondsOf(usage.ru_stime);
}

double ResidentMegabytes() {
  long size = 0;
  long resident = 0;
  FILE* file = std::fopen("/proc/self/statm", "r");
  CHECK(file != nullptr);
  CHECK_EQ(std::fscanf(file, "%ld %ld", &size, &resident), 2);
  std::fclose(file);
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

// The same for all processes of the machine.
double Now() {
  timespec now{};
  CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &now), 0);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::string AddressOf(const Settings& settings, uint64_t node) {
  return absl::StrCat("127.0.0.1:", settings.base_port + node);
}

replica::NodeOptions OptionsOf(const Settings& settings, NodeId self, const std::string& root) {
  replica::NodeOptions options;
  options.cluster = ClusterId(77);
  for (uint64_t node = 1; node <= 3; ++node) {
    options.members[NodeId(node)] = {AddressOf(settings, node)};
  }
  options.peer_advertise = options.members[self];
  options.raft.heartbeat_ticks = 10;
  options.raft.election_ticks = 100;
  options.raft.first_election_ticks = 15;
  options.raft.lost_leader_ticks = 10;
  options.raft.quiesce_ticks = settings.quiesce_ticks;
  for (uint64_t group = 2; group <= settings.groups; ++group) {
    options.more_groups.push_back(GroupId(group));
  }
  options.make_machine = [] { return std::make_unique<NullMachine>(); };
  options.open_store = [root](Fiber& fiber, runtime::Environment& environment,
                              const std::string& directory) {
    store::RocksStoreOptions rocks;
    rocks.env = store::RealEnv();
    rocks.path = absl::StrCat(root, "/", directory, "/state");
    rocks.offload = &environment.offload;
    rocks.trace = &environment.trace;
    return store::RocksStore::Open(fiber, rocks);
  };
  return options;
}

// How many of the groups this node knows a leader of, other than node 1 if that is gone.
uint64_t Led(replica::Shard& shard, const Settings& settings, bool without_first) {
  uint64_t led = 0;
  for (uint64_t group = 1; group <= settings.groups; ++group) {
    const NodeId leader = shard.group(GroupId(group))->raft().leader();
    led += leader == NodeId(0) || (without_first && leader == NodeId(1)) ? 0 : 1;
  }
  return led;
}

void Measure(Fiber& fiber, replica::NodeShared& shared, const Settings& settings, NodeId self) {
  const double started = Now();
  replica::Shard* shard = nullptr;
  while (shard == nullptr || Led(*shard, settings, false) < settings.groups) {
    fiber.SleepFor(Milliseconds(20));
    shard = shared.directory.slot(ShardId(0)).shard;
  }
  std::printf("node %d: all groups have leaders after %.2f s\n", static_cast<int>(self.value()),
              Now() - started);
  fiber.SleepFor(kSettle);
  const double before = CpuSeconds();
  fiber.SleepFor(kWindow);
  std::printf("node %d: %.1f MB resident, %.3f%% of a core while idle, %d groups awake\n",
              static_cast<int>(self.value()), ResidentMegabytes(), (CpuSeconds() - before) * 10,
              static_cast<int>(shard->awake_groups()));
  std::fflush(stdout);
  while (Led(*shard, settings, true) < settings.groups) fiber.SleepFor(Milliseconds(2));
  std::printf("node %d: at %.3f all groups have other leaders than node 1\n",
              static_cast<int>(self.value()), Now());
  std::fflush(stdout);
}

void RunNodeProcess(const Settings& settings, NodeId self) {
  const std::string root = absl::StrCat(settings.directory, "/", self.value());
  std::filesystem::create_directories(root);
  net::NodeOptions runtime_options;
  runtime_options.node = self;
  runtime_options.trace.level_min = runtime::TraceLevel::kError;
  const auto runtime =
      net::NodeRuntime::Create(runtime_options, [&](ShardId, runtime::Offload& offload) {
        return disk::PosixDisk::OpenBlocking(offload, root, "shard-0/log");
      });
  CHECK(runtime.ok()) << runtime.status();
  const replica::NodeOptions options = OptionsOf(settings, self, root);
  replica::NodeShared shared(1);
  fiber::Event never;
  (*runtime)->Run([&](net::ShardRuntime& shard) {
    fiber::Scope scope(shard.environment().scheduler);
    scope.Spawn("node", [&](Fiber& fiber) {
      std::printf(
          "ended: %s\n",
          replica::RunNode(fiber, shard.environment(), options, shared, never).ToString().c_str());
    });
    scope.Spawn("measure", [&](Fiber& fiber) { Measure(fiber, shared, settings, self); });
    shard.Run();
    scope.Cancel();
  });
}

int Main(int argc, char** argv) {
  Settings settings;
  if (argc > 1) settings.groups = std::stoull(argv[1]);
  if (argc > 2) settings.quiesce_ticks = static_cast<uint32_t>(std::stoul(argv[2]));
  if (argc > 3) settings.base_port = static_cast<uint32_t>(std::stoul(argv[3]));
  std::string pattern = (std::filesystem::temp_directory_path() / "groups_bench.XXXXXX").string();
  CHECK(mkdtemp(pattern.data()) != nullptr);
  settings.directory = pattern;
  std::vector<pid_t> nodes;
  for (uint64_t node = 1; node <= 3; ++node) {
    const pid_t child = fork();
    CHECK_GE(child, 0);
    if (child == 0) {
      RunNodeProcess(settings, NodeId(node));
      return 0;
    }
    nodes.push_back(child);
  }
  sleep(static_cast<unsigned>((kSettle + kWindow) / Seconds(1)) + 12);
  std::printf("node 1 is killed at %.3f\n", Now());
  std::fflush(stdout);
  kill(nodes[0], SIGKILL);
  sleep(6);
  for (const pid_t node : nodes) {
    kill(node, SIGKILL);
    waitpid(node, nullptr, 0);
  }
  std::filesystem::remove_all(settings.directory);
  return 0;
}

}  // namespace
}  // namespace lockstep::bench

int main(int argc, char** argv) { return lockstep::bench::Main(argc, argv); }
