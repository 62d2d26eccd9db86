#include <gtest/gtest.h>

#include "sim/interpose.h"
#include "tests/sim/store_universe.h"

namespace lockstep::sim {
namespace {

// The medium works; power and processes fail.
FaultProfile PowerLossOnly() {
  FaultProfile profile = DefaultProfile();
  profile.read_error_ppm.on_ppm = 0;
  profile.write_error_ppm.on_ppm = 0;
  profile.sync_error_ppm.on_ppm = 0;
  profile.capacity_bytes.on_ppm = 0;
  return profile;
}

TEST(RocksEnv, SameSeedSameHashOverPowerLosses) {
  uint64_t opens = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const StoreResult first = RunStoreUniverse(seed, DefaultProfile());
    const StoreResult second = RunStoreUniverse(seed, DefaultProfile());
    EXPECT_EQ(first.hash, second.hash) << "seed " << seed;
    EXPECT_EQ(first.written, second.written) << "seed " << seed;
    opens += first.opens;
  }
  EXPECT_GT(opens, 200u);
}

TEST(RocksEnv, WhatWasFlushedSurvivesPowerLoss) {
  uint64_t in_operation = 0;
  uint64_t recovered = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const StoreResult result = RunStoreUniverse(seed, PowerLossOnly());
    EXPECT_EQ(result.damage, "") << "seed " << seed;
    EXPECT_GT(result.opens, 5u) << "seed " << seed;
    in_operation += result.faults.of(FaultClass::kPowerLossInOperation);
    recovered += result.recovered;
  }
  EXPECT_GT(in_operation, 0u);
  EXPECT_GT(recovered, 1000u);
}

TEST(RocksEnv, ThePreemptionTookEffect) {
  RunStoreUniverse(1, CalmProfile());
  InterposeSelfCheck();
  EXPECT_GT(GetInterposeCounts().store_random, 0u);
}

}  // namespace
}  // namespace lockstep::sim
