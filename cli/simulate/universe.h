// What `lockstep-sim` runs for one seed: the KV service, on the store that was chosen.
#ifndef LOCKSTEP_CLI_SIMULATE_UNIVERSE_H_
#define LOCKSTEP_CLI_SIMULATE_UNIVERSE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "sim/cluster/run.h"

namespace lockstep::cli {

struct UniverseOptions final {
  std::string profile = "default";  // a name (sim/named_profiles.cc) or a file
  std::string store = "rocks";      // or "memory"
  bool is_short = false;
  bool is_astray = false;  // depends on where memory is: for tests of the determinism guard
  uint32_t nodes = 3;
  uint32_t shards = 0;  // 0: drawn
  uint32_t clients = 4;
  uint32_t operations_per_second = 50;
};

// Whether a mark takes many hundreds of universes to be reached, so that nobody can insist on it.
bool IsRareMark(std::string_view mark);

// INVALID_ARGUMENT names the option.
absl::StatusOr<sim::RunOptions> MakeRunOptions(const UniverseOptions& options);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_UNIVERSE_H_
