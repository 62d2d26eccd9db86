// Progress: what a leader knows about one follower's log, and how fast it may send to it.
#ifndef LOCKSTEP_FRAMEWORK_RAFT_PROGRESS_H_
#define LOCKSTEP_FRAMEWORK_RAFT_PROGRESS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "framework/raft/types.h"

namespace lockstep::raft {

struct FlowLimits final {
  size_t inflight_messages_max;
  size_t inflight_bytes_max;
};

// An automaton of three states:
//
//            accepted                needs entries below the log
//   kProbe ------------> kReplicate -----------+
//    | ^ ^                  |                  v
//    | | +------------------+             kSnapshot
//    | |  rejected, unreachable             |  ^
//    | +------------------------------------+  |
//    |      sent, failed, or caught up         |
//    +-----------------------------------------+
//
// kProbe looks for the place where the logs agree: one append at a time, next_ is a guess.
// kReplicate pipelines: next_ runs ahead of what is acknowledged. kSnapshot sends nothing.
//
// Invariants:
//   1. match_ < next_; in kReplicate everything in (match_, next_) is in flight.
//   2. inflight_ is empty outside kReplicate; its indices rise; inflight_bytes_ is its sum.
//   3. The limits may be overrun by one message only.
// A value; owned by the leader role.
class Progress final {
 public:
  enum class State { kProbe, kReplicate, kSnapshot };

  // A follower of which nothing is known.
  Progress(Index next, FlowLimits limits);

  State state() const { return state_; }
  Index match() const { return match_; }
  Index next() const { return next_; }
  Index pending_snapshot() const { return pending_snapshot_; }  // 0 outside kSnapshot
  bool recently_active() const { return recently_active_; }
  void set_recently_active(bool active) { recently_active_ = active; }
  // A new span of time begins, in which it has to show itself again.
  void StartSpan() {
    was_active_ = recently_active_;
    recently_active_ = false;
  }
  // In this span or the one before: says something at any instant of a span.
  bool seen_lately() const { return recently_active_ || was_active_; }
  // As it told last.
  uint32_t priority() const { return priority_; }
  void set_priority(uint32_t priority) { priority_ = priority; }
  // By this node's clock; until then it lets nobody else be elected.
  int64_t promised_until_ns() const { return promised_until_ns_; }
  void PromisedUntil(int64_t ns) { promised_until_ns_ = std::max(promised_until_ns_, ns); }
  bool nothing_in_flight() const { return state_ == State::kReplicate && inflight_.empty(); }
  // The highest commit index that was sent to it (and perhaps lost).
  Index commit_told() const { return commit_told_; }

  // Whether to hold back appends now.
  bool Paused() const;

  // An append left with entries up to `last` (next - 1 if it was empty) and told `commit`.
  void Sent(Index last, size_t bytes, Index commit);
  // It accepted everything up to `index`; false if that is no news.
  bool Accepted(Index index);
  // It refused an append after `index`, and may agree at `hint`. False if the refusal is stale.
  bool Rejected(Index index, Index hint);
  // It refused an append after `index` because it lost a part of its log, and may agree at `hint`:
  // what it accepted earlier does not count any more. False if the refusal is stale.
  bool LogLost(Index index, Index hint);
  // Sends nothing before the next sign of life.
  void Hold();
  // It answered a heartbeat: what was sent may have been lost, so let one message through.
  void Alive();

  void BecomeProbe();
  // It needs a snapshot up to at least `pending`.
  void BecomeSnapshot(Index pending);
  // It is sent a snapshot that it asked for, while appends go on. Until SnapshotDone.
  void OfferSnapshot() { snapshot_offered_ = true; }
  bool snapshot_offered() const { return snapshot_offered_; }
  // The snapshot at `index` has been delivered, or has not (0). Waits for a sign of life either
  // way, unless it was only offered.
  void SnapshotDone(Index index);

  void CheckInvariants() const;

 private:
  struct Inflight final {
    Index last;
    size_t bytes;
  };

  void BecomeReplicate();
  void ClearInflight();
  void FreeThrough(Index index);

  FlowLimits limits_;
  State state_ = State::kProbe;
  Index match_;
  Index next_;
  Index commit_told_;
  Index pending_snapshot_;
  bool probe_sent_ = false;
  bool recently_active_ = false;
  bool snapshot_offered_ = false;
  bool was_active_ = false;  // in the span before
  std::deque<Inflight> inflight_;
  size_t inflight_bytes_ = 0;
  uint32_t priority_ = 0;
  int64_t promised_until_ns_ = 0;
};

}  // namespace lockstep::raft

#endif  // LOCKSTEP_FRAMEWORK_RAFT_PROGRESS_H_
