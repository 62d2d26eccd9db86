// The words of the Raft paper, as types.
#ifndef LOCKSTEP_FRAMEWORK_RAFT_TYPES_H_
#define LOCKSTEP_FRAMEWORK_RAFT_TYPES_H_

#include <cstdint>
#include <vector>

#include "framework/base/ids.h"
#include "framework/base/strong_int.h"

namespace lockstep::raft {

// An election period; at most one leader each. Starts at 1 once anybody campaigned; 0 is "before".
using Term = base::StrongInt<struct TermTag>;
// A position in the log, from 1; 0 is "before the first".
using Index = base::StrongInt<struct IndexTag>;
// Numbers the writes that one core asks for, from 1. A later write may overwrite what an earlier
// one wrote, so an acknowledgement of the earlier says nothing about the later.
using WriteId = base::StrongInt<struct WriteIdTag>;
// Names a read that waits for its index; unique per core and incarnation.
using ReadId = base::StrongInt<struct ReadIdTag>;
// Ticks are the core's only notion of time; the driver decides how long one is.
using Ticks = uint32_t;

// What must survive a restart besides the log [Raft fig. 2]. `commit` is a hint that may lag.
struct HardState final {
  Term term;
  NodeId vote;  // 0: none in this term
  Index commit;
  // The log went back to an earlier state of its own, because what came later is damaged. Until it
  // has caught up with a leader this node neither votes nor campaigns: what it acknowledged and
  // lost must not be outvoted with its help (docs/decisions/0011).
  bool abstains = false;

  bool operator==(const HardState&) const = default;
};

// Who takes part. In joint consensus [Raft thesis 4.3] `outgoing` is the old set of voters and
// decisions need a majority of both; otherwise it is empty.
// Invariants: all vectors are sorted without duplicates; voters is not empty (once bootstrapped);
// learners are disjoint from voters and outgoing; learners_next is a subset of outgoing.
struct Configuration final {
  std::vector<NodeId> voters;
  std::vector<NodeId> outgoing;
  std::vector<NodeId> learners;
  // Voters that become learners when the joint configuration is left.
  std::vector<NodeId> learners_next;

  bool operator==(const Configuration&) const = default;
  bool joint() const { return !outgoing.empty(); }
};

// Describes a snapshot of the state machine: everything up to and including `index` is in it.
struct SnapshotMeta final {
  Index index;
  Term term;
  Configuration configuration;
  int64_t timestamp_ns = 0;  // of the entry at `index`: later entries are not stamped earlier

  bool operator==(const SnapshotMeta&) const = default;
};

enum class Role { kFollower, kPreCandidate, kCandidate, kLeader };

}  // namespace lockstep::raft

#endif  // LOCKSTEP_FRAMEWORK_RAFT_TYPES_H_
