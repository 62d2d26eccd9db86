#include "sim/cluster/atlas.h"

#include "framework/base/check.h"

namespace lockstep::sim {

Atlas::Atlas(World& world, const std::vector<SimNode*>& nodes)
    : world_(world),
      nodes_(nodes),
      victims_(nodes.size()),
      spoiled_(nodes.size()),
      lost_(nodes.size()) {
  const bool beyond = world.rates().beyond_budget != 0;
  const size_t budget = beyond ? nodes.size() : (nodes.size() - 1) / 2;
  // The first of a shuffled list.
  std::vector<size_t> order(nodes.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  for (size_t i = 0; i < budget; ++i) {
    const uint64_t pick = world.draws().Range("atlas.victim", i, i, order.size() - 1, i);
    std::swap(order[i], order[pick]);
    victims_[order[i]] = true;
  }
}

std::vector<size_t> Atlas::Intact() const {
  std::vector<size_t> intact;
  for (size_t target = 0; target < nodes_.size(); ++target) {
    if (!spoiled_[target]) intact.push_back(target);
  }
  if (intact.size() * 2 <= nodes_.size()) intact.clear();
  return intact;
}

void Atlas::Misdirect(size_t target) {
  CHECK(MaySpoil(target));
  spoiled_[target] = true;
  nodes_[target]->disk().set_misdirects(true);
}

bool Atlas::Damage(size_t target, uint64_t count) {
  CHECK(MaySpoil(target));
  SimDiskCore& disk = nodes_[target]->disk();
  const std::vector<SimDiskCore::DamageSite> sites = disk.DamageSites();
  if (sites.empty()) return false;
  Draws& draws = world_.draws();
  const uint64_t key = KeyOf(target, count);
  const SimDiskCore::DamageSite& site =
      sites[draws.Range("atlas.file", key, 0, sites.size() - 1, 0) % sites.size()];
  const uint64_t offset = draws.Range("atlas.offset", key, 0, site.end - 1, 0) % site.end;
  const bool unreadable = draws.Chance("atlas.unreadable", key, 40 * (kMillion / 100));
  const auto bit = static_cast<uint32_t>(draws.Range("atlas.bit", key, 0, 7, 0));
  disk.Spoil(site.path, offset,
             unreadable ? SimDiskCore::Damage::kUnreadable : SimDiskCore::Damage::kFlipBit, bit);
  spoiled_[target] = true;
  return true;
}

void Atlas::Lose(size_t target) {
  CHECK(MaySpoil(target));
  spoiled_[target] = lost_[target] = true;
  world_.CountFault(FaultClass::kNodeLost);
}

}  // namespace lockstep::sim
