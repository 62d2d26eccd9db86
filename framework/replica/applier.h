// Applier: carries committed entries into one group's state, in order, each exactly once.
//
// A batch of entries is one transaction: the service's changes, the client sessions and the applied
// index become visible together, so that no crash can separate them.
//
// Invariants:
//   1. applied() never goes back, and is what the store says once the transaction is committed.
//   2. Entries are applied at consecutive indices; only an installed snapshot skips some.
// Owned by the Replica. Run is the only fiber that writes the group's store.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_APPLIER_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_APPLIER_H_

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/fiber/sync.h"
#include "framework/machine/ordered_store.h"
#include "framework/machine/state_machine.h"
#include "framework/raft/entry.h"
#include "framework/raft/types.h"
#include "framework/replica/agreement.h"
#include "framework/replica/client_sessions.h"
#include "framework/replica/member_book.h"
#include "framework/replica/observer.h"
#include "framework/replica/snapshot_store.h"
#include "framework/runtime/fault_points.h"

namespace lockstep::replica {

// How one request of a session ended, as seen when its entry was applied here.
struct AppliedRequest final {
  SessionId session;
  RequestNumber number;
  Admission admission = Admission::kNew;
  std::string result;  // kNew and kDuplicate
};

// Hears what the applier did. Calls do not suspend.
class ApplySink {
 public:
  virtual ~ApplySink() = default;
  // The batch that ends at `index` is visible.
  virtual void OnBatchApplied(raft::Index index, std::vector<AppliedRequest> requests) = 0;
  // A snapshot replaced the state; requests that it covers are answered by sessions().
  virtual void OnSnapshotInstalled(const raft::SnapshotMeta& meta) = 0;
  // An event that the state machine published, in index order, after its batch became visible.
  virtual void OnPublished(raft::Index index, const std::string& event) = 0;
  // Applier::members() is another list than before.
  virtual void OnMembersChanged() = 0;
};

class Applier final {
 public:
  struct Parts {
    GroupId group;
    machine::GroupStore& store;
    machine::StateMachine& machine;
    SnapshotStore& snapshots;
    ApplySink& sink;
    runtime::FaultPoints& fault_points;
    ReplicaObserver* observer;  // may be null
    // What this program understands: a program can be told to be its predecessor.
    uint32_t protocol_version_max = wire::kProtocolVersion;
  };

  // `bootstrap`, `members`: what holds before the first entry.
  Applier(const Parts& parts, raft::Configuration bootstrap, MemberList members = {});

  // Reads what the store holds; finishes the installation of a snapshot up to `log_start` that a
  // crash interrupted. If the store ends before `log_start` and no such snapshot is staged, the
  // state is lost: it is cleared away, and applied() is less than log_start.index.
  absl::Status Recover(Fiber& fiber, const raft::SnapshotMeta& log_start);

  // The next committed entries. Does not suspend.
  void Enqueue(std::vector<raft::Entry> entries);
  // The staged snapshot replaces the state before anything enqueued later.
  void EnqueueInstall(const raft::SnapshotMeta& meta);

  // Applies until something fails. The status says what; the replica must stop then.
  absl::Status Run(Fiber& fiber);

  // Planted bug M95.
  void PretendApplied(const raft::SnapshotMeta& meta) { applied_ = meta; }

  // What is visible in the store.
  const raft::SnapshotMeta& applied() const { return applied_; }
  const ClientSessions& sessions() const { return sessions_; }
  const std::shared_ptr<const MemberList>& members() const { return visible_members_; }
  uint32_t agreed_version() const { return agreement_.version(); }

 private:
  class Context;

  absl::Status ApplyBatch(Fiber& fiber);
  bool BatchEnds(size_t entries, size_t bytes);
  absl::Status WriteIndexEarly(Fiber& fiber);
  absl::StatusOr<AppliedRequest> ApplyCommand(Fiber& fiber, const raft::Entry& entry,
                                              const raft::Configuration& configuration,
                                              Context& context);
  void ShowMembers();
  absl::Status InstallSnapshot(Fiber& fiber, const raft::SnapshotMeta& meta);
  absl::Status Commit(Fiber& fiber, std::unique_ptr<machine::StoreTransaction> store);
  absl::Status LoadState(Fiber& fiber);
  absl::Status Forget(Fiber& fiber);
  absl::Status WriteRows(Fiber& fiber, SnapshotReader& reader, const raft::SnapshotMeta& meta);

  Parts parts_;
  raft::Configuration bootstrap_;
  raft::SnapshotMeta applied_;
  ClientSessions sessions_;
  MemberBook members_;
  Agreement agreement_;
  std::shared_ptr<const MemberList> visible_members_;
  std::deque<raft::Entry> queue_;
  std::optional<raft::SnapshotMeta> install_;
  fiber::WaitQueue work_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_APPLIER_H_
