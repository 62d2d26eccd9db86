// What a replica holds in memory for others, and how that is bounded.
#include <algorithm>
#include <variant>

#include "framework/base/limits.h"
#include "framework/base/status_macros.h"
#include "framework/replica/keys.h"
#include "framework/replica/marks.h"
#include "framework/replica/mutants.h"
#include "framework/replica/replica.h"
#include "framework/wire/codec.h"

namespace lockstep::replica {
namespace {

// Entries that wait to be applied, as etcd's maxGapBetweenApplyAndCommitIndex: small ones take
// time, too, however few their bytes are.
constexpr uint64_t kUnappliedMax = 5000;

}  // namespace

HeldBytes Replica::held() const {
  const ProposalLimits& proposals = proposals_.limits();
  return {raft_->log_bytes(),         limits::kLogHeldMax * options_.log_bytes_retained,
          proposals_.pending_bytes(), proposals.bytes_max,
          proposals_.pending_count(), proposals.count_max};
}

bool Replica::LogHolds(size_t times) const {
  return raft_->log_bytes_behind(flushed_) >= times * options_.log_bytes_retained ||
         raft_->log_bytes() >= limits::kLogHeldMax * options_.log_bytes_retained;
}

bool Replica::LogIsFull() const {
  const bool is_full = LogHolds(limits::kLogFull) || log_pressure_ == LogPressure::kFull ||
                       raft_->last_index() > applier_->applied().index + kUnappliedMax;
  marks::Sometimes(is_full, kMarkLogFull);
  // Planted bug M180: only what is not committed counts.
  return is_full && !mutant::Enabled(mutant::kM180FullLogTakesMore);
}

bool Replica::MustHoldOff(const raft::Message& message) const {
  const auto* append = std::get_if<raft::AppendRequest>(&message.body);
  if (append == nullptr || append->entries.empty()) return false;
  const bool is_full = LogHolds(limits::kLogFullForFollowers);
  // (What is not committed stays, and may need what comes to become so.)
  const bool is_held_off = is_full && raft_->commit() > raft_->snapshot().index;
  marks::Sometimes(is_held_off, kMarkAppendHeldOff);
  // Planted bug M181: the leader knows best.
  return is_held_off && !mutant::Enabled(mutant::kM181FollowerTakesAll);
}

absl::Status Replica::CompactLog(Fiber& fiber, LogPressure pressure) {
  log_pressure_ = pressure;
  const uint64_t retained = raft_->log_bytes();
  log_grown_at_ = 2 * options_.log_bytes_retained;
  const bool eager = environment_.fault_points.Fire("replica.eager_compaction");
  const bool is_due = retained >= options_.log_bytes_retained || pressure != LogPressure::kNone;
  // Before anything is read: there may be thousands of groups.
  if (!is_due && !eager) return absl::OkStatus();
  raft::SnapshotMeta flushed;
  if (mutant::Enabled(mutant::kM21SnapshotAndTruncateNotAtomic)) {
    flushed = applier_->applied();
  } else {
    ASSIGN_OR_RETURN(const auto row, group_store_->GetFlushed(fiber, kAppliedKey));
    if (row) {
      ASSIGN_OR_RETURN(flushed, wire::DecodeSnapshotMeta(*row));
    }
  }
  flushed_ = flushed.index;
  // Followers that are about to catch up from the log should not need a snapshot instead, nor
  // another one behind that which is on its way.
  bool needed = false;
  for (const raft::PeerStatus& peer : raft_->Peers()) {
    const raft::Index has = std::max(peer.match, peer.snapshot);
    needed |= peer.recently_active && has < flushed.index;
  }
  const bool is_too_much = retained > limits::kLogKeptForFollowers * options_.log_bytes_retained ||
                           pressure >= LogPressure::kTooHigh;
  const bool may_compact = !needed || eager || is_too_much;
  if (flushed.index > raft_->snapshot().index && may_compact) {
    marks::Sometimes(needed, kMarkCompactedPastFollower);
    raft_->Compact(flushed);
    log_.Compact(options_.group, flushed);
    RETURN_IF_ERROR(snapshots_.RemoveUpTo(fiber, options_.group, flushed.index));
  }
  log_grown_at_ = std::max(log_grown_at_, raft_->log_bytes() + options_.log_bytes_retained);
  // What followers alone need is not helped by a flush.
  const uint64_t unflushed = raft_->log_bytes_behind(flushed_);
  const bool is_crowded = pressure != LogPressure::kNone && unflushed > raft_->log_bytes() / 4;
  if (eager || is_crowded || unflushed > options_.log_bytes_retained / 2) {
    return store_.StartFlush();
  }
  return absl::OkStatus();
}

bool Replica::SnapshotMayWait(raft::Index taken, uint64_t sent, uint64_t whole) const {
  if (raft_->commit() >= raft_->last_index()) return false;  // nobody is in its way
  if (taken < raft_->snapshot().index || sent >= whole) return false;
  // The log is to hold everything behind it, with some room, until it has arrived.
  const uint64_t room = limits::kLogKeptForFollowers * options_.log_bytes_retained / 4 * 3;
  const uint64_t grown = raft_->log_bytes_behind(taken);
  constexpr uint64_t kParts = 256;
  const bool may_wait = grown < room && grown * kParts / (room + 1) <= sent * kParts / whole;
  marks::Sometimes(may_wait, kMarkSnapshotGivesWay);
  return may_wait;
}

}  // namespace lockstep::replica
