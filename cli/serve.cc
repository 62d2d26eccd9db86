#include "cli/serve.h"

#include <signal.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/serve_identity.h"
#include "cli/tls_files.h"
#include "disk/data_directory.h"
#include "disk/posix_disk.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/fiber/sync.h"
#include "framework/replica/identity.h"
#include "framework/replica/node.h"
#include "framework/store/real_env.h"
#include "framework/store/rocks_store.h"
#include "kv/kv_node.h"
#include "net/environment.h"
#include "net/signals.h"

namespace lockstep::cli {
namespace {

// The shards of a node and how they end together. All but Stopper::stop belongs to shard 0's
// thread.
class NodeRun final {
 public:
  NodeRun(net::NodeRuntime& runtime, const replica::NodeOptions& options)
      : runtime_(runtime),
        options_(options),
        shared_(runtime.shard_count()),
        stops_(runtime.shard_count()),
        running_(runtime.shard_count()) {}

  absl::Status Run(net::Signals& signals) {
    signals.Deliver(runtime_.shard(ShardId(0)).loop(), [this](int) { OnSignal(); });
    runtime_.Run([this](net::ShardRuntime& shard) { RunShard(shard); });
    return result_;
  }

 private:
  void RunShard(net::ShardRuntime& shard) {
    runtime::Environment& environment = shard.environment();
    fiber::Scope scope(environment.scheduler);
    scope.Spawn("node", [&](Fiber& fiber) {
      absl::Status ended = replica::RunNode(fiber, environment, options_, shared_,
                                            stops_[environment.shard.value()]);
      environment.mailbox.Post(ShardId(0), [this, ended = std::move(ended)] { OnEnded(ended); });
    });
    shard.Run();
    scope.Cancel();
  }

  void OnSignal() {
    if (is_stopping_) runtime_.Stop();
    StopAll();
  }

  void StopAll() {
    is_stopping_ = true;
    runtime::Mailbox& mailbox = runtime_.shard(ShardId(0)).environment().mailbox;
    for (uint32_t i = 0; i < runtime_.shard_count(); ++i) {
      mailbox.Post(ShardId(i), [this, i] { stops_[i].Set(); });
    }
  }

  // The first failure is the node's; one shard does not work without the others.
  void OnEnded(const absl::Status& ended) {
    if (result_.ok()) result_ = ended;
    CHECK_GT(running_, 0u);
    if (--running_ == 0) return runtime_.Stop();
    if (!is_stopping_) StopAll();
  }

  net::NodeRuntime& runtime_;
  const replica::NodeOptions& options_;
  replica::NodeShared shared_;
  std::vector<fiber::Event> stops_;  // by ShardId, each its shard's
  uint32_t running_;
  bool is_stopping_ = false;
  absl::Status result_;
};

net::NodeOptions RuntimeOptions(const ServePlan& plan) {
  net::NodeOptions options;
  options.node = plan.config.self;
  options.shard_count = plan.config.shards;
  options.trace.level_min = plan.log_level;
  return options;
}

replica::NodeOptions ReplicaOptions(const ServePlan& plan) {
  replica::NodeOptions options = kv::ToNodeOptions(plan.config);
  if (plan.config.peer_tls) options.peer_tls = ToNodeTls(*plan.config.peer_tls);
  if (plan.config.client_tls) options.client_tls = ToNodeTls(*plan.config.client_tls);
  if (plan.configure) {
    plan.configure(options);
  } else {
    kv::Configure(options, plan.config);
  }
  options.open_store = [data_dir = plan.data_dir](Fiber& fiber, runtime::Environment& environment,
                                                  const std::string& directory) {
    store::RocksStoreOptions rocks;
    rocks.env = store::RealEnv();
    rocks.path = absl::StrCat(data_dir, "/", directory, "/state");
    rocks.offload = &environment.offload;
    rocks.trace = &environment.trace;
    return store::RocksStore::Open(fiber, rocks);
  };
  return options;
}

void LogConfiguration(const ServePlan& plan) {
  net::JsonTrace trace({.level_min = plan.log_level}, plan.config.self, ShardId(0));
  if (!plan.ignored.empty()) {
    trace.Emit(runtime::TraceLevel::kWarning, "serve.flags_ignored",
               {{"flags", absl::StrJoin(plan.ignored, " ")}});
  }
  trace.Emit(runtime::TraceLevel::kInfo, "serve.start",
             {{"name", plan.config.name},
              {"cluster", absl::StrCat(absl::Hex(plan.config.cluster.value()))},
              {"member", absl::StrCat(absl::Hex(plan.config.self.value()))},
              {"data_dir", plan.data_dir},
              {"peers_at", absl::StrJoin(plan.config.peer_listen, ",")},
              {"clients_at", absl::StrJoin(plan.config.client_listen, ",")}});
}

}  // namespace

absl::Status Serve(const ServePlan& given) {
  net::Signals signals({SIGINT, SIGTERM});
  ASSIGN_OR_RETURN(const auto directory, disk::DataDirectory::LockBlocking(given.data_dir));
  ServePlan plan = given;
  RETURN_IF_ERROR(SettleIdentity(directory->path(), plan.config));
  const auto open_disk =
      [&](ShardId shard,
          runtime::Offload& offload) -> absl::StatusOr<std::unique_ptr<runtime::Disk>> {
    return disk::PosixDisk::OpenBlocking(offload, directory->path(),
                                         absl::StrCat(replica::ShardPath(shard), "/log"));
  };
  ASSIGN_OR_RETURN(const auto runtime, net::NodeRuntime::Create(RuntimeOptions(plan), open_disk));
  LogConfiguration(plan);
  const replica::NodeOptions options = ReplicaOptions(plan);
  return NodeRun(*runtime, options).Run(signals);
}

}  // namespace lockstep::cli
