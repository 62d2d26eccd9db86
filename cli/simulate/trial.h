// Trial: one universe in a process of its own, so that even a universe that aborts has a tape.
#ifndef LOCKSTEP_CLI_SIMULATE_TRIAL_H_
#define LOCKSTEP_CLI_SIMULATE_TRIAL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "framework/base/mutant.h"
#include "framework/base/time.h"
#include "sim/cluster/run.h"
#include "sim/tape.h"

namespace lockstep::cli {

struct TrialJob final {
  uint64_t seed = 0;
  mutant::Id mutant = mutant::Id::kNone;
  const sim::Tape* replay = nullptr;  // borrowed; null: what the seed draws
  // In the child: before the run, and after it, even if it died. What `report` returns comes back.
  std::function<void(sim::RunOptions&)> prepare;
  std::function<std::string()> report;
};

struct TrialResult final {
  // A process that died is a violation of the oracle "crash"; its tape ends where it died.
  sim::RunResult run;
  Duration cpu{0};
  std::string report;
};

// Runs the jobs, each in a process of its own, so many at a time. A universe that needs more than
// `cpu_max` of processor time is ended. Blocks.
std::vector<TrialResult> RunTrials(const std::vector<TrialJob>& jobs, size_t workers,
                                   const sim::RunOptions& options, Duration cpu_max);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_TRIAL_H_
