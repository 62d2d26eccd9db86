// What a tape must say besides its decisions, so that the file alone replays.
#ifndef LOCKSTEP_CLI_SIMULATE_TAPE_FACTS_H_
#define LOCKSTEP_CLI_SIMULATE_TAPE_FACTS_H_

#include <string>

#include "absl/status/statusor.h"
#include "cli/simulate/universe.h"
#include "sim/tape.h"

namespace lockstep::cli {

// Into `tape.with`: the options that differ from the default, and the planted bug ("" for none).
void AddFacts(const UniverseOptions& universe, const std::string& mutant, sim::Tape& tape);

struct TapeFacts final {
  UniverseOptions universe;
  std::string mutant;
  std::string signature;  // what it is expected to fail with; empty if it does not say
  std::string hash;       // of the events, in hex
};
// INVALID_ARGUMENT names the fact and what was expected. Facts that are not known are left alone.
absl::StatusOr<TapeFacts> FactsOf(const sim::Tape& tape);

// Reads and parses. The errors name the file.
absl::StatusOr<sim::Tape> ReadTapeFile(const std::string& path);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_TAPE_FACTS_H_
