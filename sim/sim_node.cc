#include "sim/sim_node.h"

#include <utility>

#include "framework/base/check.h"
#include "sim/recorder.h"

namespace lockstep::sim {

SimNode::SimNode(World& world, SimNetwork& network, const Options& options)
    : world_(world),
      network_(network),
      id_(options.id),
      host_(network.AddHost(options.host, options.id)),
      process_(world, options.id),
      clock_(world, options.id),
      disk_core_(world, options.id),
      disk_(disk_core_, process_),
      host_network_(network, host_, process_),
      fault_points_(world, options.id),
      trace_(options.trace_lines) {
  CHECK_GT(options.shards, 0u);
  const NodeDevices devices{process_,      clock_, host_network_, disk_,
                            fault_points_, trace_, options.shards};
  for (uint32_t shard = 0; shard < options.shards; ++shard) {
    shards_.push_back(std::make_unique<SimShard>(devices, ShardId(shard)));
  }
}

SimNode::~SimNode() {
  on_exit_ = nullptr;
  if (process_.alive()) {
    process_.Die();
    network_.ProcessEnded(host_);
  }
  for (const auto& shard : shards_) shard->Stop();
}

SimNode::State SimNode::state() const {
  if (unwinding_) return State::kUnwinding;
  if (!process_.alive()) return State::kOff;
  return process_.paused() ? State::kPaused : State::kRunning;
}

void SimNode::Tell(std::string_view event, std::string_view what, VirtualTime until) {
  world_.Note({id_, EventKind::kNode, StreamId(event)}, process_.incarnation());
  if (world_.recorder() == nullptr) return;
  world_.recorder()->OnHappening(world_.now(),
                                 {.what = what, .where = name(), .peer = {}, .until = until});
}

void SimNode::Boot(NodeMain main) {
  CHECK(state() == State::kOff) << "node " << id_ << " cannot be booted now";
  main_ = std::move(main);
  process_.Start();
  network_.ProcessStarted(host_);
  Tell("boot", "node.boot");
  shards_running_ = shard_count();
  for (const auto& shard : shards_) {
    shard->Start();
    shard->root().Spawn("main", [this, &shard = *shard](Fiber& fiber) {
      main_(fiber, shard.environment());
      if (process_.alive()) ShardReturned();
    });
  }
}

void SimNode::ShardReturned() {
  CHECK_GT(shards_running_, 0u);
  if (--shards_running_ > 0) return;
  Tell("exit", "node.exit");
  Die(/*power=*/false);
  TellExit();
}

void SimNode::TellExit() {
  // After the unwinding, which was queued first.
  world_.Urgent([this] {
    if (on_exit_) on_exit_();
  });
}

void SimNode::PowerFails() {
  if (!process_.alive()) return;
  PowerLoss();
  TellExit();
}

void SimNode::Die(bool power) {
  process_.Die();
  unwinding_ = true;
  if (power) {
    disk_core_.LosePower();
    network_.PowerLost(host_);
  } else {
    network_.ProcessEnded(host_);
  }
  world_.Urgent([this] { Unwind(); });
}

void SimNode::Unwind() {
  CHECK(unwinding_);
  for (const auto& shard : shards_) shard->Stop();
  main_ = nullptr;
  unwinding_ = false;
}

void SimNode::Kill() {
  if (!process_.alive()) return;
  world_.CountFault(FaultClass::kKill);
  Tell("kill", "node.kill");
  Die(/*power=*/false);
}

void SimNode::PowerLoss() {
  if (process_.alive()) {
    world_.CountFault(FaultClass::kPowerLoss);
    Tell("power_loss", "node.power_loss");
    Die(/*power=*/true);
    return;
  }
  disk_core_.LosePower();
  network_.PowerLost(host_);
}

void SimNode::Pause(Duration duration) {
  if (state() != State::kRunning) return;
  world_.CountFault(FaultClass::kPause);
  Tell("pause", "node.pause", world_.now() + duration);
  process_.Pause();
  world_.After(duration, {id_, EventKind::kNode, StreamId("resume")},
               [this, incarnation = process_.incarnation()] {
                 if (process_.IsCurrent(incarnation)) Resume();
               });
}

void SimNode::Resume() {
  if (state() != State::kPaused) return;
  process_.Resume();
  if (world_.recorder() != nullptr) {
    world_.recorder()->OnHappening(
        world_.now(), {.what = "node.resume", .where = name(), .peer = {}, .until = {}});
  }
  for (const auto& shard : shards_) shard->Reschedule();
}

void SimNode::SetClockDrift(int64_t ppm) {
  clock_.SetDrift(ppm);
  for (const auto& shard : shards_) shard->Reschedule();
}

}  // namespace lockstep::sim
