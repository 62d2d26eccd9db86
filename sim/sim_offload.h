// SimOffload: the simulated thread pool. Work is a delayed task that runs on the world's stack.
#ifndef LOCKSTEP_SIM_SIM_OFFLOAD_H_
#define LOCKSTEP_SIM_SIM_OFFLOAD_H_

#include "framework/runtime/offload.h"
#include "sim/process.h"

namespace lockstep::sim {

// Fault model: work of the general lane overtakes other work; any of it may take 100 times as long
// as usual; work that has not started when its fiber is unwound never runs. One per shard.
class SimOffload final : public runtime::Offload {
 public:
  SimOffload(Process& process, ShardId shard) : process_(process), shard_(shard) {}

  void Run(Fiber& fiber, runtime::Lane lane, absl::FunctionRef<void()> work) override;

 private:
  Process& process_;
  ShardId shard_;
  VirtualTime log_lane_free_;  // when the log lane is done with what it was given
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_SIM_OFFLOAD_H_
