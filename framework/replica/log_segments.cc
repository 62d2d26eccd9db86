#include "framework/replica/log_segments.h"

#include <algorithm>

#include "framework/base/check.h"

namespace lockstep::replica {

void SegmentSet::Add(uint64_t sequence) {
  if (!segments_.empty()) CHECK_EQ(sequence, newest() + 1);
  segments_.push_back({sequence, 0, {}});
}

void SegmentSet::Note(const wire::GroupRecord& record) {
  CHECK(!segments_.empty());
  GroupSummary& group = groups_[record.group];
  if (record.snapshot) {
    group.base = *record.snapshot;
    group.last_index = record.snapshot->index;
    for (Segment& segment : segments_) segment.marks.erase(record.group);
  }
  if (record.compacted && record.compacted->index > group.base.index) {
    group.base = *record.compacted;
    group.last_index = std::max(group.last_index, group.base.index);
  }
  if (!record.entries.empty()) NoteEntries(record, group);
  if (record.hard_state) {
    CHECK_GE(record.hard_state->term, group.hard_state.term);
    group.hard_state = *record.hard_state;
  }
}

void SegmentSet::NoteEntries(const wire::GroupRecord& record, GroupSummary& group) {
  const raft::Index first = record.entries.front().index;
  if (first <= group.last_index) {
    // Replaced entries keep no segment: a group may never write as many again.
    for (Segment& segment : segments_) {
      const auto mark = segment.marks.find(record.group);
      if (mark == segment.marks.end()) continue;
      mark->second.last_index = std::min(mark->second.last_index, first - 1);
    }
  }
  GroupMark& mark = segments_.back().marks[record.group];
  mark.last_index = record.entries.back().index;
  for (const raft::Entry& entry : record.entries) mark.bytes += entry.bytes();
  group.last_index = record.entries.back().index;
}

void SegmentSet::ForgetOlder() {
  for (size_t i = 0; i + 1 < segments_.size(); ++i) segments_[i].marks.clear();
}

bool SegmentSet::Needs(GroupId group, const GroupMark& mark) const {
  const auto found = groups_.find(group);
  CHECK(found != groups_.end()) << "group " << group;
  return mark.last_index > found->second.base.index;
}

std::optional<Segment> SegmentSet::TakeDroppable() {
  if (segments_.size() < 2 || OldestNeededBy()) return std::nullopt;
  Segment segment = std::move(segments_.front());
  segments_.pop_front();
  return segment;
}

uint64_t SegmentSet::bytes() const {
  uint64_t sum = 0;
  for (const Segment& segment : segments_) sum += segment.used_bytes;
  return sum;
}

std::vector<SegmentExtent> SegmentSet::Extents() const {
  std::vector<SegmentExtent> extents;
  extents.reserve(segments_.size());
  for (const Segment& segment : segments_) {
    extents.push_back({segment.sequence, segment.used_bytes});
  }
  return extents;
}

uint64_t SegmentSet::BytesNeededBy(GroupId group) const {
  uint64_t sum = 0;
  for (const Segment& segment : segments_) {
    const auto mark = segment.marks.find(group);
    if (mark != segment.marks.end() && Needs(group, mark->second)) sum += mark->second.bytes;
  }
  return sum;
}

std::optional<GroupId> SegmentSet::OldestNeededBy() const {
  if (segments_.empty()) return std::nullopt;
  for (const auto& [group, mark] : segments_.front().marks) {
    if (Needs(group, mark)) return group;
  }
  return std::nullopt;
}

}  // namespace lockstep::replica
