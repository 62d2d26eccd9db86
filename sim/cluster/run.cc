#include "sim/cluster/run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lockstep::sim {
namespace {

// How often the run looks whether the cluster is whole.
constexpr Duration kLookInterval = Milliseconds(100);
constexpr Duration kDefaultHorizon = Seconds(60);

ClusterShape ShapeOf(World& world, const RunOptions& options) {
  ClusterShape shape;
  // (A tape may say that fewer will do.)
  Draws& draws = world.draws();
  shape.nodes = static_cast<uint32_t>(
      std::max<uint64_t>(1, draws.Given("shape.nodes", 0, options.nodes, options.nodes)));
  shape.clients =
      static_cast<uint32_t>(draws.Given("shape.clients", 0, options.clients, options.clients));
  shape.operations_per_second = options.operations_per_second;
  shape.shards = options.shards != 0
                     ? options.shards
                     : static_cast<uint32_t>(world.draws().Range("shape.shards", 0, 1, 2, 1));
  // Small logs make rotation, truncation and snapshots everyday events.
  // (Whole pages.)
  shape.log_segment_bytes = 4096 * world.draws().LogUniform("shape.segment", 0, 4, 256, 64);
  shape.log_bytes_retained =
      world.draws().LogUniform("shape.retained", 0, 2 * 1024, 256 * 1024, 128 * 1024);
  return shape;
}

// The profile's intervals are for the default horizon; a shorter run gets as many disasters.
void FitDisasters(FaultRates& rates, Duration horizon) {
  const auto part = static_cast<uint64_t>(horizon / Milliseconds(1));
  const auto whole = static_cast<uint64_t>(kDefaultHorizon / Milliseconds(1));
  for (uint64_t FaultRates::*interval :
       {&FaultRates::partition_every_ns, &FaultRates::clog_every_ns,
        &FaultRates::slow_disk_every_ns, &FaultRates::hung_disk_every_ns,
        &FaultRates::clock_step_every_ns, &FaultRates::kill_every_ns,
        &FaultRates::cluster_power_loss_every_ns, &FaultRates::pause_every_ns,
        &FaultRates::disk_full_every_ns}) {
    rates.*interval = rates.*interval * part / whole;
  }
}

// Runs until `done`, the limit, or a violation.
template <typename Done>
bool RunWhile(World& world, Cluster& cluster, VirtualTime limit, const Done& done) {
  while (!cluster.oracle().violation() && world.now() < limit) {
    if (done()) return true;
    const VirtualTime stop = std::min(limit, world.now() + kLookInterval);
    world.RunUntil(stop);
  }
  return done();
}

// The phases of a run; returns the first violation.
std::optional<checkers::Violation> RunPhases(World& world, Cluster& cluster, Workload& workload,
                                             const RunOptions& options) {
  const auto never = [] { return false; };
  // Two thirds disasters, then recovery under load, then silence.
  const VirtualTime start = world.now();
  const auto usual = static_cast<uint64_t>(options.horizon.count());
  const Duration horizon =
      Nanoseconds(static_cast<int64_t>(world.draws().Given("shape.horizon", 0, usual, usual)));
  cluster.Start();
  RunWhile(world, cluster, start + horizon * 2 / 3, never);
  cluster.Heal();
  RunWhile(world, cluster, start + horizon * 5 / 6, never);
  cluster.StopClients();
  const VirtualTime limit = start + horizon + options.recovery_limit;
  const bool whole = RunWhile(world, cluster, limit,
                              [&] { return cluster.clients_done() && cluster.Converged(); });
  if (cluster.oracle().violation()) return cluster.oracle().violation();
  if (!whole) {
    return checkers::Violation{
        "liveness", absl::StrCat("not whole again after healing: ", cluster.DescribeProgress()),
        "cluster"};
  }
  if (auto violation = cluster.CompareStates()) return violation;
  if (cluster.oracle().violation()) return cluster.oracle().violation();
  return workload.Check();
}

}  // namespace

RunResult RunSeed(uint64_t seed, const RunOptions& options, const Tape* replay) {
  RunResult result;
  result.seed = seed;
  World world(seed, options.profile, replay);
  FitDisasters(world.rates(), options.horizon);
  const std::unique_ptr<Workload> workload = options.make_workload(world);
  const ClusterShape shape = ShapeOf(world, options);
  Cluster cluster(world, shape, *workload, options.open_stores);
  result.violation = RunPhases(world, cluster, *workload, options);
  result.hash = world.log().hash();
  result.events = world.log().count();
  result.checkpoints = world.log().checkpoints();
  result.virtual_time = world.now() - VirtualTime{};
  result.invoked = workload->invoked();
  result.completed = workload->completed();
  result.applied = cluster.oracle().applied_count();
  result.process_failures = cluster.process_failures();
  result.shards = shape.shards;
  result.faults = world.faults();
  result.tape = world.draws().tape();
  if (replay != nullptr) result.unused_entries = world.draws().unused_replay_entries();
  if (result.violation) {
    for (const auto& node : cluster.nodes()) {
      absl::StrAppend(&result.last_events, "--- node ", node->id().value(), "\n");
      for (const std::string& line : node->trace().Lines()) {
        absl::StrAppend(&result.last_events, line, "\n");
      }
    }
  }
  return result;
}

}  // namespace lockstep::sim
