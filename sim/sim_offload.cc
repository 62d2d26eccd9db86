#include "sim/sim_offload.h"

#include <algorithm>
#include <memory>

#include "framework/fiber/sync.h"

namespace lockstep::sim {
namespace {

constexpr int64_t kTailFactor = 100;

// Outlives the waiting fiber, which may be unwound before the work starts.
struct Task final {
  explicit Task(absl::FunctionRef<void()> w) : work(w) {}

  absl::FunctionRef<void()> work;
  bool abandoned = false;
  fiber::Event done;
};

}  // namespace

void SimOffload::Run(Fiber& fiber, runtime::Lane lane, absl::FunctionRef<void()> work) {
  process_.StopIfDead(fiber);
  World& world = process_.world();
  const FaultRates& rates = world.rates();
  const uint64_t key = KeyOf(process_.node().value(), shard_.value(), static_cast<uint64_t>(lane));
  const Duration half(static_cast<int64_t>(rates.offload_ns / 2));
  Duration delay = half + world.draws().Exponential("offload.delay", key, half);
  if (world.draws().Chance("offload.tail", key, rates.offload_tail_ppm)) {
    world.CountFault(FaultClass::kSlowOffload);
    delay *= kTailFactor;
  }
  if (lane == runtime::Lane::kLog) {
    log_lane_free_ = std::max(log_lane_free_, world.now()) + delay;
    delay = log_lane_free_ - world.now();
  }
  const auto task = std::make_shared<Task>(work);
  struct Abandon {
    Task& task;
    ~Abandon() { task.abandoned = true; }
  } abandon{*task};
  process_.After(delay, EventKind::kOffload, key, [task] {
    if (task->abandoned) return;
    task->work();
    task->done.Set();
  });
  task->done.Wait(fiber);
  process_.StopIfDead(fiber);
}

}  // namespace lockstep::sim
