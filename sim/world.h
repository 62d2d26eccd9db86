// World: one simulated universe. Virtual time, the events in it, and every random decision.
#ifndef LOCKSTEP_SIM_WORLD_H_
#define LOCKSTEP_SIM_WORLD_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "framework/base/ids.h"
#include "framework/base/marks.h"
#include "sim/draws.h"
#include "sim/event_log.h"
#include "sim/fault_class.h"
#include "sim/fault_profile.h"
#include "sim/tape.h"
#include "sim/virtual_time.h"

namespace lockstep::fiber {
class Scheduler;
}

namespace lockstep::sim {

class Recorder;
class World;

// sim/interpose.cc, in executables that link it: arms the tripwires for as long as `world` runs.
// Returns what was set before.
extern "C" World* LockstepSetRunningWorld(World* world) __attribute__((weak));

// Where an event belongs. Events of one origin at one instant run in the order of scheduling.
struct EventOrigin final {
  NodeId node;
  EventKind kind = EventKind::kNemesis;
  uint64_t key = 0;
};

// Invariants:
//   1. Time never goes back; an event is never scheduled in the past.
//   2. Events run in the order of (time, keyed tie, sequence); what was urgent runs before them.
//   3. Same seed, profile and product code: same hash. Nothing here depends on addresses, the real
//      time or anything outside the object; several worlds may live side by side.
// Everything in a universe (nodes, network) is destroyed before its World. Never suspends.
class World final {
 public:
  // With `replay`, decisions come from that tape.
  World(uint64_t seed, const FaultProfile& profile, const Tape* replay = nullptr);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  uint64_t seed() const { return seed_; }
  VirtualTime now() const { return now_; }
  Draws& draws() { return draws_; }
  // What this universe drew from its profile. May be changed between events (a nemesis heals).
  FaultRates& rates() { return rates_; }
  EventLog& log() { return log_; }
  FaultCounters& faults() { return faults_; }
  void CountFault(FaultClass fault) {
    faults_.Count(fault);
    if (recorder_ != nullptr) TellFault(fault);
  }
  // What product code has reached in this universe.
  marks::Counts& marks() { return marks_; }
  // Null if nobody wants to know.
  Recorder* recorder() const { return recorder_; }
  void set_recorder(Recorder* recorder) { recorder_ = recorder; }
  // What follows is no longer on the replayed tape: drawn from the seed and the salt, at the rates
  // of this universe without a tape.
  void GoFresh(uint64_t salt, const FaultProfile& profile);

  // `payload` is hashed along with the event when it runs.
  void At(VirtualTime when, const EventOrigin& origin, absl::AnyInvocable<void()> run,
          uint64_t payload = 0);
  void After(Duration delay, const EventOrigin& origin, absl::AnyInvocable<void()> run,
             uint64_t payload = 0) {
    At(now_ + delay, origin, std::move(run), payload);
  }
  // Runs before any event, as soon as the running one is over; at once if product code is not on
  // the stack.
  void Urgent(absl::AnyInvocable<void()> run);
  // Adds something to the event hash that happened now, inside another event.
  void Note(const EventOrigin& origin, uint64_t payload) {
    log_.Add(now_, origin.node, origin.kind, origin.key, payload);
  }

  // Runs the next event; false if there is none.
  bool Step();
  // Runs everything up to and including that instant, which is `now` afterwards.
  void RunUntil(VirtualTime end);
  void RunFor(Duration duration) { RunUntil(now_ + duration); }
  bool idle() const { return heap_.empty() && urgent_.empty(); }

  // Held while code of a node is on the stack: such a node cannot be unwound right now.
  class ProductCode final {
   public:
    // With the scheduler whose fiber runs, if it is one.
    ProductCode(World& world, NodeId node, const fiber::Scheduler* scheduler = nullptr)
        : world_(world),
          previous_(world.running_node_),
          previous_scheduler_(world.running_scheduler_) {
      world_.running_node_ = node;
      world_.running_scheduler_ = scheduler;
      ++world_.product_depth_;
    }
    ProductCode(const ProductCode&) = delete;
    ProductCode& operator=(const ProductCode&) = delete;
    ~ProductCode() {
      world_.running_node_ = previous_;
      world_.running_scheduler_ = previous_scheduler_;
      --world_.product_depth_;
    }

   private:
    World& world_;
    NodeId previous_;
    const fiber::Scheduler* previous_scheduler_;
  };
  NodeId running_node() const { return running_node_; }

  // From now on it is known who scheduled an event, for those who look for a first difference.
  void KeepCauses() { keeps_causes_ = true; }
  // What is behind that which happens now, in words: the fiber that runs, or whoever scheduled the
  // event that does. REQUIRES: KeepCauses.
  std::string Cause() const;

  // The state of RocksDB's own generator for the node that runs; see interpose.cc.
  uint32_t& StoreRandomState();

 private:
  struct Pending final {
    absl::AnyInvocable<void()> run;
    EventOrigin origin;
    uint64_t payload = 0;
    std::string cause;  // if causes are kept
  };
  struct HeapEntry final {
    VirtualTime at;
    uint64_t tie = 0;
    uint64_t sequence = 0;
    uint32_t slot = 0;
  };
  struct Later;  // orders the heap

  bool RunUrgent();
  bool StepUpTo(VirtualTime end);
  void TellFault(FaultClass fault);

  uint64_t seed_;
  VirtualTime now_;
  Draws draws_;
  FaultRates rates_;
  EventLog log_;
  FaultCounters faults_;
  marks::Counts marks_;
  Recorder* recorder_ = nullptr;
  std::vector<HeapEntry> heap_;
  std::vector<Pending> slots_;
  std::vector<uint32_t> free_slots_;
  std::deque<absl::AnyInvocable<void()>> urgent_;
  uint64_t next_sequence_ = 0;
  NodeId running_node_;
  const fiber::Scheduler* running_scheduler_ = nullptr;
  uint32_t product_depth_ = 0;
  bool keeps_causes_ = false;
  std::string running_cause_;
  std::map<NodeId, uint32_t> store_random_;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_WORLD_H_
