#include "docs-memory/blocking/opening.h"

#include <future>
#include <thread>
#include <utility>

#include "disk/posix_disk.h"
#include "framework/base/status_macros.h"
#include "framework/store/real_env.h"

namespace lockstep::docs {

absl::StatusOr<std::unique_ptr<net::NodeRuntime>> MakeRuntime(const std::string& directory,
                                                              const BlockingOptions& options) {
  net::NodeOptions node;
  node.node = NodeId(1);
  node.offload.general_threads = 1;
  node.offload.log_on_idle_loop = true;
  node.trace.level_min =
      options.log_to_stderr ? runtime::TraceLevel::kWarning : runtime::TraceLevel::kError;
  const std::string log_directory = options.store.directory + "/log";
  return net::NodeRuntime::Create(node, [&](ShardId, runtime::Offload& offload) {
    return disk::PosixDisk::OpenBlocking(offload, directory, log_directory);
  });
}

store::RocksStoreOptions RowsOf(const std::string& path, const BlockingOptions& options,
                                runtime::Environment& environment, const runtime::Cipher* cipher) {
  store::RocksStoreOptions rows;
  rows.env = store::RealEnv();
  rows.path = path;
  rows.trace = &environment.trace;
  rows.cache_bytes = options.cache_bytes;
  rows.embedded = true;
  if (cipher != nullptr) {
    rows.seal = {cipher, environment.random.Draw("rows.seal"),
                 environment.random.Draw("rows.seal")};
  }
  return rows;
}

StoreOptions LogOf(const BlockingOptions& options, const runtime::Cipher* cipher) {
  StoreOptions log = options.store;
  log.cipher = cipher;
  return log;
}

absl::Status RunInDirectory(
    const std::string& directory, const BlockingOptions& options,
    const std::function<absl::Status(Fiber&, runtime::Environment&)>& work) {
  ASSIGN_OR_RETURN(const auto runtime, MakeRuntime(directory, options));
  std::promise<absl::Status> done;
  std::future<absl::Status> result = done.get_future();
  std::thread thread([&] {
    runtime->Run([&](net::ShardRuntime& shard) {
      fiber::Scope scope(shard.environment().scheduler);
      scope.Spawn("docs.work",
                  [&](Fiber& fiber) { done.set_value(work(fiber, shard.environment())); });
      shard.Run();
    });
  });
  absl::Status status = result.get();
  runtime->Stop();
  thread.join();
  return status;
}

}  // namespace lockstep::docs
