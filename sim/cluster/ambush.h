// Ambush: disasters that wait for the moment in which they do the most harm.
//
// Some promises are only at stake for a few milliseconds, between two messages: while leadership is
// handed over, while a leader counts on what a voter has just promised, while a snapshot is half
// there, while two halves of a configuration have to agree. Disasters at random times hardly ever
// hit these moments; these wait for them.
#ifndef LOCKSTEP_SIM_CLUSTER_AMBUSH_H_
#define LOCKSTEP_SIM_CLUSTER_AMBUSH_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "framework/raft/message.h"
#include "sim/sim_network.h"
#include "sim/sim_node.h"
#include "sim/sim_trace.h"
#include "sim/world.h"

namespace lockstep::sim {

// Part of the Nemesis. Nodes are named by their position. Nothing here suspends.
class Ambush final {
 public:
  // `lose_power` and `boot` are the nemesis's.
  Ambush(World& world, SimNetwork& network, const std::vector<SimNode*>& nodes,
         std::function<void(SimNode&)> lose_power, std::function<void(SimNode&)> boot);
  Ambush(const Ambush&) = delete;
  Ambush& operator=(const Ambush&) = delete;

  // Every trace event of the node at `target`.
  void OnTrace(size_t target, const TraceEvent& event);
  // Every Raft message of the group that has clients, as it leaves its node.
  void OnSent(const raft::Message& message);
  // A leader begins to send a snapshot.
  void OnSnapshot(size_t from, size_t to);

  // The leader is cut off, in two steps: first from all but a bare quorum, whose promises it lives
  // on from then on; then, as one of these answers it, from everybody. Those who were cut off first
  // want to lead by then. Nobody, if there is no leader or another siege goes on.
  void Besiege(uint64_t count);
  // Strikes nobody any more. (Cuts stay; the nemesis restores the network.)
  void Stop() { stopped_ = true; }

 private:
  // What the second step of a siege is.
  enum class Assault : uint8_t {
    kCut,            // nothing but the cut
    kHoldAnswers,    // answers that are under way arrive late, then nothing does
    kRestartVoters,  // those who promised die and come back at once
    kRacePromises,   // who wants to lead is heard the moment that a promise has ended
    kCount
  };
  struct Siege final {
    uint64_t key = 0;
    size_t leader = 0;
    std::vector<size_t> kept;   // whom the leader still reaches
    std::vector<size_t> apart;  // the others
    Assault assault = Assault::kCut;
    bool is_armed = false;
  };

  void CutTransfer(size_t leader, uint64_t key);
  // As long as this siege lasts.
  void InSiege(Duration wait, std::function<void()> what);
  void Storm();
  void HoldAnswers();
  void RestartVoters();
  void RacePromise(size_t voter, Duration promise);
  void RaceAgain();
  void BreakLater(size_t from, size_t to, uint64_t key, uint64_t breaks);
  void Break(size_t from, size_t to, uint64_t key, uint64_t breaks);
  void ResetSome(size_t from, size_t to, uint64_t key);
  void LoseAnswer(size_t from, size_t to, uint64_t key);
  void SplitJoint(size_t target, uint64_t key);

  // Every link into, or out of, the node from or to any of those.
  void CutInto(size_t target, const std::vector<size_t>& others);
  void CutOutOf(size_t target, const std::vector<size_t>& others);
  std::vector<size_t> AllBut(size_t target) const;
  // Of the clock, against true time, in ppm.
  int64_t DriftOf(size_t target) const;
  int64_t FastestOf(const std::vector<size_t>& some) const;
  // With each of the nodes.
  void ForEachClient(absl::FunctionRef<void(HostId, HostId)> visit) const;
  void Crash(size_t target, uint64_t key, Duration down_max);
  // Unless it is all over by then.
  void Later(Duration wait, size_t target, std::function<void()> what);
  Duration LogUniform(Stream stream, uint64_t key, Duration low, Duration high) const;
  // The shortest that an election may take to begin, about: as long as promises last.
  Duration ElectionTimeout() const;

  World& world_;
  SimNetwork& network_;
  const std::vector<SimNode*>& nodes_;
  std::function<void(SimNode&)> lose_power_;
  std::function<void(SimNode&)> boot_;
  std::optional<size_t> leader_;  // of the newest term that has one
  uint64_t newest_term_ = 0;
  std::optional<Siege> siege_;
  std::set<std::pair<size_t, size_t>> transfers_;  // snapshots under way: from, to
  bool is_split_ = false;                          // for a joint configuration
  uint64_t ambushes_ = 0;
  bool stopped_ = false;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_AMBUSH_H_
