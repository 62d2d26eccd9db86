// When a failure was decided: the chance to fail, given everything up to an instant.
#ifndef LOCKSTEP_CLI_SIMULATE_CAUSALITY_H_
#define LOCKSTEP_CLI_SIMULATE_CAUSALITY_H_

#include <cstddef>
#include <string>

#include "framework/base/mutant.h"
#include "framework/base/time.h"
#include "sim/cluster/run.h"
#include "sim/report/page.h"
#include "sim/tape.h"

namespace lockstep::cli {

struct CausalityOptions final {
  size_t moments = 10;
  size_t runs_each = 16;
  size_t workers = 1;
  Duration cpu_max = Seconds(30);      // of all runs
  Duration cpu_each_max = Seconds(5);  // of one run
};

// Replays the tape and forks at moments of the run; each fork draws the rest afresh, at the rates
// of the universe. Looks closer at where the chance rises. `run` is the tape's own result. Blocks.
sim::Curve MeasureCurve(const sim::RunResult& run, mutant::Id mutant, const std::string& signature,
                        const sim::RunOptions& options, const CausalityOptions& how);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_CAUSALITY_H_
