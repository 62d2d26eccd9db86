// GroupRecord: what one batch of a shard's log says about one group.
#ifndef LOCKSTEP_FRAMEWORK_WIRE_LOG_RECORD_H_
#define LOCKSTEP_FRAMEWORK_WIRE_LOG_RECORD_H_

#include <optional>
#include <vector>

#include "framework/base/ids.h"
#include "framework/raft/entry.h"

namespace lockstep::wire {

// Takes effect in the order of the fields.
struct GroupRecord final {
  GroupId group;
  // The log starts after it; every entry that came before this record is gone.
  std::optional<raft::SnapshotMeta> snapshot;
  // Entries up to it are no longer needed; those behind it stay.
  std::optional<raft::SnapshotMeta> compacted;
  // Contiguous; they replace whatever the log holds from the first one's index on.
  std::vector<raft::Entry> entries;
  std::optional<raft::HardState> hard_state;
};

}  // namespace lockstep::wire

#endif  // LOCKSTEP_FRAMEWORK_WIRE_LOG_RECORD_H_
