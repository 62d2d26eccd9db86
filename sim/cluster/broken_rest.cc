#include "sim/cluster/broken_rest.h"

#include <algorithm>
#include <utility>

#include "framework/base/check.h"

namespace lockstep::sim {
namespace {

constexpr uint64_t kPercent = kMillion / 100;
// Longer than any universe.
constexpr Duration kForGood = Seconds(1'000'000);

}  // namespace

BrokenRest::BrokenRest(World& world, SimNetwork& network, const std::vector<SimNode*>& nodes,
                       std::function<void(SimNode&)> boot)
    : world_(world), network_(network), nodes_(nodes), boot_(std::move(boot)) {}

std::vector<size_t> BrokenRest::ChooseCore(std::vector<size_t> intact) {
  const size_t quorum = nodes_.size() / 2 + 1;
  CHECK_GE(intact.size(), quorum);
  while (intact.size() > quorum) {
    const uint64_t out =
        world_.draws().Range("core.leaves_out", intact.size(), 0, intact.size() - 1, 0);
    intact.erase(intact.begin() + static_cast<ptrdiff_t>(out % intact.size()));
  }
  return intact;
}

void BrokenRest::Freeze(const std::vector<size_t>& core) {
  world_.CountFault(FaultClass::kCoreHealed);
  for (size_t target = 0; target < nodes_.size(); ++target) {
    if (!std::binary_search(core.begin(), core.end(), target)) Break(target, core);
  }
  if (!world_.draws().Chance("core.cold", 0, 50 * kPercent)) return;
  for (const size_t target : core) {
    SimNode* node = nodes_[target];
    node->Kill();
    world_.After(Milliseconds(1), {node->id(), EventKind::kNemesis, target}, [this, node] {
      if (node->state() == SimNode::State::kOff) boot_(*node);
    });
  }
}

void BrokenRest::Break(size_t target, const std::vector<size_t>& core) {
  const uint64_t dice = world_.draws().Range("core.broken", target, 0, 99, 0);
  if (dice < 40) return CutBetween(target, core, /*out=*/false, /*in=*/true);
  if (dice < 55) return CutBetween(target, core, /*out=*/true, /*in=*/false);
  if (dice < 70) return CutBetween(target, core, /*out=*/true, /*in=*/true);
  if (dice < 80) return nodes_[target]->Pause(kForGood);
  if (dice < 90) return nodes_[target]->disk().Hang(world_.now() + kForGood);
  DieAgain(target, 0);
}

void BrokenRest::CutBetween(size_t target, const std::vector<size_t>& core, bool out, bool in) {
  for (const size_t other : core) {
    if (out) network_.Cut(nodes_[target]->host(), nodes_[other]->host());
    if (in) network_.Cut(nodes_[other]->host(), nodes_[target]->host());
  }
}

void BrokenRest::DieAgain(size_t target, uint64_t count) {
  const uint64_t wait = world_.draws().LogUniform("core.dies", KeyOf(target, count), 50'000'000,
                                                  2'000'000'000, 2'000'000'000);
  SimNode* node = nodes_[target];
  world_.After(Nanoseconds(static_cast<int64_t>(wait)), {node->id(), EventKind::kNemesis, target},
               [this, node, target, count] {
                 if (node->state() == SimNode::State::kOff) {
                   boot_(*node);
                 } else {
                   node->Kill();
                 }
                 DieAgain(target, count + 1);
               });
}

}  // namespace lockstep::sim
