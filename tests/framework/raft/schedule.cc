#include "tests/framework/raft/schedule.h"

#include <algorithm>
#include <string>

namespace lockstep::raft::testing {
namespace {

// Small limits, so that every path of flow control and paging is walked.
void SmallLimits(Options& options) {
  options.heartbeat_ticks = 2;
  options.election_ticks = 10;
  options.lost_leader_ticks = 3;
  options.append_bytes_max = 150;
  options.inflight_messages_max = 3;
  options.inflight_bytes_max = 400;
  options.committed_bytes_max = 120;
  options.priority = static_cast<uint32_t>(options.self.value() % 3);
  options.quiesce_ticks = 6;
}

// An event takes 1 us of true time; no clock is off by more than half of what is declared.
constexpr int64_t kEventNs = 1000;
constexpr int64_t kDrift = 100'000;

void Leases(Options& options) {
  SmallLimits(options);
  options.lease_ns = 200 * kEventNs;
  options.lease_drift_ppm = kDrift;
}

}  // namespace

Schedule::Schedule(uint64_t voters, uint64_t seed, Members members)
    : cluster_(voters, seed, seed % 2 == 0 ? SmallLimits : Leases),
      safety_(cluster_),
      members_(members) {
  cluster_.set_clock([this](uint64_t id) {
    const int64_t off = id % 2 == 0 ? kDrift / 2 : -kDrift / 2;
    return static_cast<int64_t>(id) * 1'000'000 + now_ns_ + now_ns_ * off / 1'000'000;
  });
}

void Schedule::Play(uint32_t word) {
  now_ns_ += kEventNs;
  base::SequentialRandom random(word);
  const std::vector<uint64_t> ids = cluster_.ids();
  const uint64_t id = ids[random.Below(ids.size())];
  const uint64_t kind = random.Below(200);
  if (kind < 80) {
    PlayNetwork(random);
  } else if (kind < 185 || (kind < 199 && !cluster_.is_up(id))) {
    if (cluster_.is_up(id)) PlayNode(id, random);
  } else if (kind < 199) {
    PlayLeader(random);
  } else {
    PlayCrash(id);
  }
}

void Schedule::PlayNetwork(base::SequentialRandom& random) {
  std::vector<Message>& network = cluster_.network();
  if (network.empty()) return;
  const uint64_t kind = random.Below(30);
  const size_t any = random.Below(network.size());
  if (kind == 0) {
    network.erase(network.begin() + static_cast<ptrdiff_t>(any));
  } else if (kind == 1) {
    network.push_back(network[any]);
  } else if (kind < 5) {
    cluster_.Deliver(any);
  } else {
    for (size_t n = std::min<size_t>(network.size(), kind); n > 0; --n) cluster_.Deliver(0);
  }
}

void Schedule::PlayNode(uint64_t id, base::SequentialRandom& random) {
  const uint64_t kind = random.Below(60);
  if (kind < 12) {
    cluster_.Tick(id);
  } else if (kind < 36) {
    while (cluster_.PersistOne(id) && random.Below(3) != 0) {
    }
  } else if (kind < 46) {
    cluster_.ApplyAll(id);
  } else if (kind < 50) {
    cluster_.SendSnapshots(id);
  } else if (kind < 55) {
    safety_.ReadStarted(id, ++reads_);
    cluster_.Read(id, reads_);
  } else if (kind < 59) {
    cluster_.node(id).flushed = cluster_.node(id).machine;
    if (kind == 58) cluster_.Compact(id);
  } else if (random.Below(2) == 0) {
    cluster_.Handle(id, cluster_.raft(id).LostLeader(cluster_.raft(id).leader()));
  } else {
    const std::vector<uint64_t> ids = cluster_.ids();
    cluster_.Handle(id, cluster_.raft(id).PeerSilent(N(ids[random.Below(ids.size())])));
  }
}

void Schedule::PlayLeader(base::SequentialRandom& random) {
  const std::vector<uint64_t> ids = cluster_.ids();
  const uint64_t other = ids[random.Below(ids.size())];
  for (uint64_t id : ids) {
    if (!cluster_.is_up(id) || cluster_.raft(id).role() != Role::kLeader) continue;
    const uint64_t kind = random.Below(20);
    if (kind < 14) {
      cluster_.Propose(id, std::to_string(++commands_));
    } else if (kind == 14) {
      cluster_.Handle(id, cluster_.raft(id).TransferLeadership(N(other)));
    } else if (kind == 15) {
      cluster_.Handle(id, cluster_.raft(id).Unreachable(N(other)));
    } else if (kind == 16) {
      cluster_.Handle(id, cluster_.raft(id).SnapshotSent(N(other), Index(1), false));
    } else if (members_ == Members::kChanging) {
      ChangeMembers(id, random);
    }
  }
}

void Schedule::ChangeMembers(uint64_t leader, base::SequentialRandom& random) {
  Configuration target;
  for (uint64_t id : cluster_.ids()) {
    const uint64_t kind = random.Below(4);
    if (kind < 2) target.voters.push_back(N(id));
    if (kind == 2) target.learners.push_back(N(id));
  }
  cluster_.ProposeConfiguration(leader, target);
}

void Schedule::PlayCrash(uint64_t id) {
  if (cluster_.is_up(id)) {
    cluster_.Crash(id);
  } else {
    cluster_.Restart(id);
  }
}

bool Schedule::Recovers() {
  for (uint64_t id : cluster_.ids()) {
    if (!cluster_.is_up(id)) cluster_.Restart(id);
  }
  for (int attempt = 0; attempt < 40; ++attempt) {
    now_ns_ += 1000 * kEventNs;
    cluster_.RunTicks(20);
    const uint64_t leader = cluster_.leader();
    if (leader == 0) continue;
    const std::string command = "last " + std::to_string(attempt);
    cluster_.Propose(leader, command);
    cluster_.RunTicks(20);
    const Configuration configuration = cluster_.raft(leader).configuration();
    if (configuration.joint()) continue;
    const auto has_it = [&](NodeId id) {
      const auto& items = cluster_.node(id.value()).machine.items;
      return std::any_of(items.rbegin(), items.rend(),
                         [&](const Machine::Item& item) { return item.payload == command; });
    };
    if (std::all_of(configuration.voters.begin(), configuration.voters.end(), has_it) &&
        std::all_of(configuration.learners.begin(), configuration.learners.end(), has_it)) {
      return true;
    }
  }
  return false;
}

}  // namespace lockstep::raft::testing
