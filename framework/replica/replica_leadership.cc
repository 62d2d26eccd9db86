// A replica hands leadership over, when asked or before it stops.
#include "framework/raft/configuration.h"
#include "framework/replica/replica.h"

namespace lockstep::replica {

absl::Status Replica::TransferLeadership(Fiber& fiber, NodeId target, MonoTime deadline) {
  if (raft_->role() != raft::Role::kLeader) {
    return absl::FailedPreconditionError("this node does not lead");
  }
  if (target == environment_.node) return absl::OkStatus();
  if (!raft::IsVoter(raft_->configuration(), target)) {
    return absl::InvalidArgumentError("the target is no voter");
  }
  Step(raft_->TransferLeadership(target));
  while (raft_->leader() != target) {
    if (!leader_changed_.Wait(fiber, deadline)) {
      return absl::DeadlineExceededError("leadership was not taken over in time");
    }
  }
  return absl::OkStatus();
}

void Replica::GiveUpLeadership() {
  if (raft_->role() != raft::Role::kLeader) return;
  raft::PeerStatus best;
  for (const raft::PeerStatus& peer : raft_->Peers()) {
    if (peer.id == environment_.node || peer.is_learner || !peer.recently_active) continue;
    if (best.id == NodeId(0) || peer.match > best.match) best = peer;
  }
  if (best.id != NodeId(0)) Step(raft_->TransferLeadership(best.id));
}

void Replica::PrepareToStop() {
  raft_->SetPriority(0);
  GiveUpLeadership();
}

}  // namespace lockstep::replica
