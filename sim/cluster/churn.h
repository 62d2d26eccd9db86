// LeaderChurn: strikes new leaders in the middle of what new leaders do, again and again.
//
// A leader that is cut off or killed between two steps of its first moments, while the one before
// comes back, is what Raft's rules about terms are for [Raft fig. 8]. A partition that strikes at
// random times hardly ever hits these moments.
#ifndef LOCKSTEP_SIM_CLUSTER_CHURN_H_
#define LOCKSTEP_SIM_CLUSTER_CHURN_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "sim/sim_network.h"
#include "sim/sim_node.h"
#include "sim/sim_trace.h"
#include "sim/world.h"

namespace lockstep::sim {

// Part of the Nemesis. Nothing here suspends.
class LeaderChurn final {
 public:
  // `lose_power` and `boot` are the nemesis's.
  LeaderChurn(World& world, SimNetwork& network, const std::vector<SimNode*>& nodes,
              std::function<void(SimNode&)> lose_power, std::function<void(SimNode&)> boot);
  LeaderChurn(const LeaderChurn&) = delete;
  LeaderChurn& operator=(const LeaderChurn&) = delete;

  // Every trace event of the node at `target`.
  void OnTrace(size_t target, const TraceEvent& event);
  // Every Raft message that leaves it; struck now, the node's peers never see it.
  void OnSent(size_t target);
  // Strikes nobody any more. (Cuts stay; the nemesis restores the network.)
  void Stop() { stopped_ = true; }

 private:
  // A leader that was marked: struck after so many more of its trace events or messages.
  struct Mark final {
    uint64_t term = 0;
    bool by_messages = false;
    uint64_t events_left = 0;
  };

  void OnElected(size_t target, uint64_t term);
  void CountDown(size_t target, bool is_message);
  void Strike(size_t target, uint64_t term);
  void Crash(size_t target, uint64_t key, bool power);
  void StrikeAgain(size_t target, uint64_t term);
  // Cuts the node off from all others, or from all but one; both ways, or one.
  void CutOff(size_t target, uint64_t key);

  World& world_;
  SimNetwork& network_;
  const std::vector<SimNode*>& nodes_;
  std::function<void(SimNode&)> lose_power_;
  std::function<void(SimNode&)> boot_;
  std::vector<std::optional<Mark>> marks_;  // by target
  uint64_t newest_ = 0;                     // the newest term that has a leader
  uint64_t strikes_ = 0;
  bool stopped_ = false;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_CHURN_H_
