// The mutant table: how many seeds the simulator needs to notice each planted bug, and who notices.
#ifndef LOCKSTEP_CLI_SIMULATE_MUTANT_TABLE_H_
#define LOCKSTEP_CLI_SIMULATE_MUTANT_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/simulate/universe.h"
#include "framework/base/mutant.h"
#include "framework/base/time.h"

namespace lockstep::cli {

struct MutantInfo final {
  mutant::Id id;
  const char* name;    // "M01"
  const char* breaks;  // one line
  // Where it can show itself at all: a profile by name, unless the user names another one.
  const char* profile = "default";
  // Breaks the simulator, not the product: no universe fails, and --require-faults has to notice.
  bool is_of_simulator = false;
};

// All that can be planted.
const std::vector<MutantInfo>& AllMutants();
// Null if there is none of that name.
const MutantInfo* FindMutant(const std::string& name);

struct MutantTableOptions final {
  uint64_t first_seed = 1;
  uint64_t seeds_max = 500;           // per repeat
  Duration cpu_max = Seconds(120);    // per repeat
  size_t repeats = 3;                 // each from other seeds
  Duration shrink_cpu = Seconds(60);  // of the first repeat's failure
  size_t jobs = 1;
  std::string state = "planted-bugs.jsonl";  // what is done already is not done again; "": all is
  std::string markdown;                      // also written there
  UniverseOptions universe;
};

// Runs each of the mutants, prints the table, and returns how many were not found. Blocks.
// Errors: a universe that cannot be made of the options.
absl::StatusOr<size_t> PrintMutantTable(const std::vector<MutantInfo>& mutants,
                                        const MutantTableOptions& options);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_MUTANT_TABLE_H_
