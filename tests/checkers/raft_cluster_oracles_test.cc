// The omniscient oracles over real cores: silent on the shipped core under crashes, losses,
// reordering and compaction; loud on planted bugs.
#include <gtest/gtest.h>

#include <cstdio>
#include <set>

#include "checkers/durability_ledger.h"
#include "checkers/raft_safety.h"
#include "framework/base/mutant_on.h"
#include "framework/base/random.h"
#include "framework/raft/mutants.h"
#include "tests/framework/raft/support.h"

namespace lockstep::checkers {
namespace {

using raft::testing::Cluster;
using raft::testing::N;

constexpr GroupId kGroup{1};

// A cluster in which chance decides what happens next, with all oracles listening.
class Universe final : public DurableImage {
 public:
  Universe(uint64_t seed, uint64_t voters)
      : random_(seed), cluster_(voters, seed, [](raft::Options& options) {
          options.election_ticks = 12;
          options.heartbeat_ticks = 2;
        }) {
    for (const uint64_t id : cluster_.ids()) Start(id);
    cluster_.set_observer([this](Cluster&, uint64_t id) {
      Note(safety_.Stepped(N(id), CoreView(cluster_.raft(id))));
      HearMessages();
    });
  }

  // The first violation, if any in so many happenings.
  std::optional<Violation> Run(int happenings) {
    for (int i = 0; i < happenings && !found_; ++i) Happen();
    return found_;
  }
  raft::Index committed() const { return safety_.committed(); }

  std::optional<RecoveredState> Read(NodeId node, GroupId) override {
    const raft::testing::Disk& disk = cluster_.node(node.value()).disk;
    return RecoveredState{disk.hard_state, disk.snapshot, disk.entries};
  }

 private:
  void Note(std::optional<Violation> violation) {
    if (violation && !found_) found_ = std::move(violation);
  }

  void Start(uint64_t id) {
    const CoreView view(cluster_.raft(id));
    Note(safety_.Started(N(id), view, cluster_.node(id).machine.applied));
    Note(ledger_.OnRecovered(N(id), kGroup, *Read(N(id), kGroup)));
  }

  // What is in the network and was not there before has just been sent.
  void HearMessages() {
    for (; heard_ < cluster_.network().size(); ++heard_) {
      Note(safety_.Sent(cluster_.network()[heard_]));
      Note(ledger_.OnSent(kGroup, cluster_.network()[heard_]));
    }
  }

  void Happen() {
    const uint64_t id = 1 + random_.Below(cluster_.ids().size());
    const uint64_t what = random_.Below(1000);
    if (what < 550) {
      DeliverOne();
    } else if (!cluster_.is_up(id)) {
      if (what < 640) {
        cluster_.Restart(id);
        Start(id);
      }
    } else if (what < 655) {
      cluster_.Tick(id);
    } else if (what < 660) {
      cluster_.Tick(id, 15);
    } else if (what < 663) {
      cut_off_ = N(random_.Below(cluster_.ids().size() + 1));  // 0: nobody
    } else if (what < 670) {
      cluster_.Campaign(id);
    } else if (what < 820) {
      Persist(id);
    } else if (what < 900) {
      Apply(id);
    } else if (what < 970) {
      cluster_.Propose(id, std::to_string(what), 1);
    } else if (what < 980) {
      // (A snapshot speaks for the leader of its term; a driver drops it when that is over.)
      if (cluster_.raft(id).role() == raft::Role::kLeader) cluster_.SendSnapshots(id);
    } else if (what < 985) {
      if (cluster_.node(id).to_install.empty()) cluster_.Compact(id);
    } else if (what < 990) {
      Note(ledger_.OnPowerLost(N(id), kGroup));
      cluster_.Crash(id);
    }
    HearMessages();
  }

  void DeliverOne() {
    std::vector<raft::Message>& network = cluster_.network();
    if (network.empty()) return;
    const size_t i = random_.Below(4) == 0 ? 0 : random_.Below(network.size());
    heard_ = network.size() - 1;
    const uint64_t fate = random_.Below(40);
    if (fate == 0 || network[i].from == cut_off_ || network[i].to == cut_off_) {
      network.erase(network.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
    if (fate == 1) {
      const raft::Message twin = network[i];
      network.push_back(twin);
      ++heard_;
    }
    cluster_.Deliver(i);
  }

  void Persist(uint64_t id) {
    if (cluster_.node(id).writes.empty()) return;
    const raft::Persist write = cluster_.node(id).writes.front();
    // An installed snapshot is applied as it becomes durable.
    const bool installs = cluster_.node(id).to_install.contains(write.id);
    ledger_.OnDurable(N(id), kGroup, write);
    cluster_.PersistOne(id);
    if (installs) Note(safety_.Installed(N(id), *write.snapshot));
  }

  void Apply(uint64_t id) {
    if (!cluster_.node(id).to_install.empty()) return;
    for (const raft::Entry& entry : cluster_.node(id).to_apply) {
      Note(safety_.Applied(N(id), entry));
    }
    if (!found_) cluster_.ApplyAll(id);
  }

  base::SequentialRandom random_;
  Cluster cluster_;
  RaftSafety safety_{64};
  DurabilityLedger ledger_{*this, 16};
  NodeId cut_off_;
  size_t heard_ = 0;
  std::optional<Violation> found_;
};

TEST(RaftClusterOracles, AreSilentOnTheShippedCore) {
  uint64_t committed = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Universe universe(seed, seed % 2 == 0 ? 3 : 5);
    const auto found = universe.Run(8000);
    ASSERT_FALSE(found) << "seed " << seed << ": " << *found;
    committed += universe.committed().value();
  }
  EXPECT_GT(committed, 2000u) << "nothing much happened";
}

// Runs seeds until an oracle speaks; in a process of its own, because a planted bug may also trip
// an assertion of the core, which does not count here.
void FindAndExit(mutant::Id id) {
  mutant::Plant(id);
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    const auto found = Universe(seed, seed % 2 == 0 ? 3 : 5).Run(8000);
    if (!found) continue;
    std::fprintf(stderr, "seed %d: %s: %s\n", static_cast<int>(seed), found->oracle.c_str(),
                 found->verdict.c_str());
    std::exit(0);
  }
  std::exit(1);
}

class PlantedBug : public testing::TestWithParam<mutant::Id> {};

TEST_P(PlantedBug, IsFoundByAnOracle) {
  EXPECT_EXIT(FindAndExit(GetParam()), testing::ExitedWithCode(0), "seed");
}

INSTANTIATE_TEST_SUITE_P(
    RaftClusterOracles, PlantedBug,
    testing::Values(mutant::kM06CommitBeyondMatch, mutant::kM07TruncateOnDuplicateAppend,
                    mutant::kM10EmptyAppendUnchecked, mutant::kM13VoteCountedAcrossTerms,
                    mutant::kM14VoteIgnoresLastTerm),
    [](const auto& planted) { return "M" + std::to_string(static_cast<int>(planted.param)); });

}  // namespace
}  // namespace lockstep::checkers
