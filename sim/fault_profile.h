// The fault model: what may go wrong, with what chance a universe has it, and how strongly.
//
// Swarm: each universe draws for each class whether it exists, then its rate, log-uniformly.
// Leaving classes out lets the others reach states that a mix of everything would mask.
#ifndef LOCKSTEP_SIM_FAULT_PROFILE_H_
#define LOCKSTEP_SIM_FAULT_PROFILE_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/fault_class.h"

namespace lockstep::sim {

class Draws;

// One line of the fault model. Benign is what holds where the class does not exist.
struct Knob final {
  uint64_t on_ppm = 0;  // chance that a universe has it at all
  uint64_t low = 0;     // then: drawn log-uniformly from [low, high]
  uint64_t high = 0;
  uint64_t benign = 0;
};

// The same table serves the profile (T = Knob) and what one universe drew from it (T = uint64_t).
// Units: ns, ppm = chances in a million per occasion, percent, or as named. The devices apply the
// first groups by themselves; what is marked (nemesis) is for whoever plans disasters, in
// sim/cluster.
template <typename T>
struct FaultTable final {
  // --- Network: a link is an ordered pair of hosts; a stream never loses bytes in its middle ---
  T link_delay_ns;           // smallest one-way delay; each link draws its own up to twice this
  T link_jitter_ns;          // mean of the exponential jitter on top
  T link_tail_ppm;           // per delivery: 100 times the usual delay
  T partial_write_ppm;       // per write: its bytes arrive in two or more pieces
  T partial_read_ppm;        // per read: fewer bytes are returned than are there
  T reset_ppm;               // per read or write: the connection is reset, data in flight is lost
  T silent_reset_percent;    // of those resets: the other side hears nothing until it sends
  T connect_refused_ppm;     // per connect: refused although somebody listens
  T connect_black_hole_ppm;  // per connect: no answer, ever
  T accept_error_ppm;        // per accept: a transient error
  T window_bytes;            // unread bytes a stream holds before its writer must wait
  T partition_every_ns;      // (nemesis) mean time between cuts; 0: none
  T partition_lasts_ns;      // (nemesis) mean length of a cut
  T partition_one_way_percent;  // (nemesis) of the cuts, one-way ones
  T clog_every_ns;              // (nemesis) mean time between clogs; 0: none
  T clog_lasts_ns;              // (nemesis) mean length of a clog
  // --- Disk, per node ---
  T read_ns;                      // mean latency of a read
  T write_ns;                     // mean latency of a write into the page cache
  T sync_ns;                      // mean latency of a data or directory sync
  T read_error_ppm;               // per read: the medium fails
  T write_error_ppm;              // per write: fails after a prefix of it was applied
  T sync_error_ppm;               // per data sync: fails; some of its pages stay volatile, and:
  T sync_error_mode;              // 1 keep dirty, 2 mark clean, 3 drop page (see SimDiskCore)
  T capacity_bytes;               // size of the disk
  T power_loss_in_operation_ppm;  // per changing file operation of the store, and per sync of any
                                  // file or (nemesis) directory: the power fails in it
  T slow_disk_every_ns;           // (nemesis) mean time between spells of a slow disk; 0: none
  T slow_disk_factor;             // (nemesis) by how much
  T hung_disk_every_ns;           // (nemesis) mean time between hangs of 1 to 60 s; 0: none
  // --- Power loss: what becomes of what was not synced ---
  T unsynced_lost_percent;  // per unsynced page: an older version is what survives
  T torn_percent;           // per page in flight: each of its sectors decides for itself
  T size_lost_percent;      // per file: its unsynced size falls back, whatever its pages do
  T name_lost_percent;      // per unsynced create, rename, remove: undone (a rename as one)
  T torn_beyond_write;      // 1: garbage may hit bytes of a sector that the write left as they
                            // were. 0: powersafe overwrite, as SQLite and most logs assume
  // --- Clocks, per node ---
  T clock_offset_ns;      // wall clock off by up to this, either way
  T clock_drift_ppm;      // both clocks run fast or slow by up to this
  T clock_step_every_ns;  // (nemesis) mean time between steps of the wall clock; 0: none
  T clock_step_ns;        // (nemesis) a step is up to this, either way
  // --- Nodes (nemesis) ---
  T kill_every_ns;                // mean time between process deaths of one node; 0: none
  T power_loss_percent;           // of the deaths, those that take the page cache along
  T cluster_power_loss_every_ns;  // mean time between power losses of all nodes at once; 0: none
  T restart_storm_percent;        // of the deaths, followed by more during recovery
  T down_ns;                      // mean time until restart
  T pause_every_ns;  // mean time between freezes of a process (its clocks go on); 0: none
  T pause_ns;        // mean length of a freeze
  // --- Scheduling ---
  T fiber_shuffle;             // 1: any of the first 8 ready fibers runs next; 0: the first one
  T fiber_delay_ppm;           // per fiber run: up to 1 ms of extra delay
  T offload_ns;                // mean delay of offloaded work
  T offload_tail_ppm;          // per offload: 100 times that
  T tie_shuffle;               // non-zero: events of one instant run in keyed, not in causal order
  T fault_point_site_percent;  // share of product fault points that are active in this universe
  T fault_point_fire_percent;  // how often an active one fires
  // --- More disasters (nemesis) ---
  T disk_full_every_ns;    // mean time between spells in which a node's disk has no room; 0: none
  T disk_full_lasts_ns;    // mean length of such a spell
  T trigger_name_percent;  // share of the names of trace events that provoke disasters here
  T trigger_fire_ppm;      // per such event: its node dies, freezes or is cut off a moment later
  T trigger_spacing_ns;    // shortest time between two such disasters
  T churn_percent;  // share of the new leaders that are struck soon after their election, in the
                    // middle of what new leaders do
  // --- Damage (nemesis): of nodes within the fault budget, see sim/cluster/atlas.h ---
  T damage_every_ns;         // mean time between damages of a synced sector: bit flips, unreadable
  T misdirected_ppm;         // per read and write: concerns another sector, too
  T lost_node_every_ns;      // mean time until a node is gone for good
  T beyond_budget;           // 1: any node may be damaged; the service may stop, and must not lie
  T disk_swap_every_ns;      // mean time between boots of two nodes with each other's disks
  T clock_freeze_every_ns;   // mean time between freezes of a clock: wall, to 10 s; monotonic
  T member_change_every_ns;  // mean time between changes of members, and wiped disks; 0: none
  T core_only;               // 1: in the end only a quorum is healed, the others stay broken
  // --- Extreme settings of the product (sim/cluster): small limits bring rare code within reach
  // ---
  T tick_ns;                // length of Raft's tick
  T election_ticks;         // shortest election timeout
  T uneven_timers;          // 1: each node draws its own election timeout, down to a quarter
  T append_bytes_max;       // of one append message; 1: one entry each
  T inflight_messages_max;  // appends that a follower has not answered
  T committed_bytes_max;    // entries handed over to be applied at once
  T compaction_ns;          // how often the log is compacted
  // --- What the product may be asked to do (sim/cluster) ---
  T priorities;   // 1: nodes differ in how much they are wanted as leaders
  T read_lease;   // 1: leaders read by lease; clocks drift, within what is declared or not
  T quiesce;      // 1: idle groups fall silent
  T more_groups;  // so many groups besides the one that has clients
  // --- More of damage (nemesis) ---
  T damage_kills_percent;  // of the damages, those after which the node has to start from them
  // --- More settings (sim/cluster) ---
  T overload;  // 1: more clients than the nodes' limits admit

  // --- What operators do (sim/cluster) ---
  T upgrades;  // 1: nodes are replaced by another version and back, one by one, and no request may
               // fail: for universes where nothing else is broken

  // --- Ambushes (nemesis), see sim/cluster/ambush.h ---
  T transfer_cut_percent;    // of the leaders that hand over: nothing reaches them any more
  T siege_every_ns;          // mean time between sieges of a leader; 0: none
  T snapshot_break_percent;  // of the snapshots: interrupted again and again, answered in vain
  // --- More of clocks ---
  T clock_extremes;  // 1: each is as fast or as slow as any may be
  // --- More ambushes ---
  T joint_split_percent;  // of the joint configurations: whom they join is cut apart
};

using FaultProfile = FaultTable<Knob>;
using FaultRates = FaultTable<uint64_t>;

// Everything that this page describes, each class in a share of the universes.
FaultProfile DefaultProfile();
// No faults: short constant delays, first come first served. What a benign replay runs under.
FaultProfile CalmProfile();

// The line of that name ("reset_ppm"); null if there is none.
Knob* KnobNamed(FaultProfile& profile, std::string_view name);
std::vector<std::string_view> KnobNames();

// Whether universes of that profile can have faults of the class: none of the lines that it needs
// is off. A class that can, and never does, means that the simulator has gone blind.
bool MayTakeEffect(const FaultProfile& profile, FaultClass fault);

// What one universe gets.
FaultRates DrawRates(const FaultProfile& profile, Draws& draws);

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_FAULT_PROFILE_H_
