// Event form: disasters of a tape that follow an event of their node, instead of striking at an
// instant.
#ifndef LOCKSTEP_CLI_SIMULATE_EVENT_FORM_H_
#define LOCKSTEP_CLI_SIMULATE_EVENT_FORM_H_

#include <cstddef>

#include "framework/base/mutant.h"
#include "sim/cluster/run.h"
#include "sim/shrink/shrinker.h"
#include "sim/tape.h"

namespace lockstep::cli {

// Restates kills, power losses and pauses as provoked by the last trace event of the node before
// them ("a millisecond after n2's fourth log.durable"), one after the other, where the tape still
// fails in the same way. Such a tape outlives changes that move instants. Returns how many were
// restated. Blocks.
size_t RestateByEvents(sim::Tape& tape, mutant::Id mutant, const sim::RunOptions& run,
                       sim::Trials& trials);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_EVENT_FORM_H_
