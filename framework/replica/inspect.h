// Looking at a stopped shard's data: what is there, and whether all of it makes sense.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_INSPECT_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_INSPECT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "framework/machine/ordered_store.h"
#include "framework/machine/state_machine.h"
#include "framework/raft/types.h"
#include "framework/replica/identity.h"
#include "framework/runtime/disk.h"

namespace lockstep::replica {

// Something that should not be so, or is worth a word.
struct Finding final {
  bool is_damage = false;
  std::string path;
  std::string text;
};

struct SegmentReport final {
  std::string name;
  uint64_t bytes = 0;
  bool is_begun = false;
  uint64_t first_batch = 0;  // if begun
  uint64_t batches = 0;      // intact
};

struct GroupReport final {
  GroupId group;
  raft::HardState hard_state;
  raft::Index log_start;  // entries up to it are not in the log
  raft::Index log_end;
  std::optional<raft::Index> applied;  // what the store holds; nothing: it was not looked at
  uint64_t rows = 0;
};

struct StagedReport final {
  std::string name;
  raft::Index index;
  uint64_t rows = 0;
};

struct ShardReport final {
  std::string directory;
  std::optional<Identity> identity;
  std::vector<SegmentReport> segments;
  std::vector<GroupReport> groups;
  std::vector<StagedReport> staged;  // snapshots
  std::vector<std::string> set_aside;
  std::vector<Finding> findings;

  bool is_damaged() const;
};

struct InspectOptions final {
  std::string directory;
  ShardId shard;
  machine::OrderedStore* store = nullptr;    // of the shard, if it could be opened
  machine::StateMachine* machine = nullptr;  // looks at the rows of the groups, if given
};

// Reads everything and changes nothing: identity, log, votes, store, staged snapshots, and whether
// they fit together. Suspends.
ShardReport InspectShard(Fiber& fiber, runtime::Disk& disk, const InspectOptions& options);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_INSPECT_H_
