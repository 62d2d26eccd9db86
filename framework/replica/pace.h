// Pace: so many bytes per second and no more, for work that must leave room for better things.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_PACE_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_PACE_H_

#include <algorithm>
#include <cstdint>

#include "framework/base/check.h"
#include "framework/base/time.h"
#include "framework/fiber/scheduler.h"

namespace lockstep::replica {

// Shared by all fibers of a shard that do such work. Time that nobody used is not saved up.
class Pace final {
 public:
  // 0: as fast as it goes.
  explicit Pace(uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}
  Pace(const Pace&) = delete;
  Pace& operator=(const Pace&) = delete;

  // Suspends until what was spent before is paid for, then spends `bytes`.
  void Spend(Fiber& fiber, uint64_t bytes) {
    if (bytes_per_second_ == 0) return;
    CHECK_LT(bytes, uint64_t{1} << 33);
    const MonoTime start = std::max(free_at_, fiber.now());
    free_at_ = start + Nanoseconds(static_cast<int64_t>(bytes * 1'000'000'000 / bytes_per_second_));
    if (start > fiber.now()) fiber.SleepUntil(start);
  }

 private:
  const uint64_t bytes_per_second_;
  MonoTime free_at_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_PACE_H_
