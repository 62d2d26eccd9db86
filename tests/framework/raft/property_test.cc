// Random schedules of whole clusters: safe after every step, live after healing.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <vector>

#include "tests/framework/raft/schedule.h"

namespace lockstep::raft::testing {
namespace {

void PlayAndCheck(uint64_t voters, Schedule::Members members) {
  const auto seed = *rc::gen::inRange<uint64_t>(0, 1000);
  const auto words = *rc::gen::scale(
      20.0, rc::gen::container<std::vector<uint32_t>>(rc::gen::inRange<uint32_t>(0, 1u << 30)));
  Schedule schedule(voters, seed, members);
  for (uint32_t word : words) {
    schedule.Play(word);
    if (!schedule.safety().violation().empty()) break;
  }
  RC_ASSERT(schedule.safety().violation() == "");
  RC_ASSERT(schedule.Recovers());
  RC_ASSERT(schedule.safety().violation() == "");
}

RC_GTEST_PROP(RaftProperty, ThreeNodesAreSafeAndRecover, ()) {
  PlayAndCheck(3, Schedule::Members::kFixed);
}
RC_GTEST_PROP(RaftProperty, FiveNodesAreSafeAndRecover, ()) {
  PlayAndCheck(5, Schedule::Members::kFixed);
}
RC_GTEST_PROP(RaftProperty, FiveNodesAreSafeWhileMembersChange, ()) {
  PlayAndCheck(5, Schedule::Members::kChanging);
}

}  // namespace
}  // namespace lockstep::raft::testing
