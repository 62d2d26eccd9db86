// SimRandom and SimFaultPoints: what product code draws by itself.
#ifndef LOCKSTEP_SIM_SIM_RANDOM_H_
#define LOCKSTEP_SIM_SIM_RANDOM_H_

#include <cstdint>
#include <map>
#include <string_view>

#include "framework/base/ids.h"
#include "framework/runtime/fault_points.h"
#include "framework/runtime/random.h"
#include "sim/world.h"

namespace lockstep::sim {

// Entropy of one shard: keyed by node, shard and purpose; no fault, so never on a tape.
class SimRandom final : public runtime::Random {
 public:
  SimRandom(World& world, NodeId node, ShardId shard)
      : world_(world), key_(KeyOf(node.value(), shard.value())) {}

  uint64_t Draw(std::string_view purpose) override {
    return world_.draws().Entropy("product", KeyOf(key_, StreamId(purpose)));
  }

 private:
  World& world_;
  uint64_t key_;
};

// Fault model: in a share of the universes, each site of product code is active or not; an active
// one fires now and then.
class SimFaultPoints final : public runtime::FaultPoints {
 public:
  SimFaultPoints(World& world, NodeId node) : world_(world), node_(node) {}

  bool Fire(std::string_view site) override;
  // Until then the site fires on every visit, whether it is active or not: for a disaster that
  // needs the rare path just now.
  void Demand(std::string_view site, VirtualTime until) { demanded_[StreamId(site)] = until; }

 private:
  World& world_;
  NodeId node_;
  std::map<uint64_t, VirtualTime> demanded_;  // by site
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_SIM_RANDOM_H_
