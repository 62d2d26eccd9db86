// The same server and client on simulated nodes: deadlines that reset calls, deaths, lossy links.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "framework/edge/grpc_client.h"
#include "framework/edge/grpc_server.h"
#include "sim/fault_profile.h"
#include "sim/sim_network.h"
#include "sim/sim_node.h"
#include "sim/world.h"
#include "tests/framework/edge/wire.h"

namespace lockstep::edge {
namespace {

constexpr Duration kRunTime = Seconds(20);

struct Outcome final {
  uint64_t hash = 0;
  int answered = 0;
  int expired = 0;
  int never_sent = 0;
  int unknown = 0;
};

class Universe final {
 public:
  Universe(uint64_t seed, const sim::FaultProfile& profile)
      : world_(seed, profile),
        network_(world_),
        server_(world_, network_, {NodeId(1), "server"}),
        client_(world_, network_, {NodeId(2), "client"}) {
    registry_.AddUnary("/t.T/Echo", [](Fiber& fiber, const GrpcRequest& request, std::string* out) {
      fiber.SleepFor(Milliseconds(1));
      *out = std::string(request.message);
      return GrpcStatus();
    });
    registry_.AddUnary("/t.T/Hang", [](Fiber& fiber, const GrpcRequest&, std::string*) {
      fiber.SleepFor(Seconds(3600));
      return GrpcStatus();
    });
  }

  Outcome Run(bool with_deaths) {
    BootServer();
    client_.Boot([this](Fiber& fiber, runtime::Environment& env) { RunClient(fiber, env); });
    if (with_deaths) PlanDeath();
    world_.RunUntil({kRunTime.count()});
    outcome_.hash = world_.log().hash();
    return outcome_;
  }

 private:
  void BootServer() {
    server_.Boot([this](Fiber& fiber, runtime::Environment& env) {
      const auto listener = env.network.Listen("server:1");
      CHECK_OK(listener.status());
      GrpcServer server(env.scheduler, env.trace, registry_);
      server.Serve(fiber, **listener);
    });
  }

  void PlanDeath() {
    world_.After(Milliseconds(1700), {NodeId(1), sim::EventKind::kNemesis, 0}, [this] {
      server_.Kill();
      world_.After(Milliseconds(300), {NodeId(1), sim::EventKind::kNemesis, 1}, [this] {
        if (server_.state() == sim::SimNode::State::kOff) BootServer();
        PlanDeath();
      });
    });
  }

  void RunClient(Fiber& fiber, runtime::Environment& env) {
    GrpcChannel channel(env.scheduler, env.network, "server:1");
    fiber::Scope callers(env.scheduler);
    for (int i = 0; i < 8; ++i) {
      callers.Spawn("caller", [&, i](Fiber& caller) {
        for (int n = 0;; ++n) Call(caller, channel, n % 10 == 9 ? "/t.T/Hang" : "/t.T/Echo", i + n);
      });
    }
    fiber.SleepFor(kRunTime);
  }

  void Call(Fiber& fiber, GrpcChannel& channel, const char* method, int number) {
    GrpcCallOptions options;
    options.deadline = fiber.now() + Milliseconds(300);
    const std::string request = std::to_string(number);
    const GrpcResult result = channel.Call(fiber, method, request, options);
    if (result.ok()) {
      CHECK_EQ(result.response, request);
      ++outcome_.answered;
    }
    if (result.code == GrpcCode::kDeadlineExceeded) ++outcome_.expired;
    if (result.outcome == GrpcOutcome::kNeverSent) ++outcome_.never_sent;
    if (result.outcome == GrpcOutcome::kUnknown) ++outcome_.unknown;
    if (!result.ok()) fiber.SleepFor(Milliseconds(1));
  }

  GrpcRegistry registry_;
  Outcome outcome_;
  sim::World world_;
  sim::SimNetwork network_;
  sim::SimNode server_;
  sim::SimNode client_;
};

// A node whose clients, on nodes of their own, ask for a hundred megabytes each and read nothing;
// they come back when they are cut off. One client wants an answer now and then.
class Overload final {
 public:
  static constexpr size_t kAnswerBytes = 1024 * 1024;
  static constexpr int kHostileClients = 6;

  Overload(uint64_t seed, const sim::FaultProfile& profile)
      : world_(seed, profile),
        network_(world_),
        server_(world_, network_, {NodeId(1), "server"}),
        client_(world_, network_, {NodeId(2), "client"}) {
    for (int i = 0; i < kHostileClients; ++i) {
      const std::string host = "hostile" + std::to_string(i);
      hostile_.push_back(std::make_unique<sim::SimNode>(
          world_, network_, sim::SimNode::Options{NodeId(static_cast<uint64_t>(3 + i)), host}));
    }
    registry_.AddUnary("/t.T/Read", [](Fiber& fiber, const GrpcRequest& request, std::string* out) {
      fiber.SleepFor(Milliseconds(1));
      if (!request.room.Reserve(fiber, kAnswerBytes)) return request.room.Busy();
      out->assign(kAnswerBytes, 'x');
      return GrpcStatus();
    });
  }

  void Run() {
    server_.Boot([this](Fiber& fiber, runtime::Environment& env) {
      const auto listener = env.network.Listen("server:1");
      CHECK_OK(listener.status());
      GrpcServer server(env.scheduler, env.trace, registry_);
      fiber::Scope scope(env.scheduler);
      scope.Spawn("observe", [&](Fiber& observer) {
        for (;; observer.SleepFor(Milliseconds(10))) Observe(server.budget());
      });
      server.Serve(fiber, **listener);
    });
    for (const auto& node : hostile_) {
      node->Boot([](Fiber& fiber, runtime::Environment& env) { AskWithoutReading(fiber, env); });
    }
    client_.Boot([this](Fiber& fiber, runtime::Environment& env) { AskNowAndThen(fiber, env); });
    world_.RunUntil({Seconds(60).count()});
  }

  size_t most_held = 0;
  bool was_full = false;
  int answered = 0;
  int refused = 0;

 private:
  void Observe(const GrpcBudget& budget) {
    most_held = std::max(most_held, budget.responses.used_bytes() + budget.overflow.used_bytes());
    was_full = was_full || budget.responses.has_waiters();
  }

  static void AskWithoutReading(Fiber& fiber, runtime::Environment& env) {
    std::string bytes = wire::Hello(0x7fffffff);
    bytes += wire::Frame(wire::kWindowUpdate, 0, 0, wire::Be32(0x7fffffff - 65535));
    for (uint32_t i = 0; i < 100; ++i) bytes += wire::Request(2 * i + 1, "/t.T/Read", "");
    for (;; fiber.SleepFor(Milliseconds(100))) {
      const auto stream = env.network.Dial(fiber, "server:1", fiber.now() + Seconds(1));
      if (!stream.ok()) continue;
      while ((*stream)->Write(fiber, bytes).ok()) {
        bytes = wire::Frame(wire::kPing, 0, 0, "12345678");
        fiber.SleepFor(Milliseconds(500));
      }
    }
  }

  void AskNowAndThen(Fiber& fiber, runtime::Environment& env) {
    GrpcChannel channel(env.scheduler, env.network, "server:1");
    for (;; fiber.SleepFor(Milliseconds(500))) {
      GrpcCallOptions options;
      options.deadline = fiber.now() + Seconds(10);
      const GrpcResult result = channel.Call(fiber, "/t.T/Read", "", options);
      answered += result.ok();
      refused += result.code == GrpcCode::kResourceExhausted;
    }
  }

  GrpcRegistry registry_;
  sim::World world_;
  sim::SimNetwork network_;
  sim::SimNode server_;
  sim::SimNode client_;
  std::vector<std::unique_ptr<sim::SimNode>> hostile_;
};

Outcome RunUniverse(uint64_t seed, const sim::FaultProfile& profile, bool with_deaths) {
  return std::make_unique<Universe>(seed, profile)->Run(with_deaths);
}

TEST(GrpcInSimulation, CallsAreAnsweredAndExpiredOnesAreReset) {
  const Outcome outcome = RunUniverse(1, sim::CalmProfile(), /*with_deaths=*/false);
  EXPECT_GT(outcome.answered, 1000);
  EXPECT_GT(outcome.expired, 100);
  EXPECT_EQ(outcome.never_sent, 0);
}

TEST(GrpcInSimulation, DeathsOfTheServerAreSurvivedAndToldApart) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const Outcome outcome = RunUniverse(seed, sim::DefaultProfile(), /*with_deaths=*/true);
    EXPECT_GT(outcome.answered, 200) << seed;
    EXPECT_GT(outcome.unknown, 0) << seed;
  }
}

TEST(GrpcInSimulation, EqualSeedsGiveEqualUniverses) {
  const Outcome one = RunUniverse(3, sim::DefaultProfile(), /*with_deaths=*/true);
  const Outcome other = RunUniverse(3, sim::DefaultProfile(), /*with_deaths=*/true);
  EXPECT_EQ(one.hash, other.hash);
  EXPECT_EQ(one.answered, other.answered);
}

TEST(GrpcInSimulation, ClientsThatDoNotReadTakeABoundedAmountAndOthersAreServed) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const auto universe = std::make_unique<Overload>(seed, sim::DefaultProfile());
    universe->Run();
    EXPECT_TRUE(universe->was_full) << seed;
    EXPECT_LE(universe->most_held, limits::kResponseBytesHeldMax + 64 * 1024) << seed;
    EXPECT_GE(universe->answered, 10) << seed;
    EXPECT_LE(universe->refused, universe->answered / 2) << seed;
  }
}

}  // namespace
}  // namespace lockstep::edge
