// Atlas: the fault budget. Which nodes may lose what they had made durable, and which have.
#ifndef LOCKSTEP_SIM_CLUSTER_ATLAS_H_
#define LOCKSTEP_SIM_CLUSTER_ATLAS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/sim_node.h"
#include "sim/world.h"

namespace lockstep::sim {

// The budget holds by construction: the nodes that may be spoiled are chosen before anything
// happens, and are a minority, so that whatever was promised is intact on a quorum. A node that
// cannot mend a damaged range counts as lost with all that it holds, so the map is by node, not by
// range. Beyond the budget (a knob) any node may be spoiled: then the service may stop for good,
// and must still not lie.
//
// Owned by the Nemesis. Nothing here suspends.
class Atlas final {
 public:
  // The nodes are borrowed.
  Atlas(World& world, const std::vector<SimNode*>& nodes);
  Atlas(const Atlas&) = delete;
  Atlas& operator=(const Atlas&) = delete;

  bool MaySpoil(size_t target) const { return victims_[target]; }
  // Damaged, or gone: nobody may rely on what it holds.
  bool Spoiled(size_t target) const { return spoiled_[target]; }
  // Gone for good.
  bool Lost(size_t target) const { return lost_[target]; }
  // The nodes that must be whole in the end; nobody if they are no quorum.
  std::vector<size_t> Intact() const;

  // Reads and writes of the node are misdirected from now on. REQUIRES: MaySpoil(target).
  void Misdirect(size_t target);
  // Damages a sector of a drawn file. False if there is nothing to damage yet.
  bool Damage(size_t target, uint64_t count);
  void Lose(size_t target);

 private:
  World& world_;
  const std::vector<SimNode*>& nodes_;
  std::vector<bool> victims_;
  std::vector<bool> spoiled_;
  std::vector<bool> lost_;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_ATLAS_H_
