// SmallCluster: nodes of a service without clients, in a universe that a test moves by hand.
#ifndef LOCKSTEP_TESTS_SIM_CLUSTER_SMALL_CLUSTER_H_
#define LOCKSTEP_TESTS_SIM_CLUSTER_SMALL_CLUSTER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "framework/replica/node.h"
#include "framework/store/memory_store.h"
#include "sim/sim_node.h"

namespace lockstep::sim::testing {

// Has no state at all.
class NullMachine final : public machine::StateMachine {
 public:
  absl::StatusOr<std::string> Apply(Fiber&, std::string_view, machine::ApplyContext&) override {
    return std::string("applied");
  }
  absl::StatusOr<std::string> Query(Fiber&, std::string_view, const machine::StoreView&) override {
    return std::string();
  }
  absl::Status Load(Fiber&, const machine::StoreView&) override { return absl::OkStatus(); }
};

// What Raft says, counted by kind.
class MessageCounter final : public replica::ReplicaObserver {
 public:
  void OnStarted(GroupId, const raft::Raft&) override {}
  void OnStep(GroupId, const raft::Raft&, const raft::Effects& effects) override {
    for (const raft::Event& event : effects.events) {
      const auto* role = std::get_if<raft::RoleChanged>(&event);
      elections += role != nullptr && role->role == raft::Role::kLeader ? 1 : 0;
    }
  }
  void OnDurable(GroupId, raft::WriteId) override {}
  void OnSend(GroupId, const raft::Message& message) override {
    ++messages;
    const auto* heartbeat = std::get_if<raft::Heartbeat>(&message.body);
    if (heartbeat != nullptr && heartbeat->read != 0) ++read_heartbeats;
    if (std::holds_alternative<raft::ReadIndexRequest>(message.body)) ++read_requests;
  }
  void OnReceive(GroupId, const raft::Message&) override {}
  void OnApplied(GroupId, const raft::Entry&, std::string_view) override {}
  void OnInstalled(GroupId, const raft::SnapshotMeta&) override { ++snapshots; }

  uint64_t messages = 0;
  uint64_t read_heartbeats = 0;
  uint64_t read_requests = 0;
  uint64_t elections = 0;
  uint64_t snapshots = 0;
};

// Three nodes, one shard each, ticks of 10 ms, heartbeats of 100 ms, election timeouts of 1 s.
// Groups 1 to `groups`.
class SmallCluster final {
 public:
  using Adjust = std::function<void(replica::NodeOptions&)>;

  explicit SmallCluster(uint32_t groups, const Adjust& adjust = {})
      : world_(1, CalmProfile()), network_(world_), groups_(groups), adjust_(adjust) {
    for (uint64_t id = 1; id <= 3; ++id) {
      nodes_.push_back(std::make_unique<SimNode>(
          world_, network_, SimNode::Options{NodeId(id), absl::StrCat("n", id), 1}));
      processes_.push_back(std::make_unique<Process>());
    }
    for (uint64_t id = 1; id <= 3; ++id) Boot(id);
  }
  ~SmallCluster() {
    for (auto& node : nodes_) node->Kill();
    nodes_.clear();
  }

  World& world() { return world_; }
  SimNetwork& network() { return network_; }
  SimNode& node(uint64_t id) { return *nodes_[id - 1]; }
  MessageCounter& counter() { return counter_; }
  uint32_t groups() const { return groups_; }

  void Boot(uint64_t id) {
    Process& process = *processes_[id - 1];
    process.options = OptionsFor(id);
    process.shared = std::make_unique<replica::NodeShared>(1);
    process.never = std::make_unique<fiber::Event>();
    node(id).Boot([&process](Fiber& fiber, runtime::Environment& environment) {
      (void)replica::RunNode(fiber, environment, process.options, *process.shared, *process.never);
    });
  }

  replica::Shard* shard(uint64_t id) {
    return node(id).running() ? processes_[id - 1]->shared->directory.slot(ShardId(0)).shard
                              : nullptr;
  }
  replica::Replica* replica(uint64_t id, uint64_t group = 1) {
    replica::Shard* at = shard(id);
    return at == nullptr ? nullptr : at->group(GroupId(group));
  }
  // Runs until that holds, or for so long: then false.
  bool RunUntil(Duration limit, const std::function<bool()>& done) {
    const VirtualTime end = world_.now() + limit;
    while (!done() && world_.now() < end) world_.RunFor(Milliseconds(5));
    return done();
  }
  // The node that leads the group and that all nodes which run follow; 0: there is none.
  uint64_t LeaderOf(uint64_t group) {
    uint64_t leader = 0;
    for (uint64_t id = 1; id <= 3; ++id) {
      replica::Replica* one = replica(id, group);
      if (one == nullptr) continue;
      const uint64_t known = one->raft().leader().value();
      if (known == 0 || (leader != 0 && known != leader)) return 0;
      leader = known;
    }
    replica::Replica* leading = leader == 0 ? nullptr : replica(leader, group);
    const bool leads = leading != nullptr && leading->raft().role() == raft::Role::kLeader;
    return leads ? leader : 0;
  }
  bool AllHaveLeaders() {
    for (uint64_t group = 1; group <= groups_; ++group) {
      if (LeaderOf(group) == 0) return false;
    }
    return true;
  }
  bool AllAreIdle() {
    for (uint64_t id = 1; id <= 3; ++id) {
      if (shard(id) == nullptr || shard(id)->awake_groups() > 0) return false;
    }
    return true;
  }
  // Runs on the node, as a request would; the scope ends it.
  fiber::Scope& Spawn(uint64_t id, std::function<void(Fiber&)> work) {
    auto& scopes = processes_[id - 1]->scopes;
    scopes.push_back(std::make_unique<fiber::Scope>(node(id).environment(ShardId(0)).scheduler));
    scopes.back()->Spawn("test", std::move(work));
    return *scopes.back();
  }
  void EndWork() {
    for (auto& process : processes_) process->scopes.clear();
  }

 private:
  struct Process {
    replica::NodeOptions options;
    std::unique_ptr<replica::NodeShared> shared;
    std::unique_ptr<fiber::Event> never;
    std::vector<std::unique_ptr<fiber::Scope>> scopes;
  };

  replica::NodeOptions OptionsFor(uint64_t id) {
    replica::NodeOptions options;
    options.cluster = ClusterId(7);
    for (uint64_t other = 1; other <= 3; ++other) {
      options.members[NodeId(other)] = {absl::StrCat("n", other, ":2380")};
    }
    options.peer_advertise = options.members[NodeId(id)];
    options.raft.heartbeat_ticks = 10;
    options.raft.election_ticks = 100;
    options.raft.first_election_ticks = 20;
    options.raft.lost_leader_ticks = 10;
    options.log_bytes_retained = uint64_t{1} << 40;  // the store forgets with its process
    options.compaction_interval = Seconds(1'000'000);
    for (uint64_t group = 2; group <= groups_; ++group) {
      options.more_groups.push_back(GroupId(group));
    }
    options.open_store = [](Fiber&, runtime::Environment&, const std::string&) {
      return absl::StatusOr<std::unique_ptr<machine::OrderedStore>>(
          std::make_unique<store::MemoryStore>());
    };
    options.make_machine = [] { return std::make_unique<NullMachine>(); };
    options.observer = &counter_;
    if (adjust_) adjust_(options);
    return options;
  }

  World world_;
  SimNetwork network_;
  uint32_t groups_;
  Adjust adjust_;
  MessageCounter counter_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
};

}  // namespace lockstep::sim::testing

#endif  // LOCKSTEP_TESTS_SIM_CLUSTER_SMALL_CLUSTER_H_
