// A replica hands leadership over, when asked or before it stops.
#include <algorithm>

#include "framework/raft/configuration.h"
#include "framework/replica/replica.h"

namespace lockstep::replica {
namespace {

// So long after a request to take over the next one goes out, perhaps to somebody else.
constexpr Duration kHandOverRetryPause = Milliseconds(300);

}  // namespace

absl::Status Replica::TransferLeadership(Fiber& fiber, NodeId target, MonoTime deadline) {
  if (raft_->role() != raft::Role::kLeader) {
    return absl::FailedPreconditionError("this node does not lead");
  }
  if (target == environment_.node) return absl::OkStatus();
  if (!raft::IsVoter(raft_->configuration(), target)) {
    return absl::InvalidArgumentError("the target is no voter");
  }
  Step(Core().TransferLeadership(target));
  while (raft_->leader() != target) {
    if (!leader_changed_.Wait(fiber, deadline)) {
      return absl::DeadlineExceededError("leadership was not taken over in time");
    }
  }
  return absl::OkStatus();
}

NodeId Replica::BestHeir() const {
  raft::PeerStatus best;
  for (const raft::PeerStatus& peer : raft_->Peers()) {
    if (peer.id == environment_.node || peer.is_learner || !peer.recently_active) continue;
    if (best.id == NodeId(0) || peer.match > best.match) best = peer;
  }
  return best.id;
}

void Replica::GiveUpLeadership() {
  if (raft_->role() != raft::Role::kLeader) return;
  if (const NodeId heir = BestHeir(); heir != NodeId(0)) Step(Core().TransferLeadership(heir));
}

void Replica::PrepareToStop() {
  raft_->SetPriority(0);
  GiveUpLeadership();
}

// (It also votes for its heir meanwhile, and takes in what was forwarded to it.)
void Replica::AwaitHeir(Fiber& fiber, MonoTime deadline) {
  const auto is_led = [this] {
    return raft_->leader() != NodeId(0) && raft_->leader() != environment_.node;
  };
  while (!is_led() && fiber.now() < deadline) {
    if (raft_->role() == raft::Role::kLeader && BestHeir() == NodeId(0)) return;
    GiveUpLeadership();
    leader_changed_.Wait(fiber, std::min(deadline, fiber.now() + kHandOverRetryPause));
  }
}

}  // namespace lockstep::replica
