#include "sim/cluster/client_turns.h"

#include <limits>

#include "framework/base/check.h"

namespace lockstep::sim {
namespace {

constexpr Stream kTurn = "client.turn";
constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

}  // namespace

bool ClientTurns::Await(Fiber& fiber, Duration think) {
  if (!started_) start_ = fiber.now();
  started_ = true;
  Draws& draws = world_.draws();
  // On the tape before it is known whether the client goes on: a replay thinks for as long.
  const Duration since_start = fiber.now() + think - start_;
  CHECK_GE(since_start.count(), 0);
  uint64_t when = kNever;
  if (draws.replaying(kTurn)) {
    const uint64_t end = draws.ReplayEnd(kTurn, client_);
    while (when == kNever && next_ < end) when = draws.Given(kTurn, client_, 0, kNever), ++next_;
    if (when == kNever) return false;
  } else {
    when = draws.Given(kTurn, client_, static_cast<uint64_t>(since_start.count()), kNever);
    ++next_;
  }
  const MonoTime instant = start_ + Nanoseconds(static_cast<int64_t>(when));
  if (instant > fiber.now()) fiber.SleepUntil(instant);
  return go_on_();
}

base::SequentialRandom ClientTurns::Random() const {
  CHECK_GT(next_, 0u) << "no turn yet";
  return base::SequentialRandom(
      base::KeyedDraw(world_.draws().seed(), kTurn.name(), client_, next_ - 1));
}

}  // namespace lockstep::sim
