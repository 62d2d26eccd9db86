// One store in a simulated universe: clients that know what must be there, power losses, and a
// verdict.
#ifndef LOCKSTEP_DOCS_MEMORY_TESTING_UNIVERSE_H_
#define LOCKSTEP_DOCS_MEMORY_TESTING_UNIVERSE_H_

#include <cstdint>
#include <string>

namespace lockstep::docs {

struct UniverseOptions final {
  uint64_t seed = 1;
  int lives = 6;          // of the process; each but the last ends in a power loss
  int64_t life_ms = 400;  // about so long, in virtual time
  int clients = 3;
  int documents = 6;  // of each client
};

struct UniverseReport final {
  std::string failure;   // empty: all is well
  uint64_t writes = 0;   // acknowledged
  uint64_t unknown = 0;  // under way when the power failed
  uint64_t checks = 0;   // documents compared after a restart
  uint64_t hash = 0;     // of everything that happened
};

// Runs the universe of that seed to its end. After every restart: every acknowledged write is
// there, every unacknowledged one is there wholly or not at all, indexes hold what the documents
// say, the oplog has no gap, and revisions rise.
UniverseReport RunUniverse(const UniverseOptions& options);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_TESTING_UNIVERSE_H_
