#include "framework/raft/log.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "framework/base/check.h"
#include "framework/raft/marks.h"
#include "framework/raft/mutants.h"

namespace lockstep::raft {

Log::Log(SnapshotMeta snapshot, std::vector<Entry> entries, Index commit, Index applied)
    : snapshot_(std::move(snapshot)),
      applied_(applied),
      handed_(std::max(applied, snapshot_.index)),
      unsaved_from_(snapshot_.index + entries.size() + 1),
      state_lost_(applied < snapshot_.index) {
  for (Entry& entry : entries) PushBack(std::move(entry));
  CHECK_LE(applied, last_index());
  commit_ = std::min(std::max(commit, handed_), last_index());
  CheckInvariants();
  CheckContent();
}

int64_t Log::last_timestamp_ns() const {
  return entries_.empty() ? snapshot_.timestamp_ns : entries_.back().timestamp_ns;
}

Term Log::TermAt(Index index) const {
  if (index == snapshot_.index) return snapshot_.term;
  return At(index).term;
}

const Entry& Log::At(Index index) const {
  CHECK_GE(index, first_index());
  CHECK_LE(index, last_index());
  return entries_[index - first_index()];
}

bool Log::Matches(Index index, Term term) const {
  if (index < snapshot_.index || index > last_index()) return false;
  return TermAt(index) == term;
}

bool Log::IsAtMost(Index last, Term term) const {
  if (mutant::Enabled(mutant::kM14VoteIgnoresLastTerm)) return last >= last_index();
  if (term != last_term()) return term > last_term();
  return last >= last_index();
}

Index Log::LastWithTermAtMost(Index hint, Term term) const {
  Index index = std::min(hint, last_index());
  while (index >= snapshot_.index && index > Index(0) && TermAt(index) > term) --index;
  return index >= snapshot_.index ? index : Index(0);
}

std::vector<Entry> Log::Copy(Index from, size_t bytes_max) const {
  CHECK_GE(from, first_index());
  CHECK_LE(from, last_index() + 1);
  size_t count = 0;
  size_t total = 0;
  const size_t start = from - first_index();
  while (start + count < entries_.size()) {
    total += entries_[start + count].bytes();
    if (count > 0 && total > bytes_max) break;
    ++count;
  }
  const auto begin = entries_.begin() + static_cast<ptrdiff_t>(start);
  return std::vector<Entry>(begin, begin + static_cast<ptrdiff_t>(count));
}

size_t Log::BytesBetween(Index after, Index through) const {
  CHECK_GE(after, snapshot_.index);
  CHECK_LE(through, last_index());
  return after < through ? EndOf(through) - EndOf(after) : 0;
}

uint64_t Log::EndOf(Index index) const {
  return index == snapshot_.index ? start_ : ends_[index - first_index()];
}

void Log::PushBack(Entry entry) {
  ends_.push_back((ends_.empty() ? start_ : ends_.back()) + entry.bytes());
  entries_.push_back(std::move(entry));
}

bool Log::HasConfigurationBetween(Index after, Index through) const {
  CHECK_LE(through, last_index());
  for (Index i = std::max(after + 1, first_index()); i <= through; ++i) {
    if (At(i).kind == EntryKind::kConfiguration) return true;
  }
  return false;
}

Index Log::FirstConflict(const LogSlice& slice) const {
  // Planted bug: a delayed copy of an old append cuts off what was appended after it.
  if (mutant::Enabled(mutant::kM07TruncateOnDuplicateAppend)) return slice.prev_index() + 1;
  for (const Entry& entry : slice.entries()) {
    if (!Matches(entry.index, entry.term)) return entry.index;
  }
  return slice.last_index() + 1;
}

void Log::TruncateFrom(Index index) {
  CHECK_GT(index, commit_) << "a committed entry would be replaced";
  marks::Sometimes(last_index() >= index, kMarkConflictTruncated);
  while (last_index() >= index) {
    ends_.pop_back();
    entries_.pop_back();
  }
  unsaved_from_ = std::min(unsaved_from_, index);
}

void Log::Append(LogSlice slice) {
  CHECK_GE(slice.prev_index(), commit_);
  if (slice.empty()) return;
  const Index conflict = FirstConflict(slice);
  if (conflict > slice.last_index()) return;  // an old or repeated append; what follows it stays
  const Index prev_index = slice.prev_index();
  TruncateFrom(conflict);
  std::vector<Entry> entries = std::move(slice).TakeEntries();
  for (size_t i = conflict - prev_index - 1; i < entries.size(); ++i) {
    PushBack(std::move(entries[i]));
  }
}

void Log::AppendOwn(std::vector<Entry> entries) {
  CHECK(!entries.empty());
  unsaved_from_ = std::min(unsaved_from_, entries.front().index);
  for (Entry& entry : entries) {
    CHECK_EQ(entry.index, last_index() + 1);
    CHECK_GE(entry.term, last_term());
    CHECK_GE(entry.timestamp_ns, last_timestamp_ns());
    PushBack(std::move(entry));
  }
}

bool Log::CommitTo(Index index) {
  CHECK_LE(index, last_index());
  if (index <= commit_) return false;
  commit_ = index;
  return true;
}

void Log::Restore(const SnapshotMeta& snapshot) {
  CHECK_GT(snapshot.index, commit_);
  CHECK_GE(snapshot.term, snapshot_.term);
  snapshot_ = snapshot;
  entries_.clear();
  ends_.clear();
  handed_bytes_ = 0;
  commit_ = snapshot.index;
  handed_ = snapshot.index;
  unsaved_from_ = snapshot.index + 1;
  unsaved_snapshot_ = true;
  state_lost_ = false;
}

void Log::Rebase(const SnapshotMeta& snapshot) {
  CHECK(state_lost_);
  CHECK(Matches(snapshot.index, snapshot.term));
  CHECK_EQ(handed_bytes_, 0u);
  DropThrough(snapshot);
  commit_ = std::max(commit_, snapshot.index);
  handed_ = snapshot.index;
  unsaved_from_ = snapshot.index + 1;
  unsaved_snapshot_ = true;
  state_lost_ = false;
}

void Log::Compact(const SnapshotMeta& snapshot) {
  CHECK_LE(snapshot.index, applied_);
  if (snapshot.index <= snapshot_.index) return;
  DropThrough(snapshot);
}

void Log::DropThrough(const SnapshotMeta& snapshot) {
  CHECK_EQ(snapshot.term, TermAt(snapshot.index));
  if (snapshot.index == snapshot_.index) return;
  const int64_t timestamp_ns = std::max(snapshot.timestamp_ns, At(snapshot.index).timestamp_ns);
  const auto count = static_cast<ptrdiff_t>(snapshot.index - snapshot_.index);
  start_ = EndOf(snapshot.index);
  ends_.erase(ends_.begin(), ends_.begin() + count);
  entries_.erase(entries_.begin(), entries_.begin() + count);
  snapshot_ = snapshot;
  snapshot_.timestamp_ns = timestamp_ns;
}

UnsavedLog Log::TakeUnsaved() {
  UnsavedLog unsaved;
  if (unsaved_snapshot_) unsaved.snapshot = snapshot_;
  if (unsaved_from_ <= last_index()) {
    CHECK_GE(unsaved_from_, first_index());
    const auto from = entries_.begin() + static_cast<ptrdiff_t>(unsaved_from_ - first_index());
    unsaved.entries.assign(from, entries_.end());
  }
  unsaved_snapshot_ = false;
  unsaved_from_ = last_index() + 1;
  return unsaved;
}

std::vector<Entry> Log::HandOver(Index limit, size_t bytes_max) {
  CHECK_GE(handed_, snapshot_.index);
  std::vector<Entry> entries;
  if (state_lost_) return entries;
  const Index end = std::min(limit, commit_);
  if (handed_ < end) entries.reserve(std::min<size_t>(end - handed_, 1024));
  while (handed_ < end) {
    const Entry& entry = At(handed_ + 1);
    if (handed_bytes_ > 0 && handed_bytes_ + entry.bytes() > bytes_max) break;
    handed_bytes_ += entry.bytes();
    entries.push_back(entry);
    ++handed_;
  }
  CHECK_LE(handed_, commit_);
  return entries;
}

void Log::AppliedTo(Index index) {
  CHECK_LE(index, handed_);
  if (index <= applied_) return;
  // What a snapshot replaced meanwhile was taken out of the sum by Restore.
  for (Index i = std::max(applied_ + 1, first_index()); i <= index; ++i) {
    CHECK_GE(handed_bytes_, At(i).bytes());
    handed_bytes_ -= At(i).bytes();
  }
  applied_ = index;
}

void Log::CheckInvariants() const {
  CHECK_LE(snapshot_.index, handed_);
  CHECK_LE(applied_, handed_);
  if (state_lost_) CHECK_EQ(handed_, snapshot_.index);
  CHECK_LE(handed_, commit_);
  CHECK_LE(commit_, last_index());
  CHECK_LE(unsaved_from_, last_index() + 1);
  CHECK_EQ(snapshot_.index == Index(0), snapshot_.term == Term(0));
  CHECK_EQ(handed_ == std::max(applied_, snapshot_.index), handed_bytes_ == 0);
  CHECK_EQ(ends_.size(), entries_.size());
  constexpr uint64_t kTail = 16;
  CheckEntries(entries_.size() > kTail ? last_index() - kTail : snapshot_.index);
}

void Log::CheckContent() const {
  CheckEntries(snapshot_.index);
  uint64_t end = start_;
  for (const Entry& entry : entries_) {
    end += entry.bytes();
    CHECK_EQ(EndOf(entry.index), end);
  }
  CHECK_EQ(handed_bytes_, BytesBetween(std::max(applied_, snapshot_.index), handed_));
}

void Log::CheckEntries(Index after) const {
  CHECK_GE(after, snapshot_.index);
  Term term = TermAt(after);
  int64_t timestamp_ns = after == snapshot_.index ? snapshot_.timestamp_ns : At(after).timestamp_ns;
  for (Index index = after + 1; index <= last_index(); ++index) {
    const Entry& entry = At(index);
    CHECK_EQ(entry.index, index);
    CHECK_GE(entry.term, term);
    CHECK_GE(entry.timestamp_ns, timestamp_ns);
    CHECK_EQ(entry.kind == EntryKind::kCommand, entry.payload != nullptr);
    term = entry.term;
    timestamp_ns = entry.timestamp_ns;
  }
}

}  // namespace lockstep::raft
