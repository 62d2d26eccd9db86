#include "sim/cluster/cluster.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/checksum.h"

namespace lockstep::sim {
namespace {

constexpr ClusterId kCluster(0x10C4);
constexpr GroupId kGroup(1);
constexpr uint16_t kClientPort = 2379;
constexpr uint16_t kPeerPort = 2380;
constexpr Duration kShortestElection = Milliseconds(100);
constexpr int64_t kFailuresWithoutPause = 4;

std::string HostOf(uint32_t index) { return absl::StrCat("n", index + 1); }

// The hash of everything a view holds, column by column.
absl::StatusOr<uint64_t> HashView(Fiber& fiber, const machine::StoreView& view) {
  uint64_t hash = 0;
  for (size_t column = 0; column < machine::kColumnCount; ++column) {
    auto it = view.NewIterator(static_cast<machine::Column>(column));
    for (it->Seek(fiber, ""); it->Valid(); it->Next(fiber)) {
      hash = base::Checksum64(it->key(), hash + column);
      hash = base::Checksum64(it->value(), hash);
    }
    if (!it->status().ok()) return it->status();
  }
  return hash;
}

}  // namespace

// What belongs to one node besides the machine itself: its current process.
struct Cluster::Member final {
  // How long whoever starts processes waits for one that has ended itself: the longer, the more
  // often it has done so within a second.
  Duration PauseAfterFailure(VirtualTime now) {
    failures_in_a_row = now - booted < Seconds(1) ? failures_in_a_row + 1 : 1;
    if (failures_in_a_row < kFailuresWithoutPause) return Duration(0);
    return std::min<Duration>(Milliseconds(20) * failures_in_a_row, Seconds(1));
  }

  VirtualTime booted;
  int64_t failures_in_a_row = 0;
  std::unique_ptr<replica::NodeOptions> options;
  std::unique_ptr<replica::NodeShared> shared;
  std::unique_ptr<fiber::Event> never;
};

Cluster::Cluster(World& world, const ClusterShape& shape, Workload& workload,
                 const StoreOpenerFactory& open_stores)
    : world_(world),
      shape_(shape),
      workload_(workload),
      open_stores_(open_stores),
      log_image_([this](NodeId node, GroupId group) {
        const auto shard = static_cast<uint32_t>(group.value() % shape_.shards);
        return LogImage::Place{&nodes_.at(node.value() - 1)->disk(), kCluster, ShardId(shard),
                               absl::StrCat("shard-", shard, "/log")};
      }),
      oracle_(log_image_, shape.image_period),
      network_(world) {
  std::vector<SimNode*> targets;
  for (uint32_t i = 0; i < shape_.nodes; ++i) {
    nodes_.push_back(std::make_unique<SimNode>(
        world_, network_, SimNode::Options{NodeId(i + 1), HostOf(i), shape_.shards}));
    members_.push_back(std::make_unique<Member>());
    targets.push_back(nodes_.back().get());
  }
  for (uint32_t i = 0; i < shape_.clients; ++i) {
    clients_.push_back(std::make_unique<SimNode>(
        world_, network_, SimNode::Options{NodeId(101 + i), absl::StrCat("c", i + 1), 1}));
    turns_.push_back(std::make_unique<ClientTurns>(world_, i, [this] { return clients_go_on_; }));
  }
  nemesis_ = std::make_unique<Nemesis>(
      world_, network_, std::move(targets), [this](SimNode& node) { Boot(node); },
      [this](SimNode& node) { CheckImage(node); });
  for (auto& node : nodes_) {
    node->disk().set_on_names_synced([this, one = node.get()](std::string_view path) {
      // Whole segments came or went, which is when most can go wrong.
      if (path.ends_with("/log")) CheckImage(*one);
    });
  }
  oracle_.set_on_send([this](NodeId node) { nemesis_->OnSent(node); });
}

Cluster::~Cluster() {
  // Processes refer to their members' options.
  for (auto& client : clients_) client->Kill();
  for (auto& node : nodes_) node->Kill();
  clients_.clear();
  nodes_.clear();
}

void Cluster::Start() {
  for (auto& node : nodes_) {
    SimNode* one = node.get();
    node->set_on_exit([this, one] { nemesis_->BootLater(*one); });
    Boot(*node);
  }
  for (uint32_t i = 0; i < shape_.clients; ++i) BootClient(i);
  nemesis_->Start();
}

void Cluster::CheckImage(SimNode& node) {
  if (!nemesis_->has_swapped_disk(node.id())) oracle_.CheckImage(node.id(), kGroup);
}

void Cluster::Heal() { nemesis_->Heal(); }

void Cluster::GoFresh() { nemesis_->PlanAfresh(); }

replica::NodeOptions Cluster::OptionsFor(SimNode& node) {
  replica::NodeOptions options;
  options.cluster = kCluster;
  options.group = kGroup;
  for (uint32_t i = 0; i < shape_.nodes; ++i) {
    std::vector<runtime::Address> addresses;
    for (uint32_t shard = 0; shard < shape_.shards; ++shard) {
      addresses.push_back(absl::StrCat(HostOf(i), ":", kPeerPort + shard));
    }
    options.members[NodeId(i + 1)] = std::move(addresses);
  }
  const auto index = static_cast<uint32_t>(node.id().value() - 1);
  options.client_listen.push_back(absl::StrCat(HostOf(index), ":", kClientPort));
  SetTimers(node, options);
  const FaultRates& rates = world_.rates();
  options.raft.saves_commit = shape_.saves_commit;
  options.raft.append_bytes_max = rates.append_bytes_max;
  options.raft.inflight_messages_max = rates.inflight_messages_max;
  options.raft.committed_bytes_max = rates.committed_bytes_max;
  options.compaction_interval = Nanoseconds(static_cast<int64_t>(rates.compaction_ns));
  options.log.segment_bytes = shape_.log_segment_bytes;
  options.log_bytes_retained = shape_.log_bytes_retained;
  options.open_store = open_stores_(node);
  options.store_name = "db";
  options.observer = &oracle_.ObserverOf(node.id());
  if (world_.recorder() != nullptr) {
    recording_[node.id()] =
        std::make_unique<RecordingObserver>(world_, node.id(), *options.observer);
    options.observer = recording_[node.id()].get();
  }
  workload_.Configure(options);
  return options;
}

// Usually ticks of 20 ms: etcd's default timeouts at a fifth of its resolution.
void Cluster::SetTimers(const SimNode& node, replica::NodeOptions& options) {
  const FaultRates& rates = world_.rates();
  options.tick = Nanoseconds(static_cast<int64_t>(rates.tick_ns));
  // A vote takes two data syncs and a round trip; a healed cluster must be able to hold an
  // election.
  const auto floor = static_cast<uint64_t>(kShortestElection / options.tick) + 1;
  const uint64_t usual = std::max(rates.election_ticks, floor);
  const uint64_t shortest = rates.uneven_timers == 0 ? usual : std::max(usual / 4, floor);
  const uint64_t own =
      shortest +
      base::KeyedDraw(world_.seed(), "shape.timer", node.id().value(), 0) % (usual - shortest + 1);
  options.raft.election_ticks = static_cast<raft::Ticks>(own);
  // A leader with long timeouts is still heard by followers with short ones.
  const uint64_t heartbeat = std::clamp<uint64_t>(shortest / 3, 1, 5);
  options.raft.heartbeat_ticks = static_cast<raft::Ticks>(heartbeat);
  options.raft.lost_leader_ticks = static_cast<raft::Ticks>(std::min<uint64_t>(10, own));
}

void Cluster::Boot(SimNode& node) {
  Member& member = *members_[node.id().value() - 1];
  member.options = std::make_unique<replica::NodeOptions>(OptionsFor(node));
  member.shared = std::make_unique<replica::NodeShared>(shape_.shards);
  member.never = std::make_unique<fiber::Event>();
  member.booted = world_.now();
  Member* borrowed = &member;
  SimNode* self = &node;
  node.Boot([this, borrowed, self](Fiber& fiber, runtime::Environment& environment) {
    const absl::Status status = replica::RunNode(fiber, environment, *borrowed->options,
                                                 *borrowed->shared, *borrowed->never);
    ++process_failures_;
    environment.trace.Emit(runtime::TraceLevel::kError, "process.failed",
                           {{"status", status.ToString()}});
    // As abort() would: all shards of the process end with the one that failed.
    nemesis_->BootLater(*self, borrowed->PauseAfterFailure(world_.now()));
    self->Kill();
  });
}

void Cluster::BootClient(uint32_t index) {
  ClientPlan plan;
  plan.index = index;
  plan.seed = base::KeyedDraw(world_.seed(), "client", index, 0);
  for (uint32_t i = 0; i < shape_.nodes; ++i) {
    plan.endpoints.push_back(absl::StrCat(HostOf(i), ":", kClientPort));
  }
  plan.think_time = Nanoseconds(int64_t{1'000'000'000} * shape_.clients /
                                std::max<int64_t>(1, shape_.operations_per_second));
  plan.universe_ns = [this] { return world_.now().ns; };
  plan.go_on = [this] { return clients_go_on_; };
  plan.turns = turns_[index].get();
  plan.recorder = world_.recorder();
  ++clients_running_;
  clients_[index]->Boot([this, plan](Fiber& fiber, runtime::Environment& environment) {
    workload_.RunClient(fiber, environment, plan);
    --clients_running_;
  });
}

replica::Replica* Cluster::ReplicaOf(SimNode& node) {
  if (!node.running()) return nullptr;
  replica::ShardDirectory& directory = members_[node.id().value() - 1]->shared->directory;
  replica::Shard* shard = directory.slot(directory.ShardOf(kGroup)).shard;
  return shard == nullptr ? nullptr : shard->group(kGroup);
}

bool Cluster::Converged() {
  std::optional<raft::Index> applied;
  for (const size_t target : nemesis_->core()) {
    replica::Replica* replica = ReplicaOf(*nodes_[target]);
    if (replica == nullptr) return false;
    const replica::ReplicaStatus status = replica->status();
    if (status.leader == NodeId(0) || status.applied != status.last_index) return false;
    if (applied && *applied != status.applied) return false;
    applied = status.applied;
  }
  return true;
}

std::string Cluster::DescribeProgress() {
  std::string out;
  for (auto& node : nodes_) {
    absl::StrAppend(&out, out.empty() ? "" : "; ", "n", node->id().value(), " ");
    replica::Replica* replica = ReplicaOf(*node);
    if (replica == nullptr) {
      absl::StrAppend(&out, "is not up (state ", static_cast<int>(node->state()), ")");
      continue;
    }
    const replica::ReplicaStatus status = replica->status();
    absl::StrAppend(&out, "role ", static_cast<int>(status.role), " term ", status.term.value(),
                    " leader ", status.leader.value(), " last ", status.last_index.value(),
                    " commit ", status.commit.value(), " applied ", status.applied.value());
  }
  if (clients_running_ > 0) absl::StrAppend(&out, "; ", clients_running_, " clients still wait");
  return out;
}

std::optional<checkers::Violation> Cluster::CompareStates() {
  struct Digest {
    bool done = false;
    absl::StatusOr<uint64_t> hash{absl::UnknownError("not read")};
    absl::Status invariants;
  };
  const std::vector<size_t>& core = nemesis_->core();
  std::vector<Digest> digests(core.size());
  std::vector<std::unique_ptr<fiber::Scope>> scopes;
  for (size_t i = 0; i < core.size(); ++i) {
    SimNode& node = *nodes_[core[i]];
    replica::Replica* replica = ReplicaOf(node);
    CHECK(replica != nullptr);
    const ShardId shard = members_[core[i]]->shared->directory.ShardOf(kGroup);
    scopes.push_back(std::make_unique<fiber::Scope>(node.environment(shard).scheduler));
    scopes.back()->Spawn("oracle.digest", [replica, &digest = digests[i]](Fiber& fiber) {
      const auto view = replica->Snapshot();
      digest.hash = HashView(fiber, *view);
      digest.invariants = replica->machine().CheckInvariants(fiber, *view);
      digest.done = true;
    });
  }
  const VirtualTime limit = world_.now() + Seconds(60);
  const auto all_done = [&] {
    for (const Digest& digest : digests) {
      if (!digest.done) return false;
    }
    return true;
  };
  while (!all_done() && world_.now() < limit && world_.Step()) {
  }
  scopes.clear();
  for (size_t i = 0; i < core.size(); ++i) {
    const std::string where = absl::StrCat("node ", nodes_[core[i]]->id().value());
    if (!digests[i].invariants.ok()) {
      return checkers::Violation{"state invariants", digests[i].invariants.ToString(), where};
    }
    if (!digests[i].hash.ok() || *digests[i].hash != *digests[0].hash) {
      return checkers::Violation{"convergence",
                                 digests[i].hash.ok() ? absl::StrCat("its state differs from node ",
                                                                     nodes_[core[0]]->id().value(),
                                                                     "'s at the same applied index")
                                                      : digests[i].hash.status().ToString(),
                                 where};
    }
  }
  return std::nullopt;
}

}  // namespace lockstep::sim
