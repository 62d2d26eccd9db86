#include "net/environment.h"

#include <pthread.h>

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "net/signals.h"

namespace lockstep::net {

ShardRuntime::ShardRuntime(const NodeOptions& options, ShardId shard, std::vector<Loop*> loops)
    : loop_(*loops.at(shard.value())),
      trace_(options.trace, options.node, shard),
      mailbox_(std::move(loops)),
      offload_(loop_, options.offload),
      network_(loop_, offload_) {}

absl::StatusOr<std::unique_ptr<ShardRuntime>> ShardRuntime::Create(const NodeOptions& options,
                                                                   ShardId shard,
                                                                   std::vector<Loop*> loops,
                                                                   const DiskOpener& open_disk) {
  std::unique_ptr<ShardRuntime> made(new ShardRuntime(options, shard, std::move(loops)));
  ASSIGN_OR_RETURN(made->disk_, open_disk(shard, made->offload_));
  CHECK(made->disk_ != nullptr);
  made->environment_.emplace(runtime::Environment{
      .node = options.node,
      .shard = shard,
      .scheduler = made->loop_.scheduler(),
      .clock = made->clock_,
      .random = made->random_,
      .network = made->network_,
      .disk = *made->disk_,
      .offload = made->offload_,
      .mailbox = made->mailbox_,
      .fault_points = made->fault_points_,
      .trace = made->trace_,
  });
  return made;
}

absl::StatusOr<std::unique_ptr<NodeRuntime>> NodeRuntime::Create(const NodeOptions& options,
                                                                 const DiskOpener& open_disk) {
  CHECK_GE(options.shard_count, 1u);
  IgnoreBrokenPipes();
  std::unique_ptr<NodeRuntime> node(new NodeRuntime());
  std::vector<Loop*> loops;
  for (uint32_t i = 0; i < options.shard_count; ++i) {
    node->loops_.push_back(std::make_unique<Loop>(options.scheduler));
    loops.push_back(node->loops_.back().get());
  }
  for (uint32_t i = 0; i < options.shard_count; ++i) {
    ASSIGN_OR_RETURN(auto shard, ShardRuntime::Create(options, ShardId(i), loops, open_disk));
    node->shards_.push_back(std::move(shard));
  }
  return node;
}

NodeRuntime::~NodeRuntime() {
  // Tasks that nobody will run may own streams or files.
  for (const auto& loop : loops_) loop->DropPosts();
}

void NodeRuntime::Run(absl::FunctionRef<void(ShardRuntime&)> shard_main) {
  std::vector<std::thread> threads;
  for (size_t i = 1; i < shards_.size(); ++i) {
    threads.emplace_back([&, i] { shard_main(*shards_[i]); });
    pthread_setname_np(threads.back().native_handle(), absl::StrCat("shard-", i).c_str());
  }
  shard_main(*shards_.front());
  for (std::thread& thread : threads) thread.join();
}

void NodeRuntime::Stop() {
  for (const auto& loop : loops_) loop->Stop();
}

ShardRuntime& NodeRuntime::shard(ShardId id) {
  CHECK_LT(id.value(), shards_.size());
  return *shards_[id.value()];
}

}  // namespace lockstep::net
