// What replicas say to each other. docs/protocol.md has a row for each.
#ifndef LOCKSTEP_FRAMEWORK_RAFT_MESSAGE_H_
#define LOCKSTEP_FRAMEWORK_RAFT_MESSAGE_H_

#include <cstdint>
#include <variant>
#include <vector>

#include "framework/raft/entry.h"
#include "framework/raft/types.h"

namespace lockstep::raft {

// [Raft 5.2, thesis 9.6] Candidate or pre-candidate to every voter. For a pre-vote the message's
// term is the one that the sender would campaign in; it has not adopted it.
//
// Both directions tell how far the sender knows the log to be committed. A configuration is in
// force only when applied, so a voter that missed the news of one may need votes of nodes that have
// left, hold longer logs and refuse, and will not campaign themselves. The news ends the deadlock.
struct VoteRequest final {
  bool pre_vote = false;
  bool leader_transfer = false;  // the old leader asked for this: ignore its lease
  Index last_index;
  Term last_term;
  Index commit;
  Term commit_term;  // of the entry at `commit`
};

struct VoteReply final {
  bool pre_vote = false;
  bool granted = false;
  Index commit;
  Term commit_term;  // of the entry at `commit`
};

// [Raft 5.3] Leader to one follower. Without entries: a probe, or news of `commit`.
struct AppendRequest final {
  Index prev_index;
  Term prev_term;
  Index commit;
  std::vector<Entry> entries;  // contiguous from prev_index + 1
};

struct AppendReply final {
  bool rejected = false;
  // Accepted: the follower's log matches the leader's up to here and is durable to here.
  // Rejected: the prev_index that was refused.
  Index index;
  // Rejected only: where the follower's log may still match, to skip whole terms at once.
  Index hint_index;
  Term hint_term;
  // Rejected only: the log went back, so what was acknowledged earlier is no longer there.
  bool log_lost = false;
};

// Leader to one follower. `commit` never exceeds what the follower is known to match. `read`
// identifies the newest ReadIndex round, 0 for none.
struct Heartbeat final {
  Index commit;
  uint64_t read = 0;
  Index last_index{};  // of the leader's log, for followers that lost a part of theirs
  // The leader's clock before this was sent, which comes back. 0: it asks for no promise.
  int64_t stamp_ns = 0;
  // Nothing is going on: the leader is silent from now on, until something is (quiescence.cc).
  bool quiesce = false;
};

struct HeartbeatReply final {
  uint64_t read = 0;
  // Not 0: the state machine is lost, although the log is not; a snapshot of at least this index
  // would mend it.
  Index wants_snapshot{};
  // The heartbeat's stamp, and for how long after that heartbeat came, by its own clock, the sender
  // lets nobody else be elected (lease.cc). 0: it promises nothing.
  int64_t stamp_ns = 0;
  int64_t promise_ns = 0;
  // How much the sender is wanted as the leader; 0 while it could not be one.
  uint32_t priority = 0;
  // The sender is not idle, so neither is the leader to be.
  bool awake = false;
};

// Leader's driver to a follower's core, after the snapshot's data has been received and is durable
// at the follower (its driver makes this message then).
struct InstallSnapshot final {
  SnapshotMeta meta;
};

// [thesis 3.10] Leader to the follower that shall campaign at once.
struct TimeoutNow final {};

// [Raft 8, thesis 6.4] A follower asks the leader for an index at which a read is linearizable.
struct ReadIndexRequest final {
  ReadId id;
};

struct ReadIndexReply final {
  ReadId id;
  Index index;
  bool rejected = false;  // not leader, or not yet able to tell: ask again
};

using MessageBody =
    std::variant<VoteRequest, VoteReply, AppendRequest, AppendReply, Heartbeat, HeartbeatReply,
                 InstallSnapshot, TimeoutNow, ReadIndexRequest, ReadIndexReply>;

struct Message final {
  NodeId from;
  NodeId to;
  // The sender's. But pre-vote requests and granted pre-votes speak of the next term, and refused
  // ones of the candidate's if that is higher, so that it listens.
  Term term;
  MessageBody body;
};

}  // namespace lockstep::raft

#endif  // LOCKSTEP_FRAMEWORK_RAFT_MESSAGE_H_
