#include "framework/replica/reads.h"

#include <utility>

#include "framework/base/check.h"
#include "framework/replica/mutants.h"

namespace lockstep::replica {

std::optional<raft::Index> Reads::Await(Fiber& fiber, MonoTime deadline) {
  for (;;) {
    if (!waiting_) waiting_ = std::make_shared<Round>();
    const std::shared_ptr<Round> round = waiting_;
    if (!running_) work_.WakeOne();
    if (!round->done.Wait(fiber, deadline)) return std::nullopt;
    if (!round->failed) return round->index;
  }
}

std::optional<raft::Index> Reads::ConfirmedWithin(MonoTime now, Duration age) {
  const bool is_known = newest_ && newest_->asked >= now - age;
  if (is_known && newest_->asked >= now - age / 2) return newest_->index;
  // Where this is asked all the time, nobody waits.
  if (!waiting_) waiting_ = std::make_shared<Round>();
  if (!running_) work_.WakeOne();
  return is_known ? std::optional(newest_->index) : std::nullopt;
}

std::optional<raft::ReadId> Reads::StartRound(MonoTime now) {
  if (!has_work()) return std::nullopt;
  running_ = std::move(waiting_);
  waiting_.reset();
  running_id_ = next_id_;
  running_asked_ = now;
  ++next_id_;
  return running_id_;
}

void Reads::OnReady(const raft::ReadReady& ready) {
  if (!running_ || ready.id != running_id_) return;
  last_failed_ = false;
  newest_ = {running_asked_, ready.index};
  running_->index = ready.index;
  running_->done.Set();
  running_.reset();
  if (waiting_) work_.WakeOne();
}

void Reads::OnFailed(raft::ReadId id) {
  if (!running_ || id != running_id_) return;
  if (mutant::Enabled(mutant::kM50FailedReadsForgotten)) return;
  last_failed_ = true;
  running_->failed = true;
  running_->done.Set();
  running_.reset();
  if (waiting_) work_.WakeOne();
}

}  // namespace lockstep::replica
