// Twin: the same simulator in a process where everything differs that must not matter.
#ifndef LOCKSTEP_CLI_SIMULATE_TWIN_H_
#define LOCKSTEP_CLI_SIMULATE_TWIN_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/simulate/universe.h"
#include "sim/cluster/run.h"

namespace lockstep::cli {

// How a run is done twice.
struct DoubleOptions final {
  unsigned percent = 0;                // of all seeds
  std::vector<std::string> arguments;  // of lockstep-sim, for the same universes
};

// Whether this seed is one of those.
bool IsDoubled(uint64_t seed, unsigned percent);

// Another process of this executable. It answers about seeds, one after the other.
// Blocks while it waits for the answer; the process ends with the object.
class Twin final {
 public:
  enum class Surroundings {
    kUsual,
    // No randomized addresses, a large environment, memory that is full of junk.
    kOdd,
  };
  struct Answer final {
    uint64_t hash = 0;
    uint64_t events = 0;
    std::vector<uint64_t> checkpoints;
  };

  Twin(const std::vector<std::string>& arguments, Surroundings surroundings);
  Twin(const Twin&) = delete;
  Twin& operator=(const Twin&) = delete;
  ~Twin();

  // Nothing if the process died of it.
  std::optional<Answer> Run(uint64_t seed);
  // The events with these sequence numbers, one per line, as text.
  std::vector<std::string> Events(uint64_t seed, uint64_t first, uint64_t end);

 private:
  bool Ask(const std::string& request);
  std::optional<std::string> ReadLine();

  pid_t pid_ = -1;
  int requests_ = -1;
  int answers_ = -1;
  std::string partial_;
};

// The life of a twin: answers what comes on stdin. Returns the exit code.
int ServeTwin(const sim::RunOptions& options);

// Runs the seed in both surroundings, finds the first event that differs (by halving the list of
// checkpoints, then event by event) and says so, with both sides.
std::string FindDivergence(uint64_t seed, const std::vector<std::string>& arguments);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SIMULATE_TWIN_H_
