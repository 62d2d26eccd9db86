#ifndef LOCKSTEP_FRAMEWORK_RUNTIME_OFFLOAD_H_
#define LOCKSTEP_FRAMEWORK_RUNTIME_OFFLOAD_H_

#include "absl/functional/function_ref.h"
#include "framework/fiber/scheduler.h"

namespace lockstep::runtime {

enum class Lane {
  kLog,      // reserved for the Raft log: never waits behind anything else
  kGeneral,  // other files, single store calls
};

// The only door to threads. In production a pool; in a simulation a delayed task.
class Offload {
 public:
  virtual ~Offload() = default;
  // Runs `work` elsewhere and suspends until it is done. Work of one lane may run in any order and
  // at the same time, except that kLog runs one after the other, first come first served. If the
  // fiber is unwound meanwhile, the unwinding waits for work that has started, so `work` may refer
  // to the caller's stack. `work` touches nothing that the shard's thread may touch meanwhile.
  virtual void Run(Fiber& fiber, Lane lane, absl::FunctionRef<void()> work) = 0;
};

}  // namespace lockstep::runtime

#endif  // LOCKSTEP_FRAMEWORK_RUNTIME_OFFLOAD_H_
