// Golden dialogues: testdata/*.txt play on a cluster and must be said again word by word.
// After an intended change: raft_dialogue_test --rewrite, then read the difference.
#include "tests/framework/raft/dialogue.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace lockstep::raft::testing {
namespace {

enum class Mode { kCompare, kRewrite };

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in.good()) << path;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

class DialogueTest final : public ::testing::Test {
 public:
  DialogueTest(std::string name, Mode mode) : name_(std::move(name)), mode_(mode) {}

  void TestBody() override {
    const std::string path = std::string(TESTDATA) + "/" + name_ + ".txt";
    const std::string expected = ReadFile(path);
    const std::string actual = Dialogue().Play(expected);
    if (mode_ == Mode::kRewrite) {
      std::ofstream(path) << actual;
    } else {
      EXPECT_EQ(actual, expected) << "rewrite with --rewrite if this is intended";
    }
  }

 private:
  std::string name_;
  Mode mode_;
};

void RegisterAll(Mode mode) {
  for (const char* name :
       {"election", "pre_vote_after_partition", "probe_and_replicate", "slow_follower_and_snapshot",
        "read_index", "joint_change", "leader_transfer", "lost_leader"}) {
    ::testing::RegisterTest("Dialogue", name, nullptr, nullptr, __FILE__, __LINE__,
                            [=]() -> ::testing::Test* { return new DialogueTest(name, mode); });
  }
}

}  // namespace
}  // namespace lockstep::raft::testing

int main(int argc, char** argv) {
  using lockstep::raft::testing::Mode;
  ::testing::InitGoogleTest(&argc, argv);
  const bool rewrite = argc > 1 && std::string_view(argv[1]) == "--rewrite";
  lockstep::raft::testing::RegisterAll(rewrite ? Mode::kRewrite : Mode::kCompare);
  return RUN_ALL_TESTS();
}
