// Pulse: the time of a shard's groups, and that the peers' nodes are alive, once for all groups.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_PULSE_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_PULSE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "framework/base/ids.h"
#include "framework/raft/types.h"
#include "framework/replica/peer_transport.h"
#include "framework/replica/replica.h"

namespace lockstep::replica {

// Groups that are idle by agreement (raft/quiescence.cc) are not ticked and send nothing. What is
// left of their heartbeats is one empty frame to each peer, as often as a leader would send
// heartbeats; a peer of which nothing at all comes for an election timeout is told to them. All
// groups send their heartbeats at the same ticks, so that those to one peer travel in one frame.
//
// Invariants: a group that is not idle is in awake_.
// Owned by the Shard, whose groups and transport it borrows. Nothing here suspends.
class Pulse final {
 public:
  using Groups = std::map<GroupId, std::unique_ptr<Replica>>;

  Pulse(PeerTransport& transport, const Groups& groups) : transport_(transport), groups_(groups) {}

  // The group is in `groups` and has these timers.
  void Add(GroupId group, raft::Ticks heartbeat_ticks, raft::Ticks election_ticks);
  void Awake(GroupId group) { awake_.insert(group); }
  void SetPeers(const std::vector<NodeId>& peers);
  void Heard(NodeId peer);
  // The peer's node is another process now, perhaps, whatever is heard from it: idle groups wake.
  void Tell(NodeId silent);
  void Tick();

  size_t awake_count() const { return awake_.size(); }

 private:
  void WatchPeers();

  PeerTransport& transport_;
  const Groups& groups_;
  std::set<GroupId> awake_;
  std::map<NodeId, raft::Ticks> silence_;  // ticks since a peer was heard
  uint64_t number_ = 0;                    // of the last tick
  raft::Ticks heartbeat_ticks_ = 0;        // the shortest of all groups
  raft::Ticks election_ticks_ = 0;         // the longest
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_PULSE_H_
