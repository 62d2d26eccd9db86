// Quiescence: a group in which nothing happens costs nothing (docs/decisions/0017).
//
// A leader whose followers all have everything says so in a last heartbeat and falls silent, and so
// does whoever agrees: no ticks, no heartbeats. Any message but that heartbeat wakes a replica, and
// so does whatever a client wants. That the leader's node is alive is watched for all groups
// together by the driver, which tells of its death (LostLeader, PeerSilent). Only timing depends on
// any of this, never safety.
#include <algorithm>
#include <variant>

#include "framework/base/check.h"
#include "framework/raft/core.h"
#include "framework/raft/marks.h"

namespace lockstep::raft {
namespace {

// An answer that says nothing but that its sender is alive.
bool IsPlain(const HeartbeatReply& reply) {
  return !reply.awake && reply.read == 0 && reply.wants_snapshot == Index(0);
}

}  // namespace

void Raft::Core::NoteActivity(const Message& message) {
  const auto* heartbeat = std::get_if<Heartbeat>(&message.body);
  const auto* reply = std::get_if<HeartbeatReply>(&message.body);
  const bool is_routine = heartbeat != nullptr || (reply != nullptr && IsPlain(*reply));
  if (!is_routine) vitals_.idle = 0;
  if (!vitals_.quiesced) return;
  if (reply != nullptr && IsPlain(*reply)) return;
  const auto* follower = std::get_if<Follower>(&role_);
  const bool from_leader =
      follower != nullptr && follower->leader == message.from && message.term == hard_.term;
  if (!from_leader) {
    Wake();
  } else if (heartbeat == nullptr || !heartbeat->quiesce) {
    vitals_.quiesced = false;
    ResetElectionTimer();
  }
}

void Raft::Core::Wake() {
  vitals_.idle = 0;
  if (!vitals_.quiesced) return;
  marks::Reach(kMarkWoken);
  vitals_.quiesced = false;
  if (auto* leader = std::get_if<Leader>(&role_)) {
    // Everybody has an election timeout to show himself again.
    leader->quorum_elapsed = 0;
    for (auto& [id, progress] : leader->peers) {
      progress.set_recently_active(true);
      progress.StartSpan();
    }
    SendHeartbeats(*leader);
  } else if (const auto* follower = std::get_if<Follower>(&role_)) {
    // Its leader sleeps, too, and would seem to be dead.
    ResetElectionTimer();
    HeartbeatReply reply;
    reply.awake = true;
    if (follower->leader != NodeId(0)) SendNow(follower->leader, reply);
  }
}

bool Raft::Core::MayQuiesce(const Leader& leader) const {
  if (options_.quiesce_ticks == 0 || vitals_.idle < options_.quiesce_ticks) return false;
  if (leader.transfer_target != NodeId(0) || leader.yield_elapsed > 0) return false;
  if (leader.reads.in_flight() || leader.reads.has_waiting() || configuration_.joint()) {
    return false;
  }
  const Index last = log_.last_index();
  if (log_.commit() != last || log_.applied() != last) return false;
  if (writes_.newest_outstanding() != WriteId(0)) return false;
  return std::all_of(leader.peers.begin(), leader.peers.end(), [&](const auto& peer) {
    const Progress& progress = peer.second;
    return progress.match() == last && progress.seen_lately() && progress.nothing_in_flight() &&
           !progress.snapshot_offered();
  });
}

void Raft::Core::Quiesce(Leader& leader) {
  CHECK(!vitals_.quiesced);
  marks::Reach(kMarkQuiesced);
  SendHeartbeats(leader, /*quiesce=*/true);
  vitals_.quiesced = true;
}

bool Raft::Core::Quiesce(const Follower& follower, const Heartbeat& heartbeat) {
  const bool has_everything = log_.last_index() == heartbeat.last_index &&
                              log_.commit() == heartbeat.last_index &&
                              writes_.newest_outstanding() == WriteId(0);
  const bool is_busy = hard_.abstains || log_.state_lost() || !follower.reads.empty() ||
                       follower.campaign_when_applied;
  vitals_.quiesced = has_everything && !is_busy;
  return vitals_.quiesced;
}

void Raft::Core::PeerSilent(NodeId peer) {
  if (!vitals_.quiesced) return;
  if (auto* leader = std::get_if<Leader>(&role_)) {
    if (leader->peers.contains(peer)) Wake();
  } else {
    LostLeader(peer);
  }
}

}  // namespace lockstep::raft
