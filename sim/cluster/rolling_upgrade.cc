#include "sim/cluster/rolling_upgrade.h"

#include "framework/edge/grpc_client.h"
#include "framework/replica/agreement.h"

namespace lockstep::sim {
namespace {

constexpr Duration kLookInterval = Milliseconds(20);
constexpr Duration kAskTimeout = Seconds(3);

}  // namespace

void RollingUpgrade::Run(Fiber& fiber, runtime::Environment& environment) {
  Draws& draws = world_.draws();
  for (uint64_t turn = 0; !healed_; ++turn) {
    // (A replay without this entry goes on as well.)
    fiber.SleepFor(kLookInterval +
                   draws.Exponential("nemesis.upgrade_pause", turn, Milliseconds(200)));
    while (!cluster_.IsLed() && !healed_) fiber.SleepFor(kLookInterval);
    if (healed_) return;
    if (draws.Chance("nemesis.upgrade_ask", turn, kMillion / 8)) Ask(fiber, environment);
    const size_t target = replaced_ % nodes_;
    ++replaced_;
    world_.CountFault(FaultClass::kUpgrade);
    cluster_.Replace(target);
  }
}

void RollingUpgrade::Ask(Fiber& fiber, runtime::Environment& environment) {
  for (uint64_t id = 1; id <= nodes_; ++id) {
    edge::GrpcChannel channel(environment.scheduler, environment.network,
                              cluster_.ClientAddressOf(NodeId(id)));
    edge::GrpcCallOptions options;
    options.deadline = fiber.now() + kAskTimeout;
    const edge::GrpcResult result = channel.Call(
        fiber, "/lockstep.Group/Agree", replica::EncodeVersion(wire::kAgreeingVersion), options);
    if (result.code == edge::GrpcCode::kFailedPrecondition ||
        result.code == edge::GrpcCode::kInvalidArgument) {
      continue;
    }
    // Also if nobody knows.
    is_agreed_ = is_agreed_ || result.outcome != edge::GrpcOutcome::kNeverSent;
    if (result.ok()) return;
  }
}

}  // namespace lockstep::sim
