// lockstep sim hunt: seed after seed, until the time is over; everything found is kept.
#ifndef LOCKSTEP_CLI_SIMULATE_HUNT_H_
#define LOCKSTEP_CLI_SIMULATE_HUNT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cli/simulate/investigation.h"
#include "cli/simulate/twin.h"

namespace lockstep::cli {

struct HuntOptions final {
  std::string corpus = "corpus";  // a directory; a hunt that is there goes on
  Duration time = Seconds(600);   // of the wall clock
  uint64_t first_seed = 1;
  uint64_t shard = 0;  // of so many that split the seeds
  uint64_t shards = 1;
  bool json = false;  // print the state as JSON, too
  InvestigationOptions investigation;
  DoubleOptions doubling;
};

// Returns the exit code: 0 no failure is known, 1 some are, 2 the corpus cannot be used. SIGINT
// ends the hunt as if the time were over. Blocks.
int Hunt(const HuntOptions& options, const sim::RunOptions& run);

// lockstep sim merge: the sum of the hunts in these directories, into `out` ("" to print only).
int MergeHunts(const std::vector<std::string>& directories, const std::string& out);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_HUNT_H_
