// RaftSafety: the promises of Raft about one group, judged by somebody who sees all replicas at
// once.
//
// Fed after every step of every replica. A look costs what changed since the last one: unchanged
// log prefixes are covered by a chain of hashes (each entry's hash includes its predecessor's), so
// two logs agree up to an index iff their chain hashes there are equal. Remembers across restarts.
//
// Oracles, with their names in verdicts [Raft fig. 3]:
//   election safety       at most one leader per term, restarts included
//   vote once             a replica's released votes of one term go to one candidate
//   log matching          entries with equal index and term have equal content and prefix
//   leader append-only    a leader never changes or drops what is in its log
//   leader completeness   a leader has every entry that was committed in an earlier term
//   state machine safety  all replicas commit and apply the same entry at an index, once, in order
//   truncation            a follower drops entries only for one of another term in their place
//   commit rule           a leader's commit index moves to entries of its own term only
//   monotony              term and commit do not fall while a replica runs; applied <= commit <=
//   last
//
// Nothing here suspends. A value per group; lives as long as the simulated universe.
#ifndef LOCKSTEP_CHECKERS_RAFT_SAFETY_H_
#define LOCKSTEP_CHECKERS_RAFT_SAFETY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checkers/raft_view.h"
#include "checkers/violation.h"
#include "framework/raft/message.h"

namespace lockstep::checkers {

class RaftSafety final {
 public:
  using Found = std::optional<Violation>;

  // `full_scan_period`: every so many looks at a replica its whole log is compared, which finds
  // changes in the middle that the last entries do not give away; 0 is never.
  explicit RaftSafety(uint64_t full_scan_period = 1024) : full_scan_period_(full_scan_period) {}

  // The replica's process began a new life with `view`; `applied` is what its state machine
  // recovered.
  Found Started(NodeId node, const RaftView& view, raft::Index applied);
  // The replica has taken a step.
  Found Stepped(NodeId node, const RaftView& view);
  // A message leaves the replica (after whatever it had to wait for).
  Found Sent(const raft::Message& message);
  // The state machine of the replica is handed an entry, or a snapshot in its place.
  Found Applied(NodeId node, const raft::Entry& entry);
  Found Installed(NodeId node, const raft::SnapshotMeta& meta);

  raft::Index committed() const { return raft::Index(committed_.size()); }

 private:
  // What is known of a log at one index.
  struct Link {
    raft::Term term;
    uint64_t entry = 0;  // hash of the entry alone
    uint64_t chain = 0;  // and of everything before it
  };
  struct Committed {
    Link link;
    raft::Term in_term;  // of the replica that was first seen to have committed it
    NodeId by;
  };
  struct Seen {
    Link link;
    NodeId by;
  };
  struct Mirror {
    uint64_t life = 0;
    raft::Term term;
    NodeId vote;
    raft::Role role = raft::Role::kFollower;
    raft::Index commit;
    raft::Index applied;  // by the state machine
    raft::Index base;     // links[i] is at base + 1 + i
    Link base_link;
    std::vector<Link> links;
    std::vector<raft::Payload> payloads;  // kept, so that equal pointers mean equal payloads
    uint64_t looks = 0;
    raft::Index last() const { return base + links.size(); }
  };

  Found Look(NodeId node, const RaftView& view);
  Found CheckLeader(NodeId node, const RaftView& view, Mirror& mirror);
  Found CheckMonotony(NodeId node, const RaftView& view, const Mirror& mirror) const;
  Found FollowLog(NodeId node, const RaftView& view, Mirror& mirror);
  void FollowBase(const RaftView& view, Mirror& mirror);
  raft::Index Unchanged(const RaftView& view, const Mirror& mirror) const;
  Found CheckReplaced(NodeId node, const RaftView& view, const Mirror& mirror,
                      raft::Index unchanged, const std::vector<Link>& replaced) const;
  Found Append(NodeId node, const raft::Entry& entry, Mirror& mirror);
  Found CheckCommitRule(NodeId node, const RaftView& view, const Mirror& mirror) const;
  Found FollowCommit(NodeId node, const RaftView& view, Mirror& mirror);
  Found Commit(NodeId node, raft::Index index, const Link& link, raft::Term term);
  Found CheckComplete(NodeId leader, raft::Term term, const Mirror& mirror) const;
  const Link* LinkAt(const Mirror& mirror, raft::Index index) const;

  const uint64_t full_scan_period_;
  std::map<NodeId, Mirror> mirrors_;
  std::map<raft::Term, std::pair<NodeId, uint64_t>> leaders_;   // node and its life
  std::map<std::pair<NodeId, raft::Term>, NodeId> votes_;       // released ones
  std::map<std::pair<raft::Index, raft::Term>, Seen> entries_;  // and who had it first
  std::vector<Committed> committed_;                            // at index 1, 2, ...
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_RAFT_SAFETY_H_
