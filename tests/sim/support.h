// A calm universe to test devices in: whatever goes wrong was asked for.
#ifndef LOCKSTEP_TESTS_SIM_SUPPORT_H_
#define LOCKSTEP_TESTS_SIM_SUPPORT_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/sim_network.h"
#include "sim/sim_node.h"
#include "sim/world.h"

namespace lockstep::sim {

class CalmUniverse {
 public:
  explicit CalmUniverse(uint32_t node_count, uint64_t seed = 1, uint32_t shards = 1,
                        const FaultProfile& profile = CalmProfile())
      : world(seed, profile), network(world) {
    for (uint32_t i = 1; i <= node_count; ++i) {
      nodes.push_back(std::make_unique<SimNode>(
          world, network, SimNode::Options{NodeId(i), absl::StrCat("n", i), shards}));
    }
  }

  SimNode& node(uint32_t number) { return *nodes[number - 1]; }
  // Boots the node to do `main` and then wait for ever.
  void Boot(uint32_t number, NodeMain main) {
    node(number).Boot([main = std::move(main)](Fiber& fiber, runtime::Environment& env) {
      main(fiber, env);
      fiber.SleepFor(Seconds(1'000'000));
    });
  }
  // Runs `main` on a node that is off, to its end, and lets the process exit.
  void Run(uint32_t number, NodeMain main) {
    node(number).Boot(std::move(main));
    for (int i = 0; i < 1000 && node(number).state() != SimNode::State::kOff; ++i) {
      world.RunFor(Milliseconds(100));
    }
    CHECK(node(number).state() == SimNode::State::kOff) << "still running";
  }

  World world;
  SimNetwork network;
  std::vector<std::unique_ptr<SimNode>> nodes;
};

inline std::string ReadAll(Fiber& fiber, runtime::Stream& stream) {
  std::string all;
  char buffer[1000];
  while (true) {
    const absl::StatusOr<size_t> n = stream.Read(fiber, absl::MakeSpan(buffer));
    if (!n.ok() || *n == 0) return all;
    all.append(buffer, *n);
  }
}

}  // namespace lockstep::sim

#endif  // LOCKSTEP_TESTS_SIM_SUPPORT_H_
