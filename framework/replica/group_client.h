// GroupClient: a group of this node, from any of its shards.
//
// A request that was accepted on the wrong shard crosses by Mailbox, is served by a fiber of the
// right one, and its answer crosses back.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_GROUP_CLIENT_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_GROUP_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/fiber/scheduler.h"
#include "framework/replica/replica.h"
#include "framework/replica/shard.h"
#include "framework/replica/storage_watch.h"
#include "framework/runtime/environment.h"

namespace lockstep::replica {

// The shards of one node that are up. Slot k is read and written on the thread of shard k only.
// Owned by the node's composer; outlives its shards.
class ShardDirectory final {
 public:
  explicit ShardDirectory(uint32_t shard_count) : slots_(shard_count), storage_(shard_count) {}

  // What runs on shard `id`; null while it is not up. Only from that shard's thread.
  struct Slot {
    Shard* shard = nullptr;
    fiber::Scope* requests = nullptr;  // where requests from other shards are served
    // The newest that another shard has told.
    std::shared_ptr<const MemberList> members;
  };
  Slot& slot(ShardId id) { return slots_.at(id.value()); }
  // What the shard's disk has done, whether or not it is up. Only from that shard's thread.
  StorageCounts& storage(ShardId id) { return storage_.at(id.value()); }
  uint32_t shard_count() const { return static_cast<uint32_t>(slots_.size()); }
  // Which shard hosts the group, on every node with so many shards.
  ShardId ShardOf(GroupId group) const {
    return ShardId(static_cast<uint32_t>(group.value() % slots_.size()));
  }

 private:
  std::vector<Slot> slots_;
  std::vector<StorageCounts> storage_;
};

// Bound to the shard whose environment it was given. Methods suspend; the errors are Replica's, and
// UNAVAILABLE while the group's shard is starting or stopping (DEADLINE_EXCEEDED if that is another
// one, which cannot answer then).
class GroupClient final {
 public:
  GroupClient(runtime::Environment& environment, ShardDirectory& directory, GroupId group)
      : environment_(environment), directory_(directory), group_(group) {}

  absl::StatusOr<std::string> Propose(Fiber& fiber, std::string command, MonoTime deadline);
  absl::StatusOr<std::string> Query(Fiber& fiber, std::string request, Consistency consistency,
                                    MonoTime deadline);
  // See Replica. A linearizable Query in two steps, for whoever has to wait for something else in
  // between: the serializable Query that follows is as good as a linearizable one.
  absl::Status CatchUp(Fiber& fiber, MonoTime deadline, Duration max_staleness = Duration(0));
  // The last entry that is applied here, once it is `at_least`. DEADLINE_EXCEEDED.
  absl::StatusOr<raft::Index> AwaitApplied(Fiber& fiber, raft::Index at_least, MonoTime deadline);
  absl::StatusOr<ReplicaStatus> Status(Fiber& fiber, MonoTime deadline);
  // For every answer, so cheaper than Status.
  absl::StatusOr<raft::Term> Term(Fiber& fiber, MonoTime deadline);
  // What the store of the group's shard takes on disk.
  absl::StatusOr<uint64_t> StoreBytes(Fiber& fiber, MonoTime deadline);
  // Has the store of the group's shard begin to clear away what was deleted.
  absl::Status StartCompaction(Fiber& fiber, MonoTime deadline);
  // See Replica.
  absl::StatusOr<MemberRefusal> ChangeMembers(Fiber& fiber, MemberChange change, MonoTime deadline);
  bool AwaitPlace(Fiber& fiber, NodeId node, Replica::Place place, MonoTime deadline);
  // Suspends until a granted change is carried out, as far as that does not wait for somebody to
  // start or to catch up, or until the deadline.
  void AwaitChange(Fiber& fiber, const MemberChange& change, MonoTime deadline);
  absl::Status AgreeOn(Fiber& fiber, uint32_t version, MonoTime deadline);
  absl::Status TransferLeadership(Fiber& fiber, NodeId target, MonoTime deadline);
  // The list as applied here; never null.
  absl::StatusOr<std::shared_ptr<const MemberList>> Members(Fiber& fiber, MonoTime deadline);
  // Of all shards of this node, by shard.
  absl::StatusOr<std::vector<StorageCounts>> Storage(Fiber& fiber, MonoTime deadline);
  // False at the deadline.
  bool AwaitLeader(Fiber& fiber, MonoTime deadline);

 private:
  runtime::Environment& environment_;
  ShardDirectory& directory_;
  GroupId group_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_GROUP_CLIENT_H_
