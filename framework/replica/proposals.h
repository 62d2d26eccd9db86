// Proposals: this node's own client session in one group, and everybody who waits for a result.
//
// A request gets its number once. It is sent to whoever leads, again whenever that changes or an
// answer is overdue (each time after twice as long), always under the same number: the replicated
// session applies it once. It is answered when this replica applies it, wherever it was proposed;
// or when a leader that was the only one to hear of it has refused it.
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
#include "framework/base/limits.h"
#include "framework/fiber/sync.h"
#include "framework/replica/applier.h"
#include "framework/replica/client_sessions.h"
#include "framework/wire/frames.h"

namespace lockstep::replica {

// Of those who wait, all together.
struct ProposalLimits final {
  size_t count_max = limits::kPendingProposalsMax;
  size_t bytes_max = limits::kPendingProposalBytesMax;
  // If answers take more than half of that, only so many are let in as can be answered in half of
  // it: who would wait until its deadline is told at once.
  Duration wait_max = Seconds(2);
};

// Invariants:
//   1. pending_bytes() is the sum over pending_, and within the limit.
//   2. kShareMin <= share_ <= kShareWhole: the part of the limits that is in use now.
//   3. watched_ is 0 or in pending_.
// Owned by the Replica. Only Propose suspends.
class Proposals final {
 public:
  // `session`: random, new in every incarnation of the node.
  Proposals(SessionId session, NodeId owner, ProposalLimits limits = {})
      : session_(session), owner_(owner), limits_(limits) {}

  // Suspends until the command is applied here, or the deadline. RESOURCE_EXHAUSTED: too many are
  // pending here, or it would take longer than the deadline, or the leader has too much to do;
  // nothing happened and nothing will.
  // DEADLINE_EXCEEDED, ABORTED: it may or may not be applied.
  absl::StatusOr<std::string> Propose(Fiber& fiber, std::string command, MonoTime deadline,
                                      EnvelopeKind kind = EnvelopeKind::kCommand);

  // What is to be sent to the leader now, at most so many bytes; it counts as sent. Until the
  // session is known to be registered, its registration leads every batch.
  std::vector<wire::ForwardItem> TakeUnsent(MonoTime now, size_t bytes_max);
  bool has_unsent() const { return !unsent_.empty(); }
  // Sends everything again: there is a new leader, or the old one refused.
  void ResendAll();
  // Sends again what was sent for the first time `patience` ago and is not answered; what was sent
  // again, after twice that, and so on.
  void ResendOverdue(MonoTime now, Duration patience);
  // Whoever got them did not take these; once for each time that they were sent, at most. If it was
  // overloaded, who was refused as often as it was sent is told; an earlier copy of the others may
  // be in a log, so they are overdue one day.
  void OnRefused(const std::vector<RequestNumber>& numbers, bool is_overloaded);
  // Woken when there is something to send.
  fiber::WaitQueue& work() { return work_; }

  // Requests were applied here; those of other sessions are skipped.
  void OnApplied(std::vector<AppliedRequest>& requests);
  // A snapshot replaced the state: what it covers is answered from its sessions.
  void OnSnapshotInstalled(const ClientSessions& sessions);

  SessionId session() const { return session_; }
  RequestNumber acked_below() const;
  size_t pending_count() const { return pending_.size(); }
  size_t pending_bytes() const { return pending_bytes_; }
  const ProposalLimits& limits() const { return limits_; }
  size_t share() const { return share_; }
  static constexpr size_t kShareWhole = 256;
  static constexpr size_t kShareMin = 4;
  // Before anything was answered, nobody knows how long that takes.
  static constexpr size_t kShareFirst = kShareWhole / 4;

 private:
  struct Pending {
    raft::Payload payload;
    MonoTime since;                  // somebody waits for it
    MonoTime sent_at = kNoDeadline;  // kNoDeadline: is in unsent_
    uint32_t times_sent = 0;
    uint32_t copies_out = 0;  // of these, not refused: one may be in a log
    fiber::Event done;
    absl::StatusOr<std::string> result{absl::UnknownError("pending")};
  };

  absl::Status RefusalOf(MonoTime now, size_t bytes, MonoTime deadline) const;
  bool IsFull(size_t bytes) const;
  bool IsTooMuch(size_t bytes) const;
  // Whether a request would not be answered by then, as far as one can tell.
  bool IsTooLate(MonoTime now, MonoTime deadline) const;
  // How long the watched request has been waiting, or the last one waited.
  Duration WaitNow(MonoTime now) const;
  // The watched request waits, or its answer has come: lets more or fewer in, now and then.
  void Adapt(MonoTime now, bool is_answered);
  // The request is not waited for any more.
  void Forget(RequestNumber number);
  void Finish(Pending& pending, Admission admission, std::string result);
  // The session was superseded: whatever is pending may have been applied under it.
  void AbortAll();
  // Planted bug M70: the request goes out again as if it were a new one.
  void RenumberAll();
  RequestNumber Translate(RequestNumber number) const;

  SessionId session_;
  NodeId owner_;
  ProposalLimits limits_;
  size_t share_ = kShareFirst;
  MonoTime adapted_;
  RequestNumber watched_;  // one request after another shows how long answers take
  Duration last_wait_{0};
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
