#include "sim/fault_profile.h"

#include <algorithm>
#include <string_view>

#include "framework/base/check.h"
#include "sim/draws.h"

namespace lockstep::sim {
namespace {

constexpr uint64_t kUs = 1'000;
constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kS = 1'000'000'000;
constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * 1024;
constexpr uint64_t kPercent = kMillion / 100;

// One line of the table: where it lives in either form, and its default. The position is the key of
// its draw, so lines are appended, not inserted, once tapes are kept.
struct Line final {
  std::string_view name;
  Knob FaultProfile::*knob;
  uint64_t FaultRates::*rate;
  Knob by_default;
};

#define LOCKSTEP_LINE(field, percent, low, high, benign)     \
  Line {                                                     \
#field, &FaultProfile::field, &FaultRates::field, Knob { \
      percent *kPercent, low, high, benign                   \
    }                                                        \
  }

// clang-format off
constexpr Line kLines[] = {
    LOCKSTEP_LINE(link_delay_ns, 100, 20 * kUs, 5 * kMs, 50 * kUs),
    LOCKSTEP_LINE(link_jitter_ns, 100, 20 * kUs, 10 * kMs, 0),
    LOCKSTEP_LINE(link_tail_ppm, 50, 100, 5'000, 0),
    LOCKSTEP_LINE(partial_write_ppm, 70, 10'000, 500'000, 0),
    LOCKSTEP_LINE(partial_read_ppm, 70, 10'000, 500'000, 0),
    LOCKSTEP_LINE(reset_ppm, 50, 1, 1'000, 0),
    LOCKSTEP_LINE(silent_reset_percent, 50, 10, 50, 0),
    LOCKSTEP_LINE(connect_refused_ppm, 40, 1'000, 200'000, 0),
    LOCKSTEP_LINE(connect_black_hole_ppm, 30, 1'000, 100'000, 0),
    LOCKSTEP_LINE(accept_error_ppm, 30, 1'000, 100'000, 0),
    LOCKSTEP_LINE(window_bytes, 50, 4 * kKiB, 1024 * kKiB, 256 * kKiB),
    LOCKSTEP_LINE(partition_every_ns, 60, 2 * kS, 30 * kS, 0),
    LOCKSTEP_LINE(partition_lasts_ns, 100, 50 * kMs, 10 * kS, 1 * kS),
    LOCKSTEP_LINE(partition_one_way_percent, 60, 20, 60, 0),
    LOCKSTEP_LINE(clog_every_ns, 50, 1 * kS, 20 * kS, 0),
    LOCKSTEP_LINE(clog_lasts_ns, 100, 50 * kMs, 3 * kS, 200 * kMs),
    LOCKSTEP_LINE(read_ns, 80, 50 * kUs, 5 * kMs, 50 * kUs),
    LOCKSTEP_LINE(write_ns, 80, 1 * kUs, 1 * kMs, 2 * kUs),
    LOCKSTEP_LINE(sync_ns, 80, 100 * kUs, 50 * kMs, 150 * kUs),
    LOCKSTEP_LINE(read_error_ppm, 10, 100, 20'000, 0),
    LOCKSTEP_LINE(write_error_ppm, 15, 100, 5'000, 0),
    LOCKSTEP_LINE(sync_error_ppm, 20, 100, 5'000, 0),
    LOCKSTEP_LINE(sync_error_mode, 100, 1, 5, 1),
    LOCKSTEP_LINE(capacity_bytes, 15, 64 * kMiB, 512 * kMiB, 4096 * kMiB),
    LOCKSTEP_LINE(power_loss_in_operation_ppm, 40, 100, 20'000, 0),
    LOCKSTEP_LINE(slow_disk_every_ns, 30, 5 * kS, 60 * kS, 0),
    LOCKSTEP_LINE(slow_disk_factor, 100, 5, 200, 5),
    LOCKSTEP_LINE(hung_disk_every_ns, 10, 20 * kS, 120 * kS, 0),
    LOCKSTEP_LINE(unsynced_lost_percent, 100, 20, 100, 0),
    LOCKSTEP_LINE(torn_percent, 70, 20, 100, 0),
    LOCKSTEP_LINE(size_lost_percent, 90, 20, 70, 0),
    LOCKSTEP_LINE(name_lost_percent, 90, 20, 70, 0),
    LOCKSTEP_LINE(torn_beyond_write, 0, 1, 1, 0),
    LOCKSTEP_LINE(clock_offset_ns, 60, 1 * kMs, 5 * kS, 0),
    LOCKSTEP_LINE(clock_drift_ppm, 50, 1, 200, 0),
    LOCKSTEP_LINE(clock_step_every_ns, 30, 5 * kS, 60 * kS, 0),
    LOCKSTEP_LINE(clock_step_ns, 100, 10 * kMs, 600 * kS, 1 * kS),
    LOCKSTEP_LINE(kill_every_ns, 70, 5 * kS, 120 * kS, 0),
    LOCKSTEP_LINE(power_loss_percent, 60, 50, 95, 0),
    LOCKSTEP_LINE(cluster_power_loss_every_ns, 10, 20 * kS, 60 * kS, 0),
    LOCKSTEP_LINE(restart_storm_percent, 20, 20, 50, 0),
    LOCKSTEP_LINE(down_ns, 100, 10 * kMs, 10 * kS, 500 * kMs),
    LOCKSTEP_LINE(pause_every_ns, 40, 5 * kS, 60 * kS, 0),
    LOCKSTEP_LINE(pause_ns, 100, 10 * kMs, 4 * kS, 100 * kMs),
    LOCKSTEP_LINE(fiber_shuffle, 80, 1, 1, 0),
    LOCKSTEP_LINE(fiber_delay_ppm, 50, 1'000, 20'000, 0),
    LOCKSTEP_LINE(offload_ns, 80, 5 * kUs, 2 * kMs, 10 * kUs),
    LOCKSTEP_LINE(offload_tail_ppm, 40, 100, 10'000, 0),
    LOCKSTEP_LINE(tie_shuffle, 80, 1, 1'000'000, 0),
    LOCKSTEP_LINE(fault_point_site_percent, 80, 25, 25, 0),
    LOCKSTEP_LINE(fault_point_fire_percent, 100, 1, 25, 0),
    LOCKSTEP_LINE(disk_full_every_ns, 15, 10 * kS, 60 * kS, 0),
    LOCKSTEP_LINE(disk_full_lasts_ns, 100, 100 * kMs, 5 * kS, 1 * kS),
    LOCKSTEP_LINE(trigger_name_percent, 60, 10, 50, 0),
    LOCKSTEP_LINE(trigger_fire_ppm, 100, 2'000, 300'000, 0),
    LOCKSTEP_LINE(trigger_spacing_ns, 100, 200 * kMs, 5 * kS, 1 * kS),
    LOCKSTEP_LINE(churn_percent, 40, 50, 100, 0),
    LOCKSTEP_LINE(damage_every_ns, 15, 1 * kS, 20 * kS, 0),
    LOCKSTEP_LINE(misdirected_ppm, 12, 10'000, 500'000, 0),
    LOCKSTEP_LINE(lost_node_every_ns, 6, 10 * kS, 60 * kS, 0),
    LOCKSTEP_LINE(beyond_budget, 0, 1, 1, 0),
    LOCKSTEP_LINE(disk_swap_every_ns, 6, 10 * kS, 60 * kS, 0),
    LOCKSTEP_LINE(clock_freeze_every_ns, 15, 5 * kS, 60 * kS, 0),
    LOCKSTEP_LINE(member_change_every_ns, 0, 1 * kS, 10 * kS, 0),
    LOCKSTEP_LINE(core_only, 35, 1, 1, 0),
    LOCKSTEP_LINE(tick_ns, 20, 5 * kMs, 20 * kMs, 20 * kMs),
    LOCKSTEP_LINE(election_ticks, 60, 5, 50, 50),
    LOCKSTEP_LINE(uneven_timers, 30, 1, 1, 0),
    LOCKSTEP_LINE(append_bytes_max, 30, 1, 1'000, 1 * kMiB),
    LOCKSTEP_LINE(inflight_messages_max, 15, 1, 4, 256),
    LOCKSTEP_LINE(committed_bytes_max, 15, 1, 1'000, 4 * kMiB),
    LOCKSTEP_LINE(compaction_ns, 20, 20 * kMs, 500 * kMs, 500 * kMs),
    LOCKSTEP_LINE(priorities, 20, 1, 1, 0),
    LOCKSTEP_LINE(read_lease, 25, 1, 1, 0),
    LOCKSTEP_LINE(quiesce, 30, 1, 1, 0),
    LOCKSTEP_LINE(more_groups, 12, 1, 12, 0),
    LOCKSTEP_LINE(damage_kills_percent, 50, 5, 30, 60),
    LOCKSTEP_LINE(overload, 8, 1, 1, 0),
    LOCKSTEP_LINE(upgrades, 0, 1, 1, 0),
    LOCKSTEP_LINE(transfer_cut_percent, 0, 50, 100, 0),
    LOCKSTEP_LINE(siege_every_ns, 0, 2 * kS, 20 * kS, 0),
    LOCKSTEP_LINE(snapshot_break_percent, 0, 20, 100, 0),
    LOCKSTEP_LINE(clock_extremes, 0, 1, 1, 0),
    LOCKSTEP_LINE(joint_split_percent, 0, 50, 100, 0),
};
// clang-format on
#undef LOCKSTEP_LINE

// A field that is not listed would silently stay zero.
static_assert(sizeof(kLines) / sizeof(kLines[0]) * sizeof(uint64_t) == sizeof(FaultRates));

}  // namespace

FaultProfile DefaultProfile() {
  FaultProfile profile{};
  for (const Line& line : kLines) profile.*line.knob = line.by_default;
  return profile;
}

FaultProfile CalmProfile() {
  FaultProfile profile = DefaultProfile();
  for (const Line& line : kLines) (profile.*line.knob).on_ppm = 0;
  return profile;
}

Knob* KnobNamed(FaultProfile& profile, std::string_view name) {
  for (const Line& line : kLines) {
    if (line.name == name) return &(profile.*line.knob);
  }
  return nullptr;
}

std::vector<std::string_view> KnobNames() {
  std::vector<std::string_view> names;
  for (const Line& line : kLines) names.push_back(line.name);
  return names;
}

bool MayTakeEffect(const FaultProfile& profile, FaultClass fault) {
  const auto on = [](const Knob& knob) {
    return knob.benign > 0 || (knob.on_ppm > 0 && knob.high > 0);
  };
  const bool fails_syncs = on(profile.sync_error_ppm) && on(profile.sync_error_mode);
  const bool kills = on(profile.kill_every_ns);
  const bool cuts_power = on(profile.cluster_power_loss_every_ns) ||
                          on(profile.power_loss_in_operation_ppm) ||
                          (kills && on(profile.power_loss_percent));
  const bool freezes = on(profile.clock_freeze_every_ns);
  const bool changes_members = on(profile.member_change_every_ns);
  switch (fault) {
    case FaultClass::kLatencyTail:
      return on(profile.link_tail_ppm);
    case FaultClass::kPartialWrite:
      return on(profile.partial_write_ppm);
    case FaultClass::kPartialRead:
      return on(profile.partial_read_ppm);
    case FaultClass::kReset:
      return on(profile.reset_ppm);
    case FaultClass::kSilentReset:
      return on(profile.reset_ppm) && on(profile.silent_reset_percent);
    case FaultClass::kPartition:
      return on(profile.partition_every_ns);
    case FaultClass::kClog:
      return on(profile.clog_every_ns);
    case FaultClass::kConnectRefused:
      return on(profile.connect_refused_ppm);
    case FaultClass::kConnectBlackHole:
      return on(profile.connect_black_hole_ppm);
    case FaultClass::kAcceptError:
      return on(profile.accept_error_ppm);
    case FaultClass::kReadError:
      return on(profile.read_error_ppm);
    case FaultClass::kWriteError:
      return on(profile.write_error_ppm);
    case FaultClass::kSyncErrorKeepDirty:
    case FaultClass::kSyncErrorMarkClean:
    case FaultClass::kSyncErrorDropPage:
      return fails_syncs;
    case FaultClass::kNoSpace:
      return on(profile.disk_full_every_ns);
    case FaultClass::kSlowDisk:
      return on(profile.slow_disk_every_ns);
    case FaultClass::kHungDisk:
      return on(profile.hung_disk_every_ns);
    case FaultClass::kUnsyncedLost:
      return cuts_power && on(profile.unsynced_lost_percent);
    case FaultClass::kTornPage:
      return cuts_power && on(profile.torn_percent);
    case FaultClass::kSizeReverted:
      return cuts_power && on(profile.size_lost_percent);
    case FaultClass::kNameReverted:
      return cuts_power && on(profile.name_lost_percent);
    case FaultClass::kPowerLossInOperation:
      return on(profile.power_loss_in_operation_ppm);
    case FaultClass::kBitRot:
    case FaultClass::kLatentSector:
      return on(profile.damage_every_ns);
    case FaultClass::kMisdirectedWrite:
    case FaultClass::kMisdirectedRead:
      return on(profile.misdirected_ppm);
    case FaultClass::kClockOffset:
      return on(profile.clock_offset_ns);
    case FaultClass::kClockDrift:
      return on(profile.clock_drift_ppm);
    case FaultClass::kClockStep:
      return on(profile.clock_step_every_ns) && on(profile.clock_step_ns);
    case FaultClass::kClockFreeze:
    case FaultClass::kMonotonicFreeze:
      return freezes;
    case FaultClass::kKill:
      return kills;
    case FaultClass::kPowerLoss:
      return cuts_power;
    case FaultClass::kPause:
      return on(profile.pause_every_ns);
    case FaultClass::kDiskSwapped:
      return on(profile.disk_swap_every_ns);
    case FaultClass::kNodeLost:
      return on(profile.lost_node_every_ns);
    case FaultClass::kCoreHealed:
      return on(profile.core_only);
    case FaultClass::kMemberAdded:
    case FaultClass::kMemberRemoved:
    case FaultClass::kMemberPromoted:
    case FaultClass::kMemberDemoted:
    case FaultClass::kMemberReplaced:
    case FaultClass::kDiskWiped:
      return changes_members;
    case FaultClass::kUpgrade:
      return on(profile.upgrades);
    case FaultClass::kLeaderStruck:
      return on(profile.churn_percent);
    case FaultClass::kTransferCut:
      return on(profile.transfer_cut_percent) && (on(profile.priorities) || changes_members);
    case FaultClass::kLeaderBesieged:
    case FaultClass::kAnswersHeld:
    case FaultClass::kVoterRestarted:
    case FaultClass::kPromiseRaced:
      return on(profile.siege_every_ns);
    case FaultClass::kSnapshotBroken:
    case FaultClass::kSnapshotAnswerLost:
      return on(profile.snapshot_break_percent);
    case FaultClass::kJointSplit:
      return on(profile.joint_split_percent) && changes_members;
    case FaultClass::kFiberOrder:
      return on(profile.fiber_shuffle);
    case FaultClass::kFiberDelay:
      return on(profile.fiber_delay_ppm);
    case FaultClass::kSlowOffload:
      return on(profile.offload_tail_ppm);
    case FaultClass::kFaultPoint:
      return on(profile.fault_point_site_percent) && on(profile.fault_point_fire_percent);
    case FaultClass::kCount:
      break;
  }
  CHECK(false) << "no such fault class";
  return false;
}

FaultRates DrawRates(const FaultProfile& profile, Draws& draws) {
  FaultRates rates{};
  uint64_t key = 0;
  for (const Line& line : kLines) {
    const Knob& knob = profile.*line.knob;
    uint64_t& rate = rates.*line.rate;
    rate = knob.benign;
    const bool exists = draws.Chance("profile.on", key, knob.on_ppm);
    if (exists) rate = draws.LogUniform("profile.rate", key, knob.low, knob.high, knob.benign);
    ++key;
  }
  // (Three modes with a fair share each.)
  rates.sync_error_mode = std::min<uint64_t>(rates.sync_error_mode, 3);
  CHECK_GT(rates.window_bytes, 0u);
  return rates;
}

}  // namespace lockstep::sim
