#include "sim/cluster/cluster.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "framework/base/check.h"
#include "framework/replica/identity.h"
#include "framework/replica/join.h"

namespace lockstep::sim {
namespace {

constexpr uint16_t kClientPort = 2379;
constexpr uint16_t kPeerPort = 2380;
constexpr Duration kShortestElection = Milliseconds(100);
constexpr int64_t kFailuresWithoutPause = 4;

std::string HostOf(uint32_t index) { return absl::StrCat("n", index + 1); }

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

  bool may_boot = true;   // false: a spare that nobody has started
  bool is_wiped = false;  // its disk was: it is not what the oracles remember
  VirtualTime booted;
  int64_t failures_in_a_row = 0;
  std::unique_ptr<replica::NodeOptions> options;
  std::unique_ptr<replica::NodeShared> shared;
  // By shard; set when the process is to stop in good order.
  std::unique_ptr<std::vector<fiber::Event>> stops;
  bool is_stopping = false;
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
                               replica::ShardPath(ShardId(shard)) + "/log"};
      }),
      oracle_(log_image_, shape.image_period),
      network_(world) {
  KeepClockBudget();
  if (shape_.peer_tls) certificates_ = std::make_unique<PeerCertificates>(world);
  std::vector<SimNode*> targets;
  for (uint32_t i = 0; i < shape_.nodes + shape_.spares; ++i) {
    nodes_.push_back(std::make_unique<SimNode>(
        world_, network_, SimNode::Options{NodeId(i + 1), HostOf(i), shape_.shards}));
    members_.push_back(std::make_unique<Member>());
    members_.back()->may_boot = i < shape_.nodes;
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
  oracle_.set_on_send([this](GroupId group, const raft::Message& message) {
    nemesis_->OnSent(message, group == kGroup);
  });
  oracle_.set_on_snapshot([this](NodeId from, NodeId to) { nemesis_->OnSnapshot(from, to); });
  if (shape_.read_lease && shape_.clocks.leases_hold) oracle_.ExpectLeases();
}

Cluster::~Cluster() {
  // Processes refer to their members' options.
  if (operator_node_) operator_node_->Kill();
  for (auto& client : clients_) client->Kill();
  for (auto& node : nodes_) node->Kill();
  operator_node_.reset();
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
  if (shape_.upgrades) {
    upgrade_ = std::make_unique<RollingUpgrade>(world_, static_cast<UpgradedCluster&>(*this),
                                                nodes_.size());
    operator_node_ =
        std::make_unique<SimNode>(world_, network_, SimNode::Options{NodeId(201), "operator", 1});
    operator_node_->Boot([this](Fiber& fiber, runtime::Environment& environment) {
      upgrade_->Run(fiber, environment);
    });
  }
  if (shape_.spares == 0) return;
  operator_ = std::make_unique<MemberOperator>(world_, static_cast<OperatedCluster&>(*this),
                                               shape_.nodes, shape_.spares);
  operator_node_ =
      std::make_unique<SimNode>(world_, network_, SimNode::Options{NodeId(201), "operator", 1});
  operator_node_->Boot([this](Fiber& fiber, runtime::Environment& environment) {
    operator_->Run(fiber, environment);
  });
}

void Cluster::CheckImage(SimNode& node) {
  if (members_[node.id().value() - 1]->is_wiped) return;
  if (!nemesis_->has_swapped_disk(node.id())) oracle_.CheckImage(node.id(), kGroup);
}

void Cluster::Heal() {
  nemesis_->Heal();
  if (certificates_ != nullptr) certificates_->Heal();
  if (operator_) operator_->Heal();
  if (upgrade_) upgrade_->Heal();
}

void Cluster::GoFresh() {
  KeepClockBudget();
  nemesis_->PlanAfresh();
}

void Cluster::KeepClockBudget() {
  if (shape_.read_lease && shape_.clocks.leases_hold) world_.rates().clock_freeze_every_ns = 0;
}

replica::NodeOptions Cluster::OptionsFor(SimNode& node) {
  replica::NodeOptions options;
  options.cluster = kCluster;
  options.group = kGroup;
  for (uint32_t i = 0; i < shape_.nodes; ++i) {
    options.members[NodeId(i + 1)] = PeerAddressesOf(NodeId(i + 1));
  }
  options.peer_advertise = PeerAddressesOf(node.id());
  options.client_listen.push_back(ClientAddressOf(node.id()));
  if (certificates_ != nullptr) {
    options.peer_tls = certificates_->For(HostOf(static_cast<uint32_t>(node.id().value() - 1)));
  }
  SetTimers(node, options);
  const FaultRates& rates = world_.rates();
  options.raft.saves_commit = shape_.saves_commit;
  options.raft.append_bytes_max = rates.append_bytes_max;
  options.raft.uncommitted_bytes_max = shape_.uncommitted_bytes_max;
  options.client_port.budget.response_bytes_max = shape_.response_bytes_max;
  options.raft.inflight_messages_max = rates.inflight_messages_max;
  options.raft.committed_bytes_max = rates.committed_bytes_max;
  options.compaction_interval = Nanoseconds(static_cast<int64_t>(rates.compaction_ns));
  options.log.segment_bytes = shape_.log_segment_bytes;
  options.log_bytes_retained = shape_.log_bytes_retained;
  options.log_bytes_max = shape_.log_bytes_max;
  options.proposals = shape_.proposals;
  options.scrub = shape_.scrub;
  options.snapshots = shape_.snapshots;
  const uint64_t boot = KeyOf(node.id().value(), node.incarnation());
  if (shape_.mixes_versions && base::KeyedDraw(world_.seed(), "shape.version", boot, 0) % 2 == 0) {
    options.protocol_version_max = wire::kProtocolVersionMin;
  }
  if (shape_.upgrades && (!upgrade_ || !upgrade_->IsNew(node.id().value() - 1))) {
    options.protocol_version_max = wire::kProtocolVersionMin;
  }
  options.open_store = open_stores_(node);
  options.store_name = "db";
  // A node without the memory of its disk is another one, which only has the name.
  if (!members_[node.id().value() - 1]->is_wiped) {
    options.observer = &oracle_.ObserverOf(node.id());
  }
  if (world_.recorder() != nullptr && options.observer != nullptr) {
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
  // (It looks once in an election timeout; those that serve a read count as well.)
  oracle_.ExpectStepDown(4 * usual / heartbeat + 4);
  options.raft.lost_leader_ticks = static_cast<raft::Ticks>(std::min<uint64_t>(10, own));
  if (shape_.has_priorities) {
    options.raft.priority = static_cast<uint32_t>(
        base::KeyedDraw(world_.seed(), "shape.priority", node.id().value(), 0) % 3);
  }
  if (shape_.read_lease) {
    options.raft.lease_ns = options.raft.election_ticks * options.tick.count();
    options.raft.lease_drift_ppm = shape_.lease_drift_ppm;
  }
  if (shape_.quiesces) options.raft.quiesce_ticks = 2 * options.raft.election_ticks;
  for (uint32_t i = 0; i < shape_.more_groups; ++i) {
    options.more_groups.push_back(GroupId(kGroup.value() + 1 + i));
  }
}

void Cluster::Boot(SimNode& node) {
  Member& member = *members_[node.id().value() - 1];
  if (!member.may_boot) return;
  member.options = std::make_unique<replica::NodeOptions>(OptionsFor(node));
  member.shared = std::make_unique<replica::NodeShared>(shape_.shards);
  member.stops = std::make_unique<std::vector<fiber::Event>>(shape_.shards);
  member.is_stopping = false;
  member.booted = world_.now();
  Member* borrowed = &member;
  SimNode* self = &node;
  node.Boot([this, borrowed, self](Fiber& fiber, runtime::Environment& environment) {
    absl::Status status = AwaitAdmission(fiber, environment);
    if (status.ok()) {
      status = replica::RunNode(fiber, environment, *borrowed->options, *borrowed->shared,
                                borrowed->stops->at(environment.shard.value()));
    }
    if (status.ok() && borrowed->is_stopping) return;
    ++process_failures_;
    if (shape_.upgrades) {
      oracle_.Report(
          checkers::Violation{"process failure",
                              absl::StrCat("a node ended by itself, although nothing is broken: ",
                                           std::string(status.message())),
                              absl::StrCat("node ", self->id().value())});
    }
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
  for (uint32_t i = 0; i < shape_.nodes + shape_.spares; ++i) {
    plan.endpoints.push_back(ClientAddressOf(NodeId(i + 1)));
  }
  plan.think_time = Nanoseconds(int64_t{1'000'000'000} * shape_.clients /
                                std::max<int64_t>(1, shape_.operations_per_second));
  plan.universe_ns = [this] { return world_.now().ns; };
  plan.clocks = shape_.clocks;
  plan.nothing_fails = shape_.upgrades;
  plan.go_on = [this] { return clients_go_on_; };
  plan.turns = turns_[index].get();
  plan.recorder = world_.recorder();
  ++clients_running_;
  clients_[index]->Boot([this, plan](Fiber& fiber, runtime::Environment& environment) {
    workload_.RunClient(fiber, environment, plan);
    --clients_running_;
  });
}

bool Cluster::IsLed() {
  return std::all_of(nodes_.begin(), nodes_.end(), [this](const auto& node) {
    if (members_[node->id().value() - 1]->is_stopping) return false;
    replica::Replica* replica = ReplicaOf(*node, kGroup);
    return replica != nullptr && replica->status().leader != NodeId(0);
  });
}

void Cluster::Replace(size_t target) {
  Member& member = *members_[target];
  member.is_stopping = true;
  for (fiber::Event& stop : *member.stops) stop.Set();
}

// Where the group is.
replica::Shard* Cluster::ShardOf(SimNode& node, GroupId group) {
  if (!node.running()) return nullptr;
  replica::ShardDirectory& directory = members_[node.id().value() - 1]->shared->directory;
  return directory.slot(directory.ShardOf(group)).shard;
}

replica::Replica* Cluster::ReplicaOf(SimNode& node, GroupId group) {
  replica::Shard* shard = ShardOf(node, group);
  return shard == nullptr ? nullptr : shard->group(group);
}

// A node that is not among the first asks to be let in, as long as it has no data.
absl::Status Cluster::AwaitAdmission(Fiber& fiber, runtime::Environment& environment) {
  if (environment.node.value() <= shape_.nodes) return absl::OkStatus();
  const std::string directory = replica::ShardPath(environment.shard);
  const auto claimed = replica::IsClaimed(fiber, environment.disk, directory);
  if (!claimed.ok() || *claimed) return claimed.status();
  std::vector<runtime::Address> addresses;
  for (uint32_t i = 0; i < shape_.nodes + shape_.spares; ++i) {
    if (NodeId(i + 1) != environment.node) {
      addresses.push_back(PeerAddressesOf(NodeId(i + 1)).front());
    }
  }
  const auto is_good = [&](const replica::JoinInfo& info) {
    return info.list.Find(environment.node) != nullptr
               ? absl::OkStatus()
               : absl::FailedPreconditionError("it was not added");
  };
  const auto info =
      replica::AskToJoin(fiber, environment.network, addresses, is_good, fiber.now() + Seconds(5));
  return info.status();
}

std::shared_ptr<const replica::MemberList> Cluster::Members() {
  std::shared_ptr<const replica::MemberList> newest;
  for (auto& node : nodes_) {
    if (members_[node->id().value() - 1]->is_wiped) continue;
    replica::Replica* replica = ReplicaOf(*node, kGroup);
    if (replica == nullptr) continue;
    const auto& list = replica->members();
    if (newest == nullptr || list->version > newest->version) newest = list;
  }
  return newest;
}

void Cluster::StartSpare(NodeId spare) {
  SimNode& node = *nodes_.at(spare.value() - 1);
  members_[spare.value() - 1]->may_boot = true;
  nemesis_->BootLater(node);
}

// docs/decisions/0010: who counts the node must know its directory, or a wiped one could pass.
bool Cluster::MayWipe(NodeId id) {
  // A change that is under way was granted while this node was alive: with the node wiped, what it
  // leads to may have no quorum.
  if (!MembersSettled()) return false;
  const auto newest = Members();
  const replica::Member* member = newest == nullptr ? nullptr : newest->Find(id);
  if (member == nullptr || !member->has_started()) return false;
  if (members_[id.value() - 1]->is_wiped) return false;
  for (const replica::Member& other : newest->members) {
    if (other.id == id) continue;
    const size_t target = other.id.value() - 1;
    replica::Replica* replica = ReplicaOf(*nodes_[target], kGroup);
    if (replica == nullptr) return false;
    if (replica->status().applied != replica->status().last_index) return false;
    const replica::Member* known = replica->members()->Find(id);
    if (known == nullptr || known->directories != member->directories) return false;
    replica::ShardDirectory& shards = members_[target]->shared->directory;
    const ShardId home = shards.ShardOf(kGroup);
    if (!shards.slot(home).shard->Remembers(id, member->directory(home))) return false;
  }
  return true;
}

void Cluster::Wipe(NodeId id) {
  SimNode& node = *nodes_[id.value() - 1];
  Member& member = *members_[id.value() - 1];
  node.PowerLoss();
  member.is_wiped = true;
  node.disk().Wipe();
  nemesis_->BootLater(node);
}

runtime::Address Cluster::ClientAddressOf(NodeId node) const {
  return absl::StrCat(HostOf(static_cast<uint32_t>(node.value() - 1)), ":", kClientPort);
}

std::vector<runtime::Address> Cluster::PeerAddressesOf(NodeId node) const {
  std::vector<runtime::Address> addresses;
  for (uint32_t shard = 0; shard < shape_.shards; ++shard) {
    addresses.push_back(
        absl::StrCat(HostOf(static_cast<uint32_t>(node.value() - 1)), ":", kPeerPort + shard));
  }
  return addresses;
}

std::vector<size_t> Cluster::Core() {
  if (shape_.spares == 0) return nemesis_->core();
  std::vector<size_t> core;
  const auto newest = Members();
  if (newest == nullptr) return core;
  for (const replica::Member& member : newest->members) core.push_back(member.id.value() - 1);
  return core;
}

bool Cluster::MembersSettled() {
  if (shape_.spares == 0) return true;
  const auto newest = Members();
  if (newest == nullptr) return false;
  for (const replica::Member& member : newest->members) {
    if (members_[member.id.value() - 1]->is_wiped) return false;
    replica::Replica* replica = ReplicaOf(*nodes_[member.id.value() - 1], kGroup);
    if (replica == nullptr || !replica::IsFinal(*newest, replica->status().configuration)) {
      return false;
    }
  }
  return true;
}

bool Cluster::Converged() {
  if (!MembersSettled()) return false;
  std::optional<raft::Index> applied;
  for (const size_t target : Core()) {
    replica::Replica* replica = ReplicaOf(*nodes_[target], kGroup);
    if (replica == nullptr) return false;
    const replica::ReplicaStatus status = replica->status();
    if (status.leader == NodeId(0) || status.applied != status.last_index) return false;
    if (applied && *applied != status.applied) return false;
    applied = status.applied;
  }
  return MoreGroupsConverged(Core());
}

bool Cluster::MoreGroupsConverged(const std::vector<size_t>& core) {
  for (uint32_t i = 0; i < shape_.more_groups; ++i) {
    if (!HasConverged(GroupId(kGroup.value() + 1 + i), core)) return false;
  }
  return true;
}

// (A node that stays broken may go on to lead an idle group, as long as it is alive.)
bool Cluster::HasConverged(GroupId group, const std::vector<size_t>& core) {
  NodeId leader;
  for (auto& node : nodes_) {
    replica::Replica* replica = ReplicaOf(*node, group);
    if (replica == nullptr || replica->status().role != raft::Role::kLeader) continue;
    const bool is_followed = std::all_of(core.begin(), core.end(), [&](size_t target) {
      replica::Replica* follower = ReplicaOf(*nodes_[target], group);
      return follower != nullptr && follower->status().leader == node->id();
    });
    if (is_followed) leader = node->id();
  }
  return leader != NodeId(0) && std::all_of(core.begin(), core.end(), [&](size_t target) {
           const replica::ReplicaStatus status = ReplicaOf(*nodes_[target], group)->status();
           return status.applied == status.last_index;
         });
}

uint64_t Cluster::AbstractState() {
  std::vector<replica::ReplicaStatus> replicas;
  raft::Term newest;
  raft::Index committed;
  for (auto& node : nodes_) {
    replica::Replica* replica = ReplicaOf(*node, kGroup);
    if (replica == nullptr) continue;
    replicas.push_back(replica->status());
    newest = std::max(newest, replicas.back().term);
    committed = std::max(committed, replicas.back().commit);
  }
  // Nothing, one, some, many.
  const auto much = [](uint64_t distance) { return std::min<uint64_t>((distance + 7) / 8, 3); };
  std::vector<uint64_t> states;
  for (const replica::ReplicaStatus& one : replicas) {
    const uint64_t terms_behind = std::min<uint64_t>(newest - one.term, 2);
    states.push_back(KeyOf(static_cast<uint64_t>(one.role), one.leader == NodeId(0) ? 0 : 1,
                           terms_behind, much(committed - one.commit),
                           much(one.commit - one.applied), much(one.last_index - one.commit)));
  }
  std::sort(states.begin(), states.end());
  uint64_t hash = states.size();
  for (const uint64_t state : states) hash = KeyOf(hash, state);
  return hash;
}

std::string Cluster::DescribeProgress() {
  std::string out;
  for (auto& node : nodes_) {
    absl::StrAppend(&out, out.empty() ? "" : "; ", "n", node->id().value(), " ");
    replica::Replica* replica = ReplicaOf(*node, kGroup);
    if (replica == nullptr) {
      absl::StrAppend(&out, "is not up (state ", static_cast<int>(node->state()), ")");
      continue;
    }
    const replica::ReplicaStatus status = replica->status();
    absl::StrAppend(&out, "role ", static_cast<int>(status.role), " term ", status.term.value(),
                    " leader ", status.leader.value(), " last ", status.last_index.value(),
                    " commit ", status.commit.value(), " applied ", status.applied.value());
    if (shape_.spares == 0) continue;
    const auto show = [](const std::vector<NodeId>& ids) {
      return absl::StrJoin(ids, ",",
                           [](std::string* text, NodeId id) { absl::StrAppend(text, id.value()); });
    };
    absl::StrAppend(&out, " voters ", show(status.configuration.voters), " outgoing ",
                    show(status.configuration.outgoing), " learners ",
                    show(status.configuration.learners), " of list ", replica->members()->version);
  }
  const std::vector<size_t> core = Core();
  for (uint32_t i = 0; i < shape_.more_groups; ++i) {
    const GroupId group(kGroup.value() + 1 + i);
    if (HasConverged(group, core)) continue;
    absl::StrAppend(&out, "; group ", group.value(), ":");
    for (const size_t target : core) {
      replica::Replica* replica = ReplicaOf(*nodes_[target], group);
      if (replica == nullptr) continue;
      const replica::ReplicaStatus status = replica->status();
      absl::StrAppend(&out, " n", target + 1, " role ", static_cast<int>(status.role), " term ",
                      status.term.value(), " leader ", status.leader.value(), " last ",
                      status.last_index.value(), " applied ", status.applied.value(),
                      status.quiesced ? " quiesced" : "");
    }
  }
  if (clients_running_ > 0) absl::StrAppend(&out, "; ", clients_running_, " clients still wait");
  return out;
}

}  // namespace lockstep::sim
