// The flags of lockstep-sim.
#ifndef LOCKSTEP_CLI_SIMULATE_FLAGS_H_
#define LOCKSTEP_CLI_SIMULATE_FLAGS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/simulate/investigation.h"
#include "cli/simulate/twin.h"
#include "cli/simulate/universe.h"

namespace CLI {
class App;
}

namespace lockstep::cli {

// Those of every command: which universes, and what to do about failures.
struct Flags final {
  UniverseOptions universe;
  size_t jobs = 1;
  std::string mutant;
  unsigned shrink_seconds = 60;
  unsigned double_percent = 0;
  std::string failures = "failures";
};

void AddFlags(CLI::App& app, Flags& flags);

// "--short --mutant M02": what differs from the default.
std::vector<std::string> UniverseArguments(const Flags& flags);
InvestigationOptions InvestigationOf(const Flags& flags);
DoubleOptions DoublingOf(const Flags& flags);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_FLAGS_H_
