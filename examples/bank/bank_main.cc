// A node of the bank: bank-node NUMBER DIRECTORY CLIENT_ADDRESS PEER_ADDRESS...
#include <csignal>
#include <cstdio>

#include "disk/posix_disk.h"
#include "examples/bank/bank_machine.h"
#include "framework/replica/node.h"
#include "framework/store/memory_store.h"
#include "net/environment.h"
#include "net/signals.h"

int main(int argc, char** argv) {
  using namespace lockstep;
  if (argc < 5) return std::fputs("bank-node NUMBER DIRECTORY CLIENT PEER...\n", stderr), 2;
  net::Signals signals({SIGINT, SIGTERM});
  replica::NodeOptions options;
  options.cluster = ClusterId(1);
  options.client_listen = {argv[3]};
  for (int i = 4; i < argc; ++i) options.members[NodeId(static_cast<uint64_t>(i - 3))] = {argv[i]};
  options.log_bytes_retained = uint64_t{1} << 40;  // the state is in memory: replay all of the log
  options.make_machine = [] { return std::make_unique<bank::BankMachine>(); };
  options.open_store = [](Fiber&, runtime::Environment&, const std::string&) {
    return std::unique_ptr<machine::OrderedStore>(std::make_unique<store::MemoryStore>());
  };
  const auto runtime = net::NodeRuntime::Create(
      {.node = NodeId(std::stoull(argv[1]))}, [&](ShardId, runtime::Offload& offload) {
        return disk::PosixDisk::OpenBlocking(offload, argv[2], "shard-0/log");
      });
  if (!runtime.ok()) return std::fprintf(stderr, "%s\n", runtime.status().ToString().c_str()), 1;
  replica::NodeShared shared(1);
  fiber::Event stop;
  signals.Deliver((*runtime)->shard(ShardId(0)).loop(), [&](int) { stop.Set(); });
  absl::Status ended;
  (*runtime)->Run([&](net::ShardRuntime& shard) {
    fiber::Scope scope(shard.environment().scheduler);
    scope.Spawn("bank", [&](Fiber& fiber) {
      ended = replica::RunNode(fiber, shard.environment(), options, shared, stop);
      (*runtime)->Stop();
    });
    shard.Run();
  });
  return std::fprintf(stderr, "bank-node: %s\n", ended.ToString().c_str()), ended.ok() ? 0 : 1;
}
