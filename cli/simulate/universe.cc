#include "cli/simulate/universe.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/status_macros.h"
#include "framework/raft/marks.h"
#include "framework/replica/marks.h"
#include "framework/store/memory_store.h"
#include "kv/marks.h"
#include "kv/testing/kv_sim_workload.h"
#include "sim/cluster/simulated_store.h"
#include "sim/profile_text.h"

namespace lockstep::cli {
namespace {

replica::StoreOpener OpenMemory(sim::SimNode&) {
  return [](Fiber&, runtime::Environment&,
            const std::string&) -> absl::StatusOr<std::unique_ptr<machine::OrderedStore>> {
    return std::make_unique<store::MemoryStore>();
  };
}

struct Adaptation final {
  // On a store that forgets with its process, the log must stay whole.
  bool whole_log = false;
  // Clients wait for as long as an address says: what the determinism guard is there to find.
  bool astray = false;
};

class AdaptedWorkload final : public sim::Workload {
 public:
  AdaptedWorkload(std::unique_ptr<sim::Workload> inner, const Adaptation& adaptation)
      : inner_(std::move(inner)), adaptation_(adaptation) {}

  void Configure(replica::NodeOptions& options) override {
    inner_->Configure(options);
    if (!adaptation_.whole_log) return;
    options.log_bytes_retained = uint64_t{1} << 40;
    options.compaction_interval = Seconds(1'000'000);
  }
  void RunClient(Fiber& fiber, runtime::Environment& environment,
                 const sim::ClientPlan& plan) override {
    if (adaptation_.astray) {
      fiber.SleepFor(Nanoseconds(
          static_cast<int64_t>((reinterpret_cast<uintptr_t>(this) >> 12) % 50'000'000)));
    }
    inner_->RunClient(fiber, environment, plan);
  }
  bool HasFailed() const override { return inner_->HasFailed(); }
  std::optional<checkers::Violation> Check() override { return inner_->Check(); }
  uint64_t invoked() const override { return inner_->invoked(); }
  uint64_t completed() const override { return inner_->completed(); }

 private:
  std::unique_ptr<sim::Workload> inner_;
  Adaptation adaptation_;
};

std::unique_ptr<sim::Workload> MakeKvWorkload(const Adaptation& adaptation) {
  return std::make_unique<AdaptedWorkload>(
      std::make_unique<kv::KvSimWorkload>(kv::KvSimWorkload::Options{}), adaptation);
}

std::vector<std::string> KnownMarks() {
  std::vector<std::string> names;
  for (const marks::Mark& mark : raft::kMarks) names.emplace_back(mark.name);
  for (const marks::Mark& mark : replica::kMarks) names.emplace_back(mark.name);
  for (const marks::Mark& mark : kv::kMarks) names.emplace_back(mark.name);
  return names;
}

// A profile by name, or a file with one.
absl::StatusOr<sim::FaultProfile> LoadProfile(const std::string& name) {
  absl::StatusOr<sim::FaultProfile> named = sim::ProfileNamed(name);
  if (named.ok()) return named;
  std::ifstream file(name);
  if (!file) {
    return absl::InvalidArgumentError(
        absl::StrCat("--profile: ", named.status().message(), ", and no such file"));
  }
  std::stringstream text;
  text << file.rdbuf();
  return sim::ParseProfile(name, text.str());
}

}  // namespace

bool IsRareMark(std::string_view mark) {
  static constexpr std::string_view kRare[] = {
      raft::kMarkLateSnapshot.name,
      replica::kMarkAnswerInSnapshot.name,
      replica::kMarkCompactedPastFollower.name,
      replica::kMarkLogWaitsForSpace.name,
      replica::kMarkScrubFoundLog.name,
      replica::kMarkScrubFoundStore.name,
      replica::kMarkSnapshotResumed.name,
      replica::kMarkSnapshotOvertakes.name,
      replica::kMarkStoreWaitsForSpace.name,
  };
  return std::find(std::begin(kRare), std::end(kRare), mark) != std::end(kRare);
}

absl::StatusOr<sim::RunOptions> MakeRunOptions(const UniverseOptions& options) {
  sim::RunOptions run;
  ASSIGN_OR_RETURN(run.profile, LoadProfile(options.profile));
  if (options.store == "rocks") {
    run.open_stores = sim::OpenSimulatedRocks;
  } else if (options.store == "memory") {
    run.open_stores = OpenMemory;
    // (Nor may a rare path compact it.)
    run.profile.fault_point_site_percent.on_ppm = 0;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("--store ", options.store, ": known are rocks and memory"));
  }
  const Adaptation adaptation{options.store == "memory", options.is_astray};
  run.make_workload = [adaptation](sim::World&) { return MakeKvWorkload(adaptation); };
  run.marks = KnownMarks();
  run.horizon = options.is_short ? Seconds(15) : Seconds(60);
  run.nodes = options.nodes;
  run.shards = options.shards;
  run.clients = options.clients;
  run.operations_per_second = options.operations_per_second;
  return run;
}

}  // namespace lockstep::cli
