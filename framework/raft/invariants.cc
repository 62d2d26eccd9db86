// What must hold between any two calls, on one replica alone.
#include <variant>

#include "framework/base/check.h"
#include "framework/raft/configuration.h"
#include "framework/raft/core.h"

namespace lockstep::raft {

void Raft::Core::CheckInvariants() const {
  log_.CheckInvariants();
  writes_.CheckInvariants();
  CheckConfiguration(configuration_);
  CHECK_GE(hard_.term, log_.last_term());
  CHECK_GE(hard_.term, saved_.term);
  CHECK_EQ(hard_.term, saved_.term) << "a term that nobody was asked to save";
  CHECK_EQ(hard_.vote, saved_.vote) << "a vote that nobody was asked to save";
  CHECK_EQ(hard_.abstains, saved_.abstains) << "nobody was asked to save that it abstains";
  CHECK_LE(writes_.durable(), log_.last_index());
  CHECK_LE(log_.handed(), std::max(writes_.durable(), log_.snapshot().index));
  CHECK_GE(election_timeout_, 1u);
  CHECK(effects_.empty()) << "effects that nobody took";
  if (vitals_.quiesced) CHECK_NE(leader(), NodeId(0)) << "idle without a leader";
  if (hard_.vote != NodeId(0)) CHECK_GT(hard_.term, Term(0));
  std::visit([this](const auto& role) { CheckRole(role); }, role_);
}

void Raft::Core::CheckRole(const Follower& follower) const {
  CHECK_NE(follower.leader, options_.self);
  if (follower.leader != NodeId(0)) CHECK_GT(hard_.term, Term(0));
  if (follower.leader == NodeId(0)) CHECK(follower.reads.empty());
  for (const ForwardedRead& read : follower.reads) CHECK_LT(read.waited, options_.election_ticks);
}

void Raft::Core::CheckRole(const Candidate& candidate) const {
  CHECK(!hard_.abstains && !log_.state_lost());
  candidate.votes.CheckInvariants();
  CHECK(candidate.votes.Outcome() == VoteOutcome::kPending);
  CHECK_LT(election_elapsed_, election_timeout_);
  if (candidate.ballot == Ballot::kPreVote) {
    CHECK_EQ(candidate.own_vote, WriteId(0));
  } else {
    CHECK_EQ(hard_.vote, options_.self);
    CHECK_GT(candidate.own_vote, WriteId(0));
    CHECK_LT(candidate.own_vote, writes_.next());
  }
}

void Raft::Core::CheckRole(const Leader& leader) const {
  CHECK(!hard_.abstains && !log_.state_lost());
  CHECK_EQ(hard_.vote, options_.self);
  CHECK(IsVoter(configuration_, options_.self));
  leader.reads.CheckInvariants();
  // [Raft 5.3] Leader append-only, since its no-op.
  CHECK_LE(leader.noop, log_.last_index());
  CHECK_LE(leader.pending_configuration, log_.last_index());
  CHECK_GE(leader.pending_configuration, leader.noop);
  CHECK_EQ(log_.last_term(), hard_.term);
  CHECK_LT(leader.heartbeat_elapsed, options_.heartbeat_ticks);
  CHECK_LT(leader.quorum_elapsed, options_.election_ticks);
  if (leader.transfer_target != NodeId(0)) CHECK(leader.peers.contains(leader.transfer_target));
  if (leader.reads.in_flight()) CHECK(!leader.reads.Confirmed(configuration_));
  const size_t members = Members(configuration_).size();
  CHECK_EQ(leader.peers.size() + 1, members);
  for (const auto& [id, progress] : leader.peers) {
    CHECK_NE(id, options_.self);
    CHECK(IsVoter(configuration_, id) || IsLearner(configuration_, id));
    progress.CheckInvariants();
    CHECK_LE(progress.match(), log_.last_index());
    CHECK_LE(progress.commit_told(), log_.commit());
  }
}

}  // namespace lockstep::raft
