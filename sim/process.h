// Process: the running incarnation of a node, as its devices see it.
#ifndef LOCKSTEP_SIM_PROCESS_H_
#define LOCKSTEP_SIM_PROCESS_H_

#include <cstdint>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "framework/base/ids.h"
#include "framework/fiber/sync.h"
#include "sim/world.h"

namespace lockstep::sim {

// Invariants: an event that was scheduled by one incarnation never runs in another, nor after the
// incarnation died; while the process is paused none runs at all, and afterwards they run in the
// order in which they would have.
// Owned by a SimNode.
class Process final {
 public:
  Process(World& world, NodeId node) : world_(world), node_(node) {}
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  World& world() { return world_; }
  NodeId node() const { return node_; }
  bool alive() const { return alive_; }
  bool paused() const { return paused_; }
  // Counts the starts; 0 before the first.
  uint64_t incarnation() const { return incarnation_; }
  bool IsCurrent(uint64_t incarnation) const { return alive_ && incarnation == incarnation_; }

  // An event of this incarnation. `run` is product code or touches its objects.
  void After(Duration delay, EventKind kind, uint64_t key, absl::AnyInvocable<void()> run);
  // Runs `run` now, or when the pause is over. For events that the caller scheduled by itself.
  void RunOrHold(absl::AnyInvocable<void()> run);

  // Every suspending device call comes here first. A dead process gets no answer: the fiber waits
  // until it is unwound. Suspends, then.
  void StopIfDead(Fiber& fiber) {
    if (alive_) return;
    fiber::WaitQueue nobody;
    nobody.Wait(fiber);
    CHECK(false) << "a fiber of a dead process went on";
  }

  void Start();
  void Die();
  void Pause() { paused_ = true; }
  void Resume();

 private:
  World& world_;
  NodeId node_;
  bool alive_ = false;
  bool paused_ = false;
  uint64_t incarnation_ = 0;
  std::vector<absl::AnyInvocable<void()>> held_;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_PROCESS_H_
