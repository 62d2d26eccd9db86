#include "sim/sim_shard.h"

#include <algorithm>

#include "framework/base/check.h"

namespace lockstep::sim {
namespace {

constexpr Duration kRunTime = Microseconds(1);
constexpr uint64_t kExtraDelayMaxNs = 1'000'000;
constexpr size_t kPickAmong = 8;

}  // namespace

SimShard::SimShard(const NodeDevices& devices, ShardId shard)
    : process_(devices.process),
      clock_(devices.clock),
      shard_(shard),
      key_(KeyOf(devices.process.node().value(), shard.value())),
      scheduler_(fiber::Scheduler::Options{}, this),
      random_(devices.process.world(), devices.process.node(), shard),
      offload_(devices.process, shard),
      mailbox_(devices.process, shard, devices.shard_count),
      trace_(devices.process, shard, devices.trace),
      environment_{devices.process.node(),
                   shard,
                   scheduler_,
                   clock_,
                   random_,
                   devices.network,
                   devices.disk,
                   offload_,
                   mailbox_,
                   devices.fault_points,
                   trace_} {}

SimShard::~SimShard() { Stop(); }

void SimShard::Start() {
  CHECK(root_ == nullptr) << "shard " << shard_ << " was not stopped";
  run_scheduled_ = false;
  timer_at_ = kEndOfTime;
  scheduler_.AdvanceTo(clock_.Monotonic());
  root_ = std::make_unique<fiber::Scope>(scheduler_);
}

void SimShard::Stop() {
  if (root_ == nullptr) return;
  const World::ProductCode product(process_.world(), process_.node());
  root_.reset();
  CHECK_EQ(scheduler_.ready_count(), 0u);
}

void SimShard::Reschedule() {
  if (!process_.alive()) return;
  if (scheduler_.ready_count() > 0) ScheduleRun(Duration::zero());
  timer_at_ = kEndOfTime;
  ScheduleTimer();
}

void SimShard::OnReady(fiber::Scheduler&) { ScheduleRun(kRunTime); }

void SimShard::OnEarlierTimer(fiber::Scheduler&) { ScheduleTimer(); }

Duration SimShard::ExtraDelay() {
  World& world = process_.world();
  const uint64_t ppm = world.rates().fiber_delay_ppm;
  if (ppm == 0 && !world.draws().replaying("sched.late")) return Duration::zero();
  if (!world.draws().Chance("sched.late", key_, ppm)) return Duration::zero();
  world.CountFault(FaultClass::kFiberDelay);
  return Duration(
      static_cast<int64_t>(world.draws().Range("sched.late_ns", key_, 0, kExtraDelayMaxNs, 0)));
}

void SimShard::ScheduleRun(Duration delay) {
  if (run_scheduled_ || !process_.alive() || process_.paused()) return;
  run_scheduled_ = true;
  process_.world().After(delay + ExtraDelay(), {process_.node(), EventKind::kFiber, shard_.value()},
                         [this, incarnation = process_.incarnation()] {
                           if (process_.IsCurrent(incarnation)) RunOneFiber();
                         });
}

size_t SimShard::PickFiber() {
  World& world = process_.world();
  const size_t choices = std::min(scheduler_.ready_count(), kPickAmong);
  if (choices < 2 || (world.rates().fiber_shuffle == 0 && !world.draws().replaying("sched.pick")))
    return 0;
  const size_t pick =
      std::min(world.draws().Range("sched.pick", key_, 0, choices - 1, 0), choices - 1);
  if (pick != 0) world.CountFault(FaultClass::kFiberOrder);
  return pick;
}

void SimShard::RunOneFiber() {
  run_scheduled_ = false;
  if (process_.paused()) return;  // Reschedule goes on
  scheduler_.AdvanceTo(clock_.Monotonic());
  if (scheduler_.ready_count() == 0) return;
  {
    const World::ProductCode product(process_.world(), process_.node(), &scheduler_);
    scheduler_.RunOne(PickFiber());
  }
  if (scheduler_.ready_count() > 0) ScheduleRun(kRunTime);
}

void SimShard::ScheduleTimer() {
  if (!process_.alive() || process_.paused()) return;
  const MonoTime deadline = scheduler_.next_deadline();
  if (deadline == kNoDeadline) return;
  World& world = process_.world();
  const VirtualTime when = std::max(clock_.ToVirtual(deadline), world.now());
  if (when >= timer_at_) return;
  timer_at_ = when;
  world.At(when, {process_.node(), EventKind::kTimer, shard_.value()},
           [this, incarnation = process_.incarnation()] {
             if (process_.IsCurrent(incarnation)) TimerFired(process_.world().now());
           });
}

void SimShard::TimerFired(VirtualTime when) {
  if (when != timer_at_) return;  // an earlier one took its place
  timer_at_ = kEndOfTime;
  if (process_.paused()) return;  // Reschedule goes on
  scheduler_.AdvanceTo(clock_.Monotonic());
  ScheduleTimer();
}

}  // namespace lockstep::sim
