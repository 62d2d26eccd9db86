// BrokenRest: the nodes that stay broken while a quorum has to go on without them.
#ifndef LOCKSTEP_SIM_CLUSTER_BROKEN_REST_H_
#define LOCKSTEP_SIM_CLUSTER_BROKEN_REST_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "sim/sim_network.h"
#include "sim/sim_node.h"
#include "sim/world.h"

namespace lockstep::sim {

// "It was only cut off" hides livelocks; so, in the end, a core is healed and the others are frozen
// in some broken state: deaf (the worst neighbour: it campaigns for ever), mute, cut off, paused,
// with a hung disk, or dying again and again. The core has to make progress all the same.
// Part of the Nemesis. Nothing here suspends.
class BrokenRest final {
 public:
  BrokenRest(World& world, SimNetwork& network, const std::vector<SimNode*>& nodes,
             std::function<void(SimNode&)> boot);
  BrokenRest(const BrokenRest&) = delete;
  BrokenRest& operator=(const BrokenRest&) = delete;

  // A quorum out of `intact`, drawn. REQUIRES: `intact` has one.
  std::vector<size_t> ChooseCore(std::vector<size_t> intact);
  // Breaks all that are not in `core`, for good. Now and then the core starts from cold.
  void Freeze(const std::vector<size_t>& core);

 private:
  void Break(size_t target, const std::vector<size_t>& core);
  void CutBetween(size_t from, const std::vector<size_t>& core, bool out, bool in);
  void DieAgain(size_t target, uint64_t count);

  World& world_;
  SimNetwork& network_;
  const std::vector<SimNode*>& nodes_;
  std::function<void(SimNode&)> boot_;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_BROKEN_REST_H_
