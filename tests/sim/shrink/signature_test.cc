#include "sim/shrink/signature.h"

#include <gtest/gtest.h>

namespace lockstep::sim {
namespace {

std::string Of(const std::string& oracle, const std::string& verdict) {
  return SignatureOf({oracle, verdict, "node 2"});
}

TEST(Signature, LeavesOutWhatDiffersFromSeedToSeed) {
  EXPECT_EQ(Of("durability ledger", "node 2 acknowledged entry 17, and its disk holds 16"),
            Of("durability ledger", "node 1 acknowledged entry 9, and its disk holds 3"));
  EXPECT_EQ(Of("deterministic apply", "node 1 and node 2 applied it: 'a' and 'b'"),
            Of("deterministic apply", "node 3 and node 1 applied it: 'x y' and ''"));
}

TEST(Signature, TellsOraclesAndKindsApart) {
  EXPECT_NE(Of("durability ledger", "node 2 voted"), Of("vote once", "node 2 voted"));
  EXPECT_NE(Of("log matching", "two entries differ"), Of("log matching", "two terms differ"));
}

TEST(Signature, OfAHistoryIsItsOracle) {
  EXPECT_EQ(Of("linearizability", "client 1's get of k3: no order explains this"),
            Of("linearizability", "client 2's put of k1 = c1-3: no order explains this"));
}

TEST(Signature, OfAStoryOfAClientIsWhoTellsIt) {
  EXPECT_EQ(Of("revision certificate", "client 1 called get of k3 at 17, and saw k3 = c1-2"),
            Of("revision certificate", "client 2 called put of k1 = x at 9, which was revision 3"));
}

TEST(Signature, OfACrashIsTheBrokenInvariantAndNotItsLine) {
  EXPECT_EQ(Of("crash", "a/raft.cc:12: CHECK failed: commit <= last (7 vs 5) term 3"),
            Of("crash", "a/raft.cc:14: CHECK failed: commit <= last (9 vs 8) term 1"));
  EXPECT_NE(Of("crash", "a/raft.cc:12: CHECK failed: commit <= last (7 vs 5)"),
            Of("crash", "a/raft.cc:12: CHECK failed: applied <= commit (7 vs 5)"));
}

TEST(Signature, HasAFileNameOfItsOwn) {
  const std::string one = FileNameOf("liveness: not whole again after healing");
  EXPECT_EQ(one.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string::npos);
  EXPECT_TRUE(one.starts_with("liveness-not-whole-again-after-healing-"));
  EXPECT_NE(one, FileNameOf("liveness: not whole again after healing?"));
}

}  // namespace
}  // namespace lockstep::sim
