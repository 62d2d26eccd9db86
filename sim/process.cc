#include "sim/process.h"

#include <utility>

#include "framework/base/check.h"

namespace lockstep::sim {

void Process::After(Duration delay, EventKind kind, uint64_t key, absl::AnyInvocable<void()> run) {
  if (!alive_) return;
  world_.After(delay, {node_, kind, key},
               [this, incarnation = incarnation_, run = std::move(run)]() mutable {
                 if (IsCurrent(incarnation)) RunOrHold(std::move(run));
               });
}

void Process::RunOrHold(absl::AnyInvocable<void()> run) {
  if (paused_) {
    held_.push_back(std::move(run));
    return;
  }
  const World::ProductCode product(world_, node_);
  run();
}

void Process::Start() {
  CHECK(!alive_) << "node " << node_ << " is running";
  alive_ = true;
  paused_ = false;
  ++incarnation_;
}

void Process::Die() {
  alive_ = false;
  paused_ = false;
  held_.clear();
}

void Process::Resume() {
  if (!paused_) return;
  paused_ = false;
  for (auto& run : std::exchange(held_, {})) {
    After(Duration::zero(), EventKind::kNode, StreamId("resume"), std::move(run));
  }
}

}  // namespace lockstep::sim
