// Raft: the consensus core of one replica of one group.
//
// A pure object: no I/O, no clock, no log lines, no entropy of its own. Each call returns the
// Effects that its driver must carry out; between calls nothing happens. Nothing here suspends.
//
// Sources: "In Search of an Understandable Consensus Algorithm" (Raft), Ongaro's thesis (thesis).
#ifndef LOCKSTEP_FRAMEWORK_RAFT_RAFT_H_
#define LOCKSTEP_FRAMEWORK_RAFT_RAFT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "framework/raft/effects.h"
#include "framework/raft/entry.h"
#include "framework/raft/message.h"
#include "framework/raft/types.h"

namespace lockstep::raft {

struct Options final {
  NodeId self;
  Ticks heartbeat_ticks = 10;
  Ticks election_ticks = 100;  // timeouts are drawn from [election_ticks, 2 * election_ticks)
  // The first timeout of a fresh core, which knows no leader, is drawn from [n, 2n) instead, so
  // that a starting cluster need not sit out an election timeout. 0: as all others.
  Ticks first_election_ticks = 0;
  // After the connection to the leader closed: pre-vote within so many ticks, one voter after the
  // other. Their order depends on `precedence_seed`, the same on all members of a group.
  Ticks lost_leader_ticks = 10;
  uint64_t precedence_seed = 0;
  uint64_t random_seed = 0;  // election jitter
  size_t append_bytes_max = 1024 * 1024;
  size_t inflight_messages_max = 256;
  size_t inflight_bytes_max = 16 * 1024 * 1024;
  size_t uncommitted_bytes_max = 64 * 1024 * 1024;
  // Committed entries handed over per call, by bytes; the rest follows with Applied.
  size_t committed_bytes_max = 4 * 1024 * 1024;
  // Whether a write also takes along a new commit index, so that a restart knows more at once. Only
  // a hint: without it the next leader tells.
  bool saves_commit = true;
  // A leader hands over to a voter that has kept up for a while and has a higher priority.
  uint32_t priority = 0;
  // Reads by lease: for so long this node lets nobody else be elected after each heartbeat, and a
  // leader answers reads at once while a quorum's promises last. 0: no leases. The promise is lost
  // with the process, so a new one keeps it from its start.
  int64_t lease_ns = 0;
  // By so much at most the clocks of two nodes differ in speed.
  uint32_t lease_drift_ppm = 1000;
  // Without anything to do for so many ticks, a group falls silent. 0: never.
  Ticks quiesce_ticks = 0;
};

// What the driver recovered. `applied` is what the state machine has durably applied, at most the
// last index. Less than snapshot.index: the state is lost, and the core asks a leader for another;
// until then it keeps its log and votes, but hands nothing over and does not campaign.
struct InitialState final {
  HardState hard_state;
  SnapshotMeta snapshot;       // index 0: none; its configuration is the bootstrap configuration
  std::vector<Entry> entries;  // contiguous from snapshot.index + 1
  Index applied;
  // The configuration in force at `applied`. (Entries behind it change it as they are applied.)
  Configuration configuration;
  int64_t now_ns = 0;  // see Raft::SetTime
};

struct Proposal final {
  Payload payload;
  int64_t timestamp_ns = 0;
};

// One peer, as the leader sees it. For status pages and oracles.
struct PeerStatus final {
  NodeId id;
  Index match;
  Index next;
  bool is_learner = false;
  bool recently_active = false;
  Index snapshot;  // that is on its way to it; 0: none
};

class Raft final {
 public:
  Raft(const Options& options, InitialState initial);
  Raft(const Raft&) = delete;
  Raft& operator=(const Raft&) = delete;
  ~Raft();

  // A message arrived from a peer. Stale, misdirected or unexpected ones have no effect.
  [[nodiscard]] Effects Step(Message message);
  // One tick of time passed. Groups that are told the same number of the tick (not 0) send their
  // heartbeats at the same ticks, so that these can travel together.
  [[nodiscard]] Effects Tick(uint64_t number = 0);
  // For leases: this node's monotonic clock, read now. Before each other call, if there are leases.
  void SetTime(int64_t now_ns);
  // For as long as this process lives: see Options.
  void SetPriority(uint32_t priority);
  // Appends commands, all or none; Effects::proposed tells.
  [[nodiscard]] Effects Propose(std::vector<Proposal> proposals);
  // Starts a change to `target` (voters and learners; outgoing is ignored). Simple when one voter
  // differs, joint otherwise; the joint form is left by itself. Effects::proposed tells.
  [[nodiscard]] Effects ProposeConfiguration(const Configuration& target, int64_t timestamp_ns);
  // Asks for a linearizable read [thesis 6.4], through the leader if this is none. Ends up in
  // Effects::reads or reads_failed of some call. `id` is new.
  [[nodiscard]] Effects Read(ReadId id);
  // Everything up to write `id` is durable. Ids that do not rise are ignored.
  [[nodiscard]] Effects Persisted(WriteId id);
  // The state machine has applied up to `index` (in memory). More committed entries may follow.
  [[nodiscard]] Effects Applied(Index index);
  // The snapshot stream to a follower ended; `meta_index` is what it held.
  [[nodiscard]] Effects SnapshotSent(NodeId to, Index meta_index, bool ok);
  // A peer's connection broke: stop pipelining to it until it answers.
  [[nodiscard]] Effects Unreachable(NodeId peer);
  // The connection from the leader closed (its process died, say): pre-vote after a short jitter
  // instead of a whole election timeout; also grants pre-votes of peers that lost it too.
  [[nodiscard]] Effects LostLeader(NodeId leader);
  // Nothing at all was heard from the peer's node for an election timeout. Only groups that are
  // quiesced, and hear nothing themselves, want to know.
  [[nodiscard]] Effects PeerSilent(NodeId peer);
  // The group is about to have something to do.
  [[nodiscard]] Effects Wake();
  // Campaign now (with pre-vote). For the bootstrap of a one-voter group and for operators.
  [[nodiscard]] Effects Campaign();
  // Leader: hand over to `target` once it has caught up [thesis 3.10]; gives up after an election
  // timeout. Proposals are refused meanwhile.
  [[nodiscard]] Effects TransferLeadership(NodeId target);
  // Drops log entries up to `snapshot.index` from memory; the state machine's durable state covers
  // them. REQUIRES: snapshot.index <= applied.
  void Compact(const SnapshotMeta& snapshot);

  // --- const views, for the driver, status pages and oracles
  // --------------------------------------
  Role role() const;
  Term term() const;
  NodeId leader() const;  // 0: unknown
  NodeId vote() const;
  Index commit() const;
  Index applied() const;
  Index first_index() const;  // the first entry that is still in memory
  Index last_index() const;
  // REQUIRES: the index is snapshot().index or in [first_index(), last_index()].
  Term TermAt(Index index) const;
  const Entry& EntryAt(Index index) const;
  const SnapshotMeta& snapshot() const;
  const Configuration& configuration() const;  // in force (applied)
  // Of that one and of those in the log that are not in force yet.
  std::set<NodeId> AllMembers() const;
  std::vector<PeerStatus> Peers() const;       // empty unless leader
  size_t log_bytes() const;                    // of the entries in memory
  size_t log_bytes_behind(Index index) const;  // of those of them that follow the index
  HardState hard_state() const;
  // The state machine's state is lost and no snapshot has come yet.
  bool state_lost() const;
  // Idle by agreement: ticks change nothing.
  bool quiesced() const;
  // Whether a read would be answered at once, by lease, at the time that was set last.
  bool has_lease() const;

  // Aborts if a local invariant is broken. Called after every step in simulations.
  void CheckInvariants() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace lockstep::raft

#endif  // LOCKSTEP_FRAMEWORK_RAFT_RAFT_H_
