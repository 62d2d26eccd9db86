#include "framework/raft/progress.h"

#include <algorithm>

#include "framework/base/check.h"
#include "framework/raft/mutants.h"

namespace lockstep::raft {

Progress::Progress(Index next, FlowLimits limits) : limits_(limits), next_(next) {
  CHECK_GT(next, Index(0));
  CHECK_GT(limits.inflight_messages_max, 0u);
  CHECK_GT(limits.inflight_bytes_max, 0u);
}

bool Progress::Paused() const {
  switch (state_) {
    case State::kProbe:
      return probe_sent_;
    case State::kReplicate:
      return inflight_.size() >= limits_.inflight_messages_max ||
             inflight_bytes_ >= limits_.inflight_bytes_max;
    case State::kSnapshot:
      return true;
  }
  CHECK(false) << "no such state";
  return true;
}

void Progress::Sent(Index last, size_t bytes, Index commit) {
  CHECK_GE(last + 1, next_);
  CHECK(state_ != State::kSnapshot);
  commit_told_ = std::max(commit_told_, commit);
  if (state_ == State::kProbe) {
    probe_sent_ = true;
    return;
  }
  if (last < next_) return;  // an empty append takes no room
  CHECK(!Paused());
  next_ = last + 1;
  inflight_.push_back(Inflight{last, bytes});
  inflight_bytes_ += bytes;
}

bool Progress::Accepted(Index index) {
  const bool news = index > match_;
  match_ = std::max(match_, index);
  next_ = std::max(next_, index + 1);
  if (state_ == State::kReplicate) FreeThrough(index);
  if (state_ == State::kProbe && index == match_) BecomeReplicate();
  // Whoever sent the snapshot, what the follower holds now is enough to go on with entries.
  if (state_ == State::kSnapshot && match_ >= pending_snapshot_) BecomeReplicate();
  CHECK_LT(match_, next_);
  return news;
}

bool Progress::Rejected(Index index, Index hint) {
  CHECK_LE(hint, index);
  if (state_ == State::kSnapshot || index <= match_) return false;
  if (state_ == State::kReplicate) {
    if (index >= next_) return false;
    BecomeProbe();
    // match_ is certain; the hint would only be a guess.
    return true;
  }
  if (index != next_ - 1) return false;  // answers an earlier probe
  next_ = std::max(std::min(index, hint + 1), match_ + 1);
  probe_sent_ = false;
  CHECK_LT(match_, next_);
  return true;
}

bool Progress::LogLost(Index index, Index hint) {
  CHECK_LE(hint, index);
  if (state_ == State::kSnapshot) return false;
  if (index > match_) return Rejected(index, hint);
  match_ = Index(0);
  BecomeProbe();
  next_ = hint + 1;
  return true;
}

void Progress::Hold() {
  CHECK(state_ != State::kSnapshot);
  BecomeProbe();
  probe_sent_ = true;
}

void Progress::Alive() {
  probe_sent_ = false;
  if (state_ == State::kReplicate && Paused()) FreeThrough(inflight_.front().last);
}

void Progress::BecomeProbe() {
  next_ = match_ + 1;
  if (state_ == State::kSnapshot) next_ = std::max(next_, pending_snapshot_ + 1);
  state_ = State::kProbe;
  pending_snapshot_ = Index(0);
  probe_sent_ = false;
  commit_told_ = Index(0);
  ClearInflight();
}

void Progress::BecomeReplicate() {
  state_ = State::kReplicate;
  next_ = match_ + 1;
  pending_snapshot_ = Index(0);
  probe_sent_ = false;
  ClearInflight();
}

void Progress::BecomeSnapshot(Index pending) {
  CHECK_GT(pending, match_);
  CHECK(state_ != State::kSnapshot);
  state_ = State::kSnapshot;
  pending_snapshot_ = pending;
  probe_sent_ = false;
  ClearInflight();
}

void Progress::SnapshotDone(Index index) {
  snapshot_offered_ = false;
  if (state_ != State::kSnapshot) return;
  pending_snapshot_ = index;
  BecomeProbe();
  CHECK_GT(next_, index);
  probe_sent_ = true;
}

void Progress::ClearInflight() {
  inflight_.clear();
  if (mutant::Enabled(mutant::kM44InflightBytesKept)) return;
  inflight_bytes_ = 0;
}

void Progress::FreeThrough(Index index) {
  while (!inflight_.empty() && inflight_.front().last <= index) {
    CHECK_GE(inflight_bytes_, inflight_.front().bytes);
    inflight_bytes_ -= inflight_.front().bytes;
    inflight_.pop_front();
  }
}

void Progress::CheckInvariants() const {
  CHECK_LT(match_, next_);
  CHECK_LE(inflight_.size(), limits_.inflight_messages_max);
  if (state_ != State::kReplicate) CHECK(inflight_.empty());
  if (state_ != State::kSnapshot) CHECK_EQ(pending_snapshot_, Index(0));
  if (state_ != State::kProbe) CHECK(!probe_sent_);
  size_t bytes = 0;
  Index last = match_;
  for (const Inflight& message : inflight_) {
    CHECK_GT(message.last, last);
    CHECK_LT(message.last, next_);
    last = message.last;
    bytes += message.bytes;
  }
  CHECK_EQ(bytes, inflight_bytes_);
}

}  // namespace lockstep::raft
