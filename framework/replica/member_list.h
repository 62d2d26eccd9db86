// MemberList: who belongs to a cluster and how to reach them, as the replicated state has it.
//
// What the members want to be (voter or learner) is here; what they are in a group is Raft's
// configuration, which each group's leader brings to what is wanted (member_change.h:Wanted).
// Values; nothing here suspends. Bytes: docs/formats.md "Members".
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_MEMBER_LIST_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_MEMBER_LIST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "framework/base/ids.h"
#include "framework/runtime/network.h"

namespace lockstep::replica {

struct Member final {
  NodeId id;
  std::string name;                      // "" until it has started, unless it was there initially
  std::vector<runtime::Address> peers;   // where the others reach it, one per shard
  std::vector<std::string> client_urls;  // as it said itself
  bool is_learner = false;
  // Of its data directories, one per shard, drawn when the directory was claimed. 0 or missing: it
  // has not been heard of. Never changes once it is known: the memory of a voter cannot be
  // replaced.
  std::vector<uint64_t> directories;

  bool operator==(const Member&) const = default;
  uint64_t directory(ShardId shard) const {
    return shard.value() < directories.size() ? directories[shard.value()] : 0;
  }
  // Every shard's directory is known.
  bool has_started() const;
};

// A member that was removed. Its id never comes back.
struct RemovedMember final {
  Member member;
  // It keeps its vote until these, which replace it, vote, or are removed themselves.
  std::vector<NodeId> until;

  bool operator==(const RemovedMember&) const = default;
};

// Invariants: members are sorted by id; ids are unique over members and removed, and not 0.
struct MemberList final {
  uint64_t version = 0;  // rises with every change
  std::vector<Member> members;
  std::vector<RemovedMember> removed;  // in the order of removal
  // Who the cluster began with; a node that joins starts from here, as they did.
  std::vector<Member> initial;

  bool operator==(const MemberList&) const = default;
  const Member* Find(NodeId id) const;
  Member* Find(NodeId id);
  const RemovedMember* FindRemoved(NodeId id) const;
  // Member or removed, or null.
  const Member* FindAny(NodeId id) const;
};

// The list of a cluster that begins with these.
MemberList InitialList(std::vector<Member> initial);

// What a running cluster tells a node that wants to join.
struct JoinInfo final {
  ClusterId cluster;
  MemberList list;
};

std::string EncodeMembers(const std::vector<Member>& members);
std::string EncodeMemberList(const MemberList& list);
std::string EncodeJoinInfo(const JoinInfo& info);
// INVALID_ARGUMENT: malformed.
absl::StatusOr<std::vector<Member>> DecodeMembers(std::string_view bytes);
absl::StatusOr<MemberList> DecodeMemberList(std::string_view bytes);
absl::StatusOr<JoinInfo> DecodeJoinInfo(std::string_view bytes);

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_MEMBER_LIST_H_
