// SIM_TEST: a service in simulated clusters, as one GoogleTest. For services of other repositories,
// too; docs/your-own-service.md shows one.
#ifndef LOCKSTEP_SIM_CLUSTER_SIM_TEST_H_
#define LOCKSTEP_SIM_CLUSTER_SIM_TEST_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "sim/cluster/run.h"

namespace lockstep::sim {

// Universes of 15 simulated seconds with the default faults, on the storage engine that production
// runs, for the workload that is made for each of them.
RunOptions ShortUniverses(std::function<std::unique_ptr<Workload>(World&)> make_workload);

// Runs seeds 1 to `seeds`, or `only_seed` alone if it is not 0, until one fails. Says what was
// wrong, with the last events of every node and how to repeat it; "" if nothing was.
std::string FirstFailure(const RunOptions& options, uint64_t seeds, uint64_t only_seed);
// The same for a planted bug: "" if a universe fails, and by this oracle; otherwise why not.
std::string MissedBug(const RunOptions& options, uint64_t seeds, const std::string& oracle);

}  // namespace lockstep::sim

// A test that `seeds` universes pass. With --gtest_random_seed=N it runs universe N alone.
// Include <gtest/gtest.h> before this header.
#define SIM_TEST(suite, name, seeds, options)                                                  \
  TEST(suite, name) {                                                                          \
    const auto only_seed = static_cast<uint64_t>(::testing::GTEST_FLAG(random_seed));          \
    const std::string failure = ::lockstep::sim::FirstFailure((options), (seeds), only_seed);  \
    EXPECT_EQ(failure, "") << "--gtest_filter=" #suite "." #name " repeats it with that seed"; \
  }

// A test that passes if one of `seeds` universes fails by `oracle`: for a bug that `options` plant.
#define SIM_TEST_FINDS(suite, name, seeds, oracle, options)                             \
  TEST(suite, name) {                                                                   \
    EXPECT_EQ(::lockstep::sim::MissedBug((options), (seeds), (oracle)), std::string()); \
  }

#endif  // LOCKSTEP_SIM_CLUSTER_SIM_TEST_H_
