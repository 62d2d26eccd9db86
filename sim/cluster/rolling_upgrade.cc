#include "sim/cluster/rolling_upgrade.h"

namespace lockstep::sim {
namespace {

constexpr Duration kLookInterval = Milliseconds(20);
constexpr Stream kPause = "nemesis.upgrade_pause";
constexpr EventOrigin kOrigin{NodeId(0), EventKind::kNemesis, kPause.id()};

}  // namespace

void RollingUpgrade::LookLater() {
  // (A replay without this entry rolls as well.)
  const Duration pause = world_.draws().Exponential(kPause, replaced_, Milliseconds(200));
  world_.After(pause + kLookInterval, kOrigin, [this] { Look(); });
}

void RollingUpgrade::Look() {
  if (healed_) return;
  if (!cluster_.IsLed()) {
    world_.After(kLookInterval, kOrigin, [this] { Look(); });
    return;
  }
  const size_t target = replaced_ % nodes_;
  ++replaced_;
  world_.CountFault(FaultClass::kUpgrade);
  cluster_.Replace(target);
  LookLater();
}

}  // namespace lockstep::sim
