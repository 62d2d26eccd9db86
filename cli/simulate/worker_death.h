// What is left of a worker process that died.
#ifndef LOCKSTEP_CLI_SIMULATE_WORKER_DEATH_H_
#define LOCKSTEP_CLI_SIMULATE_WORKER_DEATH_H_

#include <cstdint>

#include "framework/base/time.h"
#include "sim/cluster/run.h"

namespace lockstep::cli {

// A file in memory for a worker's stderr.
int MakeErrorFile();

// A violation of the oracle "crash". Its verdict is the failed CHECK that the worker printed into
// `errors`, or else its last line, or how it ended. `status` is waitpid's.
sim::RunResult CrashOf(uint64_t seed, int errors, int status);

// A universe that does not end is a finding, too: from now on this process has so much processor
// time, then SIGPROF. (Processor time, so that a busy machine does not matter.)
void LimitProcessorTime(Duration cpu_max);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_WORKER_DEATH_H_
