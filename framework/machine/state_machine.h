// StateMachine: what a library user writes.
//
// Apply is a pure function of the state and the entry: replicas that apply the same entries have
// the same state, byte for byte. It sees no clock, entropy, configuration or node identity.
#ifndef LOCKSTEP_FRAMEWORK_MACHINE_STATE_MACHINE_H_
#define LOCKSTEP_FRAMEWORK_MACHINE_STATE_MACHINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/base/time.h"
#include "framework/fiber/scheduler.h"
#include "framework/machine/ordered_store.h"

namespace lockstep::machine {

// Where an Apply stands.
class ApplyContext {
 public:
  virtual ~ApplyContext() = default;
  // Reads see everything applied before, in this batch too; writes become visible with the batch.
  virtual StoreTransaction& store() = 0;
  virtual uint64_t index() const = 0;
  virtual uint64_t term() const = 0;
  // The leader's clock when it accepted the entry; non-decreasing per group.
  virtual WallTime time() const = 0;
  // Delivered to this replica's subscribers after the batch is visible, in index order. Also on
  // replay after a restart.
  virtual void Publish(std::string event) = 0;
};

// Lets a LeaderDuty propose commands of its own.
class Proposer {
 public:
  virtual ~Proposer() = default;
  // The command's result once it is applied. UNAVAILABLE / DEADLINE_EXCEEDED: it may or may not
  // have been or be applied.
  virtual absl::StatusOr<std::string> Propose(Fiber& fiber, std::string command,
                                              MonoTime deadline) = 0;
};

class StateMachine {
 public:
  virtual ~StateMachine() = default;

  // Executes one command and returns its result. Never fails for what the command says: a bad
  // command has a result that says so. A Status means that this replica's store failed; the replica
  // stops. May suspend inside store calls only.
  virtual absl::StatusOr<std::string> Apply(Fiber& fiber, std::string_view command,
                                            ApplyContext& context) = 0;

  // Answers a question at the view's instant, changing nothing.
  virtual absl::StatusOr<std::string> Query(Fiber& fiber, std::string_view request,
                                            const StoreView& view) = 0;

  // Called once before the first Apply of an incarnation and after a snapshot was installed: drop
  // whatever is cached in memory and load it from the store.
  virtual absl::Status Load(Fiber& fiber, const StoreView& view) = 0;

  // Runs while this replica leads and is unwound when it no longer does. May propose.
  virtual void LeaderDuty(Fiber& fiber, Proposer& proposer) {
    (void)fiber;
    (void)proposer;
  }

  // Says what is wrong with a state that should be impossible; called by simulations.
  virtual absl::Status CheckInvariants(Fiber& fiber, const StoreView& view) {
    (void)fiber;
    (void)view;
    return absl::OkStatus();
  }
};

}  // namespace lockstep::machine

#endif  // LOCKSTEP_FRAMEWORK_MACHINE_STATE_MACHINE_H_
