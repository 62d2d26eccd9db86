#include "sim/cluster/ambush.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <variant>

#include "framework/base/check.h"
#include "framework/raft/types.h"
#include "sim/cluster/trace_fields.h"

namespace lockstep::sim {
namespace {

constexpr uint64_t kPercent = kMillion / 100;
// As short as Cluster lets election timeouts be.
constexpr Duration kElectionMin = Milliseconds(100);
// Long enough for what was sent already to arrive at most places.
constexpr Duration kArrivalMin = Microseconds(50);
constexpr Duration kArrivalMax = Milliseconds(20);
constexpr uint64_t kBreaksMax = 6;
// Clocks that differ in speed by so much are worth a race; a siege has time for so many or more.
constexpr int64_t kRacePpmMin = 10'000;
constexpr int kRaces = 4;

bool IsOk(const TraceEvent& event) {
  for (const runtime::TraceField& field : event.fields) {
    const auto* text = std::get_if<std::string_view>(&field.value);
    if (field.key == "status" && text != nullptr) return *text == "OK";
  }
  return false;
}

bool Contains(const std::vector<size_t>& some, size_t one) {
  return std::find(some.begin(), some.end(), one) != some.end();
}

}  // namespace

Ambush::Ambush(World& world, SimNetwork& network, const std::vector<SimNode*>& nodes,
               std::function<void(SimNode&)> lose_power, std::function<void(SimNode&)> boot)
    : world_(world),
      network_(network),
      nodes_(nodes),
      lose_power_(std::move(lose_power)),
      boot_(std::move(boot)) {}

// --- helpers -------------------------------------------------------------------------------------

Duration Ambush::ElectionTimeout() const {
  const FaultRates& rates = world_.rates();
  return std::max(kElectionMin,
                  Nanoseconds(static_cast<int64_t>(rates.election_ticks * rates.tick_ns)));
}

Duration Ambush::LogUniform(Stream stream, uint64_t key, Duration low, Duration high) const {
  const auto least = static_cast<uint64_t>(low.count());
  const auto most = std::max(least, static_cast<uint64_t>(high.count()));
  return Nanoseconds(
      static_cast<int64_t>(world_.draws().LogUniform(stream, key, least, most, least)));
}

void Ambush::Later(Duration wait, size_t target, std::function<void()> what) {
  world_.After(wait, {nodes_[target]->id(), EventKind::kNemesis, target},
               [this, what = std::move(what)] {
                 if (!stopped_) what();
               });
}

int64_t Ambush::DriftOf(size_t target) const { return nodes_[target]->clock().drift_ppm(); }

int64_t Ambush::FastestOf(const std::vector<size_t>& some) const {
  int64_t fastest = std::numeric_limits<int64_t>::min();
  for (const size_t one : some) fastest = std::max(fastest, DriftOf(one));
  return fastest;
}

std::vector<size_t> Ambush::AllBut(size_t target) const {
  std::vector<size_t> others;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (i != target) others.push_back(i);
  }
  return others;
}

void Ambush::CutInto(size_t target, const std::vector<size_t>& others) {
  for (const size_t other : others) network_.Cut(nodes_[other]->host(), nodes_[target]->host());
}

void Ambush::CutOutOf(size_t target, const std::vector<size_t>& others) {
  for (const size_t other : others) network_.Cut(nodes_[target]->host(), nodes_[other]->host());
}

void Ambush::ForEachClient(absl::FunctionRef<void(HostId, HostId)> visit) const {
  for (uint32_t i = 0; i < network_.host_count(); ++i) {
    const HostId client(i);
    const auto is_it = [&](const SimNode* node) { return node->host() == client; };
    if (std::any_of(nodes_.begin(), nodes_.end(), is_it)) continue;
    for (const SimNode* node : nodes_) visit(client, node->host());
  }
}

void Ambush::Crash(size_t target, uint64_t key, Duration down_max) {
  SimNode& node = *nodes_[target];
  if (!node.running()) return;
  if (world_.draws().Chance("ambush.power", key, 50 * kPercent)) {
    lose_power_(node);
  } else {
    node.Kill();
  }
  const Duration down = LogUniform("ambush.down", key, Milliseconds(1), down_max);
  world_.After(down, {node.id(), EventKind::kNemesis, target}, [this, &node] {
    if (node.state() == SimNode::State::kOff) boot_(node);
  });
}

// --- what is waited for --------------------------------------------------------------------------

void Ambush::OnTrace(size_t target, const TraceEvent& event) {
  if (event.name == "raft.role" && NumberOf(event, "group") <= 1) {
    const uint64_t term = NumberOf(event, "term");
    const bool leads = NumberOf(event, "role") == static_cast<uint64_t>(raft::Role::kLeader);
    if (leads && term > newest_term_) {
      newest_term_ = term;
      leader_ = target;
    } else if (!leads && leader_ == target) {
      leader_.reset();
    }
  } else if (event.name == "snapshot.sent") {
    transfers_.erase({target, NumberOf(event, "to") - 1});
  } else if (event.name == "snapshot.received" && IsOk(event)) {
    LoseAnswer(NumberOf(event, "from") - 1, target, KeyOf(target, ++ambushes_));
  } else if (event.name == "raft.configuration" && NumberOf(event, "group") <= 1 &&
             NumberOf(event, "outgoing") > 0) {
    SplitJoint(target, KeyOf(target, NumberOf(event, "index")));
  }
}

void Ambush::OnSent(const raft::Message& message) {
  if (stopped_) return;
  const size_t from = message.from.value() - 1;
  if (std::holds_alternative<raft::TimeoutNow>(message.body)) {
    CutTransfer(from, KeyOf(from, message.term.value()));
    return;
  }
  const bool answers = siege_ && siege_->is_armed &&
                       std::holds_alternative<raft::HeartbeatReply>(message.body) &&
                       message.to.value() - 1 == siege_->leader && Contains(siege_->kept, from);
  if (!answers) return;
  siege_->is_armed = false;
  if (siege_->assault == Assault::kRacePromises) {
    RacePromise(from, Nanoseconds(std::get<raft::HeartbeatReply>(message.body).promise_ns));
  }
  // (Not inside the event: its node is in the middle of a step.)
  InSiege(Duration(0), [this] { Storm(); });
}

// --- a leader that hands over --------------------------------------------------------------------

// The request to campaign leaves; what comes of it is not to reach who sent it for a while.
void Ambush::CutTransfer(size_t leader, uint64_t key) {
  const uint64_t percent = world_.rates().transfer_cut_percent;
  if (!world_.draws().Chance("ambush.transfer", key, percent * kPercent)) return;
  Later(Duration(0), leader, [this, leader, key] {
    if (leader_ != leader) return;  // it stepped down as well
    world_.CountFault(FaultClass::kTransferCut);
    CutInto(leader, AllBut(leader));
    const Duration timeout = ElectionTimeout();
    Later(LogUniform("ambush.transfer_lasts", key, timeout / 4, 3 * timeout), leader,
          [this] { network_.RestoreAll(); });
  });
}

// --- a leader that lives on promises -------------------------------------------------------------

void Ambush::Besiege(uint64_t count) {
  constexpr auto kAssaults = static_cast<uint64_t>(Assault::kCount);
  if (stopped_ || siege_ || !leader_ || !nodes_[*leader_]->running()) return;
  Draws& draws = world_.draws();
  Siege siege;
  siege.key = KeyOf(*leader_, count);
  siege.leader = *leader_;
  std::vector<size_t> others = AllBut(siege.leader);
  std::erase_if(others, [this](size_t other) { return !nodes_[other]->running(); });
  if (others.size() < 2) return;
  const uint64_t first = draws.Range("ambush.kept", siege.key, 0, others.size() - 1, 0);
  siege.assault =
      static_cast<Assault>(draws.Range("ambush.assault", siege.key, 0, kAssaults - 1, 0));
  // A slow leader and a fast voter: the chance has to be taken.
  const bool can_race = FastestOf(others) - DriftOf(siege.leader) >= kRacePpmMin;
  if (can_race && draws.Chance("ambush.race_clocks", siege.key, 70 * kPercent)) {
    siege.assault = Assault::kRacePromises;
  }
  std::rotate(others.begin(), others.begin() + static_cast<ptrdiff_t>(first), others.end());
  // (The promise of the fastest clock ends first.)
  if (siege.assault == Assault::kRacePromises) {
    std::stable_sort(others.begin(), others.end(),
                     [this](size_t a, size_t b) { return DriftOf(a) > DriftOf(b); });
  }
  const size_t kept = (others.size() + 1) / 2;
  siege.kept.assign(others.begin(), others.begin() + static_cast<ptrdiff_t>(kept));
  siege.apart.assign(others.begin() + static_cast<ptrdiff_t>(kept), others.end());
  CutInto(siege.leader, siege.apart);
  CutOutOf(siege.leader, siege.apart);
  if (siege.assault == Assault::kRacePromises) {
    for (const size_t voter : siege.kept) CutInto(voter, siege.apart);
  }
  // Who is apart can only be voted for if it misses nothing.
  const bool is_quiet =
      siege.assault == Assault::kRacePromises || siege.assault == Assault::kRestartVoters;
  if (is_quiet) ForEachClient([this](HostId client, HostId node) { network_.Cut(client, node); });
  const Duration timeout = ElectionTimeout();
  const Duration wait = LogUniform("ambush.siege_wait", siege.key, timeout / 2, 2 * timeout);
  const Duration lasts = LogUniform("ambush.siege_lasts", siege.key, 2 * timeout, 3 * timeout) *
                         (siege.assault == Assault::kRacePromises ? kRaces : 1);
  siege_ = std::move(siege);
  InSiege(wait, [this] { siege_->is_armed = true; });
  InSiege(wait + lasts, [this] {
    siege_.reset();
    network_.RestoreAll();
  });
}

void Ambush::InSiege(Duration wait, std::function<void()> what) {
  Later(wait, siege_->leader, [this, key = siege_->key, what = std::move(what)] {
    if (siege_ && siege_->key == key) what();
  });
}

void Ambush::Storm() {
  if (leader_ != siege_->leader) return;
  world_.CountFault(FaultClass::kLeaderBesieged);
  const bool goes_on = siege_->assault == Assault::kRacePromises;
  if (!goes_on) {
    ForEachClient([this](HostId client, HostId node) { network_.Restore(client, node); });
  }
  if (siege_->assault == Assault::kHoldAnswers) return HoldAnswers();
  // (Of what was promised just now it has to hear.)
  InSiege(LogUniform("ambush.arrival", siege_->key, kArrivalMin, kArrivalMax), [this] {
    CutInto(siege_->leader, AllBut(siege_->leader));
    CutOutOf(siege_->leader, AllBut(siege_->leader));
    if (siege_->assault == Assault::kRestartVoters) RestartVoters();
  });
}

// They arrive while nobody else can have been elected yet.
void Ambush::HoldAnswers() {
  CutInto(siege_->leader, AllBut(siege_->leader));
  CutOutOf(siege_->leader, AllBut(siege_->leader));
  const auto timeout = static_cast<uint64_t>(ElectionTimeout().count());
  const uint64_t held =
      world_.draws().Range("ambush.held", siege_->key, timeout / 3, timeout * 19 / 20, timeout / 3);
  InSiege(Nanoseconds(static_cast<int64_t>(held)), [this] {
    world_.CountFault(FaultClass::kAnswersHeld);
    for (const size_t voter : siege_->kept) {
      network_.Restore(nodes_[voter]->host(), nodes_[siege_->leader]->host());
    }
    InSiege(kArrivalMax / 2, [this] { CutInto(siege_->leader, siege_->kept); });
  });
}

// What they asked for meanwhile comes as the first one may grant it, by its own clock.
void Ambush::RacePromise(size_t voter, Duration promise) {
  if (promise == Duration(0)) return;  // there are no leases
  NodeClock& clock = nodes_[voter]->clock();
  const Duration ends = clock.ToVirtual(clock.Monotonic() + promise) - world_.now();
  const Duration wait = LogUniform("ambush.race", siege_->key, Microseconds(10), Milliseconds(5));
  InSiege(ends + wait, [this, promise] {
    world_.CountFault(FaultClass::kPromiseRaced);
    for (const size_t from : siege_->apart) {
      for (const size_t to : siege_->kept)
        network_.Restore(nodes_[from]->host(), nodes_[to]->host());
    }
    InSiege(promise / 4, [this] { RaceAgain(); });
  });
}

// Nobody happened to campaign in the moment that counts: new promises, and the same again.
void Ambush::RaceAgain() {
  if (leader_ != siege_->leader) return;
  for (const size_t voter : siege_->kept) {
    CutInto(voter, siege_->apart);
    network_.Restore(nodes_[siege_->leader]->host(), nodes_[voter]->host());
    network_.Restore(nodes_[voter]->host(), nodes_[siege_->leader]->host());
  }
  siege_->is_armed = true;
}

void Ambush::RestartVoters() {
  for (const size_t voter : siege_->kept) {
    if (!nodes_[voter]->running()) continue;
    world_.CountFault(FaultClass::kVoterRestarted);
    Crash(voter, KeyOf(siege_->key, voter), ElectionTimeout() / 4);
  }
}

// --- a snapshot that is half there ---------------------------------------------------------------

void Ambush::OnSnapshot(size_t from, size_t to) {
  if (stopped_) return;
  transfers_.insert({from, to});
  const uint64_t key = KeyOf(from, to, ++ambushes_);
  Draws& draws = world_.draws();
  if (!draws.Chance("ambush.snapshot", key, world_.rates().snapshot_break_percent * kPercent)) {
    return;
  }
  BreakLater(from, to, key, draws.Range("ambush.breaks", key, 1, kBreaksMax, 1));
}

void Ambush::BreakLater(size_t from, size_t to, uint64_t key, uint64_t breaks) {
  if (breaks == 0) return;
  // (Most snapshots are there within milliseconds.)
  const Duration wait =
      LogUniform("ambush.break_wait", KeyOf(key, breaks), Microseconds(100), Milliseconds(500));
  Later(wait, to, [this, from, to, key, breaks] {
    if (!transfers_.contains({from, to})) return;
    // What is sent until then is under way when it breaks.
    network_.Cut(nodes_[from]->host(), nodes_[to]->host());
    Later(LogUniform("ambush.under_way", KeyOf(key, breaks), Milliseconds(5), Milliseconds(150)),
          to, [this, from, to, key, breaks] { Break(from, to, key, breaks); });
  });
}

void Ambush::Break(size_t from, size_t to, uint64_t key, uint64_t breaks) {
  const uint64_t fate = KeyOf(key, breaks);
  const uint64_t dice = world_.draws().Range("ambush.break_how", fate, 0, 99, 0);
  world_.CountFault(FaultClass::kSnapshotBroken);
  if (dice < 70) {
    ResetSome(from, to, fate);
  } else if (dice < 95) {
    Crash(to, fate, Milliseconds(300));
  } else {
    Crash(from, fate, Milliseconds(300));
    transfers_.erase({from, to});
  }
  network_.Restore(nodes_[from]->host(), nodes_[to]->host());
  BreakLater(from, to, key, breaks - 1);
}

// Not all of their connections: the one that matters may be alone in it.
void Ambush::ResetSome(size_t from, size_t to, uint64_t key) {
  network_.ResetIf(nodes_[from]->host(), nodes_[to]->host(), [&](uint64_t connection) {
    return world_.draws().Chance("ambush.reset", KeyOf(key, connection), 60 * kPercent);
  });
}

// It is there, and the sender does not hear of it: some of their connections break.
void Ambush::LoseAnswer(size_t from, size_t to, uint64_t key) {
  if (stopped_ || from >= nodes_.size()) return;
  const uint64_t percent = world_.rates().snapshot_break_percent;
  if (!world_.draws().Chance("ambush.answer", key, percent * kPercent)) return;
  Later(Duration(0), to, [this, from, to, key] {
    world_.CountFault(FaultClass::kSnapshotAnswerLost);
    ResetSome(from, to, key);
  });
}

// --- two halves of a configuration ---------------------------------------------------------------

// Whoever counts by it first is cut off together with as many as a majority of the new voters are,
// and starts again, from a state that was flushed meanwhile; the others still go by the old one.
void Ambush::SplitJoint(size_t target, uint64_t key) {
  const uint64_t percent = world_.rates().joint_split_percent;
  if (stopped_ || is_split_ || siege_) return;
  Draws& draws = world_.draws();
  if (!draws.Chance("ambush.joint", key, percent * kPercent)) return;
  std::vector<size_t> others = AllBut(target);
  std::erase_if(others, [this](size_t other) { return !nodes_[other]->running(); });
  if (others.empty()) return;
  const uint64_t first = draws.Range("ambush.joint_side", key, 0, others.size() - 1, 0);
  std::rotate(others.begin(), others.begin() + static_cast<ptrdiff_t>(first), others.end());
  // (Who came last is a new voter: on this side more often than not.)
  if (draws.Chance("ambush.joint_newest", key, 60 * kPercent)) {
    std::iter_swap(others.begin(), std::max_element(others.begin(), others.end()));
  }
  others.resize(others.size() / 2);
  others.push_back(target);
  is_split_ = true;
  Later(Duration(0), target, [this, target, key, side = std::move(others)] {
    world_.CountFault(FaultClass::kJointSplit);
    for (size_t other = 0; other < nodes_.size(); ++other) {
      if (Contains(side, other)) continue;
      CutInto(other, side);
      CutOutOf(other, side);
    }
    const Duration timeout = ElectionTimeout();
    const Duration wait = LogUniform("ambush.joint_wait", key, Milliseconds(5), Seconds(1));
    nodes_[target]->fault_points().Demand("replica.eager_compaction", world_.now() + wait);
    Later(wait, target, [this, target, key, timeout] { Crash(target, key, timeout / 2); });
    Later(wait + LogUniform("ambush.joint_lasts", key, 2 * timeout, 8 * timeout), target, [this] {
      is_split_ = false;
      network_.RestoreAll();
    });
  });
}

}  // namespace lockstep::sim
