// Elections: time, ballots and votes [Raft 5.2, 5.4.1; thesis 9.6].
#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "framework/base/check.h"
#include "framework/base/random.h"
#include "framework/raft/configuration.h"
#include "framework/raft/core.h"
#include "framework/raft/marks.h"
#include "framework/raft/mutants.h"

namespace lockstep::raft {

// --- time
// -------------------------------------------------------------------------------------------

void Raft::Core::Tick(uint64_t number) {
  if (vitals_.quiesced) return;
  ++vitals_.idle;
  TickDisk();
  if (auto* leader = std::get_if<Leader>(&role_)) {
    TickLeader(*leader, number);
  } else if (auto* follower = std::get_if<Follower>(&role_)) {
    TickFollower(*follower);
  } else {
    TickElection();
  }
}

void Raft::Core::TickFollower(Follower& follower) {
  TickReads(follower);
  TickElection();
}

void Raft::Core::TickElection() {
  CHECK(!std::holds_alternative<Leader>(role_));
  if (++election_elapsed_ < election_timeout_) return;
  if (auto* follower = std::get_if<Follower>(&role_)) SetLeader(*follower, NodeId(0));
  if (const auto* candidate = std::get_if<Candidate>(&role_)) {
    marks::Sometimes(candidate->ballot != Ballot::kPreVote, kMarkElectionUndecided);
  }
  // (A vote that cannot be saved elects nobody.)
  if (!CanCampaign() || DiskStalls()) {
    ResetElectionTimer();
    return;
  }
  if (mutant::Enabled(mutant::kM46NoPreVote)) {
    StartElection(Ballot::kElection);
    return;
  }
  if (Promised()) {
    AwaitLostLeader();
    return;
  }
  StartPreVote();
}

void Raft::Core::AwaitLostLeader() {
  election_elapsed_ = 0;
  election_timeout_ =
      1 + static_cast<Ticks>(random_.Below(std::max<Ticks>(options_.lost_leader_ticks, 1)));
}

void Raft::Core::TickLeader(Leader& leader, uint64_t number) {
  if (!LeadsWithItsDisk(leader)) return;
  if (++leader.quorum_elapsed >= options_.election_ticks) {
    leader.quorum_elapsed = 0;
    // [thesis 6.2] Somebody else may lead by now, and clients should look for him.
    if (!QuorumActive(leader) && !mutant::Enabled(mutant::kM46NoPreVote)) {
      marks::Reach(kMarkLeaderWithoutQuorum);
      BecomeFollower(hard_.term, NodeId(0));
      return;
    }
    for (auto& [id, progress] : leader.peers) progress.StartSpan();
  }
  if (leader.transfer_target != NodeId(0) && ++leader.transfer_elapsed >= options_.election_ticks) {
    leader.transfer_target = NodeId(0);
  }
  if (!HeartbeatDue(leader, number)) return;
  YieldToPriority(leader);
  if (MayQuiesce(leader)) {
    Quiesce(leader);
  } else {
    SendHeartbeats(leader);
  }
}

bool Raft::Core::HeartbeatDue(Leader& leader, uint64_t number) const {
  if (number != 0) return number % options_.heartbeat_ticks == 0;
  if (++leader.heartbeat_elapsed < options_.heartbeat_ticks) return false;
  leader.heartbeat_elapsed = 0;
  return true;
}

bool Raft::Core::QuorumActive(const Leader& leader) const {
  const auto active = [&](NodeId voter) -> std::optional<bool> {
    if (voter == options_.self) return true;
    const auto peer = leader.peers.find(voter);
    CHECK(peer != leader.peers.end());
    return peer->second.recently_active();
  };
  return Outcome(configuration_, active) == VoteOutcome::kWon;
}

void Raft::Core::LostLeader(NodeId leader) {
  auto* follower = std::get_if<Follower>(&role_);
  if (follower == nullptr || leader == NodeId(0) || follower->leader != leader) return;
  // Planted bug M144: who is idle does not care.
  const bool cares = !mutant::Enabled(mutant::kM144QuiescedForGood);
  if (vitals_.quiesced && !cares) return;
  vitals_.quiesced = false;
  // Without a known leader this node grants pre-votes as well.
  SetLeader(*follower, NodeId(0));
  election_timeout_ = std::min(election_timeout_, election_elapsed_ + 1 + TurnWithout(leader));
  gives_way_ = true;
}

// Where two begin at once their votes may be split, and all wait for an election timeout. So the
// voters that are left take turns; and another one is first in each group of a node.
Ticks Raft::Core::TurnWithout(NodeId lost) const {
  Ticks before = 0;
  Ticks others = 0;
  for (const NodeId voter : configuration_.voters) {
    if (voter == lost || voter == options_.self) continue;
    ++others;
    if (Precedes(voter, options_.self)) ++before;
  }
  return before * std::max<Ticks>(options_.lost_leader_ticks, 1) / (others + 1);
}

bool Raft::Core::Precedes(NodeId one, NodeId other) const {
  return base::Mix64(one.value() ^ options_.precedence_seed) <
         base::Mix64(other.value() ^ options_.precedence_seed);
}

// Once per lost leader, so that nobody can keep this node from campaigning for long.
void Raft::Core::GiveWay(NodeId candidate) {
  const auto* own = std::get_if<Candidate>(&role_);
  if (!gives_way_ || std::holds_alternative<Leader>(role_)) return;
  if (own != nullptr && (own->ballot != Ballot::kPreVote || !Precedes(candidate, options_.self))) {
    return;
  }
  gives_way_ = false;
  if (own != nullptr) BecomeFollower(hard_.term, NodeId(0));
  election_timeout_ = election_elapsed_ + std::max<Ticks>(options_.election_ticks / 2, 1);
}

// --- campaigning
// ------------------------------------------------------------------------------------

bool Raft::Core::CanCampaign() const {
  if (!IsVoter(configuration_, options_.self) || hard_.abstains) return false;
  // A snapshot is being installed, or the state is lost.
  if (log_.applied() < log_.snapshot().index) return false;
  // A configuration that is committed and not yet applied here: the election would count by an old
  // one, which the rest may have left two steps behind.
  return !log_.HasConfigurationBetween(log_.applied(), log_.commit());
}

void Raft::Core::Campaign() {
  if (std::holds_alternative<Leader>(role_) || !CanCampaign() || Promised()) return;
  Wake();
  if (auto* follower = std::get_if<Follower>(&role_)) SetLeader(*follower, NodeId(0));
  StartPreVote();
}

// [thesis 9.6] Asks whether an election could be won before a term is spent on it.
void Raft::Core::StartPreVote() {
  CHECK(CanCampaign());
  role_ = Candidate{Ballot::kPreVote, Votes(configuration_), WriteId(0)};
  ResetElectionTimer();
  const VoteRequest request = MakeVoteRequest(Ballot::kPreVote);
  // Learners do not count, but tell how far the log is committed: if that is behind a change of the
  // configuration which this node has forgotten, the voters it would wait for may be gone for good.
  for (NodeId member : Members(configuration_)) {
    if (member == options_.self) continue;
    effects_.send_now.push_back(Message{options_.self, member, hard_.term + 1, request});
  }
  std::get<Candidate>(role_).votes.Grant(options_.self);
  CountVotes();
}

// [Raft 5.2] The own vote is counted, and the others are asked, only once the vote and the log that
// it boasts of are durable. Otherwise, after a crash, this node could vote for another in the same
// term, or lead it with a log shorter than the one its voters agreed to.
void Raft::Core::StartElection(Ballot ballot) {
  CHECK(ballot != Ballot::kPreVote);
  CHECK(CanCampaign());
  hard_.term += 1;
  hard_.vote = options_.self;
  role_ = Candidate{ballot, Votes(configuration_), writes_.next()};
  ResetElectionTimer();
  const VoteRequest request = MakeVoteRequest(ballot);
  for (NodeId voter : Members(configuration_)) {
    if (voter == options_.self || !IsVoter(configuration_, voter)) continue;
    SendAfterPersist(voter, request);
  }
}

void Raft::Core::On(Candidate& candidate, const Envelope& envelope, VoteReply& reply) {
  const bool pre_vote = candidate.ballot == Ballot::kPreVote;
  if (reply.pre_vote != pre_vote) return;
  // Permission for a term that we meanwhile went past.
  if (pre_vote && reply.granted && envelope.term != hard_.term + 1) return;
  if (reply.granted) {
    candidate.votes.Grant(envelope.from);
  } else {
    candidate.votes.Refuse(envelope.from);
  }
  CountVotes();
  LearnCommit(reply.commit, reply.commit_term);
}

VoteRequest Raft::Core::MakeVoteRequest(Ballot ballot) const {
  VoteRequest request;
  request.pre_vote = ballot == Ballot::kPreVote;
  request.leader_transfer = ballot == Ballot::kTransfer;
  request.last_index = log_.last_index();
  request.last_term = log_.last_term();
  request.commit = log_.commit();
  request.commit_term = log_.TermAt(log_.commit());
  return request;
}

VoteReply Raft::Core::MakeVoteReply(const VoteRequest& request, bool granted) const {
  return VoteReply{request.pre_vote, granted, log_.commit(), log_.TermAt(log_.commit())};
}

// By log matching, whoever has the entry that is known to be committed has everything before it.
void Raft::Core::LearnCommit(Index commit, Term commit_term) {
  if (std::holds_alternative<Leader>(role_)) return;  // counts for itself
  if (commit <= log_.commit() || !log_.Matches(commit, commit_term)) return;
  marks::Reach(kMarkCommitFromVote);
  log_.CommitTo(commit);
  CHECK_EQ(log_.commit(), commit);
  // What is to be applied may change who votes.
  if (std::holds_alternative<Candidate>(role_) && !CanCampaign()) {
    BecomeFollower(hard_.term, NodeId(0));
  }
}

void Raft::Core::CountVotes() {
  const auto& candidate = std::get<Candidate>(role_);
  switch (candidate.votes.Outcome()) {
    case VoteOutcome::kPending:
      return;
    case VoteOutcome::kLost:
      marks::Reach(candidate.ballot == Ballot::kPreVote ? kMarkPreVoteLost : kMarkElectionLost);
      BecomeFollower(hard_.term, NodeId(0));
      return;
    case VoteOutcome::kWon:
      if (candidate.ballot == Ballot::kPreVote) {
        StartElection(Ballot::kElection);
      } else {
        BecomeLeader();
      }
      return;
  }
}

void Raft::Core::BecomeLeader() {
  CHECK(role() == Role::kCandidate);
  CHECK_EQ(hard_.vote, options_.self);
  marks::Sometimes(log_.last_index() > log_.commit(), kMarkLeaderInherits);
  Leader fresh;
  fresh.noop = log_.last_index() + 1;
  // Anything before may be a change of configuration. And with the no-op applied, an entry of the
  // own term is committed, without which a change would be unsafe [Ongaro, raft-dev 2015].
  fresh.pending_configuration = fresh.noop;
  if (mutant::Enabled(mutant::kM31ChangeBeforeOwnTerm)) fresh.pending_configuration = Index(0);
  fresh.yield_patience = kYieldPatience;
  fresh.uncommitted_bytes = log_.BytesBetween(log_.commit(), log_.last_index());
  role_ = std::move(fresh);
  auto& leader = std::get<Leader>(role_);
  UpdatePeers(leader);
  for (auto& [id, progress] : leader.peers) progress.set_recently_active(false);
  // [Raft 8] The no-op commits what earlier terms left behind.
  Entry noop;
  noop.kind = EntryKind::kNoop;
  std::vector<Entry> entries;
  entries.push_back(std::move(noop));
  AppendAsLeader(leader, std::move(entries));
  CHECK_EQ(log_.last_index(), leader.noop);
  SendAppendsToAll(leader);
}

// --- voting
// -----------------------------------------------------------------------------------------

bool Raft::Core::HasLiveLeader() const {
  if (std::holds_alternative<Leader>(role_)) return true;  // else it would have stepped down
  const auto* follower = std::get_if<Follower>(&role_);
  return follower != nullptr && follower->leader != NodeId(0) &&
         election_elapsed_ < options_.election_ticks;
}

bool Raft::Core::MayVoteFor(const Envelope& envelope, const VoteRequest& request) const {
  CHECK_GE(envelope.term, hard_.term);
  if (hard_.abstains) return false;
  // (A higher term may have come by other messages than a vote request, which would be ignored.)
  if (Promised() && !request.leader_transfer) return false;
  // [Raft 5.4.1] The election restriction.
  const bool is_behind = !log_.IsAtMost(request.last_index, request.last_term);
  marks::Sometimes(is_behind, kMarkVoteRefusedByLog);
  if (is_behind) return false;
  if (request.pre_vote && envelope.term > hard_.term) return true;
  if (hard_.vote == NodeId(0)) return leader() == NodeId(0);
  marks::Sometimes(hard_.vote != envelope.from, kMarkVoteAlreadyGiven);
  return hard_.vote == envelope.from;
}

// A node votes even if it believes to be a learner or outside: it may have become a voter in a
// configuration that it has not applied yet, and its vote may be needed to get there.
void Raft::Core::OnVoteRequest(const Envelope& envelope, const VoteRequest& request) {
  bool granted = MayVoteFor(envelope, request);
  if (mutant::Enabled(mutant::kM37LearnerRefusesVote)) {
    granted = granted && IsVoter(configuration_, options_.self);
  }
  if (request.pre_vote) {
    const Term term = granted ? envelope.term : std::max(hard_.term, envelope.term - 1);
    Message reply{options_.self, envelope.from, term, MakeVoteReply(request, granted)};
    effects_.send_now.push_back(std::move(reply));
    if (granted) GiveWay(envelope.from);
    LearnCommit(request.commit, request.commit_term);
    return;
  }
  CHECK_EQ(envelope.term, hard_.term);
  if (granted) {
    hard_.vote = envelope.from;
    ResetElectionTimer();
  }
  SendAfterPersist(envelope.from, MakeVoteReply(request, granted));
  LearnCommit(request.commit, request.commit_term);
}

}  // namespace lockstep::raft
