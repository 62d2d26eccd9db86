// LogSlice: consecutive entries together with what they follow.
#ifndef LOCKSTEP_FRAMEWORK_RAFT_LOG_SLICE_H_
#define LOCKSTEP_FRAMEWORK_RAFT_LOG_SLICE_H_

#include <optional>
#include <vector>

#include "framework/raft/entry.h"

namespace lockstep::raft {

// A piece of some leader's log.
//
// Invariants:
//   1. entries[i].index == prev_index + 1 + i.
//   2. Terms do not fall: prev_term <= entries[0].term <= entries[1].term ...
//   3. prev_term is 0 only if prev_index is 0.
// A value. Who takes one may assume all of this; Make is the only gateway.
class LogSlice final {
 public:
  // Nothing if the parts break an invariant or hold a term after `leader_term`: they came from
  // outside.
  static std::optional<LogSlice> Make(Index prev_index, Term prev_term, std::vector<Entry> entries,
                                      Term leader_term);

  Index prev_index() const { return prev_index_; }
  Term prev_term() const { return prev_term_; }
  Index last_index() const { return prev_index_ + entries_.size(); }
  bool empty() const { return entries_.empty(); }
  const std::vector<Entry>& entries() const { return entries_; }
  std::vector<Entry> TakeEntries() && { return std::move(entries_); }

  // The term at `index`. REQUIRES: prev_index <= index <= last_index.
  Term TermAt(Index index) const;
  // Drops what lies at or below `index`, whose entry has `term`. What was below or at it is known
  // to agree. A slice that ends before `index` becomes the empty slice behind `index`.
  void DropThrough(Index index, Term term);

  void CheckInvariants() const;

 private:
  LogSlice(Index prev_index, Term prev_term, std::vector<Entry> entries)
      : prev_index_(prev_index), prev_term_(prev_term), entries_(std::move(entries)) {}

  Index prev_index_;
  Term prev_term_;
  std::vector<Entry> entries_;
};

}  // namespace lockstep::raft

#endif  // LOCKSTEP_FRAMEWORK_RAFT_LOG_SLICE_H_
