#include "sim/cluster/nemesis.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/replica/identity.h"
#include "sim/cluster/mutants.h"

namespace lockstep::sim {

Nemesis::Nemesis(World& world, SimNetwork& network, std::vector<SimNode*> nodes,
                 std::function<void(SimNode&)> boot, std::function<void(SimNode&)> power_lost)
    : world_(world),
      network_(network),
      nodes_(std::move(nodes)),
      boot_([this, boot = std::move(boot)](SimNode& node) {
        // Gone, or too damaged to start: for good.
        const uint64_t target = node.id().value() - 1;
        if (atlas_.Lost(target) || (healed_ && atlas_.Spoiled(target))) return;
        boot(node);
      }),
      power_lost_(std::move(power_lost)),
      churn_(
          world, network, nodes_, [this](SimNode& node) { LosePower(node); }, boot_),
      ambush_(
          world, network, nodes_, [this](SimNode& node) { LosePower(node); }, boot_),
      atlas_(world, nodes_),
      rest_(world, network, nodes_, boot_) {
  CHECK(!nodes_.empty());
}

EventOrigin Nemesis::Origin(uint64_t target) const {
  return {target < nodes_.size() ? nodes_[target]->id() : NodeId(0), EventKind::kNemesis, target};
}

void Nemesis::Plan(Stream stream, uint64_t mean_ns, Strike strike, uint64_t target,
                   uint64_t count) {
  if (healed_) return;
  Draws& draws = world_.draws();
  if (draws.replaying(stream)) {
    // The whole chain at once: a tape may lack any part of it.
    for (uint64_t i = 0; count == 0 && i < kStrikesMax; ++i) {
      StrikeAt(draws.Moment(stream, KeyOf(target, i), world_.now(), Duration(0)), strike, target,
               i);
    }
    return;
  }
  if (mean_ns == 0 || count == kStrikesMax) return;
  StrikeAt(draws.Moment(stream, KeyOf(target, count), world_.now(),
                        Nanoseconds(static_cast<int64_t>(mean_ns))),
           strike, target, count);
}

void Nemesis::StrikeAt(VirtualTime when, Strike strike, uint64_t target, uint64_t count) {
  // A draw of zero, or of a replay whose tape does not have this disaster.
  if (when <= world_.now()) return;
  world_.At(when, Origin(target), [this, strike, target, count, plan = plan_] {
    if (!healed_ && plan == plan_) (this->*strike)(target, count);
  });
}

uint64_t Nemesis::Draw(Stream stream, uint64_t target, uint64_t count, uint64_t bound) {
  return world_.draws().Range(stream, KeyOf(target, count), 0, bound - 1, 0);
}

bool Nemesis::Percent(Stream stream, uint64_t target, uint64_t count, uint64_t percent) {
  return world_.draws().Chance(stream, KeyOf(target, count), percent * (kMillion / 100));
}

void Nemesis::Start() {
  // Planted bug in the simulator itself: --require-faults has to notice.
  if (mutant::Enabled(mutant::kM68NemesisIdle)) return;
  const FaultRates& rates = world_.rates();
  for (uint64_t target = 0; target < nodes_.size(); ++target) {
    Plan("nemesis.kill", rates.kill_every_ns, &Nemesis::KillOne, target, 0);
    Plan("nemesis.pause", rates.pause_every_ns, &Nemesis::PauseOne, target, 0);
    Plan("nemesis.clock", rates.clock_step_every_ns, &Nemesis::StepClock, target, 0);
    Plan("nemesis.slow_disk", rates.slow_disk_every_ns, &Nemesis::SlowDisk, target, 0);
    Plan("nemesis.hung_disk", rates.hung_disk_every_ns, &Nemesis::HangDisk, target, 0);
    Plan("nemesis.disk_full", rates.disk_full_every_ns, &Nemesis::FillDisk, target, 0);
    Plan("nemesis.clock_freeze", rates.clock_freeze_every_ns, &Nemesis::FreezeClock, target, 0);
    if (atlas_.MaySpoil(target)) {
      Plan("nemesis.damage", rates.damage_every_ns, &Nemesis::DamageDisk, target, 0);
      Plan("nemesis.lost_node", rates.lost_node_every_ns, &Nemesis::LoseNode, target, 0);
      if (rates.misdirected_ppm > 0) atlas_.Misdirect(target);
    }
    nodes_[target]->trace().set_on_emit([this, target](const TraceEvent& event) {
      churn_.OnTrace(target, event);
      ambush_.OnTrace(target, event);
      if (event.name == "store.set_aside") atlas_.NoteGivenUp(target);
      OnTrace(target, event.name);
    });
    nodes_[target]->disk().set_on_sync([this, target] { OnSync(target); });
  }
  const uint64_t all = nodes_.size();
  Plan("nemesis.kill_all", rates.cluster_power_loss_every_ns, &Nemesis::KillAll, all, 0);
  Plan("nemesis.partition", rates.partition_every_ns, &Nemesis::Partition, all, 0);
  Plan("nemesis.clog", rates.clog_every_ns, &Nemesis::ClogLink, all, 0);
  Plan("nemesis.disk_swap", rates.disk_swap_every_ns, &Nemesis::SwapDisks, all, 0);
  Plan("nemesis.siege", rates.siege_every_ns, &Nemesis::Besiege, all, 0);
}

void Nemesis::PlanAfresh() {
  ++plan_;
  if (!healed_) Start();
}

void Nemesis::BootLater(SimNode& node, Duration pause) {
  const Duration down =
      world_.draws().Exponential("nemesis.down", KeyOf(node.id().value(), node.incarnation()),
                                 Nanoseconds(static_cast<int64_t>(world_.rates().down_ns)));
  // What cannot start need not try all the time.
  const bool spoiled = atlas_.Spoiled(node.id().value() - 1);
  SimNode* target = &node;
  world_.After(down + pause + Milliseconds(spoiled ? 500 : 1), {node.id(), EventKind::kNemesis, 0},
               [this, target] {
                 if (target->state() == SimNode::State::kOff) boot_(*target);
               });
}

void Nemesis::KillOne(uint64_t target, uint64_t count) {
  SimNode& node = *nodes_[target];
  if (node.state() == SimNode::State::kRunning || node.state() == SimNode::State::kPaused) {
    const bool power = Percent("nemesis.power", target, count, world_.rates().power_loss_percent);
    if (power) {
      LosePower(node);
    } else {
      node.Kill();
    }
    BootLater(node);
    if (Percent("nemesis.storm", target, count, world_.rates().restart_storm_percent)) {
      Storm(node, count);
    }
  }
  Plan("nemesis.kill", world_.rates().kill_every_ns, &Nemesis::KillOne, target, count + 1);
}

void Nemesis::LosePower(SimNode& node) {
  node.PowerLoss();
  power_lost_(node);
}

// Dies again while it recovers, a few times within a second.
void Nemesis::Storm(SimNode& node, uint64_t count) {
  SimNode* target = &node;
  const uint64_t key = KeyOf(node.id().value(), count);
  const uint64_t deaths = world_.draws().Range("nemesis.storm_deaths", key, 1, 5, 0);
  for (uint64_t i = 0; i < deaths; ++i) {
    const uint64_t wait =
        world_.draws().Range("nemesis.storm_wait", KeyOf(key, i), 1'000, 1'000'000'000, 0);
    world_.After(Nanoseconds(static_cast<int64_t>(wait)), {node.id(), EventKind::kNemesis, 1},
                 [this, target] {
                   if (healed_ || target->state() != SimNode::State::kRunning) return;
                   LosePower(*target);
                   BootLater(*target);
                 });
  }
}

void Nemesis::KillAll(uint64_t target, uint64_t count) {
  for (SimNode* node : nodes_) {
    if (node->state() == SimNode::State::kOff || node->state() == SimNode::State::kUnwinding) {
      continue;
    }
    LosePower(*node);
    BootLater(*node);
  }
  Plan("nemesis.kill_all", world_.rates().cluster_power_loss_every_ns, &Nemesis::KillAll, target,
       count + 1);
}

void Nemesis::PauseOne(uint64_t target, uint64_t count) {
  SimNode& node = *nodes_[target];
  if (node.running()) {
    const Duration lasts =
        world_.draws().Exponential("nemesis.pause_lasts", KeyOf(target, count),
                                   Nanoseconds(static_cast<int64_t>(world_.rates().pause_ns)));
    if (lasts > Duration(0)) {
      node.Pause(lasts);
    }
  }
  Plan("nemesis.pause", world_.rates().pause_every_ns, &Nemesis::PauseOne, target, count + 1);
}

// A side of 1 to all-1 nodes is cut off, both ways or one. Clients stay with everybody: what they
// see of a split cluster is the point.
void Nemesis::Partition(uint64_t target, uint64_t count) {
  if (nodes_.size() > 1) {
    const uint64_t sides = (uint64_t{1} << nodes_.size()) - 2;
    const uint64_t side = 1 + Draw("nemesis.side", target, count, sides);
    const bool one_way =
        Percent("nemesis.one_way", target, count, world_.rates().partition_one_way_percent);
    for (size_t a = 0; a < nodes_.size(); ++a) {
      for (size_t b = 0; b < nodes_.size(); ++b) {
        if (((side >> a) & 1) == 0 || ((side >> b) & 1) != 0) continue;
        network_.Cut(nodes_[a]->host(), nodes_[b]->host());
        if (!one_way) network_.Cut(nodes_[b]->host(), nodes_[a]->host());
      }
    }
    RestoreLater("nemesis.partition_lasts", target, count);
  }
  Plan("nemesis.partition", world_.rates().partition_every_ns, &Nemesis::Partition, target,
       count + 1);
}

void Nemesis::RestoreLater(Stream stream, uint64_t target, uint64_t count) {
  const Duration lasts = world_.draws().Exponential(
      stream, KeyOf(target, count),
      Nanoseconds(static_cast<int64_t>(world_.rates().partition_lasts_ns)));
  world_.After(lasts, Origin(target), [this] { RestoreNetwork(); });
}

// (After healing, what is still cut has to stay so.)
void Nemesis::RestoreNetwork() {
  if (!healed_) network_.RestoreAll();
}

void Nemesis::Isolate(uint64_t target) {
  for (const SimNode* other : nodes_) {
    if (other == nodes_[target]) continue;
    network_.Cut(nodes_[target]->host(), other->host());
    network_.Cut(other->host(), nodes_[target]->host());
  }
  RestoreLater("nemesis.isolation_lasts", target, 0);
}

void Nemesis::ClogLink(uint64_t target, uint64_t count) {
  const uint32_t hosts = network_.host_count();
  const auto from = static_cast<uint32_t>(Draw("nemesis.clog_from", target, count, hosts));
  const auto to = static_cast<uint32_t>(Draw("nemesis.clog_to", target, count, hosts));
  if (from != to) {
    const Duration lasts =
        world_.draws().Exponential("nemesis.clog_lasts", KeyOf(target, count),
                                   Nanoseconds(static_cast<int64_t>(world_.rates().clog_lasts_ns)));
    network_.Clog(HostId(from), HostId(to), lasts);
  }
  Plan("nemesis.clog", world_.rates().clog_every_ns, &Nemesis::ClogLink, target, count + 1);
}

void Nemesis::SlowDisk(uint64_t target, uint64_t count) {
  const Duration lasts =
      Milliseconds(100 + static_cast<int64_t>(Draw("nemesis.slow_lasts", target, count, 5'000)));
  nodes_[target]->disk().Slow(world_.rates().slow_disk_factor, world_.now() + lasts);
  Plan("nemesis.slow_disk", world_.rates().slow_disk_every_ns, &Nemesis::SlowDisk, target,
       count + 1);
}

void Nemesis::HangDisk(uint64_t target, uint64_t count) {
  const Duration lasts =
      Milliseconds(1'000 + static_cast<int64_t>(Draw("nemesis.hang_lasts", target, count, 59'000)));
  nodes_[target]->disk().Hang(world_.now() + lasts);
  Plan("nemesis.hung_disk", world_.rates().hung_disk_every_ns, &Nemesis::HangDisk, target,
       count + 1);
}

void Nemesis::FillDisk(uint64_t target, uint64_t count) {
  SimDiskCore& disk = nodes_[target]->disk();
  disk.set_capacity(disk.used_bytes() + Draw("nemesis.room_left", target, count, 256 * 1024));
  const Duration lasts = world_.draws().Exponential(
      "nemesis.disk_full_lasts", KeyOf(target, count),
      Nanoseconds(static_cast<int64_t>(world_.rates().disk_full_lasts_ns)));
  world_.After(lasts, Origin(target), [this, &disk] {
    if (!healed_) disk.set_capacity(world_.rates().capacity_bytes);
  });
  Plan("nemesis.disk_full", world_.rates().disk_full_every_ns, &Nemesis::FillDisk, target,
       count + 1);
}

void Nemesis::OnTrace(uint64_t target, std::string_view name) {
  const FaultRates& rates = world_.rates();
  const uint64_t id = StreamId(name);
  // Which names count is one fact per universe.
  const bool provokes = world_.draws().replaying("nemesis.trigger") ||
                        base::KeyedDraw(world_.seed(), "nemesis.trigger_name", id, 0) % 100 <
                            rates.trigger_name_percent;
  if (healed_ || !provokes) return;
  if (!world_.draws().Chance("nemesis.trigger", KeyOf(target, id), rates.trigger_fire_ppm)) return;
  if (world_.now() < next_provoked_) return;
  next_provoked_ = world_.now() + Nanoseconds(static_cast<int64_t>(rates.trigger_spacing_ns));
  const uint64_t wait = world_.draws().LogUniform("nemesis.trigger_wait", KeyOf(target, id), 1'000,
                                                  100'000'000, 1'000);
  world_.After(Nanoseconds(static_cast<int64_t>(wait)), Origin(target), [this, target] {
    if (!healed_) Provoke(target);
  });
}

void Nemesis::Provoke(uint64_t target) {
  SimNode& node = *nodes_[target];
  if (!node.running()) return;
  const uint64_t dice = Draw("nemesis.provoked", target, 0, 100);
  if (dice < 50) {
    if (dice < 35) {
      LosePower(node);
    } else {
      node.Kill();
    }
    BootLater(node);
  } else if (dice < 80) {
    Isolate(target);
  } else {
    node.Pause(world_.draws().Exponential("nemesis.provoked_pause", target, Seconds(1)));
  }
}

// While a sync is under way is when a power loss does the most harm.
void Nemesis::OnSync(uint64_t target) {
  const FaultRates& rates = world_.rates();
  if (healed_ ||
      !world_.draws().Chance("nemesis.sync", target, rates.power_loss_in_operation_ppm)) {
    return;
  }
  const uint64_t wait = world_.draws().Range("nemesis.sync_wait", target, 0, 2 * rates.sync_ns, 0);
  world_.After(Nanoseconds(static_cast<int64_t>(wait)), Origin(target), [this, target] {
    SimNode& node = *nodes_[target];
    if (healed_ || !node.running()) return;
    LosePower(node);
    BootLater(node);
  });
}

void Nemesis::StepClock(uint64_t target, uint64_t count) {
  const uint64_t most = world_.rates().clock_step_ns;
  const auto step = static_cast<int64_t>(Draw("nemesis.step", target, count, 2 * most + 1)) -
                    static_cast<int64_t>(most);
  nodes_[target]->clock().StepWall(Nanoseconds(step));
  Plan("nemesis.clock", world_.rates().clock_step_every_ns, &Nemesis::StepClock, target, count + 1);
}

void Nemesis::FreezeClock(uint64_t target, uint64_t count) {
  const uint64_t lasts = world_.draws().LogUniform("nemesis.freeze_lasts", KeyOf(target, count),
                                                   100'000'000, 10'000'000'000, 100'000'000);
  if (Percent("nemesis.freeze_monotonic", target, count, 40)) {
    nodes_[target]->clock().FreezeMonotonic(Nanoseconds(static_cast<int64_t>(lasts / 4)));
  } else {
    nodes_[target]->clock().FreezeWall(Nanoseconds(static_cast<int64_t>(lasts)));
  }
  Plan("nemesis.clock_freeze", world_.rates().clock_freeze_every_ns, &Nemesis::FreezeClock, target,
       count + 1);
}

void Nemesis::Besiege(uint64_t target, uint64_t count) {
  ambush_.Besiege(count);
  Plan("nemesis.siege", world_.rates().siege_every_ns, &Nemesis::Besiege, target, count + 1);
}

// What nobody reads does no harm: mostly the node has to start from what is damaged now. What stays
// is for its scrubber.
void Nemesis::DamageDisk(uint64_t target, uint64_t count) {
  SimNode& node = *nodes_[target];
  // (The budget is about the disk, not about where it is plugged in just now.)
  if (!has_swapped_disk(node.id()) && atlas_.Damage(target, count) && node.running() &&
      Percent("nemesis.damage_kills", target, count, world_.rates().damage_kills_percent)) {
    LosePower(node);
    BootLater(node);
  }
  Plan("nemesis.damage", world_.rates().damage_every_ns, &Nemesis::DamageDisk, target, count + 1);
}

void Nemesis::LoseNode(uint64_t target, uint64_t) {
  atlas_.Lose(target);
  LosePower(*nodes_[target]);
}

namespace {

// Whether every shard's data has its owner's name on the medium.
bool IsClaimed(SimNode& node) {
  for (uint32_t shard = 0; shard < node.shard_count(); ++shard) {
    const std::string identity = replica::ShardPath(ShardId(shard)) + "/IDENTITY";
    if (!node.disk().SyncedImage(identity).has_value()) return false;
  }
  return true;
}

}  // namespace

// Somebody mixed up two machines' disks. Both nodes have to refuse what is not theirs; a moment
// later the mistake is undone.
void Nemesis::SwapDisks(uint64_t target, uint64_t count) {
  const size_t all = nodes_.size();
  const auto first = Draw("nemesis.swap_first", target, count, all);
  const auto second = (first + 1 + Draw("nemesis.swap_second", target, count, all - 1)) % all;
  Plan("nemesis.disk_swap", world_.rates().disk_swap_every_ns, &Nemesis::SwapDisks, target,
       count + 1);
  if (all < 2 || swapped_ || atlas_.Lost(first) || atlas_.Lost(second)) return;
  for (const uint64_t one : {first, second}) {
    if (nodes_[one]->state() == SimNode::State::kUnwinding) return;
    // A blank disk has no name to refuse: that would be a wiped node under its old identity.
    if (!IsClaimed(*nodes_[one])) return;
  }
  SwapNow(first, second);
  world_.CountFault(FaultClass::kDiskSwapped);
  swapped_ = {first, second};
  const Duration lasts =
      world_.draws().Exponential("nemesis.swap_lasts", KeyOf(target, count), Seconds(1));
  world_.After(lasts + Milliseconds(10), Origin(target), [this] { UndoSwap(); });
}

// Both machines are switched off, and on again with the other's disk.
void Nemesis::SwapNow(uint64_t first, uint64_t second) {
  for (const uint64_t one : {first, second}) {
    if (nodes_[one]->state() != SimNode::State::kOff) nodes_[one]->Kill();
  }
  nodes_[first]->disk().SwapContents(nodes_[second]->disk());
  for (const uint64_t one : {first, second}) {
    SimNode* node = nodes_[one];
    world_.After(Milliseconds(1), Origin(one), [this, node] {
      if (node->state() == SimNode::State::kOff) boot_(*node);
    });
  }
}

void Nemesis::UndoSwap() {
  if (!swapped_) return;
  const auto [first, second] = *swapped_;
  swapped_.reset();
  SwapNow(first, second);
}

void Nemesis::Heal() {
  UndoSwap();
  healed_ = true;
  churn_.Stop();
  ambush_.Stop();
  network_.RestoreAll();
  network_.UnclogAll();
  // What fails by chance fails no more, and no device is so slow that short election timeouts
  // could not be met.
  FaultRates& rates = world_.rates();
  rates.link_tail_ppm = rates.offload_tail_ppm = 0;
  rates.link_jitter_ns = std::min<uint64_t>(rates.link_jitter_ns, 2'000'000);
  rates.sync_ns = std::min<uint64_t>(rates.sync_ns, 5'000'000);
  rates.reset_ppm = rates.connect_refused_ppm = rates.connect_black_hole_ppm = 0;
  rates.accept_error_ppm = rates.read_error_ppm = rates.write_error_ppm = 0;
  rates.sync_error_ppm = rates.power_loss_in_operation_ppm = 0;
  rates.fault_point_site_percent = 0;
  rates.misdirected_ppm = 0;
  for (SimNode* node : nodes_) {
    node->disk().set_capacity(uint64_t{1} << 40);
    node->disk().Hang(world_.now());
    node->disk().Slow(1, world_.now());
    if (node->state() == SimNode::State::kPaused) node->Resume();
    if (node->state() == SimNode::State::kOff) boot_(*node);
  }
  core_ = atlas_.Mendable();
  if (core_.empty() || rates.core_only == 0) return;
  // A node that still fetches its state needs somebody who has it: so might not the core alone.
  const std::vector<size_t> reliant = atlas_.SelfReliant();
  if (reliant.empty()) return;
  core_ = rest_.ChooseCore(reliant);
  rest_.Freeze(core_);
}

}  // namespace lockstep::sim
