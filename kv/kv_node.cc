#include "kv/kv_node.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/replica/group_client.h"
#include "kv/kv_machine.h"

namespace lockstep::kv {
namespace {

// Facts about the own node are there at once; only its own shards are asked.
constexpr Duration kLocalTimeout = Seconds(1);
// How long a granted change is waited for; it is carried out all the same.
constexpr Duration kChangeTimeout = Seconds(3);

// Backend over the group's client. Owned by the handlers, which the client outlives.
class GroupBackend final : public Backend {
 public:
  GroupBackend(replica::GroupClient& client, runtime::Environment& environment,
               const KvNodeOptions& options)
      : client_(client),
        random_(environment.random),
        disk_(environment.disk),
        self_(environment.node),
        cluster_(options.cluster) {}

  absl::StatusOr<std::string> Propose(Fiber& fiber, std::string command,
                                      MonoTime deadline) override {
    return Translate(client_.Propose(fiber, std::move(command), deadline));
  }

  absl::Status CatchUp(Fiber& fiber, MonoTime deadline, Duration max_staleness) override {
    return client_.CatchUp(fiber, deadline, max_staleness);
  }

  absl::StatusOr<std::string> Query(Fiber& fiber, std::string_view query, Consistency consistency,
                                    MonoTime deadline) override {
    const replica::Consistency wanted = consistency == Consistency::kLinearizable
                                            ? replica::Consistency::kLinearizable
                                            : replica::Consistency::kSerializable;
    return Translate(client_.Query(fiber, std::string(query), wanted, deadline));
  }

  HeaderFields Header(Fiber& fiber) override {
    HeaderFields header;
    header.cluster_id = cluster_.value();
    header.member_id = self_.value();
    const auto term = client_.Term(fiber, fiber.now() + kLocalTimeout);
    if (term.ok()) header.raft_term = term->value();
    return header;
  }

  NodeStatus Status(Fiber& fiber) override {
    NodeStatus status;
    const MonoTime deadline = fiber.now() + kLocalTimeout;
    const auto known = client_.Status(fiber, deadline);
    if (!known.ok()) {
      status.errors.emplace_back(known.status().message());
      return status;
    }
    status.leader = known->leader.value();
    status.raft_index = known->last_index.value();
    status.raft_term = known->term.value();
    status.applied_index = known->applied.value();
    const auto& learners = known->configuration.learners;
    status.is_learner = std::find(learners.begin(), learners.end(), self_) != learners.end();
    status.store_bytes = StoreBytes(fiber);
    status.live_bytes = status.store_bytes;
    if (known->awaits_state) {
      status.errors.emplace_back("the state of this member is being fetched from the leader");
    }
    if (known->abstains) {
      status.errors.emplace_back("the log of this member lost a part and has no vote meanwhile");
    }
    if (known->no_space) {
      status.errors.push_back(absl::StrCat("memberID:", self_.value(), " alarm:NOSPACE "));
    }
    status.awaits_state = known->awaits_state;
    status.no_space = known->no_space;
    return status;
  }

  std::vector<std::string> StorageTrouble(Fiber& fiber) override {
    const auto storage = client_.Storage(fiber, fiber.now() + kLocalTimeout);
    if (!storage.ok()) return {};
    replica::StorageCounts sum;
    for (const replica::StorageCounts& shard : *storage) sum.Add(shard);
    return replica::DescribeTrouble(sum);
  }

  int64_t StoreBytes(Fiber& fiber) override {
    const auto bytes = client_.StoreBytes(fiber, fiber.now() + kLocalTimeout);
    return bytes.ok() ? static_cast<int64_t>(*bytes) : 0;
  }

  std::optional<uint64_t> FreeBytes(Fiber& fiber) override {
    const absl::StatusOr<runtime::Space> space = disk_.FreeSpace(fiber);
    return space.ok() ? std::optional(space->free_bytes) : std::nullopt;
  }

  absl::Status Defragment(Fiber& fiber) override {
    return client_.StartCompaction(fiber, fiber.now() + kLocalTimeout);
  }

  std::vector<replica::Member> Members(Fiber& fiber) override {
    const auto list = client_.Members(fiber, fiber.now() + kLocalTimeout);
    return list.ok() ? (*list)->members : std::vector<replica::Member>();
  }

  absl::StatusOr<replica::MemberRefusal> ChangeMembers(Fiber& fiber,
                                                       const replica::MemberChange& change,
                                                       MonoTime deadline) override {
    auto refusal = client_.ChangeMembers(fiber, change, deadline);
    if (absl::IsAborted(refusal.status())) {
      return absl::UnavailableError(refusal.status().message());
    }
    if (refusal.ok() && *refusal == replica::MemberRefusal::kNone) {
      client_.AwaitChange(fiber, change, std::min(deadline, fiber.now() + kChangeTimeout));
    }
    return refusal;
  }

  NodeId DrawMemberId() override { return replica::DrawMemberId(random_); }

  absl::Status MoveLeader(Fiber& fiber, NodeId target, MonoTime deadline) override {
    return client_.TransferLeadership(fiber, target, deadline);
  }

 private:
  // A session that was superseded left the command's outcome open, as a change of leader does.
  static absl::StatusOr<std::string> Translate(absl::StatusOr<std::string> answer) {
    if (absl::IsAborted(answer.status())) return absl::UnavailableError(answer.status().message());
    return answer;
  }

  replica::GroupClient& client_;
  runtime::Random& random_;
  runtime::Disk& disk_;
  NodeId self_;
  ClusterId cluster_;
};

// What the handlers of one node own together.
struct KvNode final {
  KvNode(replica::GroupClient& client, runtime::Environment& environment,
         const KvNodeOptions& options)
      : backend(client, environment, options),
        service(backend, environment.node, options.service) {}
  GroupBackend backend;
  KvService service;
};

}  // namespace

void Configure(replica::NodeOptions& options, KvNodeOptions kv) {
  options.client_port.limits.busy_text = std::string(kTooManyRequests.text);
  options.make_machine = [] { return std::make_unique<KvMachine>(); };
  options.add_services = [kv = std::move(kv)](edge::GrpcRegistry& registry,
                                              replica::GroupClient& client,
                                              runtime::Environment& environment) {
    auto node = std::make_shared<KvNode>(client, environment, kv);
    KvService& service = node->service;
    service.Register(registry, std::move(node));
  };
}

void Configure(replica::NodeOptions& options, const NodeConfig& config) {
  KvNodeOptions kv;
  kv.cluster = config.cluster;
  kv.service.request_timeout = Seconds(5) + 2 * config.election_timeout;
  kv.service.request_bytes_max = config.request_bytes_max;
  kv.service.txn_ops_max = config.txn_ops_max;
  kv.service.quota_bytes = config.quota_bytes;
  kv.service.disk_reserve_bytes = config.disk_reserve_bytes;
  kv.service.peer_scheme = std::string(config.peer_scheme());
  Configure(options, std::move(kv));
}

}  // namespace lockstep::kv
