// Guidance: whether universes that were seen to go somewhere new are worth going on from.
#ifndef LOCKSTEP_CLI_SIMULATE_GUIDANCE_H_
#define LOCKSTEP_CLI_SIMULATE_GUIDANCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cli/simulate/mutant_table.h"
#include "sim/cluster/run.h"

namespace lockstep::cli {

// Hunts each bug twice as often as `repeats` says: by one seed after the other, and guided. Guided
// means that the tape of a run that reached a new abstract state (sim::RunControl) or a mark more
// often than any before is kept, and every other run follows such a tape up to some moment and is
// drawn afresh from there. Prints seeds and processor time as a markdown table, also into the
// options' file. Blocks.
void CompareGuidance(const std::vector<MutantInfo>& mutants, const MutantTableOptions& options,
                     const sim::RunOptions& run);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_GUIDANCE_H_
