// The production Environment: ShardRuntime owns one shard's loop and devices, NodeRuntime the
// shards of a node and their threads.
#ifndef LOCKSTEP_NET_ENVIRONMENT_H_
#define LOCKSTEP_NET_ENVIRONMENT_H_

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "framework/base/ids.h"
#include "framework/fiber/scheduler.h"
#include "framework/runtime/environment.h"
#include "net/json_trace.h"
#include "net/loop.h"
#include "net/system_devices.h"
#include "net/tcp_network.h"
#include "net/thread_offload.h"

namespace lockstep::net {

// Opens the files of one shard. Called once per shard, on the thread that creates the node; the
// composer supplies it, so that net knows no disk.
using DiskOpener =
    std::function<absl::StatusOr<std::unique_ptr<runtime::Disk>>(ShardId, runtime::Offload&)>;

struct NodeOptions final {
  NodeId node{};
  uint32_t shard_count = 1;
  fiber::Scheduler::Options scheduler{};
  ThreadOffload::Options offload{};
  JsonTrace::Options trace{};
};

// Everything of one shard. Owned by a NodeRuntime, outlives all that runs on the shard.
class ShardRuntime final {
 public:
  // `loops` are those of all shards, this one's among them.
  static absl::StatusOr<std::unique_ptr<ShardRuntime>> Create(const NodeOptions& options,
                                                              ShardId shard,
                                                              std::vector<Loop*> loops,
                                                              const DiskOpener& open_disk);
  ShardRuntime(const ShardRuntime&) = delete;
  ShardRuntime& operator=(const ShardRuntime&) = delete;

  runtime::Environment& environment() { return *environment_; }
  // Runs the shard on this thread until the node stops.
  void Run() { loop_.Run(); }
  Loop& loop() { return loop_; }

 private:
  ShardRuntime(const NodeOptions& options, ShardId shard, std::vector<Loop*> loops);

  Loop& loop_;
  SystemClock clock_;
  SystemRandom random_;
  NoFaultPoints fault_points_;
  JsonTrace trace_;
  LoopMailbox mailbox_;
  ThreadOffload offload_;
  TcpNetwork network_;
  std::unique_ptr<runtime::Disk> disk_;
  std::optional<runtime::Environment> environment_;  // once there is a disk
};

// The shards of one node. Shard 0 runs on the thread that calls Run, the others on their own.
//
// Invariant: no shard's devices go before every shard's thread has ended.
class NodeRuntime final {
 public:
  // Blocks (opens disks). SIGPIPE is ignored from now on.
  static absl::StatusOr<std::unique_ptr<NodeRuntime>> Create(const NodeOptions& options,
                                                             const DiskOpener& open_disk);
  NodeRuntime(const NodeRuntime&) = delete;
  NodeRuntime& operator=(const NodeRuntime&) = delete;
  ~NodeRuntime();

  // Calls `shard_main` once per shard, each on its shard's thread; returns when all have returned.
  // It builds what lives on the shard, calls ShardRuntime::Run, and tears down after that.
  void Run(absl::FunctionRef<void(ShardRuntime&)> shard_main);
  // Thread-safe: every ShardRuntime::Run returns soon, or at once if it is called later.
  void Stop();

  ShardRuntime& shard(ShardId id);
  uint32_t shard_count() const { return static_cast<uint32_t>(loops_.size()); }

 private:
  NodeRuntime() = default;

  std::vector<std::unique_ptr<Loop>> loops_;  // by ShardId; outlive all shards
  std::vector<std::unique_ptr<ShardRuntime>> shards_;
};

}  // namespace lockstep::net

#endif  // LOCKSTEP_NET_ENVIRONMENT_H_
