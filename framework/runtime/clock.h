#ifndef LOCKSTEP_FRAMEWORK_RUNTIME_CLOCK_H_
#define LOCKSTEP_FRAMEWORK_RUNTIME_CLOCK_H_

#include "framework/base/time.h"

namespace lockstep::runtime {

// The two clocks of one node. Neither suspends. Waiting is fiber::Fiber::SleepUntil, in Monotonic
// time.
class Clock {
 public:
  virtual ~Clock() = default;
  // Never goes back. Leases, timeouts and deadlines use this one only.
  virtual MonoTime Monotonic() = 0;
  // What people call the time; may be wrong and may jump. Only stamps and TTLs that the leader
  // writes into entries come from it.
  virtual WallTime Wall() = 0;
};

}  // namespace lockstep::runtime

#endif  // LOCKSTEP_FRAMEWORK_RUNTIME_CLOCK_H_
