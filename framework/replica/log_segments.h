// SegmentSet: which segments the log keeps, and for whom.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_LOG_SEGMENTS_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_LOG_SEGMENTS_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "framework/base/ids.h"
#include "framework/replica/log.h"
#include "framework/wire/log_record.h"

namespace lockstep::replica {

// What of one group is in one segment.
struct GroupMark final {
  raft::Index last_index;  // of the entries that nothing later replaced; 0: none
  uint64_t bytes = 0;
};

struct Segment final {
  uint64_t sequence = 0;
  uint64_t used_bytes = 0;
  std::map<GroupId, GroupMark> marks;
};

// What the log knows of a group, apart from entries; the head of every segment repeats it.
struct GroupSummary final {
  raft::HardState hard_state;
  raft::SnapshotMeta base;  // the log starts after it
  raft::Index last_index;
};

// Invariants:
//   1. Sequences rise by one from the oldest segment to the newest.
//   2. Everything in it is durable.
// A value of the log's; does not suspend.
class SegmentSet final {
 public:
  void Add(uint64_t sequence);
  void AddBytes(uint64_t bytes) { segments_.back().used_bytes += bytes; }
  // The record is durable, in the newest segment.
  void Note(const wire::GroupRecord& record);

  // Nobody needs anything of the older segments any more.
  void ForgetOlder();

  // Takes the oldest segment out if nobody needs it and it is not the newest.
  std::optional<Segment> TakeDroppable();

  const std::map<GroupId, GroupSummary>& groups() const { return groups_; }
  uint64_t newest() const { return segments_.empty() ? 0 : segments_.back().sequence; }
  uint64_t size() const { return segments_.size(); }
  uint64_t bytes() const;
  std::vector<SegmentExtent> Extents() const;
  uint64_t BytesNeededBy(GroupId group) const;
  // The first group that needs the oldest segment, if any does.
  std::optional<GroupId> OldestNeededBy() const;

 private:
  bool Needs(GroupId group, const GroupMark& mark) const;
  void NoteEntries(const wire::GroupRecord& record, GroupSummary& group);

  std::deque<Segment> segments_;
  std::map<GroupId, GroupSummary> groups_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_LOG_SEGMENTS_H_
