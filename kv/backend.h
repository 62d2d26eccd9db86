// Backend: what the key-value service needs of the replica behind it.
#ifndef LOCKSTEP_KV_BACKEND_H_
#define LOCKSTEP_KV_BACKEND_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "framework/base/time.h"
#include "framework/fiber/scheduler.h"
#include "framework/replica/member_change.h"
#include "kv/command.h"

namespace lockstep::kv {

enum class Consistency {
  kLinearizable,  // not older than any answer given before the query came
  kSerializable,  // some state of the past: this replica's
};

// One line of Maintenance.Status.
struct NodeStatus final {
  uint64_t leader = 0;  // 0: none is known
  uint64_t raft_index = 0;
  uint64_t raft_term = 0;
  uint64_t applied_index = 0;
  int64_t store_bytes = 0;
  int64_t live_bytes = 0;
  bool is_learner = false;
  bool awaits_state = false;  // it is lost, and being fetched
  bool no_space = false;      // the log waits for it
  std::vector<std::string> errors;
};

// Failures are the same for these calls; the code says what is known:
//   FAILED_PRECONDITION  there is no leader; nothing was proposed
//   RESOURCE_EXHAUSTED   too much is under way; nothing was proposed
//   UNAVAILABLE          the leader changed; the command may or may not be applied
//   DEADLINE_EXCEEDED    no answer in time; the command may or may not be applied
//   CANCELLED            this node is stopping; the command may or may not be applied
// Anything else is a failure of this node.
class Backend {
 public:
  virtual ~Backend() = default;

  // Replicates a command; its outcome once it is applied. Suspends.
  virtual absl::StatusOr<std::string> Propose(Fiber& fiber, std::string command,
                                              MonoTime deadline) = 0;
  // OK: this replica's state is from now on no older than this call, or than so long before it.
  // Suspends.
  virtual absl::Status CatchUp(Fiber& fiber, MonoTime deadline, Duration max_staleness) = 0;
  // The outcome of a query. Suspends.
  virtual absl::StatusOr<std::string> Query(Fiber& fiber, std::string_view query,
                                            Consistency consistency, MonoTime deadline) = 0;

  // These suspend only where the group lives on another shard of the node.
  virtual HeaderFields Header(Fiber& fiber) = 0;
  virtual NodeStatus Status(Fiber& fiber) = 0;
  // What the disk of this node has done since the process began, a line each.
  virtual std::vector<std::string> StorageTrouble(Fiber& fiber) = 0;
  // What this node's store takes on disk; 0 if that is not known.
  virtual int64_t StoreBytes(Fiber& fiber) = 0;
  // What is left of this node's disk; nothing if that is not known. Suspends.
  virtual std::optional<uint64_t> FreeBytes(Fiber& fiber) = 0;
  // Has this node begin to clear away what was deleted.
  virtual absl::Status Defragment(Fiber& fiber) = 0;
  // As applied here. Suspends.
  virtual std::vector<replica::Member> Members(Fiber& fiber) = 0;
  // Has the members changed, and waits a while for it to be carried out. Suspends.
  virtual absl::StatusOr<replica::MemberRefusal> ChangeMembers(Fiber& fiber,
                                                               const replica::MemberChange& change,
                                                               MonoTime deadline) = 0;
  // One that nobody has.
  virtual NodeId DrawMemberId() = 0;
  // FAILED_PRECONDITION: this node does not lead. INVALID_ARGUMENT: the target cannot. Suspends.
  virtual absl::Status MoveLeader(Fiber& fiber, NodeId target, MonoTime deadline) = 0;
};

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_BACKEND_H_
