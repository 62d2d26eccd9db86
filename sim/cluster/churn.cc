#include "sim/cluster/churn.h"

#include <algorithm>
#include <utility>

#include "framework/base/check.h"
#include "framework/raft/types.h"
#include "sim/cluster/trace_fields.h"

namespace lockstep::sim {
namespace {

constexpr uint64_t kPercent = kMillion / 100;

}  // namespace

LeaderChurn::LeaderChurn(World& world, SimNetwork& network, const std::vector<SimNode*>& nodes,
                         std::function<void(SimNode&)> lose_power,
                         std::function<void(SimNode&)> boot)
    : world_(world),
      network_(network),
      nodes_(nodes),
      lose_power_(std::move(lose_power)),
      boot_(std::move(boot)),
      marks_(nodes.size()) {}

void LeaderChurn::OnTrace(size_t target, const TraceEvent& event) {
  const bool exists = world_.rates().churn_percent > 0 || world_.draws().replaying("churn.marked");
  if (stopped_ || !exists) return;
  CHECK_LT(target, marks_.size());
  // (The group that has clients, if it says which.)
  const bool elected = event.name == "raft.role" && NumberOf(event, "group") <= 1 &&
                       NumberOf(event, "role") == static_cast<uint64_t>(raft::Role::kLeader);
  if (elected) {
    newest_ = std::max(newest_, NumberOf(event, "term"));
    return OnElected(target, NumberOf(event, "term"));
  }
  CountDown(target, /*is_message=*/false);
}

void LeaderChurn::OnSent(size_t target) {
  if (!stopped_) CountDown(target, /*is_message=*/true);
}

void LeaderChurn::CountDown(size_t target, bool is_message) {
  std::optional<Mark>& mark = marks_[target];
  if (!mark || mark->by_messages != is_message || --mark->events_left > 0) return;
  const uint64_t term = mark->term;
  mark.reset();
  // (Not inside the event: its node may be in the middle of a step.)
  world_.After(Duration(0), {nodes_[target]->id(), EventKind::kNemesis, term},
               [this, target, term] { Strike(target, term); });
}

void LeaderChurn::OnElected(size_t target, uint64_t term) {
  const uint64_t key = KeyOf(target, term);
  Draws& draws = world_.draws();
  // (So that a tape can take one strike away.)
  if (!draws.Chance("churn.marked", key, 95 * kPercent)) return;
  // Most strikes count events or messages, which finds the gaps between them at any speed of the
  // devices; the others count time. Who is spared at first has a moment to get something done.
  const bool at_once = draws.Chance("churn.at_once", key, world_.rates().churn_percent * kPercent);
  if (at_once && draws.Chance("churn.by_event", key, 70 * kPercent)) {
    const bool by_messages = draws.Chance("churn.by_message", key, 60 * kPercent);
    marks_[target] = Mark{term, by_messages, draws.LogUniform("churn.events", key, 1, 12, 1)};
    return;
  }
  const uint64_t least = at_once ? 10'000 : 100'000'000;
  const uint64_t wait = draws.LogUniform("churn.wait", key, least, 2'000'000'000, least);
  world_.After(Nanoseconds(static_cast<int64_t>(wait)),
               {nodes_[target]->id(), EventKind::kNemesis, term},
               [this, target, term] { Strike(target, term); });
}

void LeaderChurn::Strike(size_t target, uint64_t term) {
  SimNode& node = *nodes_[target];
  if (stopped_ || !node.running()) return;
  world_.CountFault(FaultClass::kLeaderStruck);
  StrikeAgain(target, term);
  const uint64_t key = KeyOf(target, term, ++strikes_);
  // The leader of before comes back just now, with whatever it has that nobody else has.
  Draws& draws = world_.draws();
  if (draws.Chance("churn.restores", key, 80 * kPercent)) network_.RestoreAll();
  const uint64_t dice = draws.Range("churn.how", key, 0, 99, 0);
  if (dice < 70) return CutOff(target, key);
  if (dice < 90) return Crash(target, key, /*power=*/dice < 82);
  node.Pause(draws.Exponential("churn.pause", key, Seconds(1)));
}

void LeaderChurn::Crash(size_t target, uint64_t key, bool power) {
  SimNode& node = *nodes_[target];
  if (power) {
    lose_power_(node);
  } else {
    node.Kill();
  }
  const uint64_t down =
      world_.draws().LogUniform("churn.down", key, 1'000'000, 1'000'000'000, 1'000'000);
  world_.After(Nanoseconds(static_cast<int64_t>(down)), {node.id(), EventKind::kNemesis, key},
               [this, &node] {
                 if (node.state() == SimNode::State::kOff) boot_(node);
               });
}

// A leader that survives, because it still reaches a quorum, is struck until somebody else leads.
void LeaderChurn::StrikeAgain(size_t target, uint64_t term) {
  const uint64_t wait = world_.draws().LogUniform("churn.again", KeyOf(target, term), 300'000'000,
                                                  3'000'000'000, 300'000'000);
  world_.After(Nanoseconds(static_cast<int64_t>(wait)),
               {nodes_[target]->id(), EventKind::kNemesis, term}, [this, target, term] {
                 if (newest_ == term) Strike(target, term);
               });
}

void LeaderChurn::CutOff(size_t target, uint64_t key) {
  Draws& draws = world_.draws();
  const size_t count = nodes_.size();
  // Mostly from everybody; else it still reaches one, or one direction stays.
  const bool entirely = draws.Chance("churn.entirely", key, 60 * kPercent);
  const uint64_t spared = entirely ? 0 : draws.Range("churn.spared", key, 0, 2 * count - 1, 0);
  const uint64_t ways = entirely ? 0 : draws.Range("churn.ways", key, 0, 3, 0);  // 2: in, 3: out
  const HostId host = nodes_[target]->host();
  for (size_t other = 0; other < count; ++other) {
    if (other == target || other + count == spared) continue;
    if (ways != 2) network_.Cut(host, nodes_[other]->host());
    if (ways != 3) network_.Cut(nodes_[other]->host(), host);
  }
  const uint64_t lasts =
      draws.LogUniform("churn.lasts", key, 200'000'000, 5'000'000'000, 200'000'000);
  world_.After(Nanoseconds(static_cast<int64_t>(lasts)),
               {nodes_[target]->id(), EventKind::kNemesis, key}, [this] {
                 if (!stopped_) network_.RestoreAll();
               });
}

}  // namespace lockstep::sim
