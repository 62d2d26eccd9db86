// lockstep sim: one seed after the other, each with its verdict.
#ifndef LOCKSTEP_CLI_SIMULATE_SEED_RUN_H_
#define LOCKSTEP_CLI_SIMULATE_SEED_RUN_H_

#include <cstdint>

#include "cli/simulate/flags.h"

namespace lockstep::cli {

struct SeedRunOptions final {
  uint64_t first = 0;
  uint64_t count = 1;
  bool require_faults = false;
  bool require_marks = false;
  bool json = false;
};

// Prints failures as they come, then totals; the first failure of each kind is followed up. Returns
// the exit code. Blocks.
int RunSeeds(const SeedRunOptions& options, const Flags& flags, const sim::RunOptions& run);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_SEED_RUN_H_
