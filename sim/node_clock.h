// NodeClock: the two clocks of one node, each wrong in its own way.
#ifndef LOCKSTEP_SIM_NODE_CLOCK_H_
#define LOCKSTEP_SIM_NODE_CLOCK_H_

#include <cstdint>

#include "framework/base/ids.h"
#include "framework/runtime/clock.h"
#include "sim/world.h"

namespace lockstep::sim {

// Fault model: the monotonic clock starts anywhere, runs fast or slow by a drift that may change,
// and may stand still for a while, but never goes back, also over restarts. The wall clock shares
// the drift, is off by an offset, may be stepped in both directions, and may stand still, too.
//
// Invariants: Monotonic() never goes back; Monotonic at ToVirtual(m) is m or the first instant
// after it. One per node; lives as long as the node.
class NodeClock final : public runtime::Clock {
 public:
  // Draws offset and drift from the world's rates.
  NodeClock(World& world, NodeId node);

  MonoTime Monotonic() override;
  WallTime Wall() override;

  // The first instant at which Monotonic() is `instant` or later; the end of time for kNoDeadline.
  // For timers: holds while the drift does not change.
  VirtualTime ToVirtual(MonoTime instant) const;

  // (nemesis) The wall clock jumps by `delta`.
  void StepWall(Duration delta);
  // (nemesis) The wall clock stands still for so long, then shows the right time again.
  void FreezeWall(Duration duration);
  // (nemesis) The monotonic clock stands still for so long and is behind from then on, as when a
  // virtual machine sleeps; the wall clock goes on. Timers come later than they were converted to.
  void FreezeMonotonic(Duration duration);
  // (nemesis) From now on the clocks gain `ppm` (lose, if negative). REQUIRES: |ppm| <= 500,000.
  // Timers that were converted before must be converted again.
  void SetDrift(int64_t ppm);
  int64_t drift_ppm() const { return drift_ppm_; }

 private:
  int64_t MonotonicAt(VirtualTime when) const;

  World& world_;
  NodeId node_;
  // Since then the drift has been constant; in the future while the monotonic clock stands still.
  VirtualTime base_virtual_;
  int64_t base_monotonic_ns_ = 0;
  int64_t drift_ppm_ = 0;
  int64_t wall_minus_monotonic_ns_ = 0;
  VirtualTime frozen_until_;
  WallTime frozen_at_;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_NODE_CLOCK_H_
