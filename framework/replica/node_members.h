// NodeMembers: who may talk to one shard of this node, and where it reaches the others.
//
// Knows the newest member list that this node has applied, who is in the configurations of the
// shard's groups, and the peers' directories as first seen. Decides; does nothing. Nothing
// suspends.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_NODE_MEMBERS_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_NODE_MEMBERS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "framework/replica/member_list.h"
#include "framework/replica/peer_records.h"
#include "framework/wire/frames.h"

namespace lockstep::replica {

// Owned by the Shard.
class NodeMembers final {
 public:
  struct Self final {
    ClusterId cluster;
    NodeId node;
    ShardId shard;
    uint64_t directory = 0;
  };
  struct Verdict final {
    wire::HelloRefusal refusal = wire::HelloRefusal::kNone;
    std::string error;
    // It is this node that has no business here, for good: it has to stop, for this reason.
    absl::Status fatal;
  };

  NodeMembers(const Self& self, const PeerRecords& records) : self_(self), records_(records) {}

  // Who applied a list.
  enum class Source : uint8_t { kOwnGroup, kOtherShard };
  // A list that is not newer than the one there is has no effect: false.
  bool SetList(std::shared_ptr<const MemberList> list, Source source);
  // Everybody in a configuration of a group of this shard, in force or to be.
  void SetConfigured(std::set<NodeId> nodes) { configured_ = std::move(nodes); }
  // A node that is in no list we know came and said where it listens: it may know a newer one.
  void AddGuest(NodeId node, std::string address);

  Verdict Admit(const wire::Hello& hello) const;
  // A connection that was admitted may go on.
  bool StillAdmits(NodeId node, uint64_t directory) const;
  // What became of our own Hello: OK, or why this node has to stop.
  absl::Status Heard(const wire::HelloAnswer& answer) const;
  // Why this node has to stop, if it was removed.
  absl::Status CheckSelf() const;

  // Of all others that it should dial.
  std::map<NodeId, runtime::Address> Addresses() const;
  // 0: unknown.
  uint64_t DirectoryOf(NodeId node) const;
  bool Knows(NodeId node) const { return list_ != nullptr && list_->FindAny(node) != nullptr; }
  const Self& self() const { return self_; }
  const std::shared_ptr<const MemberList>& list() const { return list_; }

 private:
  static constexpr size_t kGuestsMax = 64;

  // Removed, and no configuration of this shard needs it any more. Only the shard whose group has
  // the list can tell: what another one's groups know may be older than the list, from before the
  // node was added even, and the node may be needed there until they know more.
  bool IsGone(NodeId node) const;
  bool HasOtherDirectory(NodeId node, uint64_t directory) const;

  Self self_;
  const PeerRecords& records_;
  std::shared_ptr<const MemberList> list_;  // null: none is known yet
  Source source_ = Source::kOtherShard;
  std::set<NodeId> configured_;
  std::map<NodeId, std::string> guests_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_NODE_MEMBERS_H_
