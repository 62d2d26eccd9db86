// Workload: what a simulated cluster serves, what its clients do, and whether they were told the
// truth. One per universe; written by the author of the service.
#ifndef LOCKSTEP_SIM_CLUSTER_WORKLOAD_H_
#define LOCKSTEP_SIM_CLUSTER_WORKLOAD_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "checkers/violation.h"
#include "framework/base/time.h"
#include "framework/replica/node.h"
#include "framework/runtime/environment.h"
#include "sim/cluster/client_turns.h"
#include "sim/recorder.h"

namespace lockstep::sim {

// What clocks may do in a universe, for services that measure time.
struct ClockBudget final {
  // No two nodes' clocks differ in speed by more than the product was told, and none stands still:
  // reads by lease have to be linearizable. (Without leases: they are anyway.)
  bool leases_hold = true;
  int64_t drift_ppm = 0;  // of any clock, at most
  bool freezes = false;   // monotonic clocks stand still now and then
};

// One client of a universe.
struct ClientPlan final {
  uint32_t index = 0;
  uint64_t seed = 0;                        // for what it asks
  std::vector<runtime::Address> endpoints;  // the nodes' client ports
  Duration think_time;                      // mean pause between two operations
  // The time of the universe, which no clock of a node shows: for histories.
  std::function<int64_t()> universe_ns;
  ClockBudget clocks;
  // Nothing is broken, and nodes stop in good order only: every request has to be answered, unless
  // etcd's client would send it again by itself.
  bool nothing_fails = false;
  // Whether to go on: false once the universe has other plans.
  std::function<bool()> go_on;
  // When to act, for clients whose operations a replay may leave out one by one. Clients that only
  // ask `go_on` work too; a failure of theirs shrinks less far.
  ClientTurns* turns = nullptr;
  // Null unless somebody records: then tell it each operation.
  Recorder* recorder = nullptr;
};

class Workload {
 public:
  virtual ~Workload() = default;

  // Fills in what the service is: make_machine and, if it has its own API, add_services.
  virtual void Configure(replica::NodeOptions& options) = 0;
  // One client's life; returns when plan.go_on() says no. May suspend.
  virtual void RunClient(Fiber& fiber, runtime::Environment& environment,
                         const ClientPlan& plan) = 0;
  // Whether what was recorded so far is certainly wrong. Asked now and then while the run goes on;
  // it ends then, and Check says what is wrong.
  virtual bool HasFailed() const { return false; }
  // Called once, after the last client has returned and the cluster is whole again, or when
  // HasFailed says so: the verdict on everything that was recorded.
  virtual std::optional<checkers::Violation> Check() = 0;

  // Operations that were invoked, and those with a known outcome.
  virtual uint64_t invoked() const = 0;
  virtual uint64_t completed() const = 0;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_WORKLOAD_H_
