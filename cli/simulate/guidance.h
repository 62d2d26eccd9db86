// Guidance: whether universes that were seen to go somewhere new are worth going on from.
#ifndef LOCKSTEP_CLI_SIMULATE_GUIDANCE_H_
#define LOCKSTEP_CLI_SIMULATE_GUIDANCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/simulate/mutant_table.h"

namespace lockstep::cli {

// Hunts each bug twice as often as `repeats` says: by one seed after the other, and guided. Guided
// means that the tape of a run that reached a new abstract state (sim::RunControl) or a mark more
// often than any before is kept, and every other run follows such a tape up to some moment and is
// drawn afresh from there. Prints seeds and processor time as a markdown table, also into the
// options' file. Each in its own profile, unless the options name another one. Blocks.
// Returns how many were not found by either. Errors: a universe that cannot be made of the options.
absl::StatusOr<size_t> CompareGuidance(const std::vector<MutantInfo>& mutants,
                                       const MutantTableOptions& options);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_GUIDANCE_H_
