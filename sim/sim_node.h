// SimNode: one machine with its disk and clocks, and the process that runs on it, or does not.
#ifndef LOCKSTEP_SIM_SIM_NODE_H_
#define LOCKSTEP_SIM_SIM_NODE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "framework/runtime/environment.h"
#include "sim/node_clock.h"
#include "sim/process.h"
#include "sim/sim_disk.h"
#include "sim/sim_disk_core.h"
#include "sim/sim_network.h"
#include "sim/sim_shard.h"

namespace lockstep::sim {

// What a process does on each of its shards. Returning ends the shard; when all have returned, the
// process has exited.
using NodeMain = std::function<void(Fiber&, runtime::Environment&)>;

// Fault model.
//   Kill: the process is dead at once: every device refuses, nothing more is sent. Its fibers are
//     unwound as the very next thing, then streams, listeners, posts and offloaded work are gone.
//     The kernel survives: the page cache, and bytes that were written to streams.
//   Power loss: the same, and the kernel dies too: unsynced data may be lost or torn, peers hear
//     nothing.
//   Pause: nothing of the process runs; its clocks go on, the kernel answers for it.
//
// Invariants: at most one process runs on a node; between dying and the end of unwinding none can
// be booted. Must be destroyed before the network and the world. Nothing here suspends; everything
// may be called from anywhere, including the node's own fibers and trace hooks.
class SimNode final {
 public:
  struct Options final {
    NodeId id;
    std::string host;  // how others dial it
    uint32_t shards = 1;
    size_t trace_lines = 200;  // kept for failure output
  };
  enum class State {
    kOff,  // never booted, exited, killed or without power
    kRunning,
    kPaused,
    kUnwinding,  // dead; its fibers are about to be unwound
  };

  SimNode(World& world, SimNetwork& network, const Options& options);
  SimNode(const SimNode&) = delete;
  SimNode& operator=(const SimNode&) = delete;
  ~SimNode();

  // Starts a process. REQUIRES: state() == kOff.
  void Boot(NodeMain main);
  // No effect unless the node runs (or is paused).
  void Kill();
  // Also of a node whose process is off: the page cache goes.
  void PowerLoss();
  // A power loss that nobody planned (inside an operation): whoever reboots hears of it by on_exit.
  void PowerFails();
  // Until then, or until Resume. No effect unless the node runs.
  void Pause(Duration duration);
  void Resume();
  // Both clocks gain `ppm` from now on; timers follow.
  void SetClockDrift(int64_t ppm);

  // Called when a process has ended and nobody outside asked for it: it returned, or the power
  // failed inside an operation. Its last fiber is gone; may boot again.
  void set_on_exit(absl::AnyInvocable<void()> on_exit) { on_exit_ = std::move(on_exit); }

  State state() const;
  bool running() const { return state() == State::kRunning; }
  NodeId id() const { return id_; }
  HostId host() const { return host_; }
  const std::string& name() const { return network_.NameOf(host_); }
  uint32_t shard_count() const { return static_cast<uint32_t>(shards_.size()); }
  uint64_t incarnation() const { return process_.incarnation(); }
  Process& process() { return process_; }
  NodeClock& clock() { return clock_; }
  SimDiskCore& disk() { return disk_core_; }
  SimFaultPoints& fault_points() { return fault_points_; }
  TraceRing& trace() { return trace_; }
  runtime::Environment& environment(ShardId shard) { return shards_[shard.value()]->environment(); }

 private:
  // Into the event hash, and to whoever records.
  void Tell(std::string_view event, std::string_view what, VirtualTime until = {});
  void ShardReturned();
  void Die(bool power);
  void TellExit();
  void Unwind();

  World& world_;
  SimNetwork& network_;
  NodeId id_;
  HostId host_;
  Process process_;
  NodeClock clock_;
  SimDiskCore disk_core_;
  SimDisk disk_;
  HostNetwork host_network_;
  SimFaultPoints fault_points_;
  TraceRing trace_;
  std::vector<std::unique_ptr<SimShard>> shards_;
  NodeMain main_;
  absl::AnyInvocable<void()> on_exit_;
  uint32_t shards_running_ = 0;  // whose main has not returned
  bool unwinding_ = false;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_SIM_NODE_H_
