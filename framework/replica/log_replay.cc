#include "framework/replica/log_replay.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/replica/mutants.h"

namespace lockstep::replica {

absl::Status Replay::Apply(wire::GroupRecord record) {
  RecoveredGroup& group = groups_[record.group];
  if (record.hard_state && record.hard_state->term < group.hard_state.term) {
    return absl::DataLossError(absl::StrCat("the term of group ", record.group.value(),
                                            " falls from ", group.hard_state.term.value()));
  }
  if (record.snapshot) {
    group.snapshot = *record.snapshot;
    group.entries.clear();
  }
  if (record.compacted) Compact(*record.compacted, group);
  if (!record.entries.empty()) Append(std::move(record.entries), group);
  if (record.hard_state) group.hard_state = *record.hard_state;
  return absl::OkStatus();
}

absl::Status Replay::Finish() const {
  for (const auto& [id, group] : groups_) {
    if (group.entries.empty()) continue;
    if (group.entries.front().index == group.snapshot.index + 1) continue;
    return absl::DataLossError(
        absl::StrCat("group ", id.value(), ": entries ", group.snapshot.index.value() + 1, " to ",
                     group.entries.front().index.value() - 1, " are missing"));
  }
  return absl::OkStatus();
}

void Replay::Compact(const raft::SnapshotMeta& meta, RecoveredGroup& group) {
  if (meta.index <= group.snapshot.index) return;
  group.snapshot = meta;
  DropUpTo(meta.index, group.entries);
}

void Replay::DropUpTo(raft::Index index, std::vector<raft::Entry>& entries) {
  const auto kept = std::find_if(entries.begin(), entries.end(),
                                 [&](const raft::Entry& e) { return e.index > index; });
  entries.erase(entries.begin(), kept);
}

void Replay::Append(std::vector<raft::Entry> entries, RecoveredGroup& group) {
  DropUpTo(group.snapshot.index, entries);
  if (entries.empty()) return;
  const raft::Index first = entries.front().index;
  std::vector<raft::Entry>& kept = group.entries;
  if (!kept.empty() && first > kept.back().index + 1) {
    if (mutant::Enabled(mutant::kM25ReplayPastGap)) return;
    // What is between was in segments that nobody needed; a later record says so, or Finish
    // complains.
    kept.clear();
  }
  if (!kept.empty() && first <= kept.front().index) kept.clear();
  if (!kept.empty()) kept.resize(first - kept.front().index);
  kept.insert(kept.end(), std::make_move_iterator(entries.begin()),
              std::make_move_iterator(entries.end()));
}

}  // namespace lockstep::replica
