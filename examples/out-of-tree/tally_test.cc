// The tally in simulated clusters: three nodes, four clients, cut networks, torn disks, dead
// processes; the nodes run what tally_main.cc runs.
#include <gtest/gtest.h>  // lint: allow(home) a test, of a project of its own

#include "sim/cluster/sim_test.h"
#include "tally_workload.h"

namespace tally {
namespace {

lockstep::sim::RunOptions Universes(Bug bug) {
  return lockstep::sim::ShortUniverses(
      [bug](lockstep::sim::World&) { return std::make_unique<TallyWorkload>(bug); });
}

SIM_TEST(Tally, IsRightInTwentyUniverses, 20, Universes(Bug::kNone))

// A test that has never failed proves nothing: this one must find what was planted.
SIM_TEST_FINDS(Tally, NoticesThatAddsAreLost, 20, "linearizability",
               Universes(Bug::kSmallAddsAreLost))

}  // namespace
}  // namespace tally
