#include "kv/kv_node.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/status_macros.h"
#include "framework/fiber/scheduler.h"
#include "framework/replica/group_client.h"
#include "kv/kv_machine.h"
#include "kv/proto/rpc.pb.h"

namespace lockstep::kv {
namespace {

// Facts about the own node are there at once; only its own shards are asked.
constexpr Duration kLocalTimeout = Seconds(1);
constexpr Duration kPublishTimeout = Seconds(5);
constexpr Duration kPublishPause = Milliseconds(100);

// Backend over the group's client. Owned by the handlers, which the client outlives.
class GroupBackend final : public Backend {
 public:
  GroupBackend(replica::GroupClient& client, NodeId self, const KvNodeOptions& options)
      : client_(client), self_(self), cluster_(options.cluster), members_(options.members) {}

  absl::StatusOr<std::string> Propose(Fiber& fiber, std::string command,
                                      MonoTime deadline) override {
    return Translate(client_.Propose(fiber, std::move(command), deadline));
  }

  absl::Status CatchUp(Fiber& fiber, MonoTime deadline) override {
    return client_.CatchUp(fiber, deadline);
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
    return status;
  }

  int64_t StoreBytes(Fiber& fiber) override {
    const auto bytes = client_.StoreBytes(fiber, fiber.now() + kLocalTimeout);
    return bytes.ok() ? static_cast<int64_t>(*bytes) : 0;
  }

  absl::Status Defragment(Fiber& fiber) override {
    return client_.StartCompaction(fiber, fiber.now() + kLocalTimeout);
  }

  std::vector<Member> Members(Fiber& fiber) override {
    std::vector<Member> members = members_;
    const auto published =
        Published(fiber, Consistency::kSerializable, fiber.now() + kLocalTimeout);
    if (!published.ok()) return members;
    for (const etcdserverpb::Member& row : published->members()) {
      for (Member& member : members) {
        if (member.id != row.id()) continue;
        member.name = row.name();
        member.client_urls.assign(row.clienturls().begin(), row.clienturls().end());
      }
    }
    return members;
  }

  // Lets the others know this node's name and client URLs, once, whatever it takes. Suspends.
  void Publish(Fiber& fiber) {
    const auto self = std::find_if(members_.begin(), members_.end(),
                                   [&](const Member& m) { return m.id == self_.value(); });
    if (self == members_.end() || self->client_urls.empty()) return;
    etcdserverpb::Member row;
    row.set_id(self->id);
    row.set_name(self->name);
    for (const std::string& url : self->client_urls) row.add_clienturls(url);
    const std::string bytes = row.SerializeAsString();
    while (!IsPublished(fiber, bytes)) {
      const auto outcome = Propose(fiber, EncodeCommand(CommandKind::kPublish, bytes),
                                   fiber.now() + kPublishTimeout);
      if (!outcome.ok()) fiber.SleepFor(kPublishPause);
    }
  }

 private:
  // A session that was superseded left the command's outcome open, as a change of leader does.
  static absl::StatusOr<std::string> Translate(absl::StatusOr<std::string> answer) {
    if (absl::IsAborted(answer.status())) return absl::UnavailableError(answer.status().message());
    return answer;
  }

  absl::StatusOr<etcdserverpb::MemberListResponse> Published(Fiber& fiber, Consistency consistency,
                                                             MonoTime deadline) {
    ASSIGN_OR_RETURN(const std::string bytes,
                     Query(fiber, EncodeCommand(CommandKind::kMembers, ""), consistency, deadline));
    ASSIGN_OR_RETURN(const Outcome outcome, DecodeOutcome(bytes));
    etcdserverpb::MemberListResponse response;
    const auto size = static_cast<int>(outcome.body.size());
    if (!outcome.ok() || !response.ParseFromArray(outcome.body.data(), size)) {
      return absl::InternalError("a malformed list of members");
    }
    return response;
  }

  bool IsPublished(Fiber& fiber, const std::string& row) {
    const auto published =
        Published(fiber, Consistency::kLinearizable, fiber.now() + kPublishTimeout);
    if (!published.ok()) return false;
    return std::any_of(
        published->members().begin(), published->members().end(),
        [&](const etcdserverpb::Member& member) { return member.SerializeAsString() == row; });
  }

  replica::GroupClient& client_;
  NodeId self_;
  ClusterId cluster_;
  std::vector<Member> members_;
};

// What the handlers of one node own together.
struct KvNode final {
  KvNode(replica::GroupClient& client, runtime::Environment& environment,
         const KvNodeOptions& options)
      : backend(client, environment.node, options),
        service(backend, environment.node, options.service),
        work(environment.scheduler) {
    work.Spawn("kv.publish", [this](Fiber& fiber) { backend.Publish(fiber); });
  }
  GroupBackend backend;
  KvService service;
  fiber::Scope work;  // last: its fibers use all of the above
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
  for (const auto& [id, member] : config.members) {
    kv.members.push_back({id.value(), member.name, member.peer_urls, member.client_urls, false});
  }
  kv.service.request_timeout = Seconds(5) + 2 * config.election_timeout;
  kv.service.request_bytes_max = config.request_bytes_max;
  kv.service.txn_ops_max = config.txn_ops_max;
  kv.service.quota_bytes = config.quota_bytes;
  Configure(options, std::move(kv));
}

}  // namespace lockstep::kv
