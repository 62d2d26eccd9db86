// Proposals: this node's own client session in one group, and everybody who waits for a result.
//
// A request gets its number once. It is sent to whoever leads, again whenever that changes or an
// answer is overdue, always under the same number: the replicated session applies it once. It is
// answered when this replica applies it, wherever it was proposed.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_PROPOSALS_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_PROPOSALS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/fiber/sync.h"
#include "framework/replica/applier.h"
#include "framework/replica/client_sessions.h"
#include "framework/wire/frames.h"

namespace lockstep::replica {

// Owned by the Replica. Only Propose suspends.
class Proposals final {
 public:
  // `session`: random, new in every incarnation of the node.
  Proposals(SessionId session, NodeId owner) : session_(session), owner_(owner) {}

  // Suspends until the command is applied here, or the deadline. RESOURCE_EXHAUSTED: too many are
  // pending, nothing happened. DEADLINE_EXCEEDED, ABORTED: it may or may not be applied.
  absl::StatusOr<std::string> Propose(Fiber& fiber, std::string command, MonoTime deadline,
                                      EnvelopeKind kind = EnvelopeKind::kCommand);

  // What is to be sent to the leader now, at most so many bytes; it counts as sent. Until the
  // session is known to be registered, its registration leads every batch.
  std::vector<wire::ForwardItem> TakeUnsent(MonoTime now, size_t bytes_max);
  bool has_unsent() const { return !unsent_.empty(); }
  // Sends everything again: there is a new leader, or the old one refused.
  void ResendAll();
  // Sends again what was sent before `overdue` and not answered.
  void ResendOverdue(MonoTime overdue);
  // Woken when there is something to send.
  fiber::WaitQueue& work() { return work_; }

  // Requests were applied here; those of other sessions are skipped.
  void OnApplied(std::vector<AppliedRequest>& requests);
  // A snapshot replaced the state: what it covers is answered from its sessions.
  void OnSnapshotInstalled(const ClientSessions& sessions);

  SessionId session() const { return session_; }
  RequestNumber acked_below() const;
  size_t pending_count() const { return pending_.size(); }

 private:
  struct Pending {
    raft::Payload payload;
    MonoTime sent_at = kNoDeadline;  // kNoDeadline: is in unsent_
    fiber::Event done;
    absl::StatusOr<std::string> result{absl::UnknownError("pending")};
  };

  void Finish(Pending& pending, Admission admission, std::string result);
  // The session was superseded: whatever is pending may have been applied under it.
  void AbortAll();
  // Planted bug M70: the request goes out again as if it were a new one.
  void RenumberAll();
  RequestNumber Translate(RequestNumber number) const;

  SessionId session_;
  NodeId owner_;
  bool registered_ = false;
  RequestNumber next_{1};
  size_t pending_bytes_ = 0;
  std::map<RequestNumber, std::unique_ptr<Pending>> pending_;
  std::deque<RequestNumber> unsent_;
  std::map<RequestNumber, RequestNumber> aliases_;  // new number -> pending_ key; M70 only
  fiber::WaitQueue work_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_PROPOSALS_H_
