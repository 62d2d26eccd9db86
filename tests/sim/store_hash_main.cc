// Prints the hash of some universes with RocksDB in them, for comparison with another process.
#include <cstdint>
#include <cstdio>

#include "sim/fault_profile.h"
#include "tests/sim/store_universe.h"

int main() {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const auto result = lockstep::sim::RunStoreUniverse(seed, lockstep::sim::DefaultProfile());
    std::printf("%llu %016llx %llu\n", static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(result.hash),
                static_cast<unsigned long long>(result.written));
  }
  return 0;
}
