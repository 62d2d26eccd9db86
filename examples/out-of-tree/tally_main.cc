// A node of the tally on real sockets and disks, and a client of it.
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "disk/data_directory.h"
#include "disk/posix_disk.h"
#include "framework/edge/grpc_client.h"
#include "framework/replica/node.h"
#include "framework/store/real_env.h"
#include "framework/store/rocks_store.h"
#include "net/environment.h"
#include "net/loop.h"
#include "net/signals.h"
#include "net/tcp_network.h"
#include "net/thread_offload.h"
#include "tally_machine.h"

namespace tally {
namespace {

using namespace lockstep;

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "tally: %s\n", status.ToString().c_str());
  return 1;
}

replica::NodeOptions OptionsOf(const std::string& directory, char** addresses, int count) {
  replica::NodeOptions options;
  options.cluster = ClusterId(0x7A11);  // tells this cluster's data and peers from others
  options.client_listen = {addresses[0]};
  for (int i = 1; i < count; ++i)
    options.members[NodeId(static_cast<uint64_t>(i))] = {addresses[i]};
  options.make_machine = [] { return std::make_unique<TallyMachine>(); };
  options.open_store = [directory](Fiber& fiber, runtime::Environment& environment,
                                   const std::string& shard) {
    store::RocksStoreOptions rocks;
    rocks.env = store::RealEnv();
    rocks.path = directory + "/" + shard + "/state";
    rocks.offload = &environment.offload;
    return store::RocksStore::Open(fiber, rocks);
  };
  return options;
}

// tally node NUMBER DIRECTORY CLIENT-ADDRESS PEER-ADDRESS...
int RunNode(uint64_t number, const std::string& directory, const replica::NodeOptions& options) {
  net::Signals signals({SIGINT, SIGTERM});  // before the first thread
  const auto lock = disk::DataDirectory::LockBlocking(directory);
  if (!lock.ok()) return Fail(lock.status());
  const auto node =
      net::NodeRuntime::Create({.node = NodeId(number)}, [&](ShardId, runtime::Offload& offload) {
        return disk::PosixDisk::OpenBlocking(offload, directory, "shard-0/log");
      });
  if (!node.ok()) return Fail(node.status());
  replica::NodeShared shared(1);
  fiber::Event stop;
  signals.Deliver((*node)->shard(ShardId(0)).loop(), [&](int) { stop.Set(); });
  absl::Status ended;
  (*node)->Run([&](net::ShardRuntime& shard) {
    fiber::Scope scope(shard.environment().scheduler);
    scope.Spawn("tally", [&](Fiber& fiber) {
      ended = replica::RunNode(fiber, shard.environment(), options, shared, stop);
      (*node)->Stop();
    });
    shard.Run();
  });
  return ended.ok() ? 0 : Fail(ended);
}

// tally add NAME AMOUNT ADDRESS, tally get NAME ADDRESS
int Ask(const std::string& method, const std::string& text, const std::string& address) {
  net::IgnoreBrokenPipes();
  net::Loop loop;
  net::ThreadOffload offload(loop, {.general_threads = 1});
  net::TcpNetwork network(loop, offload);
  edge::GrpcResult result;
  {
    edge::GrpcChannel channel(loop.scheduler(), network, address);
    fiber::Scope scope(loop.scheduler());
    scope.Spawn("ask", [&](Fiber& fiber) {
      const MonoTime deadline = fiber.now() + Seconds(10);
      do {  // what no server has seen may be sent again
        result = channel.Call(fiber, "/lockstep.Group/" + method, text, {deadline, nullptr});
        if (result.outcome == edge::GrpcOutcome::kNeverSent) fiber.SleepFor(Milliseconds(50));
      } while (result.outcome == edge::GrpcOutcome::kNeverSent && fiber.now() < deadline);
      loop.Stop();
    });
    loop.Run();
  }
  if (!result.ok()) return Fail(absl::UnavailableError(result.message));
  std::printf("%s\n", result.response.c_str());
  return 0;
}

}  // namespace
}  // namespace tally

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "node" && argc > 5) {
    return tally::RunNode(std::stoull(argv[2]), argv[3],
                          tally::OptionsOf(argv[3], argv + 4, argc - 4));
  }
  if (command == "add" && argc == 5) {
    return tally::Ask("Propose", std::string("add ") + argv[2] + " " + argv[3], argv[4]);
  }
  if (command == "get" && argc == 4) return tally::Ask("Query", argv[2], argv[3]);
  std::fputs(
      "tally node NUMBER DIRECTORY CLIENT-ADDRESS PEER-ADDRESS...\n"
      "tally add NAME AMOUNT ADDRESS\n"
      "tally get NAME ADDRESS\n",
      stderr);
  return 2;
}
