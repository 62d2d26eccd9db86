// RunSeed: one seed, one universe, one verdict.
#ifndef LOCKSTEP_SIM_CLUSTER_RUN_H_
#define LOCKSTEP_SIM_CLUSTER_RUN_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkers/violation.h"
#include "framework/base/time.h"
#include "sim/cluster/cluster.h"
#include "sim/cluster/workload.h"
#include "sim/fault_class.h"
#include "sim/fault_profile.h"
#include "sim/tape.h"

namespace lockstep::sim {

// A run as somebody may steer it between two events.
class RunControl {
 public:
  virtual ~RunControl() = default;
  virtual VirtualTime now() const = 0;
  // From here on the tape is no longer followed: everything is drawn, from the seed and the salt,
  // and the run gets the whole horizon.
  virtual void GoFresh(uint64_t salt) = 0;
  // What the replicas are to each other, leaving out how far they are and who is who.
  virtual uint64_t AbstractState() = 0;
};

struct RunOptions final {
  FaultProfile profile = DefaultProfile();
  // Virtual time of a run, healing and final checks included: 60 s, or 15 s for a short one.
  Duration horizon = Seconds(60);
  // Also whether nodes have two shards is drawn; 0 draws, other values say.
  uint32_t shards = 0;
  uint32_t nodes = 3;
  uint32_t clients = 4;
  uint32_t operations_per_second = 50;
  // After healing, how long the cluster may take beyond the horizon to be whole again.
  Duration recovery_limit = Seconds(60);
  // How often the run looks whether it is over, and calls `on_look`, if there is one.
  Duration look_interval = Milliseconds(100);
  std::function<void(RunControl&)> on_look;
  // Null, or is told everything; see sim/recorder.h.
  Recorder* recorder = nullptr;
  std::function<std::unique_ptr<Workload>(World&)> make_workload;
  StoreOpenerFactory open_stores;
  // Names of the marks that universes like this one have to reach now and then.
  std::vector<std::string> marks;
};

struct RunResult final {
  uint64_t seed = 0;
  std::optional<checkers::Violation> violation;
  uint64_t hash = 0;
  uint64_t events = 0;
  Duration virtual_time;
  uint64_t invoked = 0;
  uint64_t completed = 0;
  uint64_t applied = 0;
  uint64_t process_failures = 0;
  uint32_t shards = 1;
  // Filled in by whoever runs universes in processes: compared with a second run; its time.
  bool is_double = false;
  Duration cpu{0};
  FaultCounters faults;
  // How often each mark was reached (framework/base/marks.h); those that were expected are there.
  std::map<std::string, uint64_t> marks;
  std::vector<uint64_t> checkpoints;
  Tape tape;
  // Of the replayed tape: what no decision asked for.
  size_t unused_entries = 0;
  // With a violation: the last events of each node, as text.
  std::string last_events;
};

// Runs the universe of `seed` to its verdict. With `replay`, decisions come from that tape. Pure:
// the same arguments give the same result.
RunResult RunSeed(uint64_t seed, const RunOptions& options, const Tape* replay = nullptr);

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_RUN_H_
