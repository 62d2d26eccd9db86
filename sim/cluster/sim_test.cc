#include "sim/cluster/sim_test.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sim/cluster/simulated_store.h"

namespace lockstep::sim {

RunOptions ShortUniverses(std::function<std::unique_ptr<Workload>(World&)> make_workload) {
  RunOptions options;
  options.horizon = Seconds(15);
  options.make_workload = std::move(make_workload);
  options.open_stores = OpenSimulatedRocks;
  return options;
}

std::string FirstFailure(const RunOptions& options, uint64_t seeds, uint64_t only_seed) {
  const uint64_t first = only_seed == 0 ? 1 : only_seed;
  const uint64_t end = only_seed == 0 ? seeds + 1 : only_seed + 1;
  uint64_t completed = 0;
  for (uint64_t seed = first; seed < end; ++seed) {
    const RunResult result = RunSeed(seed, options);
    completed += result.completed;
    if (!result.violation) continue;
    const checkers::Violation& found = *result.violation;
    return absl::StrCat("universe ", seed, " fails: ", found.oracle,
                        found.where.empty() ? "" : absl::StrCat(" (", found.where, ")"), ": ",
                        found.verdict, "\n", result.last_events,
                        "\nalone: --gtest_random_seed=", seed);
  }
  // Clients that never hear anything would find nothing either.
  return completed > 0 ? ""
                       : "no operation was ever answered: does the workload reach the service?";
}

std::string MissedBug(const RunOptions& options, uint64_t seeds, const std::string& oracle) {
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const RunResult result = RunSeed(seed, options);
    if (!result.violation) continue;
    if (result.violation->oracle == oracle) return "";
    return absl::StrCat("universe ", seed, " fails by another oracle, ", result.violation->oracle,
                        ": ", result.violation->verdict);
  }
  return absl::StrCat("none of ", seeds, " universes fails");
}

}  // namespace lockstep::sim
