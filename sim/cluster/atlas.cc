#include "sim/cluster/atlas.h"

#include <algorithm>
#include <string_view>

#include "framework/base/check.h"

namespace lockstep::sim {
namespace {

bool IsOfLog(std::string_view path) { return path.find("/log/") != std::string_view::npos; }
bool IsOfState(std::string_view path) {
  return path.find("/db") != std::string_view::npos || path.ends_with(".snap");
}
// Of this file there is a copy, which is not damaged.
bool IsOfIdentity(std::string_view path) { return path.ends_with("/IDENTITY"); }

}  // namespace

Atlas::Atlas(World& world, const std::vector<SimNode*>& nodes)
    : world_(world),
      nodes_(nodes),
      victims_(nodes.size()),
      hurt_(nodes.size()),
      spoiled_(nodes.size()),
      lost_(nodes.size()),
      dependent_(nodes.size()),
      log_damages_(nodes.size()) {
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

std::vector<size_t> Atlas::QuorumWithout(const std::vector<bool>& left_out) const {
  std::vector<size_t> intact;
  for (size_t target = 0; target < nodes_.size(); ++target) {
    if (!spoiled_[target] && !hurt_[target] && !left_out[target]) intact.push_back(target);
  }
  if (intact.size() * 2 <= nodes_.size()) intact.clear();
  return intact;
}

std::vector<size_t> Atlas::Intact() const { return QuorumWithout(spoiled_); }

std::vector<size_t> Atlas::SelfReliant() const { return QuorumWithout(dependent_); }

std::vector<size_t> Atlas::Mendable() const {
  std::vector<size_t> mendable = Intact();
  if (mendable.empty()) return mendable;
  for (size_t target = 0; target < nodes_.size(); ++target) {
    if (Hurt(target)) mendable.push_back(target);
  }
  std::sort(mendable.begin(), mendable.end());
  return mendable;
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
  hurt_[target] = true;
  // Then the last batch is unreadable, too, which only looks torn to who cannot tell the two apart.
  const bool hits_last =
      unreadable && offset / kSectorBytes * kSectorBytes + kSectorBytes > site.end;
  if (IsOfLog(site.path) && hits_last) spoiled_[target] = true;
  // What is behind the damage hardly tells the votes of all groups.
  if (IsOfLog(site.path) && world_.rates().more_groups > 0) spoiled_[target] = true;
  // The log's first damage leaves at least one batch behind it that tells the node's vote; a second
  // one may hit just that.
  if (IsOfLog(site.path)) ++log_damages_[target];
  const bool is_mendable = IsOfLog(site.path) || IsOfState(site.path) || IsOfIdentity(site.path);
  if (log_damages_[target] > 1 || !is_mendable) {
    spoiled_[target] = true;
  }
  return true;
}

void Atlas::Lose(size_t target) {
  CHECK(MaySpoil(target));
  spoiled_[target] = lost_[target] = true;
  world_.CountFault(FaultClass::kNodeLost);
}

}  // namespace lockstep::sim
