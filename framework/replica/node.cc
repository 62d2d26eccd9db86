#include "framework/replica/node.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/edge/grpc_health.h"
#include "framework/edge/grpc_server.h"
#include "framework/replica/agreement.h"
#include "framework/replica/identity.h"
#include "framework/replica/member_change.h"
#include "framework/replica/mutants.h"
#include "framework/replica/node_metrics.h"
#include "framework/replica/node_networks.h"
#include "framework/replica/shard.h"
#include "framework/replica/storage_watch.h"
#include "framework/replica/store_care.h"

namespace lockstep::replica {
namespace {

// A request without a deadline of its own does not wait for ever.
constexpr Duration kRequestTimeout = Seconds(7);
// How long a granted change is waited for; it is carried out all the same.
constexpr Duration kChangeTimeout = Seconds(3);
// How long a node that has to stop still answers those that wait, the one who had it removed among
// them: it may hear of that from a peer's refusal only, and applies nothing any more.
constexpr Duration kFarewellTimeout = kChangeTimeout + Seconds(1);
constexpr int64_t kMaxStalenessMs = 24 * 3600 * 1000;
// How long a node that stops waits for somebody else to lead.
constexpr Duration kHandOverTimeout = Seconds(2);
// Before the other shards are asked again whether they are up.
constexpr Duration kShardsPause = Milliseconds(50);
constexpr Duration kRegisterTimeout = Seconds(5);
constexpr Duration kRegisterPause = Milliseconds(50);

MonoTime DeadlineOf(Fiber& fiber, const edge::GrpcRequest& request) {
  return std::min(request.deadline, fiber.now() + kRequestTimeout);
}

// One shard of a running node; RunNode's locals, with names.
class NodeShard final {
 public:
  NodeShard(NodeNetworks& networks, const NodeOptions& options, NodeShared& shared)
      : networks_(networks),
        environment_(networks.environment()),
        options_(options),
        shared_(shared),
        directory_(shared.directory),
        slot_(shared.directory.slot(environment_.shard)),
        client_(environment_, shared.directory, options.group),
        shards_(shared.directory.shard_count()),
        home_(shared.directory.ShardOf(options.group)) {}

  absl::Status Open(Fiber& fiber) {
    const std::string directory = ShardPath(environment_.shard);
    // 0 is "unknown".
    const uint64_t drawn = std::max<uint64_t>(1, environment_.random.Draw("directory.id"));
    ASSIGN_OR_RETURN(identity_, ClaimDirectory(fiber, environment_.disk, directory,
                                               {Identity::kFormatVersion, options_.cluster,
                                                environment_.node, shards_, drawn, Initial()}));
    absl::StatusOr<std::unique_ptr<machine::OrderedStore>> store =
        options_.open_store(fiber, environment_, directory);
    if (!store.ok()) return store_failure_ = store.status();
    store_ = *std::move(store);
    ASSIGN_OR_RETURN(shard_, Shard::Open(fiber, environment_, *store_, ShardOptionsOf(directory),
                                         options_.observer));
    RETURN_IF_ERROR(OpenGroups(fiber));
    if (environment_.shard != ShardId(0)) return absl::OkStatus();
    RETURN_IF_ERROR(ListenForMetrics());
    return Listen();
  }

  absl::Status Run(Fiber& fiber, fiber::Event& stop) {
    fiber::Scope requests(environment_.scheduler);
    // Also when this fiber is unwound, nothing may point here any more.
    struct Published {
      ShardDirectory::Slot& slot;
      ~Published() { slot = {}; }
    } published{slot_};
    slot_.shard = shard_.get();
    slot_.requests = &requests;
    shard_->SetMembers(slot_.members);
    fiber::Scope scope(environment_.scheduler);
    absl::Status ended;
    fiber::Event over;
    networks_.Spawn(scope);
    scope.Spawn("node.shard", [&](Fiber& running) {
      ended = shard_->Run(running);
      // Whoever asked for the removal of this node hears that it is done.
      if (absl::IsFailedPrecondition(ended)) StopServing(running, kFarewellTimeout);
      over.Set();
    });
    for (auto& listener : metrics_listeners_) {
      scope.Spawn("node.metrics",
                  [this, &listener](Fiber& serving) { metrics_http_->Serve(serving, *listener); });
    }
    scope.Spawn("node.register", [&](Fiber& telling) { Register(telling); });
    scope.Spawn("node.stop", [&](Fiber& waiting) {
      stop.Wait(waiting);
      Drain(waiting);
      over.Set();
    });
    fiber::Scope accepting(environment_.scheduler);
    accepting_ = &accepting;
    for (auto& listener : listeners_) {
      accepting.Spawn("node.serve", [this, &listener](Fiber& serving) {
        // What a client asks of a shard that is not there yet would be lost.
        while (!client_.Storage(serving, serving.now() + kShardsPause).ok()) {
        }
        if (http_ != nullptr) return http_->Serve(serving, *listener);
        server_->Serve(serving, *listener);
      });
    }
    over.Wait(fiber);
    return ended;
  }

  // Why the store is of no use; OK if it is, or if that is not why the shard ended.
  absl::Status store_failure() const {
    if (shard_ != nullptr && shard_->log_failed()) return absl::OkStatus();
    return store_ == nullptr ? store_failure_ : store_->health();
  }

 private:
  ShardOptions ShardOptionsOf(const std::string& directory) {
    ShardOptions shard;
    shard.cluster = options_.cluster;
    shard.directory = directory;
    shard.tick = options_.tick;
    shard.log = options_.log;
    shard.log_bytes_max = options_.log_bytes_max;
    shard.scrub = options_.scrub;
    shard.snapshots = options_.snapshots;
    shard.protocol_version_max = options_.protocol_version_max;
    shard.compaction_interval = options_.compaction_interval;
    shard.groups = Groups();
    shard.members = std::make_shared<const MemberList>(InitialList(identity_.initial));
    shard.directory_id = identity_.directory;
    shard.advertised = OwnAddress(options_.peer_advertise);
    shard.listen =
        options_.peer_listen.empty() ? shard.advertised : OwnAddress(options_.peer_listen);
    shard.on_members = [this](const std::shared_ptr<const MemberList>& list) { TellShards(list); };
    return shard;
  }

  std::vector<GroupId> Groups() const {
    std::vector<GroupId> groups;
    if (home_ == environment_.shard) groups.push_back(options_.group);
    for (const GroupId group : options_.more_groups) {
      if (directory_.ShardOf(group) == environment_.shard) groups.push_back(group);
    }
    return groups;
  }

  const runtime::Address& OwnAddress(const std::vector<runtime::Address>& given) const {
    const auto& own = given.empty() ? options_.members.at(environment_.node) : given;
    CHECK_LT(environment_.shard.value(), own.size()) << "one peer address per shard";
    return own[environment_.shard.value()];
  }

  std::vector<Member> Initial() const {
    std::vector<Member> initial;
    for (const auto& [id, addresses] : options_.members) {
      Member member;
      member.id = id;
      member.peers = addresses;
      const auto name = options_.names.find(id);
      if (name != options_.names.end()) member.name = name->second;
      initial.push_back(std::move(member));
    }
    return initial;
  }

  void TellShards(const std::shared_ptr<const MemberList>& list) {
    for (uint32_t i = 0; i < shards_; ++i) {
      const ShardId shard(i);
      if (shard == environment_.shard) continue;
      environment_.mailbox.Post(shard, [&directory = directory_, shard, list] {
        ShardDirectory::Slot& slot = directory.slot(shard);
        slot.members = list;
        if (slot.shard != nullptr) slot.shard->SetMembers(list);
      });
    }
  }

  // Lets the cluster know this shard's directory, and what this node says of itself. Suspends,
  // until it is known.
  void Register(Fiber& fiber) {
    for (;;) {
      const std::shared_ptr<const MemberList> list = shard_->members();
      const Member* self = list->Find(environment_.node);
      if (self != nullptr) {
        MemberChange change = Untold(*self);
        if (change.steps.empty()) return;
        (void)client_.ChangeMembers(fiber, std::move(change), fiber.now() + kRegisterTimeout);
      }
      fiber.SleepFor(kRegisterPause);
    }
  }

  MemberChange Untold(const Member& known) const {
    MemberChange change;
    if (known.directory(environment_.shard) != identity_.directory) {
      Member self;
      self.id = environment_.node;
      self.directories.resize(shards_);
      self.directories[environment_.shard.value()] = identity_.directory;
      change.steps.push_back({MemberStep::Kind::kRegister, std::move(self)});
    }
    const bool has_news = known.name != options_.name || known.client_urls != options_.client_urls;
    if (environment_.shard == ShardId(0) && !options_.name.empty() && has_news) {
      Member self;
      self.id = environment_.node;
      self.name = options_.name;
      self.client_urls = options_.client_urls;
      change.steps.push_back({MemberStep::Kind::kPublish, std::move(self)});
    }
    return change;
  }

  absl::Status OpenGroups(Fiber& fiber) {
    for (const GroupId group : Groups()) RETURN_IF_ERROR(OpenGroup(fiber, group));
    return absl::OkStatus();
  }

  absl::Status OpenGroup(Fiber& fiber, GroupId group) {
    ReplicaOptions replica;
    replica.group = group;
    replica.raft = options_.raft;
    replica.log_bytes_retained = options_.log_bytes_retained;
    replica.proposals = options_.proposals;
    replica.protocol_version_max = options_.protocol_version_max;
    replica.members = InitialList(identity_.initial);
    for (const Member& member : identity_.initial) replica.bootstrap.voters.push_back(member.id);
    return shard_->AddGroup(fiber, replica, options_.make_machine()).status();
  }

  absl::Status Listen() {
    if (options_.make_http) {
      http_handler_ = options_.make_http(client_, environment_);
      http_ = std::make_unique<edge::HttpServer>(environment_.scheduler, environment_.trace,
                                                 *http_handler_, options_.http_port);
    } else {
      MakeGrpcServer();
    }
    for (const runtime::Address& address : options_.client_listen) {
      ASSIGN_OR_RETURN(auto listener, networks_.clients().Listen(address));
      listeners_.push_back(std::move(listener));
    }
    return absl::OkStatus();
  }

  absl::Status ListenForMetrics() {
    if (options_.metrics_listen.empty()) return absl::OkStatus();
    metrics_ = std::make_unique<NodeMetrics>(client_, environment_);
    metrics_http_ =
        std::make_unique<edge::HttpServer>(environment_.scheduler, environment_.trace, *metrics_);
    for (const runtime::Address& address : options_.metrics_listen) {
      ASSIGN_OR_RETURN(auto listener, networks_.plain().Listen(address));
      metrics_listeners_.push_back(std::move(listener));
    }
    return absl::OkStatus();
  }

  void MakeGrpcServer() {
    AddGroupService(registry_, client_, environment_.random);
    edge::AddHealthService(registry_, [](absl::string_view service) {
      return service.empty() ? edge::GrpcHealth::kServing : edge::GrpcHealth::kServiceUnknown;
    });
    if (options_.add_services) options_.add_services(registry_, client_, environment_);
    server_ = std::make_unique<edge::GrpcServer>(environment_.scheduler, environment_.trace,
                                                 registry_, options_.client_port);
  }

  void StopServing(Fiber& fiber, Duration timeout) {
    // Who comes now is refused at once and goes to another node.
    accepting_->Cancel();
    listeners_.clear();
    if (server_ != nullptr) server_->Shutdown(fiber, fiber.now() + timeout);
    if (http_ != nullptr) http_->Shutdown(fiber, fiber.now() + timeout);
  }

  // First the leaderships, while everybody is served as ever; then the clients. The other shards
  // are there as long as shard 0 has clients.
  void Drain(Fiber& fiber) {
    if (mutant::Enabled(mutant::kM185StopsWithoutHandingOver)) return;
    const MonoTime until = fiber.now() + options_.drain_timeout;
    shard_->HandOver(fiber, fiber.now() + std::min(kHandOverTimeout, options_.drain_timeout / 2));
    if (environment_.shard == ShardId(0)) {
      StopServing(fiber, until - fiber.now());
    } else {
      shared_.drained[environment_.shard.value()].Wait(fiber, until);
    }
  }

  NodeNetworks& networks_;
  runtime::Environment& environment_;
  const NodeOptions& options_;
  NodeShared& shared_;
  ShardDirectory& directory_;
  ShardDirectory::Slot& slot_;
  GroupClient client_;
  uint32_t shards_;
  ShardId home_;
  absl::Status store_failure_;  // while there is none
  Identity identity_;
  std::unique_ptr<machine::OrderedStore> store_;
  std::unique_ptr<Shard> shard_;
  edge::GrpcRegistry registry_;
  std::vector<std::unique_ptr<runtime::Listener>> listeners_;
  fiber::Scope* accepting_ = nullptr;  // on the stack of Run
  std::unique_ptr<edge::HttpHandler> http_handler_;
  // One of them, before what its handlers use.
  std::unique_ptr<edge::GrpcServer> server_;
  std::unique_ptr<edge::HttpServer> http_;
  std::vector<std::unique_ptr<runtime::Listener>> metrics_listeners_;
  std::unique_ptr<NodeMetrics> metrics_;
  std::unique_ptr<edge::HttpServer> metrics_http_;
};

// Until the shard ends; nothing of it is left then. `store_failure`: see NodeShard.
absl::Status RunOnce(Fiber& fiber, NodeNetworks& networks, const NodeOptions& options,
                     NodeShared& shared, fiber::Event& stop, absl::Status* store_failure) {
  runtime::Environment& environment = networks.environment();
  NodeShard shard(networks, options, shared);
  absl::Status status = shard.Open(fiber);
  if (status.ok()) {
    environment.trace.Emit(runtime::TraceLevel::kInfo, "node.started", {});
    status = shard.Run(fiber, stop);
    environment.trace.Emit(runtime::TraceLevel::kInfo, "node.stopped",
                           {{"status", status.ToString()}});
  }
  *store_failure = shard.store_failure();
  return status;
}

}  // namespace

namespace {

absl::Status RunShard(Fiber& fiber, runtime::Environment& given, const NodeOptions& options,
                      NodeShared& shared, fiber::Event& stop) {
  StorageWatch watch(given.trace, shared.directory.storage(given.shard));
  runtime::Environment environment{
      given.node, given.shard,   given.scheduler, given.clock,        given.random, given.network,
      given.disk, given.offload, given.mailbox,   given.fault_points, watch};
  ASSIGN_OR_RETURN(const auto networks, NodeNetworks::Open(fiber, environment, options));
  StoreCare care(environment, {.directory = ShardPath(environment.shard),
                               .store_name = options.store_name,
                               .has_peers = options.members.size() > 1});
  for (;;) {
    absl::Status store_failure;
    const absl::Status ended = RunOnce(fiber, *networks, options, shared, stop, &store_failure);
    if (ended.ok() || stop.is_set()) return ended;
    ASSIGN_OR_RETURN(const bool again, care.Mend(fiber, ended, store_failure));
    if (!again) return ended;
  }
}

}  // namespace

absl::Status RunNode(Fiber& fiber, runtime::Environment& environment, const NodeOptions& options,
                     NodeShared& shared, fiber::Event& stop) {
  absl::Status ended = RunShard(fiber, environment, options, shared, stop);
  if (environment.shard != ShardId(0)) return ended;
  for (uint32_t i = 1; i < shared.directory.shard_count(); ++i) {
    environment.mailbox.Post(ShardId(i), [&shared, i] { shared.drained[i].Set(); });
  }
  return ended;
}

namespace {

edge::GrpcStatus ServeChange(Fiber& fiber, const edge::GrpcRequest& request, GroupClient& client,
                             runtime::Random& random, std::string* response) {
  std::optional<MemberChange> change =
      DecodeMemberChange({request.message.data(), request.message.size()});
  if (!change) return {edge::GrpcCode::kInvalidArgument, "malformed change of members"};
  for (MemberStep& step : change->steps) {
    const bool is_new = step.kind == MemberStep::Kind::kAdd && step.member.id == NodeId(0);
    if (is_new) step.member.id = DrawMemberId(random);
  }
  const MonoTime deadline = DeadlineOf(fiber, request);
  const auto refusal = client.ChangeMembers(fiber, *change, deadline);
  if (!refusal.ok()) return edge::GrpcStatus::Of(refusal.status());
  *response = EncodeRefusal(*refusal);
  if (*refusal != MemberRefusal::kNone) return {};
  client.AwaitChange(fiber, *change, std::min(deadline, fiber.now() + kChangeTimeout));
  const auto list = client.Members(fiber, deadline);
  if (!list.ok()) return edge::GrpcStatus::Of(list.status());
  response->append(EncodeMemberList(**list));
  return {};
}

}  // namespace

absl::StatusOr<Duration> MaxStaleness(const edge::GrpcRequest& request) {
  const auto asked = request.metadata.Find("max-staleness-ms");
  if (!asked) return Duration(0);
  int64_t ms = 0;
  if (!absl::SimpleAtoi(*asked, &ms) || ms < 1 || ms > kMaxStalenessMs) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max-staleness-ms '", *asked, "' is not a number from 1 to ", kMaxStalenessMs));
  }
  return Milliseconds(ms);
}

void AddGroupService(edge::GrpcRegistry& registry, GroupClient& client, runtime::Random& random) {
  registry.AddUnary(
      "/lockstep.Group/ChangeMembers",
      [&client, &random](Fiber& fiber, const edge::GrpcRequest& request, std::string* response) {
        return ServeChange(fiber, request, client, random, response);
      });
  registry.AddUnary(
      "/lockstep.Group/Agree",
      [&client](Fiber& fiber, const edge::GrpcRequest& request, std::string*) -> edge::GrpcStatus {
        const std::string_view text(request.message.data(), request.message.size());
        const std::optional<uint32_t> version = DecodeVersion(text);
        if (!version) {
          return {edge::GrpcCode::kInvalidArgument, "malformed protocol version"};
        }
        const absl::Status agreed = client.AgreeOn(fiber, *version, DeadlineOf(fiber, request));
        return agreed.ok() ? edge::GrpcStatus() : edge::GrpcStatus::Of(agreed);
      });
  registry.AddUnary("/lockstep.Group/Propose",
                    [&client](Fiber& fiber, const edge::GrpcRequest& request,
                              std::string* response) -> edge::GrpcStatus {
                      auto result = client.Propose(fiber, std::string(request.message),
                                                   DeadlineOf(fiber, request));
                      if (!result.ok()) return edge::GrpcStatus::Of(result.status());
                      *response = *std::move(result);
                      return {};
                    });
  registry.AddUnary("/lockstep.Group/Query",
                    [&client](Fiber& fiber, const edge::GrpcRequest& request,
                              std::string* response) -> edge::GrpcStatus {
                      const auto asked = request.metadata.Find("consistency");
                      const Consistency consistency = asked && *asked == "serializable"
                                                          ? Consistency::kSerializable
                                                          : Consistency::kLinearizable;
                      const MonoTime deadline = DeadlineOf(fiber, request);
                      const auto staleness = MaxStaleness(request);
                      if (!staleness.ok()) return edge::GrpcStatus::Of(staleness.status());
                      if (consistency == Consistency::kLinearizable || *staleness > Duration(0)) {
                        const absl::Status caught_up = client.CatchUp(fiber, deadline, *staleness);
                        if (!caught_up.ok()) return edge::GrpcStatus::Of(caught_up);
                      }
                      if (!request.room.Reserve(fiber, limits::kResponseRoomBytes)) {
                        return request.room.Busy();
                      }
                      auto result = client.Query(fiber, std::string(request.message),
                                                 Consistency::kSerializable, deadline);
                      if (!result.ok()) return edge::GrpcStatus::Of(result.status());
                      *response = *std::move(result);
                      return {};
                    });
}

}  // namespace lockstep::replica
