// Nemesis: plans disasters for a cluster, at the rates that the universe drew, and heals them.
#ifndef LOCKSTEP_SIM_CLUSTER_NEMESIS_H_
#define LOCKSTEP_SIM_CLUSTER_NEMESIS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/cluster/ambush.h"
#include "sim/cluster/atlas.h"
#include "sim/cluster/broken_rest.h"
#include "sim/cluster/churn.h"
#include "sim/sim_network.h"
#include "sim/sim_node.h"
#include "sim/world.h"

namespace lockstep::sim {

// Each kind of disaster is a chain of events of its own: strike, perhaps undo, plan the next. What
// is done and when is drawn under the kind, its target and a counter, so that removing one disaster
// leaves the others alone. Others are provoked: certain trace events of a node, and the syncs of
// its disk, are now and then followed by a disaster of that node within a moment, which is when
// bugs are looking the other way.
// Owned by the Cluster. Nothing here suspends.
class Nemesis final {
 public:
  // `boot` starts a node that is off; `power_lost` hears of a node whose power has just failed.
  Nemesis(World& world, SimNetwork& network, std::vector<SimNode*> nodes,
          std::function<void(SimNode&)> boot, std::function<void(SimNode&)> power_lost);
  Nemesis(const Nemesis&) = delete;
  Nemesis& operator=(const Nemesis&) = delete;

  // Plans the first disaster of each kind.
  void Start();
  // No more disasters, and those under way are undone: links restored, pauses over, rates benign.
  // Nodes that are off are booted. Or all this for a quorum only, while the others stay broken.
  void Heal();
  // By target, sorted: who has to be whole in the end. Nobody if the fault budget was exceeded.
  // REQUIRES: healed.
  const std::vector<size_t>& core() const { return core_; }

  // A Raft message leaves its node; of the group that has clients, or of another one.
  void OnSent(const raft::Message& message, bool has_clients) {
    churn_.OnSent(message.from.value() - 1);
    if (has_clients) ambush_.OnSent(message);
  }
  // A leader begins to send a snapshot.
  void OnSnapshot(NodeId from, NodeId to) { ambush_.OnSnapshot(from.value() - 1, to.value() - 1); }
  // What was planned is off; plans again, from now.
  void PlanAfresh();

  // Boots the node after the universe's usual down time, and after that pause.
  void BootLater(SimNode& node, Duration pause = Duration(0));
  // Whether the node has another one's disk just now.
  bool has_swapped_disk(NodeId node) const {
    return swapped_ &&
           (node.value() == swapped_->first + 1 || node.value() == swapped_->second + 1);
  }

 private:
  using Strike = void (Nemesis::*)(uint64_t target, uint64_t count);

  // Strikes of one kind and target, at most.
  static constexpr uint64_t kStrikesMax = 256;

  // Plans `strike` after an exponential time of the given mean; none if the mean is zero. Under
  // replay the call for count 0 plans what the tape has of the chain.
  void Plan(Stream stream, uint64_t mean_ns, Strike strike, uint64_t target, uint64_t count);
  void StrikeAt(VirtualTime when, Strike strike, uint64_t target, uint64_t count);
  void KillOne(uint64_t target, uint64_t count);
  void KillAll(uint64_t target, uint64_t count);
  void PauseOne(uint64_t target, uint64_t count);
  void Partition(uint64_t target, uint64_t count);
  void ClogLink(uint64_t target, uint64_t count);
  void SlowDisk(uint64_t target, uint64_t count);
  void HangDisk(uint64_t target, uint64_t count);
  void StepClock(uint64_t target, uint64_t count);
  void FillDisk(uint64_t target, uint64_t count);
  void DamageDisk(uint64_t target, uint64_t count);
  void LoseNode(uint64_t target, uint64_t count);
  void SwapDisks(uint64_t target, uint64_t count);
  void SwapNow(uint64_t first, uint64_t second);
  void UndoSwap();
  void FreezeClock(uint64_t target, uint64_t count);
  void Besiege(uint64_t target, uint64_t count);

  // What just happened on a node may be followed by a disaster of that node.
  void OnTrace(uint64_t target, std::string_view name);
  void OnSync(uint64_t target);
  void Provoke(uint64_t target);
  // Cuts the node off from the other nodes, both ways; clients still reach it.
  void Isolate(uint64_t target);
  void RestoreLater(Stream stream, uint64_t target, uint64_t count);

  void RestoreNetwork();
  void LosePower(SimNode& node);
  void Storm(SimNode& node, uint64_t count);
  uint64_t Draw(Stream stream, uint64_t target, uint64_t count, uint64_t bound);
  bool Percent(Stream stream, uint64_t target, uint64_t count, uint64_t percent);
  EventOrigin Origin(uint64_t target) const;

  World& world_;
  SimNetwork& network_;
  std::vector<SimNode*> nodes_;
  std::function<void(SimNode&)> boot_;
  std::function<void(SimNode&)> power_lost_;
  LeaderChurn churn_;
  Ambush ambush_;
  Atlas atlas_;
  BrokenRest rest_;
  std::vector<size_t> core_;
  std::optional<std::pair<uint64_t, uint64_t>> swapped_;  // by target
  bool healed_ = false;
  uint64_t plan_ = 0;          // strikes of an earlier one are off
  VirtualTime next_provoked_;  // no earlier
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_NEMESIS_H_
