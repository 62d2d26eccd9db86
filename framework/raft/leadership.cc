// Who should lead instead: transfer, priorities, and leaders that are not fit any more
// [thesis 3.10, 4.2.2].
#include <algorithm>
#include <utility>
#include <variant>

#include "framework/base/check.h"
#include "framework/raft/configuration.h"
#include "framework/raft/core.h"
#include "framework/raft/marks.h"
#include "framework/raft/mutants.h"

namespace lockstep::raft {

// --- transfer
// ---------------------------------------------------------------------------------------

void Raft::Core::TransferLeadership(NodeId target) {
  auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr || target == options_.self) return;
  if (!IsVoter(configuration_, target) || leader->transfer_target == target) return;
  Wake();
  leader->transfer_target = target;
  // For the rest of the term: the request to campaign may come late, and the votes that it asks for
  // are given whatever was promised. Planted bug M141: forgotten.
  leader->lease_given_up = !mutant::Enabled(mutant::kM141LeaseKeptInTransfer);
  leader->transfer_elapsed = 0;
  const auto peer = leader->peers.find(target);
  CHECK(peer != leader->peers.end());
  SendAppends(target, peer->second);
  ContinueTransfer(*leader, target);
}

void Raft::Core::ContinueTransfer(Leader& leader, NodeId peer) {
  if (leader.transfer_target != peer) return;
  const auto progress = leader.peers.find(peer);
  CHECK(progress != leader.peers.end());
  if (progress->second.match() == log_.last_index()) SendNow(peer, TimeoutNow{});
}

void Raft::Core::On(Follower& follower, const Envelope& envelope, TimeoutNow&) {
  if (follower.leader != envelope.from) return;
  follower.campaign_when_applied =
      CanCampaign() || log_.HasConfigurationBetween(log_.applied(), log_.commit());
  CampaignIfAsked();
}

void Raft::Core::CampaignIfAsked() {
  auto* follower = std::get_if<Follower>(&role_);
  if (follower == nullptr || !follower->campaign_when_applied || !CanCampaign()) return;
  SetLeader(*follower, NodeId(0));
  CHECK(!follower->campaign_when_applied);
  StartElection(Ballot::kTransfer);
}

// --- leaving
// ----------------------------------------------------------------------------------------

void Raft::Core::StepDown(Leader& leader) {
  NodeId heir;
  Index best;
  for (auto& [id, progress] : leader.peers) {
    if (!IsVoter(configuration_, id)) continue;
    // Else the news would wait for the next leader.
    if (progress.state() == Progress::State::kReplicate && !progress.Paused() &&
        progress.commit_told() < log_.commit()) {
      SendOneAppend(id, progress);
    }
    if (!progress.seen_lately()) continue;
    if (heir == NodeId(0) || progress.match() > best) {
      heir = id;
      best = progress.match();
    }
  }
  // [thesis 4.2.2, 3.10] No reason to wait for a timeout.
  if (heir != NodeId(0)) SendNow(heir, TimeoutNow{});
  BecomeFollower(hard_.term, NodeId(0));
}

// --- priorities
// -------------------------------------------------------------------------------------

// (Who cannot save a vote, or may not campaign, is nobody's better.)
uint32_t Raft::Core::OwnPriority() const {
  return DiskStalls() || !CanCampaign() ? 0 : vitals_.priority;
}

NodeId Raft::Core::BetterLeader(const Leader& leader) const {
  NodeId best;
  uint32_t most = OwnPriority();
  for (const auto& [id, progress] : leader.peers) {
    if (progress.priority() <= most || !IsVoter(configuration_, id)) continue;
    if (!progress.seen_lately() || progress.state() != Progress::State::kReplicate) continue;
    // What it lacks fits into one append: proposals are not refused for long.
    const bool close =
        progress.match() >= log_.snapshot().index &&
        log_.BytesBetween(progress.match(), log_.last_index()) <= options_.append_bytes_max;
    if (!close) continue;
    best = id;
    most = progress.priority();
  }
  return best;
}

// Flapping is bounded: the better one has to be fit all the time, and failed attempts get rarer.
void Raft::Core::YieldToPriority(Leader& leader) {
  const bool settled = leader.transfer_target == NodeId(0) && log_.commit() >= leader.noop &&
                       !configuration_.joint();
  const NodeId better = settled ? BetterLeader(leader) : NodeId(0);
  if (better == NodeId(0)) {
    leader.yield_elapsed = 0;
    return;
  }
  leader.yield_elapsed += options_.heartbeat_ticks;
  if (leader.yield_elapsed < leader.yield_patience * options_.election_ticks) return;
  leader.yield_elapsed = 0;
  leader.yield_patience = std::min(2 * leader.yield_patience, kYieldPatienceMax);
  marks::Reach(kMarkYieldedToPriority);
  TransferLeadership(better);
}

// --- the disk
// ---------------------------------------------------------------------------------------

void Raft::Core::TickDisk() {
  const bool waits = writes_.newest_outstanding() != WriteId(0);
  if (!waits || writes_.persisted() != vitals_.persisted) {
    vitals_.persisted = writes_.persisted();
    vitals_.stalled = 0;
  } else if (!DiskStalls()) {
    ++vitals_.stalled;
  }
}

bool Raft::Core::LeadsWithItsDisk(Leader& leader) {
  // Only if the others have made durable what this node has not: a quorum without it is fit, and
  // where all disks are slow nobody would lead better.
  if (!DiskStalls() || log_.commit() <= writes_.durable()) return true;
  marks::Reach(kMarkLeaderDiskStalled);
  effects_.events.emplace_back(DiskStalled{hard_.term});
  StepDown(leader);
  return false;
}

}  // namespace lockstep::raft
