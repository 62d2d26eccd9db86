// The profiles that have a name. What they do not mention is as in the default profile.
#include "sim/profile_text.h"

namespace lockstep::sim {
namespace {

constexpr std::string_view kStorm = R"(
base default
kill_every_ns 100% 2s 20s 0
power_loss_percent 90% 50 95 0
cluster_power_loss_every_ns 40% 10s 40s 0
restart_storm_percent 80% 30 80 0
down_ns 100% 5ms 2s
partition_every_ns 90% 1s 10s 0
partition_lasts_ns 100% 50ms 5s
clog_every_ns 80% 1s 10s 0
reset_ppm 90% 10 5000 0
pause_every_ns 70% 2s 20s 0
churn_percent 70% 50 100 0
election_ticks 90% 5 30 50
)";

constexpr std::string_view kDisk = R"(
base default
partition_every_ns 20% 10s 30s 0
clog_every_ns off
churn_percent off
kill_every_ns 90% 3s 30s 0
power_loss_percent 90% 50 95 0
power_loss_in_operation_ppm 80% 1000 20000 0
read_ns 90% 50us 20ms
write_ns 90% 1us 5ms
sync_ns 90% 100us 100ms
read_error_ppm 50% 1000 50000 0
write_error_ppm 50% 1000 10000 0
sync_error_ppm 60% 1000 20000 0
slow_disk_every_ns 70% 3s 20s 0
hung_disk_every_ns 40% 10s 60s 0
disk_full_every_ns 60% 5s 30s 0
capacity_bytes 30% 64MiB 512MiB
damage_every_ns 60% 500ms 10s 0
misdirected_ppm 50% 10000 500000 0
lost_node_every_ns 15% 10s 60s 0
disk_swap_every_ns 25% 5s 30s 0
)";

constexpr std::string_view kBeyond = R"(
base default
beyond_budget 100% 1 1 0
damage_every_ns 90% 500ms 10s 0
misdirected_ppm 60% 10000 500000 0
lost_node_every_ns 30% 10s 60s 0
kill_every_ns 90% 3s 30s 0
power_loss_percent 90% 50 95 0
)";

// Damage that nodes have to mend, as often as they can: logs are short, and every start reads them.
constexpr std::string_view kRot = R"(
base default
damage_every_ns 100% 300ms 2s 0
misdirected_ppm off
lost_node_every_ns off
disk_swap_every_ns off
kill_every_ns 100% 1s 6s 0
power_loss_percent 90% 50 95 0
down_ns 100% 10ms 1s 500ms
compaction_ns 100% 20ms 200ms 100ms
core_only off
snapshot_break_percent 50% 30 100 0
fault_point_site_percent 100% 50 100 0
fault_point_fire_percent 100% 10 40 0
partition_every_ns off
)";

// Damage that nobody notices by starting: nodes live long enough to look for it.
constexpr std::string_view kDecay = R"(
base rot
damage_every_ns 100% 1s 8s 0
damage_kills_percent 100% 1 10 60
kill_every_ns 30% 5s 60s 0
trigger_name_percent off
churn_percent off
disk_full_every_ns off
)";

constexpr std::string_view kClock = R"(
base default
clock_offset_ns 100% 1s 60s 0
clock_drift_ppm 100% 1000 50000 0
clock_step_every_ns 90% 1s 10s 0
clock_step_ns 100% 10ms 600s
clock_freeze_every_ns 80% 3s 20s 0
pause_every_ns 80% 2s 20s 0
uneven_timers 50% 1 1 0
)";

// Leaders that read by lease lose their place all the time, to the network, to priorities, to a
// death.
constexpr std::string_view kLease = R"(
base default
read_lease 100% 1 1 0
priorities 70% 1 1 0
churn_percent 50% 50 100 0
partition_every_ns 60% 2s 20s 0
partition_lasts_ns 100% 50ms 2s
clog_every_ns 60% 1s 10s 0
kill_every_ns 60% 2s 20s 0
down_ns 100% 2ms 500ms
election_ticks 80% 10 40 50
transfer_cut_percent 80% 50 100 0
siege_every_ns 90% 500ms 4s 0
clock_extremes 50% 1 1 0
)";

constexpr std::string_view kGroups = R"(
base default
quiesce 100% 1 1 0
more_groups 100% 5 40 0
kill_every_ns 80% 3s 30s 0
core_only 60% 1 1 0
)";

// Limits that are reached all the time, by more clients than they admit, while disks are slow.
constexpr std::string_view kOverload = R"(
base default
overload 100% 1 1 0
fault_point_site_percent 100% 25 60 0
fault_point_fire_percent 100% 2 25 0
slow_disk_every_ns 60% 3s 20s 0
beyond_budget off
)";

constexpr std::string_view kMembership = R"(
base default
member_change_every_ns 100% 500ms 8s 0
damage_every_ns off
misdirected_ppm off
lost_node_every_ns off
disk_swap_every_ns off
core_only off
churn_percent 40% 50 100 0
kill_every_ns 70% 4s 30s 0
partition_every_ns 60% 4s 20s 0
snapshot_break_percent 50% 30 100 0
joint_split_percent 60% 50 100 0
)";

// Nothing is broken: what takes its time or comes in pieces has to be borne without a failure.
constexpr std::string_view kUpgrade = R"(
base calm
upgrades 100% 1 1 0
down_ns 100% 5ms 1s 100ms
link_delay_ns 50% 20us 2ms
link_jitter_ns 50% 1us 1ms
partial_write_ppm 50% 1000 300000 0
partial_read_ppm 50% 1000 300000 0
fiber_shuffle 50% 1 1 0
fiber_delay_ppm 30% 100 10000 0
offload_ns 50% 1us 1ms
tie_shuffle 80% 1 1000000 0
sync_ns 50% 100us 5ms
append_bytes_max 30% 1 1000
inflight_messages_max 15% 1 4
compaction_ns 20% 20ms 500ms
priorities 20% 1 1 0
quiesce 30% 1 1 0
read_lease 25% 1 1 0
more_groups 20% 1 12 0
)";

}  // namespace

const std::vector<NamedProfile>& NamedProfiles() {
  static const std::vector<NamedProfile> all = {
      {"calm", "no faults at all", "base calm"},
      {"default", "everything in moderation, each class in a share of the universes", ""},
      {"storm", "crashes, restarts and cuts, faster than the cluster recovers", kStorm},
      {"disk", "slow, full, failing and rotting disks, power losses", kDisk},
      {"rot", "a minority of disks rots all the time, and mends itself", kRot},
      {"decay", "a minority of disks rots under nodes that go on, and look for it", kDecay},
      {"beyond", "any disk rots, nodes go for good: it may stop, and must not lie", kBeyond},
      {"membership", "members are added, removed, promoted, demoted, replaced and wiped",
       kMembership},
      {"lease",
       "reads by lease, clocks within the declared drift or not, leaders that lose their place",
       kLease},
      {"upgrade", "nodes are upgraded and taken back one by one, and no request may fail",
       kUpgrade},
      {"groups", "many idle groups that fall silent", kGroups},
      {"overload", "more clients than the nodes' limits admit", kOverload},
      {"clock", "clocks that are off, drift and jump; uneven timers; pauses", kClock},
  };
  return all;
}

}  // namespace lockstep::sim
