#include "framework/replica/pulse.h"

#include <algorithm>

#include "framework/wire/frames.h"

namespace lockstep::replica {

void Pulse::Add(GroupId group, raft::Ticks heartbeat_ticks, raft::Ticks election_ticks) {
  awake_.insert(group);
  heartbeat_ticks_ =
      heartbeat_ticks_ == 0 ? heartbeat_ticks : std::min(heartbeat_ticks_, heartbeat_ticks);
  election_ticks_ = std::max(election_ticks_, election_ticks);
}

void Pulse::SetPeers(const std::vector<NodeId>& peers) {
  std::map<NodeId, raft::Ticks> silence;
  for (const NodeId peer : peers) {
    const auto known = silence_.find(peer);
    silence[peer] = known == silence_.end() ? 0 : known->second;
  }
  silence_ = std::move(silence);
}

void Pulse::Heard(NodeId peer) {
  const auto found = silence_.find(peer);
  if (found != silence_.end()) found->second = 0;
}

void Pulse::Tell(NodeId silent) {
  if (awake_.size() == groups_.size()) return;
  for (const auto& [id, replica] : groups_) replica->PeerSilent(silent);
}

void Pulse::Tick() {
  ++number_;
  for (auto it = awake_.begin(); it != awake_.end();) {
    Replica& replica = *groups_.at(*it);
    replica.Tick(number_);
    it = replica.FallAsleep() ? awake_.erase(it) : std::next(it);
  }
  WatchPeers();
}

void Pulse::WatchPeers() {
  const bool has_idle = awake_.size() < groups_.size();
  const bool beats = has_idle && number_ % heartbeat_ticks_ == 0;
  std::vector<NodeId> silent;
  for (auto& [peer, ticks] : silence_) {
    if (beats) transport_.Send(peer, wire::Frame(wire::RaftMessages{}));
    // (While all groups are awake, they hear for themselves.)
    ticks = has_idle ? ticks + 1 : 0;
    if (ticks < election_ticks_) continue;
    ticks = 0;
    silent.push_back(peer);
  }
  for (const NodeId peer : silent) Tell(peer);
}

}  // namespace lockstep::replica
