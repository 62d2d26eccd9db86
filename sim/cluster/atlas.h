// Atlas: the fault budget. Which nodes may lose what they had made durable, and which have.
#ifndef LOCKSTEP_SIM_CLUSTER_ATLAS_H_
#define LOCKSTEP_SIM_CLUSTER_ATLAS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/sim_node.h"
#include "sim/world.h"

namespace lockstep::sim {

// The budget holds by construction: the nodes that may be damaged are chosen before anything
// happens, and are a minority, so that whatever was promised is intact on a quorum. The map is by
// node, not by range. A node is hurt if it has to mend its damage by itself, with its peers' help:
// that of its store, of snapshots, of IDENTITY, and of one sector of its log. It is spoiled if it
// cannot, and counts as lost with all that it holds. A device that failed to read for long makes a
// node give its state up without any damage: it is whole again as soon as its peers can send it.
// Beyond the budget (a knob) any node may be damaged: then the service may stop for good, and must
// still not lie.
//
// Owned by the Nemesis. Nothing here suspends.
class Atlas final {
 public:
  // The nodes are borrowed.
  Atlas(World& world, const std::vector<SimNode*>& nodes);
  Atlas(const Atlas&) = delete;
  Atlas& operator=(const Atlas&) = delete;

  bool MaySpoil(size_t target) const { return victims_[target]; }
  // Damaged beyond its own means, or gone: nobody may rely on what it holds.
  bool Spoiled(size_t target) const { return spoiled_[target]; }
  // Damaged, and to be whole again in the end.
  bool Hurt(size_t target) const { return hurt_[target] && !spoiled_[target]; }
  // The node gave its state up, damaged or not, and has it only from its peers.
  void NoteGivenUp(size_t target) { dependent_[target] = true; }
  // Gone for good.
  bool Lost(size_t target) const { return lost_[target]; }
  // The nodes that were never damaged; nobody if they are no quorum.
  std::vector<size_t> Intact() const;
  // The nodes that must be whole in the end: those and the hurt ones.
  std::vector<size_t> Mendable() const;
  // Of the intact nodes those that never gave their state up: they go on by themselves. Nobody if
  // they are no quorum.
  std::vector<size_t> SelfReliant() const;

  // Reads and writes of the node are misdirected from now on. REQUIRES: MaySpoil(target).
  void Misdirect(size_t target);
  // Damages a sector of a drawn file. False if there is nothing to damage yet.
  bool Damage(size_t target, uint64_t count);
  void Lose(size_t target);

 private:
  // The nodes that were never damaged, without those; nobody if they are no quorum.
  std::vector<size_t> QuorumWithout(const std::vector<bool>& left_out) const;

  World& world_;
  const std::vector<SimNode*>& nodes_;
  std::vector<bool> victims_;
  std::vector<bool> hurt_;
  std::vector<bool> spoiled_;
  std::vector<bool> lost_;
  std::vector<bool> dependent_;
  std::vector<int> log_damages_;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_ATLAS_H_
