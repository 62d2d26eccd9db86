#include "sim/cluster/run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/limits.h"

namespace lockstep::sim {
namespace {

constexpr Duration kDefaultHorizon = Seconds(60);

// Reads by lease, with clocks that differ in speed by as much as the product was told, or by more.
void ShapeLeases(World& world, ClusterShape& shape) {
  Draws& draws = world.draws();
  FaultRates& rates = world.rates();
  shape.read_lease = rates.read_lease != 0;
  shape.clocks.freezes = rates.clock_freeze_every_ns > 0;
  if (shape.read_lease) {
    rates.clock_drift_ppm =
        std::max(rates.clock_drift_ppm, draws.LogUniform("shape.lease_drift", 0, 10, 30'000, 10));
    // A drift that nobody could measure would prove nothing.
    if (rates.clock_extremes != 0) {
      rates.clock_drift_ppm = std::max(
          rates.clock_drift_ppm, draws.LogUniform("shape.lease_extreme", 0, 20'000, 100'000, 10));
    }
    const uint64_t drift = rates.clock_drift_ppm;
    // One fast, one slow, and a little for rounding.
    const uint64_t needed = 2 * drift + 4 * drift * drift / kMillion + 2;
    shape.clocks.leases_hold = !draws.Chance("shape.lease_beyond", 0, kMillion / 4);
    if (shape.clocks.leases_hold) shape.clocks.freezes = false;
    shape.lease_drift_ppm = static_cast<uint32_t>(shape.clocks.leases_hold ? needed : needed / 10);
  }
  shape.clocks.drift_ppm = static_cast<int64_t>(rates.clock_drift_ppm);
}

// Several times what the nodes admit at once, so that most of it is refused.
void ShapeOverload(World& world, ClusterShape& shape) {
  FaultRates& rates = world.rates();
  if (rates.overload == 0) return;
  Draws& draws = world.draws();
  shape.clients *= 3;
  shape.operations_per_second *= 4;
  shape.log_bytes_retained = draws.LogUniform("overload.retained", 0, 256, 8 * 1024, 8 * 1024);
  shape.proposals.count_max = draws.Range("overload.pending", 0, 1, 6, 6);
  shape.proposals.bytes_max = draws.LogUniform("overload.pending_bytes", 0, 150, 4'000, 4'000);
  // As with large values: their bytes reach the bound first.
  if (draws.Chance("overload.large", 0, kMillion / 2)) {
    shape.proposals.count_max = ClusterShape{}.proposals.count_max;
  }
  // How long an answer may take before fewer are let in.
  shape.proposals.wait_max = Nanoseconds(static_cast<int64_t>(
      draws.LogUniform("overload.wait_max", 0, 4'000'000, 2'000'000'000, 2'000'000'000)));
  shape.uncommitted_bytes_max = draws.LogUniform("overload.uncommitted", 0, 100, 16'000, 16'000);
  // What a follower takes at once is more than its bound.
  rates.append_bytes_max = std::min<uint64_t>(rates.append_bytes_max, 2048);
}

// Where no request may fail, none may be refused: the logs have room.
void ShapeUpgrades(World& world, ClusterShape& shape) {
  if (world.rates().upgrades == 0) return;
  const ClusterShape roomy;
  shape.log_bytes_retained = std::max(shape.log_bytes_retained, roomy.log_bytes_retained);
  shape.log_bytes_max = roomy.log_bytes_max;
}

ClusterShape ShapeOf(World& world, const RunOptions& options) {
  ClusterShape shape;
  // (A tape may say that fewer will do.)
  Draws& draws = world.draws();
  shape.nodes = static_cast<uint32_t>(
      std::max<uint64_t>(1, draws.Given("shape.nodes", 0, options.nodes, options.nodes)));
  shape.clients =
      static_cast<uint32_t>(draws.Given("shape.clients", 0, options.clients, options.clients));
  if (world.rates().member_change_every_ns > 0) shape.spares = 4;
  shape.operations_per_second = options.operations_per_second;
  shape.shards = options.shards != 0
                     ? options.shards
                     : static_cast<uint32_t>(world.draws().Range("shape.shards", 0, 1, 2, 1));
  // Small logs make rotation, truncation and snapshots everyday events.
  // (Whole pages.)
  shape.log_segment_bytes = 4096 * world.draws().LogUniform("shape.segment", 0, 4, 256, 64);
  shape.log_bytes_retained =
      world.draws().LogUniform("shape.retained", 0, 2 * 1024, 256 * 1024, 128 * 1024);
  // As with very many groups.
  if (draws.Chance("shape.crowded_logs", 0, kMillion / 8)) {
    shape.log_bytes_max = draws.LogUniform("shape.log_bytes_max", 0, 512, 64 * 1024, 64 * 1024);
  }
  // Without the hint, writes that concern terms and votes are rare enough to be forgotten.
  shape.saves_commit = !world.draws().Chance("shape.no_commit_hint", 0, kMillion / 6);
  // A handshake costs a thousand events' worth of time, so few universes have them. (Whoever joins
  // there asks in the clear.)
  shape.peer_tls = shape.spares == 0 && draws.Chance("shape.peer_tls", 0, kMillion / 24);
  if (draws.Chance("shape.scrubs", 0, 2 * (kMillion / 3))) {
    shape.scrub.bytes_per_second =
        draws.LogUniform("shape.scrub_rate", 0, 64 * 1024, 16 * 1024 * 1024, 1024 * 1024);
    shape.scrub.interval = Nanoseconds(static_cast<int64_t>(
        draws.LogUniform("shape.scrub_interval", 0, 200'000'000, 5'000'000'000, 1'000'000'000)));
  }
  // Nodes are upgraded and taken back all the time.
  shape.mixes_versions = draws.Chance("shape.mixes_versions", 0, kMillion / 5);
  // Chunks of a few rows: connections break between them.
  shape.snapshots.chunk_bytes = draws.LogUniform("shape.chunk", 0, 256, 64 * 1024, 256 * 1024);
  shape.snapshots.bytes_per_second = 0;
  if (draws.Chance("shape.slow_snapshots", 0, kMillion / 2)) {
    shape.snapshots.bytes_per_second =
        draws.LogUniform("shape.snapshot_rate", 0, 16 * 1024, 512 * 1024, 512 * 1024);
  }
  // Where they are to break, there has to be a middle.
  if (world.rates().snapshot_break_percent > 0) {
    shape.snapshots.chunk_bytes = std::min<uint64_t>(shape.snapshots.chunk_bytes, 512);
    shape.snapshots.bytes_per_second =
        draws.LogUniform("shape.broken_snapshot_rate", 0, 16 * 1024, 64 * 1024, 64 * 1024);
  }
  // A node with hardly any memory to spare refuses, or lets wait.
  if (draws.Chance("shape.short_of_memory", 0, kMillion / 6)) {
    shape.uncommitted_bytes_max = draws.LogUniform("shape.uncommitted", 0, 100, 5'000, 5'000);
    shape.response_bytes_max =
        limits::kResponseRoomBytes * draws.Range("shape.response_rooms", 0, 1, 4, 4);
  }
  ShapeOverload(world, shape);
  ShapeUpgrades(world, shape);
  ShapeLeases(world, shape);
  if (world.rates().upgrades != 0) {
    shape.upgrades = true;
    shape.spares = 0;
    // Which would break something, or refuse somebody.
    shape.mixes_versions = shape.peer_tls = false;
    shape.uncommitted_bytes_max = ClusterShape{}.uncommitted_bytes_max;
    shape.response_bytes_max = ClusterShape{}.response_bytes_max;
  }
  shape.has_priorities = world.rates().priorities != 0;
  shape.quiesces = world.rates().quiesce != 0;
  if (shape.spares == 0) shape.more_groups = static_cast<uint32_t>(world.rates().more_groups);
  // (A tape may ask for more.)
  shape.image_period = draws.Given("shape.image_period", 0, shape.image_period, shape.image_period);
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
        &FaultRates::disk_full_every_ns, &FaultRates::damage_every_ns,
        &FaultRates::lost_node_every_ns, &FaultRates::disk_swap_every_ns,
        &FaultRates::clock_freeze_every_ns, &FaultRates::member_change_every_ns,
        &FaultRates::siege_every_ns}) {
    rates.*interval = rates.*interval * part / whole;
  }
}

// Every block of a store may be damaged, and is mended after the comparison that finds it.
constexpr int kComparisons = 8;

class Run final : public RunControl {
 public:
  Run(World& world, Cluster& cluster, Workload& workload, const RunOptions& options)
      : world_(world), cluster_(cluster), workload_(workload), options_(options) {
    const auto usual = static_cast<uint64_t>(options.horizon.count());
    horizon_ =
        Nanoseconds(static_cast<int64_t>(world.draws().Given("shape.horizon", 0, usual, usual)));
    const auto limit = static_cast<uint64_t>(options.recovery_limit.count());
    recovery_limit_ =
        Nanoseconds(static_cast<int64_t>(world.draws().Given("shape.recovery", 0, limit, limit)));
  }

  // The phases of a run; returns the first violation.
  std::optional<checkers::Violation> RunPhases() {
    const auto never = [] { return false; };
    // Two thirds disasters, then recovery under load, then silence.
    cluster_.Start();
    While([&] { return start_ + horizon_ * 2 / 3; }, never);
    cluster_.Heal();
    While([&] { return start_ + horizon_ * 5 / 6; }, never);
    if (HasFailed()) return FirstViolation();
    cluster_.StopClients();
    // Beyond the fault budget nobody has to be alive; what was answered must be true all the same.
    if (!cluster_.must_converge()) {
      BecomesWhole(horizon_);
      return HasFailed() ? FirstViolation() : workload_.Check();
    }
    for (int comparison = 0; comparison < kComparisons; ++comparison) {
      const bool whole = BecomesWhole(comparison == 0 ? horizon_ : world_.now() - start_);
      if (HasFailed()) return FirstViolation();
      if (!whole) {
        return checkers::Violation{
            "liveness",
            absl::StrCat("not whole again after healing: ", cluster_.DescribeProgress()),
            "cluster"};
      }
      bool met_damage = false;
      if (auto violation = cluster_.CompareStates(met_damage)) return violation;
      if (!met_damage) {
        if (auto violation = cluster_.CheckReads()) return violation;
        if (auto violation = cluster_.CheckScrubbed()) return violation;
        return FirstViolation();
      }
      // Rot that nobody had read before. Whoever has it needs a moment to notice that it does.
      While([stop = world_.now() + Seconds(2)] { return stop; }, never);
    }
    return checkers::Violation{"liveness", "a store is as damaged as before", "cluster"};
  }

  VirtualTime now() const override { return world_.now(); }

  uint64_t AbstractState() override { return cluster_.AbstractState(); }

  void GoFresh(uint64_t salt) override {
    world_.GoFresh(salt, options_.profile);
    FitDisasters(world_.rates(), options_.horizon);
    horizon_ = options_.horizon;
    cluster_.GoFresh();
  }

 private:
  bool HasFailed() const {
    return cluster_.oracle().violation().has_value() || workload_.HasFailed();
  }
  // What replicas did wrong is the cause of what clients saw.
  std::optional<checkers::Violation> FirstViolation() {
    if (cluster_.oracle().violation()) return cluster_.oracle().violation();
    return workload_.Check();
  }

  // Waits for it, for so long after the start and the limit on recovery behind that.
  bool BecomesWhole(Duration after_start) {
    const bool must = cluster_.must_converge();
    return While([&] { return start_ + after_start + options_.recovery_limit; },
                 [&] { return cluster_.clients_done() && (!must || cluster_.Converged()); });
  }

  // Runs until `done`, the limit, or a violation.
  template <typename Limit, typename Done>
  bool While(const Limit& limit, const Done& done) {
    while (!HasFailed() && world_.now() < limit()) {
      if (done()) return true;
      if (options_.on_look) options_.on_look(*this);
      cluster_.CheckBounds();
      const VirtualTime stop = std::min(limit(), world_.now() + options_.look_interval);
      world_.RunUntil(stop);
    }
    return done();
  }

  World& world_;
  Cluster& cluster_;
  Workload& workload_;
  const RunOptions& options_;
  const VirtualTime start_ = world_.now();
  Duration horizon_{0};
  Duration recovery_limit_{0};
};

}  // namespace

RunResult RunSeed(uint64_t seed, const RunOptions& options, const Tape* replay) {
  RunResult result;
  result.seed = seed;
  World world(seed, options.profile, replay);
  world.set_recorder(options.recorder);
  FitDisasters(world.rates(), options.horizon);
  const std::unique_ptr<Workload> workload = options.make_workload(world);
  const ClusterShape shape = ShapeOf(world, options);
  Cluster cluster(world, shape, *workload, options.open_stores);
  result.violation = Run(world, cluster, *workload, options).RunPhases();
  world.set_recorder(nullptr);  // the end of the universe is no news
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
  for (const std::string& mark : options.marks) result.marks[mark] = 0;
  for (const auto& [mark, count] : world.marks()) result.marks[std::string(mark)] += count;
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
