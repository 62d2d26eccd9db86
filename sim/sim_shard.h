// SimShard: one shard of a simulated node: its scheduler, driven by the world, and its Environment.
#ifndef LOCKSTEP_SIM_SIM_SHARD_H_
#define LOCKSTEP_SIM_SIM_SHARD_H_

#include <memory>

#include "framework/fiber/scheduler.h"
#include "framework/runtime/environment.h"
#include "sim/node_clock.h"
#include "sim/process.h"
#include "sim/sim_mailbox.h"
#include "sim/sim_offload.h"
#include "sim/sim_random.h"
#include "sim/sim_trace.h"

namespace lockstep::sim {

// What the shards of a node share.
struct NodeDevices final {
  Process& process;
  NodeClock& clock;
  runtime::Network& network;
  runtime::Disk& disk;
  runtime::FaultPoints& fault_points;
  TraceRing& trace;
  uint32_t shard_count = 1;
};

// Fault model: each world event runs one fiber, any of the first eight that are ready; now and then
// it is late by up to a millisecond. A fiber run takes a microsecond of virtual time, so that busy
// code lets time pass.
//
// Invariants: while fibers are ready and the process is neither paused nor dead, exactly one run
// event is scheduled; while deadlines are pending, a timer event no later than the earliest is.
// Owned by a SimNode, survives its processes.
class SimShard final : public fiber::Driver {
 public:
  SimShard(const NodeDevices& devices, ShardId shard);
  SimShard(const SimShard&) = delete;
  SimShard& operator=(const SimShard&) = delete;
  ~SimShard() override;

  // A new process: a fresh root scope. REQUIRES: Stop was called after the last one.
  void Start();
  // Unwinds all fibers. REQUIRES: none of them is running. Harmless if it is stopped.
  void Stop();
  fiber::Scope& root() { return *root_; }
  runtime::Environment& environment() { return environment_; }

  // After a pause, or after the clock's drift changed.
  void Reschedule();

  void OnReady(fiber::Scheduler& scheduler) override;
  void OnEarlierTimer(fiber::Scheduler& scheduler) override;

 private:
  void ScheduleRun(Duration delay);
  void RunOneFiber();
  void ScheduleTimer();
  void TimerFired(VirtualTime when);
  Duration ExtraDelay();
  size_t PickFiber();

  Process& process_;
  NodeClock& clock_;
  ShardId shard_;
  uint64_t key_;
  fiber::Scheduler scheduler_;
  SimRandom random_;
  SimOffload offload_;
  SimMailbox mailbox_;
  SimTrace trace_;
  runtime::Environment environment_;
  std::unique_ptr<fiber::Scope> root_;
  bool run_scheduled_ = false;
  VirtualTime timer_at_ = kEndOfTime;  // of the earliest timer event that counts
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_SIM_SHARD_H_
