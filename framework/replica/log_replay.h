// Replay: what the records of a log add up to, group by group.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_LOG_REPLAY_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_LOG_REPLAY_H_

#include <map>
#include <vector>

#include "absl/status/status.h"
#include "framework/base/ids.h"
#include "framework/replica/log.h"
#include "framework/wire/log_record.h"

namespace lockstep::replica {

// Belongs to whoever reads a log. Does not suspend.
class Replay final {
 public:
  explicit Replay(std::map<GroupId, RecoveredGroup>& groups) : groups_(groups) {}

  // The next record. DATA_LOSS: it contradicts an earlier one.
  absl::Status Apply(wire::GroupRecord record);
  // DATA_LOSS: something is missing between what the groups keep.
  absl::Status Finish() const;

 private:
  static void Compact(const raft::SnapshotMeta& meta, RecoveredGroup& group);
  static void DropUpTo(raft::Index index, std::vector<raft::Entry>& entries);
  static void Append(std::vector<raft::Entry> entries, RecoveredGroup& group);

  std::map<GroupId, RecoveredGroup>& groups_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_LOG_REPLAY_H_
