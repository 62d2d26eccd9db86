#include "sim/node_clock.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "sim/recorder.h"

namespace lockstep::sim {
namespace {

__extension__ typedef __int128 Wide;

// 2026-01-01: when every universe begins, as far as an honest wall clock can tell.
constexpr int64_t kEpochNs = 1'767'225'600'000'000'000;
constexpr int64_t kParts = 1'000'000;

// Uniform in [-limit, limit], drawn as an even or odd number so that zero is benign.
int64_t Signed(Draws& draws, Stream stream, uint64_t key, uint64_t limit) {
  if (limit == 0) return 0;
  const uint64_t raw = draws.Range(stream, key, 0, 2 * limit, 0);
  const auto half = static_cast<int64_t>((raw + 1) / 2);
  return raw % 2 == 0 ? half : -half;
}

}  // namespace

WallTime TrueWallTime(const World& world) { return {kEpochNs + world.now().ns}; }

NodeClock::NodeClock(World& world, NodeId node)
    : world_(world), node_(node), base_virtual_(world.now()) {
  Draws& draws = world.draws();
  const uint64_t key = node.value();
  // Somewhere in the first hundred days of uptime, so that nobody compares two nodes' instants.
  base_monotonic_ns_ = static_cast<int64_t>(draws.Entropy("clock.start", key) % 8'640'000) * kParts;
  const int64_t offset = Signed(draws, "clock.offset", key, world.rates().clock_offset_ns);
  const uint64_t drift = world.rates().clock_drift_ppm;
  drift_ppm_ = Signed(draws, "clock.drift", key, drift);
  if (world.rates().clock_extremes != 0) {
    const bool slow = draws.Chance("clock.slow", key, kMillion / 2);
    drift_ppm_ = slow ? -static_cast<int64_t>(drift) : static_cast<int64_t>(drift);
  }
  wall_minus_monotonic_ns_ = kEpochNs + world.now().ns + offset - base_monotonic_ns_;
  if (offset != 0) world.CountFault(FaultClass::kClockOffset);
  if (drift_ppm_ != 0) world.CountFault(FaultClass::kClockDrift);
}

int64_t NodeClock::MonotonicAt(VirtualTime when) const {
  const int64_t elapsed = std::max<int64_t>(0, when.ns - base_virtual_.ns);
  const auto gained = static_cast<int64_t>(static_cast<Wide>(elapsed) * drift_ppm_ / kParts);
  return base_monotonic_ns_ + elapsed + gained;
}

MonoTime NodeClock::Monotonic() { return {MonotonicAt(world_.now())}; }

WallTime NodeClock::Wall() {
  if (world_.now() < frozen_until_) return frozen_at_;
  const int64_t still_frozen = std::max<int64_t>(0, base_virtual_.ns - world_.now().ns);
  return {MonotonicAt(world_.now()) + wall_minus_monotonic_ns_ - still_frozen};
}

void NodeClock::FreezeMonotonic(Duration duration) {
  const int64_t lasts = duration.count() + std::max<int64_t>(0, base_virtual_.ns - world_.now().ns);
  base_monotonic_ns_ = MonotonicAt(world_.now());
  base_virtual_ = world_.now() + Nanoseconds(lasts);
  wall_minus_monotonic_ns_ += duration.count();
  world_.CountFault(FaultClass::kMonotonicFreeze);
}

void NodeClock::FreezeWall(Duration duration) {
  frozen_at_ = Wall();
  frozen_until_ = world_.now() + duration;
  world_.CountFault(FaultClass::kClockFreeze);
}

VirtualTime NodeClock::ToVirtual(MonoTime instant) const {
  if (instant == kNoDeadline) return kEndOfTime;
  const Wide wanted = static_cast<Wide>(instant.ns) - base_monotonic_ns_;
  if (wanted <= 0) return std::min(base_virtual_, world_.now());
  const Wide elapsed = wanted * kParts / (kParts + drift_ppm_);
  // Further away than any run lasts; also keeps the sum below from overflowing.
  if (elapsed > kEndOfTime.ns / 4) return kEndOfTime;
  VirtualTime when{base_virtual_.ns + static_cast<int64_t>(elapsed)};
  // Rounding is off by at most a few ns; walk to the exact first instant.
  while (MonotonicAt(when) >= instant.ns && when > base_virtual_) --when.ns;
  while (MonotonicAt(when) < instant.ns) ++when.ns;
  return when;
}

void NodeClock::StepWall(Duration delta) {
  if (delta == Duration::zero()) return;
  wall_minus_monotonic_ns_ += delta.count();
  world_.CountFault(FaultClass::kClockStep);
  world_.Note({node_, EventKind::kNemesis, StreamId("clock.step")},
              static_cast<uint64_t>(delta.count()));
  if (world_.recorder() == nullptr) return;
  const std::string where = absl::StrCat("n", node_.value());
  world_.recorder()->OnHappening(
      world_.now(),
      {.what = "clock.step", .where = where, .peer = {}, .until = {}, .amount = delta.count()});
}

void NodeClock::SetDrift(int64_t ppm) {
  CHECK_LE(ppm, 500'000);
  CHECK_GE(ppm, -500'000);
  base_monotonic_ns_ = MonotonicAt(world_.now());
  base_virtual_ = std::max(base_virtual_, world_.now());
  drift_ppm_ = ppm;
  if (ppm != 0) world_.CountFault(FaultClass::kClockDrift);
}

}  // namespace lockstep::sim
