// A cluster in memory for tests of the core: each node with a disk, a state machine and a driver
// that carries out effects; one network between them. Time passes and things happen only when told.
#ifndef LOCKSTEP_TESTS_FRAMEWORK_RAFT_SUPPORT_H_
#define LOCKSTEP_TESTS_FRAMEWORK_RAFT_SUPPORT_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "framework/raft/raft.h"

namespace lockstep::raft::testing {

inline NodeId N(uint64_t id) { return NodeId(id); }
std::vector<NodeId> Nodes(const std::vector<uint64_t>& ids);
Configuration Voters(const std::vector<uint64_t>& ids);
Entry MakeEntry(uint64_t term, uint64_t index, const std::string& payload = "x");
Proposal MakeProposal(const std::string& payload, int64_t timestamp_ns = 0);
// Entries 1, 2, ... with the given terms.
std::vector<Entry> LogOfTerms(const std::vector<uint64_t>& terms);
std::vector<uint64_t> TermsOf(const Raft& raft);
Message MakeMessage(uint64_t from, uint64_t to, uint64_t term, MessageBody body);

// What is durable.
struct Disk final {
  HardState hard_state;
  SnapshotMeta snapshot;
  std::vector<Entry> entries;

  void Write(const Persist& persist);
};

// A state machine that remembers what it applied.
struct Machine final {
  struct Item final {
    Index index;
    Term term;
    std::string payload;
    bool operator==(const Item&) const = default;
  };
  std::vector<Item> items;
  Index applied;
  Term applied_term;
  int64_t timestamp_ns = 0;
  Configuration configuration;

  void Apply(const Entry& entry);
  SnapshotMeta Describe() const;
};

struct Node final {
  Options options;
  std::unique_ptr<Raft> raft;  // null while down
  Disk disk;
  std::deque<Persist> writes;        // under way
  std::deque<MessageAfter> waiting;  // for a write
  WriteId persisted;
  std::deque<Entry> to_apply;
  std::map<WriteId, Machine> to_install;  // by the write that must be durable first
  Machine machine;
  Machine flushed;  // what a crash leaves of it
  std::vector<ReadReady> reads;
  std::vector<ReadId> reads_failed;
  std::vector<NodeId> send_snapshot_to;
  std::vector<Event> events;
  ProposeOutcome proposed;
};

class Cluster final {
 public:
  // Voters 1..voters, all with the same bootstrap configuration. `adjust` may change options.
  explicit Cluster(uint64_t voters, uint64_t seed = 1,
                   const std::function<void(Options&)>& adjust = {});

  // Adds a node outside the configuration (or a joining one).
  void AddNode(uint64_t id);
  // A node with a given past, instead of the fresh one.
  void Recreate(uint64_t id, HardState hard_state, std::vector<Entry> entries, Index applied = {});

  Node& node(uint64_t id) { return nodes_.at(N(id)); }
  Raft& raft(uint64_t id) { return *node(id).raft; }
  bool is_up(uint64_t id) { return node(id).raft != nullptr; }
  std::vector<uint64_t> ids() const;

  // Carries out what can be done at once; the rest waits for the calls below.
  void Handle(uint64_t id, Effects effects);
  // The oldest write under way becomes durable; false if there is none.
  bool PersistOne(uint64_t id);
  // Applies everything that was handed over; false if there was nothing.
  bool ApplyAll(uint64_t id);
  // Streams the snapshots that were asked for, from the machine as it is; false if none were.
  bool SendSnapshots(uint64_t id);
  // Delivers the i-th message in flight.
  void Deliver(size_t i);
  std::vector<Message>& network() { return network_; }

  // Runs everything but time until nothing is left to do. Messages that `drop_` likes are lost.
  void Settle();
  void Tick(uint64_t id, uint64_t ticks = 1);
  // One tick everywhere, then Settle; repeated.
  void RunTicks(uint64_t ticks);
  // Until there is a leader that everybody up and connected follows. Aborts if none comes.
  uint64_t RunUntilLeader(uint64_t ticks_max = 5000);
  uint64_t leader() const;  // of the highest term; 0: none

  void Campaign(uint64_t id);
  ProposeOutcome Propose(uint64_t id, const std::string& payload, int64_t timestamp_ns = 0);
  ProposeOutcome ProposeConfiguration(uint64_t id, const Configuration& target);
  void Read(uint64_t id, uint64_t read);
  void Compact(uint64_t id);

  // What a node's monotonic clock shows. Without: none has one.
  void set_clock(std::function<int64_t(uint64_t id)> clock) { clock_ = std::move(clock); }
  void set_drop(std::function<bool(const Message&)> drop) { drop_ = std::move(drop); }
  void Isolate(uint64_t id);
  void Heal() { drop_ = nullptr; }
  void Crash(uint64_t id);
  void Restart(uint64_t id);

  // Called after every step of any node, after its CheckInvariants.
  void set_observer(std::function<void(Cluster&, uint64_t id)> observer) { observer_ = observer; }

 private:
  void Start(Node& node);
  // The core, told the time.
  Raft& Timed(uint64_t id);

  std::map<NodeId, Node> nodes_;
  std::vector<Message> network_;
  // The content of snapshots under way, by receiver and index.
  std::map<std::pair<NodeId, Index>, Machine> snapshots_;
  Configuration bootstrap_;
  uint64_t seed_;
  std::function<void(Options&)> adjust_;
  std::function<bool(const Message&)> drop_;
  std::function<int64_t(uint64_t)> clock_;
  std::function<void(Cluster&, uint64_t)> observer_;
};

}  // namespace lockstep::raft::testing

#endif  // LOCKSTEP_TESTS_FRAMEWORK_RAFT_SUPPORT_H_
