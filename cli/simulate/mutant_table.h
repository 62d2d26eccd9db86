// The mutant table: how many seeds the simulator needs to notice each planted bug, and who notices.
#ifndef LOCKSTEP_CLI_SIMULATE_MUTANT_TABLE_H_
#define LOCKSTEP_CLI_SIMULATE_MUTANT_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "framework/base/mutant.h"
#include "sim/cluster/run.h"

namespace lockstep::cli {

struct MutantInfo final {
  mutant::Id id;
  const char* name;    // "M01"
  const char* breaks;  // one line
};

// All that can be planted.
const std::vector<MutantInfo>& AllMutants();
// Null if there is none of that name.
const MutantInfo* FindMutant(const std::string& name);

// Runs each of the mutants on up to `seeds_max` seeds, prints the table, and returns how many were
// not found. Blocks.
size_t PrintMutantTable(const std::vector<MutantInfo>& mutants, uint64_t first_seed,
                        uint64_t seeds_max, size_t jobs, const sim::RunOptions& options);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_MUTANT_TABLE_H_
