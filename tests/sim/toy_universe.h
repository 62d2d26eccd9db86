// A small universe that uses every device: nodes log what clients send and answer when it is
// durable, while nodes die, lose power and are cut off.
#ifndef LOCKSTEP_TESTS_SIM_TOY_UNIVERSE_H_
#define LOCKSTEP_TESTS_SIM_TOY_UNIVERSE_H_

#include <cstdint>
#include <vector>

#include "sim/fault_class.h"
#include "sim/fault_profile.h"
#include "sim/tape.h"

namespace lockstep::sim {

struct ToyResult final {
  uint64_t hash = 0;
  uint64_t events = 0;
  uint64_t acknowledged = 0;
  uint64_t lost = 0;  // acknowledged records that a restarted server did not find
  std::vector<uint64_t> checkpoints;
  FaultCounters faults;
  Tape tape;
};

ToyResult RunToyUniverse(uint64_t seed, const FaultProfile& profile, const Tape* replay = nullptr);

// The same with servers that answer before their log is synced: must lose records.
ToyResult RunCarelessToyUniverse(uint64_t seed, const FaultProfile& profile);

}  // namespace lockstep::sim

#endif  // LOCKSTEP_TESTS_SIM_TOY_UNIVERSE_H_
