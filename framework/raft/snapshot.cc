// Snapshots: dropping the log's beginning, and followers that need what was dropped [Raft 7].
#include <utility>
#include <variant>

#include "framework/base/check.h"
#include "framework/raft/configuration.h"
#include "framework/raft/core.h"
#include "framework/raft/marks.h"
#include "framework/raft/mutants.h"

namespace lockstep::raft {

void Raft::Core::Compact(const SnapshotMeta& snapshot) {
  CHECK_LE(snapshot.index, log_.applied());
  CheckConfiguration(snapshot.configuration);
  log_.Compact(snapshot);
}

void Raft::Core::On(Follower&, const Envelope& envelope, InstallSnapshot& request) {
  const SnapshotMeta& meta = request.meta;
  if (meta.index == Index(0) || meta.term == Term(0) || meta.term > envelope.term) return;
  AppendReply reply;
  if (log_.state_lost() && meta.index < log_.snapshot().index) return;  // leaves a gap to our log
  if (log_.state_lost() && log_.Matches(meta.index, meta.term)) {
    // The log is as good as it was, and keeps what was acknowledged.
    log_.Rebase(meta);
    TakeOver(meta);
    reply.index = meta.index;
  } else if (meta.index <= log_.commit()) {
    marks::Reach(kMarkLateSnapshot);
    if (mutant::Enabled(mutant::kM35OlderConfiguration)) configuration_ = meta.configuration;
    reply.index = log_.commit();  // late: we have all that and more
  } else if (log_.Matches(meta.index, meta.term)) {
    // [Raft 7] The log already leads up to it; what follows it stays.
    log_.CommitTo(meta.index);
    reply.index = meta.index;
  } else {
    log_.Restore(meta);
    TakeOver(meta);
    reply.index = meta.index;
  }
  CHECK_LE(reply.index, log_.last_index());
  NoteMatched(reply.index);
  SendAfterPersist(envelope.from, reply);
}

void Raft::Core::TakeOver(const SnapshotMeta& meta) {
  CheckConfiguration(meta.configuration);
  configuration_ = meta.configuration;
  effects_.install_snapshot = meta;
  effects_.events.emplace_back(ConfigurationChanged{meta.configuration, meta.index});
}

void Raft::Core::AskForSnapshot(NodeId to, Progress& progress) {
  CHECK_LE(progress.next(), log_.snapshot().index);
  // A silent follower would not take it. It is asked for when it answers again.
  if (!progress.recently_active() || progress.snapshot_offered()) {
    progress.Hold();
    return;
  }
  marks::Reach(kMarkSnapshotNeeded);
  progress.BecomeSnapshot(log_.snapshot().index);
  effects_.send_snapshot_to.push_back(to);
}

void Raft::Core::OfferSnapshot(NodeId to, Progress& progress, Index at_least) {
  if (progress.state() == Progress::State::kSnapshot || progress.snapshot_offered()) return;
  // What the follower's log starts behind is more than what this node could send.
  if (log_.applied() < at_least) return;
  // Entries go on meanwhile: its log is whole, and may be needed to commit them.
  progress.OfferSnapshot();
  effects_.send_snapshot_to.push_back(to);
}

void Raft::Core::SnapshotSent(NodeId to, Index meta_index, bool ok) {
  auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) return;
  const auto found = leader->peers.find(to);
  if (found == leader->peers.end()) return;
  if (ok) CHECK_GT(meta_index, Index(0));
  found->second.SnapshotDone(ok ? meta_index : Index(0));
}

}  // namespace lockstep::raft
