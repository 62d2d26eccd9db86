// SeedPool: runs many seeds in worker processes, so that a universe that aborts is a result like
// any other.
#ifndef LOCKSTEP_CLI_SIMULATE_SEED_POOL_H_
#define LOCKSTEP_CLI_SIMULATE_SEED_POOL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/simulate/twin.h"
#include "framework/base/mutant.h"
#include "sim/cluster/run.h"

namespace lockstep::cli {

// What one worker is to do: seeds first, first + step, ... below end.
struct SeedRange final {
  uint64_t first = 0;
  uint64_t step = 1;
  uint64_t end = 0;
  mutant::Id mutant = mutant::Id::kNone;
};

// Runs each range in a process of its own, so many at a time, in order of the ranges, and calls
// `on_result` in this process as results come. An aborted run is a violation of the oracle "crash"
// whose verdict is the last line that the process printed; its worker is replaced. A range ends
// early when `on_result` returns false for one of its seeds. Blocks.
//
// Some seeds are also run by a twin; if it disagrees, that is a violation of the oracle
// "determinism".
void RunRanges(const std::vector<SeedRange>& ranges, size_t workers, const sim::RunOptions& options,
               const std::function<bool(const SeedRange&, const sim::RunResult&)>& on_result,
               const DoubleOptions& doubling = {});

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_SEED_POOL_H_
