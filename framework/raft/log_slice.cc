#include "framework/raft/log_slice.h"

#include <algorithm>
#include <utility>

#include "framework/base/check.h"

namespace lockstep::raft {
namespace {

bool IsContiguous(Index prev_index, Term prev_term, const std::vector<Entry>& entries) {
  Index index = prev_index;
  Term term = prev_term;
  for (const Entry& entry : entries) {
    if (entry.index != index + 1 || entry.term < term || entry.term == Term(0)) return false;
    index = entry.index;
    term = entry.term;
  }
  return (prev_index == Index(0)) == (prev_term == Term(0));
}

}  // namespace

std::optional<LogSlice> LogSlice::Make(Index prev_index, Term prev_term, std::vector<Entry> entries,
                                       Term leader_term) {
  if (!IsContiguous(prev_index, prev_term, entries)) return std::nullopt;
  if ((entries.empty() ? prev_term : entries.back().term) > leader_term) return std::nullopt;
  return LogSlice(prev_index, prev_term, std::move(entries));
}

Term LogSlice::TermAt(Index index) const {
  CHECK_GE(index, prev_index_);
  CHECK_LE(index, last_index());
  if (index == prev_index_) return prev_term_;
  return entries_[index - prev_index_ - 1].term;
}

void LogSlice::DropThrough(Index index, Term term) {
  CHECK_GE(index, prev_index_);
  if (index <= last_index()) CHECK_EQ(TermAt(index), term);
  const size_t dropped = std::min<size_t>(index - prev_index_, entries_.size());
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(dropped));
  prev_index_ = index;
  prev_term_ = term;
  CheckInvariants();
}

void LogSlice::CheckInvariants() const {
  CHECK(IsContiguous(prev_index_, prev_term_, entries_));
  CHECK_GE(last_index(), prev_index_);
}

}  // namespace lockstep::raft
