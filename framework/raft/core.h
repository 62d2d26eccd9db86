// The parts of the core: the three roles and what every role shares. Private to framework/raft.
#ifndef LOCKSTEP_FRAMEWORK_RAFT_CORE_H_
#define LOCKSTEP_FRAMEWORK_RAFT_CORE_H_

#include <algorithm>
#include <map>
#include <variant>
#include <vector>

#include "framework/base/random.h"
#include "framework/raft/log.h"
#include "framework/raft/pending_writes.h"
#include "framework/raft/progress.h"
#include "framework/raft/raft.h"
#include "framework/raft/read_index.h"
#include "framework/raft/votes.h"

namespace lockstep::raft {

// A read that a follower has asked the leader about.
struct ForwardedRead final {
  ReadId id;
  Ticks waited = 0;
};

struct Follower final {
  NodeId leader;  // 0: unknown, or known to be gone
  std::vector<ForwardedRead> reads;
  // The leader asked this node to campaign, which waits until a configuration is applied.
  bool campaign_when_applied = false;
};

// A leader yields to a higher priority that was fit for so many election timeouts; after a failed
// attempt twice as many, up to the second.
inline constexpr Ticks kYieldPatience = 4;
inline constexpr Ticks kYieldPatienceMax = 64;

enum class Ballot { kPreVote, kElection, kTransfer };

struct Candidate final {
  Ballot ballot;
  Votes votes;
  // The write that makes the own vote durable; only then does it count. 0 for a pre-vote.
  WriteId own_vote;
};

struct Leader final {
  std::map<NodeId, Progress> peers;  // everybody in the configuration but itself
  ReadIndexQueue reads;
  Ticks heartbeat_elapsed = 0;
  Ticks quorum_elapsed = 0;  // since the last check that a quorum is active
  NodeId transfer_target;    // 0: none
  Ticks transfer_elapsed = 0;
  Index noop;  // the first entry of the own term
  // The last entry that may change the configuration; the next change waits until it is applied.
  Index pending_configuration;
  size_t uncommitted_bytes = 0;
  // Somebody was asked to campaign, or may still be: no promise binds him.
  bool lease_given_up = false;
  // For so long somebody with a higher priority has been fit to lead, and when that is enough.
  Ticks yield_elapsed = 0;
  Ticks yield_patience = 0;  // in election timeouts
};

// What time makes of a node, whatever its role.
struct Vitals final {
  int64_t now_ns = 0;             // as it was told last
  int64_t promised_until_ns = 0;  // until then nobody else is elected with this node's help
  uint32_t priority = 0;
  WriteId persisted;  // as of the last tick
  Ticks stalled = 0;  // since then nothing became durable, although something waits for it
  Ticks idle = 0;     // nothing happened for so long
  bool quiesced = false;
};

// How far an abstaining node has caught up: with the leader of `term`, whose log went up to
// `target` after this core was made. Everything that this node ever acknowledged and that may be
// committed is in that log up to there (docs/decisions/0011).
struct CatchUp final {
  Term term;
  Index target;  // 0: not told yet
  Index matched;
};

// Who sent a message, and in which term.
struct Envelope final {
  NodeId from;
  Term term;
};

// Files: raft.cc (term rule, dispatch, effects), election.cc, leadership.cc, replication.cc,
// reads.cc, lease.cc, membership.cc, snapshot.cc, quiescence.cc, invariants.cc. A handler
// On...(Role&, ...) must not touch its role after it changed role_.
class Raft::Core final {
 public:
  Core(const Options& options, InitialState initial);

  // One call of Raft each; effects gather until TakeEffects.
  void Step(Message message);
  void Tick(uint64_t number);
  void SetTime(int64_t now_ns) { vitals_.now_ns = std::max(vitals_.now_ns, now_ns); }
  void SetPriority(uint32_t priority) { vitals_.priority = priority; }
  void PeerSilent(NodeId peer);
  void Wake();
  void Propose(std::vector<Proposal> proposals);
  void ProposeConfiguration(const Configuration& target, int64_t timestamp_ns);
  void Read(ReadId id);
  void Persisted(WriteId id);
  void Applied(Index index);
  void SnapshotSent(NodeId to, Index meta_index, bool ok);
  void Unreachable(NodeId peer);
  void LostLeader(NodeId leader);
  void Campaign();
  void TransferLeadership(NodeId target);
  void Compact(const SnapshotMeta& snapshot);
  Effects TakeEffects();

  Role role() const;
  NodeId leader() const;
  std::vector<PeerStatus> Peers() const;
  const HardState& hard() const { return hard_; }
  const Log& log() const { return log_; }
  const Configuration& configuration() const { return configuration_; }
  bool quiesced() const { return vitals_.quiesced; }
  bool has_lease() const;
  void CheckInvariants() const;

 private:
  // --- raft.cc ----------------------------------------------------------------------------------
  // False if the message ends here.
  bool ApplyTermRule(const Message& message);
  void AnswerStale(const Message& message);
  void Dispatch(const Envelope& envelope, MessageBody& body);
  void BecomeFollower(Term term, NodeId leader);
  void SetLeader(Follower& follower, NodeId leader);
  void ResetElectionTimer();
  void SendNow(NodeId to, MessageBody body);
  void SendAfterPersist(NodeId to, MessageBody body);
  void IssueWrite();
  void BindToWrites();
  void ReportChanges();

  // --- election.cc ------------------------------------------------------------------------------
  bool HasLiveLeader() const;
  bool CanCampaign() const;
  void StartPreVote();
  void StartElection(Ballot ballot);
  void CountVotes();
  void BecomeLeader();
  bool MayVoteFor(const Envelope& envelope, const VoteRequest& request) const;
  template <typename RoleData>
  void On(RoleData&, const Envelope& envelope, VoteRequest& request) {
    OnVoteRequest(envelope, request);
  }
  void OnVoteRequest(const Envelope& envelope, const VoteRequest& request);
  void On(Candidate& candidate, const Envelope& envelope, VoteReply& reply);
  void LearnCommit(Index commit, Term commit_term);
  VoteRequest MakeVoteRequest(Ballot ballot) const;
  VoteReply MakeVoteReply(const VoteRequest& request, bool granted) const;
  void TickFollower(Follower& follower);
  void TickLeader(Leader& leader, uint64_t number);
  void TickElection();
  // Tries again in a moment.
  Ticks TurnWithout(NodeId lost) const;
  bool Precedes(NodeId one, NodeId other) const;
  void GiveWay(NodeId candidate);
  void AwaitLostLeader();
  bool HeartbeatDue(Leader& leader, uint64_t number) const;
  bool QuorumActive(const Leader& leader) const;

  // --- leadership.cc ----------------------------------------------------------------------------
  void On(Follower& follower, const Envelope& envelope, TimeoutNow& request);
  void ContinueTransfer(Leader& leader, NodeId peer);
  void CampaignIfAsked();
  // Leaves at once, naming its best heir.
  void StepDown(Leader& leader);
  uint32_t OwnPriority() const;
  NodeId BetterLeader(const Leader& leader) const;
  // A voter with a higher priority leads instead, if it has been fit to for long enough.
  void YieldToPriority(Leader& leader);
  void TickDisk();
  bool DiskStalls() const { return vitals_.stalled >= options_.election_ticks; }
  // False if this node no longer leads.
  bool LeadsWithItsDisk(Leader& leader);

  // --- lease.cc ---------------------------------------------------------------------------------
  bool Promised() const { return vitals_.now_ns < vitals_.promised_until_ns; }
  void Promise(const Heartbeat& heartbeat, HeartbeatReply& reply);
  void NotePromise(Progress& progress, const HeartbeatReply& reply) const;
  bool LeaseHolds(const Leader& leader) const;

  // --- quiescence.cc ----------------------------------------------------------------------------
  void NoteActivity(const Message& message);
  bool MayQuiesce(const Leader& leader) const;
  void Quiesce(Leader& leader);
  // False if this node is not idle.
  bool Quiesce(const Follower& follower, const Heartbeat& heartbeat);

  // --- replication.cc ---------------------------------------------------------------------------
  void On(Follower& follower, const Envelope& envelope, AppendRequest& request);
  void On(Follower& follower, const Envelope& envelope, Heartbeat& heartbeat);
  void On(Leader& leader, const Envelope& envelope, AppendRequest& request);
  void On(Leader& leader, const Envelope& envelope, AppendReply& reply);
  void On(Leader& leader, const Envelope& envelope, HeartbeatReply& reply);
  void OnRejected(NodeId from, Progress& progress, const AppendReply& reply);
  // Stamps and appends; the caller sends.
  void AppendAsLeader(Leader& leader, std::vector<Entry> entries);
  // As many appends as flow control admits; then the news of commit if nothing else carries it.
  void SendAppends(NodeId to, Progress& progress);
  void SendAppendsToAll(Leader& leader);
  void SendOneAppend(NodeId to, Progress& progress);
  void SendHeartbeat(const Leader& leader, NodeId to, const Progress& progress,
                     bool quiesce = false);
  void SendHeartbeats(const Leader& leader, bool quiesce = false);
  // Counts what is durable where; true if the commit index moved.
  bool AdvanceCommit(Leader& leader);
  void AdvanceCommitAndTell(Leader& leader);
  ProposeRefusal RefusalToPropose(size_t bytes) const;

  // --- reads.cc ---------------------------------------------------------------------------------
  template <typename RoleData>
  void On(RoleData&, const Envelope& envelope, ReadIndexRequest& request) {
    RefuseRead(envelope, request);
  }
  void On(Leader& leader, const Envelope& envelope, ReadIndexRequest& request);
  void On(Follower& follower, const Envelope& envelope, ReadIndexReply& reply);
  void RefuseRead(const Envelope& envelope, const ReadIndexRequest& request);
  void AddRead(Leader& leader, ReadIndexQueue::Read read);
  // Starts and finishes rounds as far as possible.
  void AdvanceReads(Leader& leader);
  void AnswerRead(const ReadIndexQueue::Read& read, Index index);
  void FailReads(Leader& leader);
  void FailReads(Follower& follower);
  void TickReads(Follower& follower);

  // --- membership.cc ----------------------------------------------------------------------------
  ProposeRefusal RefusalToChange(const Leader& leader) const;
  void AppendConfiguration(Leader& leader, Configuration configuration, int64_t timestamp_ns);
  void ApplyConfiguration(const Configuration& configuration, Index index);
  void UpdatePeers(Leader& leader);
  void LeaveJointIfDue(Leader& leader);

  // --- snapshot.cc ------------------------------------------------------------------------------
  void On(Follower& follower, const Envelope& envelope, InstallSnapshot& request);
  // The snapshot is what this log begins with from now on; the driver installs it.
  void TakeOver(const SnapshotMeta& meta);
  void AskForSnapshot(NodeId to, Progress& progress);
  // The follower lost its state, not its log.
  void OfferSnapshot(NodeId to, Progress& progress, Index at_least);
  // The log agrees with the leader's up to `index`; the end of abstaining, once that is enough.
  void NoteMatched(Index index);
  void NoteLeaderEnd(Index last_index);
  void EndAbstaining();

  // --- invariants.cc ----------------------------------------------------------------------------
  void CheckRole(const Follower& follower) const;
  void CheckRole(const Candidate& candidate) const;
  void CheckRole(const Leader& leader) const;

  // Messages that no rule mentions for a role have no effect.
  template <typename RoleData, typename Body>
  void On(RoleData&, const Envelope&, Body&) {}

  const Options options_;
  HardState hard_;  // commit is filled in when it is saved
  HardState saved_;
  CatchUp catch_up_;  // while hard_.abstains
  Log log_;
  PendingWrites writes_;
  Configuration configuration_;
  std::variant<Follower, Candidate, Leader> role_;
  Ticks election_elapsed_ = 0;
  Ticks election_timeout_ = 0;
  // Whoever asks first may campaign first, once: set when the leader was lost.
  bool gives_way_ = false;
  base::SequentialRandom random_;
  Vitals vitals_;
  bool must_save_commit_ = false;  // with the next effects, whatever else there is to write
  Effects effects_;
  RoleChanged reported_role_;
  LeaderChanged reported_leader_;
};

}  // namespace lockstep::raft

#endif  // LOCKSTEP_FRAMEWORK_RAFT_CORE_H_
