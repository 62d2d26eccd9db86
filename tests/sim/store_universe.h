// A universe whose one node runs RocksDB, dies all the time, and checks what it finds again.
#ifndef LOCKSTEP_TESTS_SIM_STORE_UNIVERSE_H_
#define LOCKSTEP_TESTS_SIM_STORE_UNIVERSE_H_

#include <cstdint>
#include <string>

#include "sim/fault_class.h"
#include "sim/fault_profile.h"

namespace lockstep::sim {

struct StoreResult final {
  uint64_t hash = 0;
  uint64_t opens = 0;
  uint64_t written = 0;    // batches
  uint64_t recovered = 0;  // the most that an open found
  std::string damage;      // what was lost or inconsistent; empty if nothing
  FaultCounters faults;
};

StoreResult RunStoreUniverse(uint64_t seed, const FaultProfile& profile);

}  // namespace lockstep::sim

#endif  // LOCKSTEP_TESTS_SIM_STORE_UNIVERSE_H_
