// lockstep sim --tape FILE: replays what was kept.
#ifndef LOCKSTEP_CLI_SIMULATE_TAPE_RUN_H_
#define LOCKSTEP_CLI_SIMULATE_TAPE_RUN_H_

#include <string>

#include "cli/simulate/investigation.h"

namespace lockstep::cli {

// Replays the tape in another process and prints what happened, and whether it is what the tape was
// kept for. If `how` has time to shrink, the tape is shrunk (again) and kept where it says;
// universe and bug are the tape's. Returns the exit code: 0 the universe passes, 1 it fails, 2 no
// such tape.
int RunTapeFile(const std::string& path, const InvestigationOptions& how);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_TAPE_RUN_H_
