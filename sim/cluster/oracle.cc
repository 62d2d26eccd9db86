#include "sim/cluster/oracle.h"

#include <algorithm>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "framework/raft/configuration.h"

namespace lockstep::sim {

class Oracle::NodeObserver final : public replica::ReplicaObserver {
 public:
  NodeObserver(Oracle& oracle, NodeId node) : oracle_(oracle), node_(node) {}

  void OnStarted(GroupId group, const raft::Raft& raft) override {
    State& state = groups_[group];
    state = {};
    state.commit = raft.commit();
    state.applied = raft.applied();
    state.configuration = raft.configuration();
    const checkers::CoreView view(raft);
    oracle_.Report(oracle_.safety_[group].Started(node_, view, raft.applied()));
    oracle_.Report(oracle_.ledger_.OnRecovered(node_, group, LogOf(raft)));
  }

  void OnStep(GroupId group, const raft::Raft& raft, const raft::Effects& effects) override {
    raft.CheckInvariants();
    State& state = groups_[group];
    if (effects.persist) state.writes.push_back(*effects.persist);
    CheckConfiguration(group, raft, effects, state);
    const checkers::CoreView view(raft);
    oracle_.Report(oracle_.safety_[group].Stepped(node_, view));
    if (raft.role() == raft::Role::kLeader && state.led != raft.term()) {
      state.led = raft.term();
      auto& newest = oracle_.newest_leader_[group];
      newest = std::max(newest, std::pair(raft.term(), node_));
      state.rounds_unheard = 0;
      oracle_.CheckElected(node_, group, raft);
    }
    CheckHeard(group, raft, effects, state);
    if (oracle_.expects_leases_ && KnowsTheTime(effects)) oracle_.CheckLease(node_, group, raft);
    if (oracle_.on_snapshot_) {
      for (const NodeId to : effects.send_snapshot_to) oracle_.on_snapshot_(node_, to);
    }
    if (raft.commit() > state.commit) {
      state.commit = raft.commit();
      if (raft.role() == raft::Role::kLeader) {
        oracle_.Report(oracle_.ledger_.OnCommitted(group, raft.configuration(), raft.commit(),
                                                   raft.TermAt(raft.commit())));
      }
    }
  }

  void OnDurable(GroupId group, raft::WriteId id) override {
    std::deque<raft::Persist>& writes = groups_[group].writes;
    while (!writes.empty() && writes.front().id <= id) {
      oracle_.ledger_.OnDurable(node_, group, writes.front());
      writes.pop_front();
    }
  }

  void OnSend(GroupId group, const raft::Message& message) override {
    const auto* vote = std::get_if<raft::VoteReply>(&message.body);
    if (vote != nullptr && vote->granted && !vote->pre_vote) {
      oracle_.votes_[{group, message.term, message.to}].insert(message.from);
    }
    oracle_.Report(oracle_.safety_[group].Sent(message));
    oracle_.Report(oracle_.ledger_.OnSent(group, message));
    if (oracle_.on_send_) oracle_.on_send_(group, message);
  }

  void OnReceive(GroupId group, const raft::Message&) override {
    groups_[group].rounds_unheard = 0;
  }

  void OnApplied(GroupId group, const raft::Entry& entry, std::string_view result) override {
    ++oracle_.applied_count_;
    oracle_.Report(oracle_.safety_[group].Applied(node_, entry));
    oracle_.CheckAnswer(node_, group, entry.index, result);
  }

  void OnInstalled(GroupId group, const raft::SnapshotMeta& meta) override {
    oracle_.Report(oracle_.safety_[group].Installed(node_, meta));
  }

 private:
  struct State {
    std::deque<raft::Persist> writes;  // started and not yet durable
    raft::Index commit;
    raft::Term led;  // the last term that it led
    uint64_t rounds_unheard = 0;
    raft::Index applied;
    raft::Configuration configuration;
  };

  // A configuration is in force when its entry is applied, or with a snapshot; and nobody is made a
  // voter who has not caught up.
  void CheckConfiguration(GroupId group, const raft::Raft& raft, const raft::Effects& effects,
                          State& state) {
    const auto where = [&] {
      return absl::StrCat("group ", group.value(), ", node ", node_.value());
    };
    if (raft.configuration() != state.configuration) {
      if (raft.applied() == state.applied && !effects.install_snapshot) {
        oracle_.Report(checkers::Violation{
            "configuration",
            absl::StrCat("node ", node_.value(), " goes by another configuration and has applied ",
                         "nothing since index ", state.applied.value()),
            where()});
      }
      state.configuration = raft.configuration();
    }
    state.applied = raft.applied();
    if (raft.role() != raft::Role::kLeader || !effects.persist) return;
    for (const raft::Entry& entry : effects.persist->entries) {
      if (entry.kind != raft::EntryKind::kConfiguration || entry.term != raft.term()) continue;
      CheckOneAtATime(group, raft, entry.index);
      for (const NodeId voter : entry.configuration->voters) {
        if (raft::IsVoter(state.configuration, voter)) continue;
        for (const raft::PeerStatus& peer : raft.Peers()) {
          if (peer.id != voter || peer.match.value() * 2 >= raft.last_index().value()) continue;
          oracle_.Report(checkers::Violation{
              "promotion",
              absl::StrCat("node ", voter.value(), " is made a voter and holds ",
                           peer.match.value(), " of ", raft.last_index().value(), " entries"),
              where()});
        }
      }
    }
  }

  // Counts rounds and not time, so that it does not matter how this node's clock goes.
  void CheckHeard(GroupId group, const raft::Raft& raft, const raft::Effects& effects,
                  State& state) {
    const bool needs_others = raft.configuration().voters.size() > 1;
    if (raft.role() != raft::Role::kLeader || !needs_others) return;
    const bool is_round = std::any_of(
        effects.send_now.begin(), effects.send_now.end(),
        [](const auto& message) { return std::holds_alternative<raft::Heartbeat>(message.body); });
    if (!is_round || ++state.rounds_unheard <= oracle_.rounds_unheard_max_) return;
    oracle_.Report(
        checkers::Violation{"check quorum",
                            absl::StrCat("node ", node_.value(), " has sent ", state.rounds_unheard,
                                         " rounds of heartbeats in term ", raft.term().value(),
                                         ", has heard nobody, and leads"),
                            absl::StrCat("group ", group.value(), ", node ", node_.value())});
  }

  // A core that was only told of a durable write, say, has not been told the time; one that asks
  // for promises has.
  static bool KnowsTheTime(const raft::Effects& effects) {
    return std::any_of(effects.send_now.begin(), effects.send_now.end(), [](const auto& message) {
      const auto* heartbeat = std::get_if<raft::Heartbeat>(&message.body);
      return heartbeat != nullptr && heartbeat->stamp_ns > 0;
    });
  }

  // [Raft 6] A leader proposes no configuration before it has applied the one before.
  void CheckOneAtATime(GroupId group, const raft::Raft& raft, raft::Index proposed) {
    for (raft::Index i = std::max(raft.applied() + 1, raft.first_index()); i < proposed; ++i) {
      if (raft.EntryAt(i).kind != raft::EntryKind::kConfiguration) continue;
      oracle_.Report(checkers::Violation{
          "configuration",
          absl::StrCat("node ", node_.value(), " proposes a configuration at index ",
                       proposed.value(), ", and has not applied that of index ", i.value()),
          absl::StrCat("group ", group.value(), ", node ", node_.value())});
    }
  }

  static checkers::RecoveredState LogOf(const raft::Raft& raft) {
    checkers::RecoveredState log{raft.hard_state(), raft.snapshot(), {}};
    for (raft::Index i = raft.first_index(); i <= raft.last_index(); ++i) {
      log.entries.push_back(raft.EntryAt(i));
    }
    return log;
  }

  Oracle& oracle_;
  NodeId node_;
  std::map<GroupId, State> groups_;
};

Oracle::Oracle(checkers::DurableImage& image, uint64_t image_period)
    : ledger_(image, image_period) {}

Oracle::~Oracle() = default;

replica::ReplicaObserver& Oracle::ObserverOf(NodeId node) {
  std::unique_ptr<NodeObserver>& observer = observers_[node];
  if (!observer) observer = std::make_unique<NodeObserver>(*this, node);
  return *observer;
}

void Oracle::CheckImage(NodeId node, GroupId group) { Report(ledger_.OnPowerLost(node, group)); }

void Oracle::Report(std::optional<checkers::Violation> violation) {
  if (!violation_) violation_ = std::move(violation);
}

void Oracle::CheckElected(NodeId node, GroupId group, const raft::Raft& raft) {
  const std::set<NodeId>& granted = votes_[{group, raft.term(), node}];
  for (const auto* voters : {&raft.configuration().voters, &raft.configuration().outgoing}) {
    size_t votes = 0;
    for (const NodeId voter : *voters) votes += voter == node || granted.contains(voter) ? 1 : 0;
    if (voters->empty() || votes * 2 > voters->size()) continue;
    Report(checkers::Violation{
        "election safety",
        absl::StrCat("node ", node.value(), " leads term ", raft.term().value(), ", in which ",
                     votes, " of ", voters->size(), " voters voted for it"),
        absl::StrCat("group ", group.value(), ", term ", raft.term().value())});
  }
}

void Oracle::CheckLease(NodeId node, GroupId group, const raft::Raft& raft) {
  if (raft.role() != raft::Role::kLeader) return;
  const auto& [term, leader] = newest_leader_[group];
  if (raft.term() >= term || !raft.has_lease()) return;
  Report(checkers::Violation{
      "lease",
      absl::StrCat("node ", node.value(),
                   " holds a lease although somebody else was elected: term ", raft.term().value(),
                   ", and node ", leader.value(), " leads term ", term.value()),
      absl::StrCat("group ", group.value(), ", node ", node.value())});
}

void Oracle::CheckAnswer(NodeId node, GroupId group, raft::Index index, std::string_view result) {
  const auto [it, is_first] =
      answers_.try_emplace({group, index}, Answer{std::string(result), node});
  if (is_first || it->second.result == result) return;
  const auto show = [](std::string_view bytes) {
    return absl::StrCat("'", absl::CHexEscape(absl::string_view(bytes.data(), bytes.size())), "'");
  };
  Report(checkers::Violation{
      "deterministic apply",
      absl::StrCat("node ", it->second.first.value(), " and node ", node.value(),
                   " applied the same entry with different results: ", show(it->second.result),
                   " and ", show(result)),
      absl::StrCat("group ", group.value(), ", index ", index.value())});
}

}  // namespace lockstep::sim
