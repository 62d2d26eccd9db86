// PendingWrites: which part of the log is durable while writes are under way.
#ifndef LOCKSTEP_FRAMEWORK_RAFT_PENDING_WRITES_H_
#define LOCKSTEP_FRAMEWORK_RAFT_PENDING_WRITES_H_

#include <deque>

#include "framework/raft/types.h"

namespace lockstep::raft {

// Numbers the writes of one core and knows what each still vouches for. When a later write replaces
// entries, the earlier ones lose the right to vouch for them; so a late Persisted never declares
// newer content durable.
//
// Invariants:
//   1. persisted_ <= issued_; writes_ holds exactly the ids in (persisted_, issued_], in order.
//   2. `through` of each write is below the first index that any later write replaced.
// A value of the core. Does not suspend.
class PendingWrites final {
 public:
  // Everything up to `durable` was recovered from disk.
  explicit PendingWrites(Index durable) : durable_(durable) {}

  // The id that the next write will get.
  WriteId next() const { return issued_ + 1; }
  // A write of the hard state alone.
  WriteId IssueHardState();
  // A write that replaces everything from `first` on by [first, last].
  WriteId IssueEntries(Index first, Index last);
  // A write after which the log starts behind `snapshot` and ends at `last`.
  WriteId IssueSnapshot(Index snapshot, Index last);

  // Ids that do not rise are ignored. REQUIRES: `id` was issued.
  void Persisted(WriteId id);

  // The last index up to which the log as it is now is durable.
  Index durable() const { return durable_; }
  WriteId persisted() const { return persisted_; }
  // The newest write that is not durable yet, 0 if all are.
  WriteId newest_outstanding() const { return writes_.empty() ? WriteId(0) : issued_; }

  void CheckInvariants() const;

 private:
  struct Write final {
    WriteId id;
    Index through;
  };

  WriteId Issue(Index through);
  void RevokeFrom(Index first);

  std::deque<Write> writes_;
  WriteId issued_;
  WriteId persisted_;
  Index durable_;
};

}  // namespace lockstep::raft

#endif  // LOCKSTEP_FRAMEWORK_RAFT_PENDING_WRITES_H_
