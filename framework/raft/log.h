// Log: the entries of one replica in memory, and how far they are committed and applied.
#ifndef LOCKSTEP_FRAMEWORK_RAFT_LOG_H_
#define LOCKSTEP_FRAMEWORK_RAFT_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "framework/raft/entry.h"
#include "framework/raft/log_slice.h"

namespace lockstep::raft {

// What changed in the log and must be persisted.
struct UnsavedLog final {
  std::optional<SnapshotMeta> snapshot;
  std::vector<Entry> entries;
};

// The log behind a snapshot. It knows nothing of terms in office, votes or peers, and nothing of
// durability except what it has handed out for saving.
//
// Invariants:
//   1. entries_[i].index == snapshot_.index + 1 + i; terms and timestamps do not fall.
//   2. snapshot_.index <= handed_ <= commit_ <= last_index(); applied_ <= handed_.
//      (applied_ < snapshot_.index only while a snapshot is being installed, or if the state is
//      lost: then nothing is handed over until a snapshot replaces it.)
//   3. Nothing at or below commit_ is ever replaced.
//   4. unsaved_from_ > commit_ at the time when it was set (but for Rebase); everything from it on
//   is
//      to be saved.
//   5. ends_[i] is start_ and the sum over entries_[0..i]; handed_bytes_ the sum over
//   (applied_, handed_].
// A resource of the core. Does not suspend.
class Log final {
 public:
  // REQUIRES: the entries follow the snapshot; applied <= last index. `commit` is a hint: it is
  // brought into [applied, last index]. applied < snapshot.index: the state is lost.
  Log(SnapshotMeta snapshot, std::vector<Entry> entries, Index commit, Index applied);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  Index first_index() const { return snapshot_.index + 1; }
  Index last_index() const { return snapshot_.index + entries_.size(); }
  Term last_term() const { return entries_.empty() ? snapshot_.term : entries_.back().term; }
  int64_t last_timestamp_ns() const;
  Index commit() const { return commit_; }
  Index applied() const { return applied_; }
  Index handed() const { return handed_; }
  size_t bytes() const { return entries_.empty() ? 0 : ends_.back() - start_; }
  const SnapshotMeta& snapshot() const { return snapshot_; }
  // Nobody has the state that the log continues.
  bool state_lost() const { return state_lost_; }

  // REQUIRES: snapshot().index <= index <= last_index().
  Term TermAt(Index index) const;
  // REQUIRES: first_index() <= index <= last_index().
  const Entry& At(Index index) const;
  // The log matching property's premise [Raft 5.3]: the entry at `index` is known and has `term`.
  bool Matches(Index index, Term term) const;
  // Whether a log that ends in (last_index, last_term) has all that this one has [Raft 5.4.1].
  bool IsAtMost(Index last_index, Term last_term) const;
  // The last index up to `hint` whose term is at most `term`: the last place where a log with
  // `term` at `hint` may still agree. 0 if that lies before the snapshot.
  Index LastWithTermAtMost(Index hint, Term term) const;

  // Copies entries from `from` on: at least one, then as many as stay within `bytes_max`.
  std::vector<Entry> Copy(Index from, size_t bytes_max) const;
  // The bytes of the entries in (after, through].
  size_t BytesBetween(Index after, Index through) const;
  bool HasConfigurationBetween(Index after, Index through) const;

  // A follower's append [Raft 5.3]: keeps what agrees, replaces the rest from the first conflict
  // on. REQUIRES: Matches(slice.prev_index(), slice.prev_term()), prev_index >= commit().
  void Append(LogSlice slice);
  // A leader's append: never replaces. REQUIRES: the entries follow last_index().
  void AppendOwn(std::vector<Entry> entries);
  // True if that is news. REQUIRES: index <= last_index().
  bool CommitTo(Index index);

  // Replaces everything. REQUIRES: snapshot.index > commit().
  void Restore(const SnapshotMeta& snapshot);
  // The lost state comes back as this snapshot; the entries behind it stay and are saved again with
  // it. REQUIRES: state_lost(); Matches(snapshot.index, snapshot.term).
  void Rebase(const SnapshotMeta& snapshot);
  // Drops entries up to snapshot.index. REQUIRES: snapshot.index <= applied().
  void Compact(const SnapshotMeta& snapshot);

  // What to save since the last call.
  UnsavedLog TakeUnsaved();
  // The next committed entries up to `limit` for the state machine. What is handed over and not yet
  // applied stays within `bytes_max`, save for a single larger entry.
  std::vector<Entry> HandOver(Index limit, size_t bytes_max);
  // REQUIRES: index <= handed(). Stale calls have no effect.
  void AppliedTo(Index index);

  // Looks at the ends of the log only, so that it may be called after every step.
  void CheckInvariants() const;
  // Looks at every entry.
  void CheckContent() const;

 private:
  void CheckEntries(Index after) const;
  void PushBack(Entry entry);
  // Where the entry ends, counted in bytes from somewhere.
  uint64_t EndOf(Index index) const;
  // The first entry of the slice that this log lacks or contradicts; behind the slice if none.
  Index FirstConflict(const LogSlice& slice) const;
  void TruncateFrom(Index index);
  void DropThrough(const SnapshotMeta& snapshot);

  SnapshotMeta snapshot_;
  std::deque<Entry> entries_;
  std::deque<uint64_t> ends_;  // so that any stretch is measured at once
  uint64_t start_ = 0;
  Index commit_;
  Index applied_;
  Index handed_;
  Index unsaved_from_;
  bool unsaved_snapshot_ = false;
  bool state_lost_ = false;
  size_t handed_bytes_ = 0;
};

}  // namespace lockstep::raft

#endif  // LOCKSTEP_FRAMEWORK_RAFT_LOG_H_
