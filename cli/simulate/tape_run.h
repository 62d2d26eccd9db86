// lockstep sim --tape FILE: replays what was kept.
#ifndef LOCKSTEP_CLI_SIMULATE_TAPE_RUN_H_
#define LOCKSTEP_CLI_SIMULATE_TAPE_RUN_H_

#include <string>

namespace lockstep::cli {

// Replays the tape in another process and prints what happened, and whether it is what the tape was
// kept for. Returns the exit code: 0 the universe passes, 1 it fails, 2 no such tape.
int RunTapeFile(const std::string& path);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_TAPE_RUN_H_
