#include "checkers/convergence.h"

#include <gtest/gtest.h>

namespace lockstep::checkers {
namespace {

ReplicaDigest At(uint64_t node, uint64_t index, uint64_t digest) {
  return {NodeId(node), raft::Index(index), digest};
}

TEST(Convergence, EqualIndicesNeedEqualDigestsDuringTheRun) {
  Convergence convergence;
  EXPECT_FALSE(convergence.Observe(At(1, 5, 0xAA)));
  EXPECT_FALSE(convergence.Observe(At(2, 6, 0xBB)));
  EXPECT_FALSE(convergence.Observe(At(2, 5, 0xAA)));
  const auto found = convergence.Observe(At(3, 5, 0xAB));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->verdict, "node 1 has digest aa at index 5 and node 3 has digest ab at index 5");
}

TEST(Convergence, AfterQuiescenceEverybodyIsAtOneIndexWithOneDigest) {
  Convergence convergence;
  EXPECT_FALSE(convergence.CheckQuiescent({At(1, 9, 7), At(2, 9, 7)}, raft::Index(9)));
  EXPECT_TRUE(convergence.CheckQuiescent({At(1, 9, 7), At(2, 8, 7)}, raft::Index(1)));
  EXPECT_TRUE(convergence.CheckQuiescent({At(1, 9, 7), At(2, 9, 8)}, raft::Index(1)));
  EXPECT_TRUE(convergence.CheckQuiescent({At(1, 9, 7), At(2, 9, 7)}, raft::Index(10)))
      << "something acknowledged is missing everywhere";
}

TEST(Convergence, OldIndicesAreForgotten) {
  Convergence convergence(2);
  EXPECT_FALSE(convergence.Observe(At(1, 1, 1)));
  EXPECT_FALSE(convergence.Observe(At(1, 2, 2)));
  EXPECT_FALSE(convergence.Observe(At(1, 3, 3)));
  EXPECT_FALSE(convergence.Observe(At(2, 1, 9)));
  EXPECT_TRUE(convergence.Observe(At(2, 3, 9)));
}

}  // namespace
}  // namespace lockstep::checkers
