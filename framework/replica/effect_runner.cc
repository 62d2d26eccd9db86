#include "framework/replica/effect_runner.h"

#include <algorithm>
#include <utility>

#include "framework/base/check.h"
#include "framework/replica/mutants.h"

namespace lockstep::replica {

void EffectRunner::Run(raft::Effects effects) {
  if (parts_.observer != nullptr) parts_.observer->OnStep(parts_.group, parts_.raft, effects);
  // 1. The disk starts first: it takes longest.
  const raft::WriteId written = effects.persist ? effects.persist->id : durable_;
  if (effects.persist) StartPersist(*std::move(effects.persist));
  // 2. A leader's appends travel while it persists them itself [thesis 10.2.1].
  for (raft::Message& message : effects.send_now) Send(std::move(message));
  // 3. Votes and acknowledgements wait for what they promise.
  for (raft::MessageAfter& message : effects.send_after_persist) {
    waiting_messages_.push_back(std::move(message));
  }
  // 4. The state machine, behind the log.
  if (effects.install_snapshot) {
    waiting_applies_.push_back({written, std::move(effects.install_snapshot), {}});
  }
  if (!effects.committed.empty()) {
    waiting_applies_.push_back({raft::WriteId(0), std::nullopt, std::move(effects.committed)});
  }
  ReleaseWaiting();
  // 5. Everybody else.
  if (!effects.reads.empty() || !effects.reads_failed.empty()) {
    parts_.listener.OnReads(std::move(effects.reads), std::move(effects.reads_failed));
  }
  for (const NodeId follower : effects.send_snapshot_to) {
    parts_.listener.OnSnapshotWanted(follower);
  }
  for (const raft::Event& event : effects.events) parts_.listener.OnEvent(event);
  if (mutant::Enabled(mutant::kM16ApplyBeforeSync) && durable_ < issued_) {
    durable_ = issued_;
    ReleaseWaiting();
    Run(parts_.raft.Persisted(issued_));
  }
}

void EffectRunner::OnDurable(raft::WriteId id) {
  CHECK_LE(id, issued_);
  durable_ = std::max(durable_, id);
  if (parts_.observer != nullptr) parts_.observer->OnDurable(parts_.group, id);
  ReleaseWaiting();
  Run(parts_.raft.Persisted(id));
}

std::optional<raft::Persist> EffectRunner::WholeLog() {
  const raft::Raft& raft = parts_.raft;
  raft::Persist whole;
  whole.id = issued_;
  if (raft.snapshot().index > raft::Index(0)) whole.snapshot = raft.snapshot();
  whole.hard_state = raft.hard_state();
  for (raft::Index index = raft.first_index(); index <= raft.last_index(); ++index) {
    whole.entries.push_back(raft.EntryAt(index));
  }
  return whole;
}

void EffectRunner::StartPersist(raft::Persist persist) {
  CHECK_GT(persist.id, issued_);
  issued_ = persist.id;
  if (mutant::Enabled(mutant::kM17HardStateNotPersisted) && persist.entries.empty() &&
      !persist.snapshot) {
    persist.hard_state.reset();
  }
  parts_.log.Append(parts_.group, std::move(persist));
}

void EffectRunner::Send(raft::Message message) {
  if (parts_.observer != nullptr) parts_.observer->OnSend(parts_.group, message);
  parts_.messages.Send(parts_.group, std::move(message));
}

void EffectRunner::ReleaseWaiting() {
  while (!waiting_messages_.empty() && waiting_messages_.front().after <= durable_) {
    Send(std::move(waiting_messages_.front().message));
    waiting_messages_.pop_front();
  }
  while (!waiting_applies_.empty() && waiting_applies_.front().after <= durable_) {
    Apply next = std::move(waiting_applies_.front());
    waiting_applies_.pop_front();
    if (next.install) parts_.applier.EnqueueInstall(*next.install);
    if (!next.entries.empty()) parts_.applier.Enqueue(std::move(next.entries));
  }
}

}  // namespace lockstep::replica
