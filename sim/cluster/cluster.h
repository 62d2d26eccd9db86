// Cluster: nodes of a replicated service, their clients, and who watches them, in one universe.
#ifndef LOCKSTEP_SIM_CLUSTER_CLUSTER_H_
#define LOCKSTEP_SIM_CLUSTER_CLUSTER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkers/violation.h"
#include "framework/base/limits.h"
#include "framework/replica/node.h"
#include "sim/cluster/durable_image.h"
#include "sim/cluster/member_operator.h"
#include "sim/cluster/nemesis.h"
#include "sim/cluster/oracle.h"
#include "sim/cluster/peer_certificates.h"
#include "sim/cluster/recording_observer.h"
#include "sim/cluster/rolling_upgrade.h"
#include "sim/cluster/workload.h"
#include "sim/sim_network.h"
#include "sim/sim_node.h"
#include "sim/world.h"

namespace lockstep::sim {

struct ClusterShape final {
  uint32_t nodes = 3;
  uint32_t spares = 0;  // machines that may be added; with them, members change
  uint32_t shards = 1;  // per node
  uint32_t clients = 4;
  // All clients together, per second of virtual time.
  uint32_t operations_per_second = 50;
  uint64_t log_segment_bytes = 256 * 1024;
  uint64_t log_bytes_retained = 128 * 1024;
  uint64_t log_bytes_max = replica::kShardLogBytesMax;
  bool saves_commit = true;
  uint32_t more_groups = 0;  // idle ones, besides the one that has clients
  bool quiesces = false;     // idle groups fall silent
  bool has_priorities = false;
  bool read_lease = false;
  uint32_t lease_drift_ppm = 0;  // as the product is told
  ClockBudget clocks;            // of the reads by lease, if there are
  bool peer_tls = false;         // peers encrypt, and prove who they are
  replica::ScrubOptions scrub{.bytes_per_second = 0};
  replica::SnapshotOptions snapshots{};
  bool mixes_versions = false;  // each boot draws which of two versions it is
  bool upgrades = false;        // nodes are replaced one by one, and no request may fail
  // What may be uncommitted at a leader, and what its clients may make a node hold.
  uint64_t uncommitted_bytes_max = raft::Options{}.uncommitted_bytes_max;
  uint64_t response_bytes_max = limits::kResponseBytesHeldMax;
  replica::ProposalLimits proposals{};
  // Promises of a replica between two full readings of its durable image.
  uint64_t image_period = 64;
};

// How a node opens its stores; called at every boot.
using StoreOpenerFactory = std::function<replica::StoreOpener(SimNode&)>;

// Invariants: a node that is off is booted again after a while, whatever ended it.
// Everything is destroyed before the World. Nothing here suspends.
class Cluster final : private OperatedCluster, private UpgradedCluster {
 public:
  Cluster(World& world, const ClusterShape& shape, Workload& workload,
          const StoreOpenerFactory& open_stores);
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  ~Cluster() override;

  // Boots nodes and clients and lets the nemesis loose.
  void Start();
  // Ends all disasters: from here on the cluster must recover by itself.
  void Heal();
  // The tape is no longer followed: the disasters that it planned are off, others are drawn.
  void GoFresh();
  // Clients finish what they are doing and return.
  void StopClients() { clients_go_on_ = false; }
  bool clients_done() const { return clients_running_ == 0; }

  // Whether anybody has to be whole in the end.
  bool must_converge() const { return shape_.spares > 0 || !nemesis_->core().empty(); }
  // Those who have to be whole run, and their replicas have applied the same index.
  bool Converged();
  // See RunControl::AbstractState.
  uint64_t AbstractState();
  // What keeps the cluster from having converged, in words.
  std::string DescribeProgress();
  // Compares the contents of those replicas' stores, and asks each state machine for its
  // invariants. Sets `met_damage` instead of judging if a store could not be read because its disk
  // was damaged: its node knows by then and mends itself, so compare again after that.
  // REQUIRES: Converged(). Runs the world a little.
  std::optional<checkers::Violation> CompareStates(bool& met_damage);

  // What rots in a log is found and mended while it is used, if scrubbers run and disks rot.
  // REQUIRES and runs as CompareStates.
  std::optional<checkers::Violation> CheckScrubbed();

  // Each of those nodes answers a linearizable read.
  // REQUIRES and runs as CompareStates.
  std::optional<checkers::Violation> CheckReads();

  // What nodes hold is within their bounds.
  void CheckBounds();

  Oracle& oracle() { return oracle_; }
  // For machines of others, which talk to the nodes.
  SimNetwork& network() { return network_; }
  const std::vector<std::unique_ptr<SimNode>>& nodes() const { return nodes_; }
  uint64_t process_failures() const { return process_failures_; }

 private:
  static constexpr ClusterId kCluster{0x10C4};
  static constexpr GroupId kGroup{1};  // the one that has clients
  struct Member;

  replica::NodeOptions OptionsFor(SimNode& node);
  void SetTimers(const SimNode& node, replica::NodeOptions& options);
  void Boot(SimNode& node);
  absl::Status AwaitAdmission(Fiber& fiber, runtime::Environment& environment);
  // What was promised is on the node's disk.
  void CheckImage(SimNode& node);
  void BootClient(uint32_t index);
  replica::Shard* ShardOf(SimNode& node, GroupId group);
  absl::Status ExamineLogOf(SimNode& node);
  bool AnswersRead(SimNode& node);
  replica::Replica* ReplicaOf(SimNode& node, GroupId group);
  // The groups without clients have leaders, too.
  bool MoreGroupsConverged(const std::vector<size_t>& core);
  bool HasConverged(GroupId group, const std::vector<size_t>& core);
  // Disasters that the clock budget excludes do not happen.
  void KeepClockBudget();
  // The nodes that have to be whole in the end; nobody while that cannot be said.
  std::vector<size_t> Core();
  // Who was removed is in no configuration any more, who was wiped was removed.
  bool MembersSettled();

  // OperatedCluster
  std::shared_ptr<const replica::MemberList> Members() override;
  void StartSpare(NodeId spare) override;
  bool MayWipe(NodeId node) override;
  void Wipe(NodeId node) override;
  runtime::Address ClientAddressOf(NodeId node) const override;
  std::vector<runtime::Address> PeerAddressesOf(NodeId node) const override;

  // UpgradedCluster
  bool IsLed() override;
  void Replace(size_t target) override;

  World& world_;
  ClusterShape shape_;
  Workload& workload_;
  StoreOpenerFactory open_stores_;
  LogImage log_image_;
  std::unique_ptr<PeerCertificates> certificates_;  // null: peers talk in the clear
  Oracle oracle_;
  std::map<NodeId, std::unique_ptr<RecordingObserver>> recording_;  // if somebody records
  SimNetwork network_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  std::vector<std::unique_ptr<SimNode>> clients_;
  std::vector<std::unique_ptr<ClientTurns>> turns_;  // by client
  std::unique_ptr<Nemesis> nemesis_;
  std::unique_ptr<MemberOperator> operator_;  // if members change
  std::unique_ptr<SimNode> operator_node_;
  std::unique_ptr<RollingUpgrade> upgrade_;  // if there is one
  bool clients_go_on_ = true;
  uint32_t clients_running_ = 0;
  uint64_t process_failures_ = 0;  // nodes that stopped themselves
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_CLUSTER_H_
