#include "docs-memory/testing/sync_universe.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "checkers/violation.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/hub/hub_node.h"
#include "docs-memory/hub/token.h"
#include "docs-memory/sync/fields.h"
#include "docs-memory/testing/edge_disks.h"
#include "docs-memory/testing/event_listener.h"
#include "docs-memory/testing/hub_watch.h"
#include "docs-memory/testing/sync_edge.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/edge/http_client.h"
#include "sim/cluster/cluster.h"
#include "sim/cluster/simulated_store.h"

namespace lockstep::docs {
namespace {

constexpr char kAdminToken[] = "the operator's";
constexpr char kSpace[] = "agents";
constexpr Duration kLook = Milliseconds(50);
constexpr uint64_t kRoomyBytes = uint64_t{1} << 40;

sim::FaultProfile Profile() {
  sim::FaultProfile profile = sim::DefaultProfile();
  // Media that fail end a store for good; this is about what can be survived.
  for (const char* name :
       {"read_error_ppm", "write_error_ppm", "sync_error_ppm", "disk_full_every_ns",
        "damage_every_ns", "lost_node_every_ns", "disk_swap_every_ns"}) {
    sim::Knob* const knob = sim::KnobNamed(profile, name);
    CHECK(knob != nullptr) << name;
    knob->on_ppm = 0;
  }
  return profile;
}

// The nodes of the hub; whoever talks to them lives elsewhere.
class HubWorkload final : public sim::Workload {
 public:
  explicit HubWorkload(HubWatch& watch) : watch_(watch) {}
  void Configure(replica::NodeOptions& options) override {
    HubServiceOptions service;
    service.admin_token_hash = TokenHash(kAdminToken);
    watch_.Configure(options, service);
  }
  void RunClient(Fiber&, runtime::Environment&, const sim::ClientPlan&) override {}
  std::optional<checkers::Violation> Check() override { return std::nullopt; }
  uint64_t invoked() const override { return 0; }
  uint64_t completed() const override { return 0; }

 private:
  HubWatch& watch_;
};

sim::ClusterShape Shape() {
  sim::ClusterShape shape;
  shape.clients = 0;
  shape.log_segment_bytes = 64 * 1024;
  shape.log_bytes_retained = 32 * 1024;
  return shape;
}

class Universe final {
 public:
  explicit Universe(const SyncUniverseOptions& options)
      : options_(options),
        world_(options.seed, Profile()),
        random_(options.seed ^ 0x73796e63),
        traits_(options.seed ^ 0x74726169),
        rare_(options.seed ^ 0x72617265),
        watch_(kSpace),
        workload_(watch_),
        listener_("ours", kSpace, {"n1:2379", "n2:2379", "n3:2379"}, options.seed ^ 0x6c697374),
        cluster_((FitDisasters(), world_), Shape(), workload_, sim::OpenSimulatedRocks) {
    for (uint64_t i = 1; i <= 3; ++i) hub_.push_back(absl::StrCat("n", i, ":2379"));
    // (A copy pushes under other numbers what was pushed before; a hub that has trimmed the version
    // within seconds takes it for new.)
    retains_ = traits_.Below(2) == 0 && !copies();
    if (retains_) oracle_.ExpectPurges();
    if (traits_.Below(4) == 0) {
      backup_at_ = 3 + traits_.Below(10);
      restore_at_ = backup_at_ + 3 + traits_.Below(15);
    }
    if (restores_often()) {
      backup_at_ = 2;
      restore_at_ = 4;
    }
    if (restore_at_ != 0) oracle_.ExpectRestores();
    const size_t count = 2 + random_.Below(4);
    for (size_t i = 0; i < count; ++i) AddEdge(i, count);
    if (copies()) ExpectCopies();
    operator_ = AddMachine(150, "operator");
    if (options.seed % 3 == 0) listening_ = AddMachine(160, "listener");
  }
  ~Universe() {
    for (auto& machine : machines_) machine->Kill();
    edges_.clear();
    machines_.clear();
  }

  SyncUniverseReport Run() {
    cluster_.Start();
    operator_->Boot([this](Fiber& fiber, runtime::Environment& env) { Operate(fiber, env); });
    for (auto& edge : edges_) {
      BootEdge(*edge);
      PlanTrouble(*edge);
      if (options_.seed % 13 == 5) disks_.Damage(*edge, extent());
      if (hangs()) disks_.Hang(*edge);
    }
    PlanDisks();
    if (listening_ != nullptr) {
      listening_->Boot([this](Fiber& fiber, runtime::Environment& env) {
        listener_.Live(fiber, env, tokens_["ours"]);
      });
    }
    RunUntil(world_.now() + options_.disasters, [] { return false; });
    Heal();
    const sim::VirtualTime limit = world_.now() + options_.limit;
    if (!RunUntil(limit, [this] { return AllQuiet(); })) Fail(DescribeNoise());
    if (!RunUntil(limit, [this] { return is_audited_; })) Fail("the hub does not tell its state");
    for (auto& edge : edges_) edge->Compare(&truths_[edge->plan().tenant]);
    const auto compared = [this] {
      return std::all_of(edges_.begin(), edges_.end(),
                         [](const auto& edge) { return edge->is_compared(); });
    };
    if (!RunUntil(limit, compared)) Fail("the stores were not compared in time");
    CheckHub(limit);
    if (listening_ != nullptr) CheckListener(limit);
    return Report();
  }

 private:
  // The hub again and again, from the same backup.
  bool restores_often() const { return options_.seed % 7 == 2; }

  // Of what goes bad on disks of stores.
  EdgeDisks::Extent extent() const {
    return options_.seed % 4 == 0 ? EdgeDisks::Extent::kTable : EdgeDisks::Extent::kSector;
  }

  // Disks of stores, just before the power fails, while the hub is told all the time.
  bool hangs() const { return options_.seed % 13 == 9; }

  // Stores, to where others were, and to where they were themselves some time ago.
  bool copies() const { return options_.seed % 17 == 0 && options_.seed % 13 != 5; }

  // Disks of stores read and write elsewhere now and then.
  bool misdirects() const { return options_.seed % 19 == 8; }

  // The profile's intervals are for a minute.
  void FitDisasters() {
    sim::FaultRates& rates = world_.rates();
    for (uint64_t sim::FaultRates::*interval :
         {&sim::FaultRates::partition_every_ns, &sim::FaultRates::clog_every_ns,
          &sim::FaultRates::slow_disk_every_ns, &sim::FaultRates::hung_disk_every_ns,
          &sim::FaultRates::clock_step_every_ns, &sim::FaultRates::kill_every_ns,
          &sim::FaultRates::cluster_power_loss_every_ns, &sim::FaultRates::pause_every_ns}) {
      rates.*interval /= 5;
    }
  }

  sim::SimNode* AddMachine(uint64_t id, const std::string& name) {
    machines_.push_back(std::make_unique<sim::SimNode>(world_, cluster_.network(),
                                                       sim::SimNode::Options{NodeId(id), name}));
    return machines_.back().get();
  }

  // The last of several is of another tenant, with documents of the same names.
  void AddEdge(size_t i, size_t count) {
    EdgePlan plan;
    plan.name = absl::StrCat("e", i);
    plan.tenant = count > 2 && i + 1 == count ? "other" : "ours";
    plan.hub = hub_;
    std::rotate(plan.hub.begin(), plan.hub.begin() + static_cast<int64_t>(i % 3), plan.hub.end());
    plan.speaks_json = random_.Below(2) == 0;
    plan.pull_count = static_cast<int64_t>(1 + random_.Below(6));
    plan.push_count = 1 + random_.Below(6);
    // (JSON as libbson reads it nests less deep.)
    plan.goes_deep = !plan.speaks_json && random_.Below(3) == 0;
    // (What everybody writes to all the time is never deleted for long.)
    if (retains_) plan.documents += static_cast<int>(traits_.Below(20));
    plan.expires = retains_ && traits_.Below(2) == 0;
    plan.has_private = hangs();
    if (traits_.Below(4) == 0)
      plan.filter = Document{{"body.n", Value(Document{{"$lt", Value(int64_t{500})}})}};
    // (A copy is synced in the scope of what it is a copy of.)
    if (copies()) plan.filter = Document();
    sim::SimNode* const node = AddMachine(101 + i, plan.name);
    edges_.push_back(
        std::make_unique<SyncEdge>(plan, options_.seed * 31 + i, *node, oracle_, watch_));
    SyncEdge* const edge = edges_.back().get();
    node->set_on_exit([this, edge] { BootLater(*edge); });
  }

  void BootEdge(SyncEdge& edge) {
    edge.node().Boot([this, &edge](Fiber& fiber, runtime::Environment& environment) {
      edge.Live(fiber, environment, tokens_[edge.plan().tenant]);
    });
  }
  void BootLater(SyncEdge& edge) {
    Later(edge, Milliseconds(static_cast<int64_t>(1 + random_.Below(800))), [this, &edge] {
      if (edge.node().state() == sim::SimNode::State::kOff) BootEdge(edge);
    });
  }
  void Later(SyncEdge& edge, Duration delay, std::function<void()> run) {
    world_.After(delay, {edge.node().id(), sim::EventKind::kNemesis, 0}, std::move(run));
  }

  // Power, the network and the clock of one device.
  void PlanTrouble(SyncEdge& edge) {
    Later(edge, Milliseconds(static_cast<int64_t>(100 + random_.Below(2500))), [this, &edge] {
      if (is_healed_) return;
      if (traits_.Below(6) == 0) disks_.Fill(edge, traits_);
      switch (random_.Below(4)) {
        case 0:
          edge.node().PowerLoss();
          ++report_.power_losses;
          BootLater(edge);
          break;
        case 1:
        case 2:
          GoOffline(edge);
          break;
        default:
          edge.node().clock().StepWall(Seconds(static_cast<int64_t>(random_.Below(600)) - 200));
      }
      PlanTrouble(edge);
    });
  }

  void ExpectCopies() {
    oracle_.ExpectCopies();
    watch_.ExpectCopies();
  }

  // What goes wrong with disks of stores in this universe.
  void PlanDisks() {
    for (size_t i = 0; i < edges_.size(); ++i) {
      if (copies()) disks_.Copy(*edges_[i], *AddMachine(170 + i, absl::StrCat("b", i)));
      if (misdirects()) disks_.Misdirect(*edges_[i]);
    }
  }

  void GoOffline(SyncEdge& edge) {
    const sim::HostId host = edge.node().host();
    for (const auto& node : cluster_.nodes()) cluster_.network().CutBoth(host, node->host());
    Later(edge, Milliseconds(static_cast<int64_t>(100 + random_.Below(4000))),
          [this, &edge] { GoOnline(edge); });
  }
  void GoOnline(SyncEdge& edge) {
    const sim::HostId host = edge.node().host();
    for (const auto& node : cluster_.nodes()) {
      cluster_.network().Restore(host, node->host());
      cluster_.network().Restore(node->host(), host);
    }
  }

  void Heal() {
    is_healed_ = true;
    disks_.Heal();
    world_.rates().power_loss_in_operation_ppm = 0;
    cluster_.Heal();
    for (auto& edge : edges_) {
      edge->node().disk().set_capacity(kRoomyBytes);
      GoOnline(*edge);
      edge->Calm();
    }
  }

  bool AllQuiet() const {
    return std::all_of(edges_.begin(), edges_.end(),
                       [](const auto& edge) { return edge->is_quiet(); });
  }
  std::string DescribeNoise() const {
    std::string text = "no rest:";
    for (const auto& edge : edges_) {
      if (!edge->is_quiet())
        absl::StrAppend(&text, " ", edge->plan().name, " (", edge->noise(),
                        edge->node().running() ? "" : ", not running", ")");
    }
    return absl::StrCat(text, "; hub: ", const_cast<sim::Cluster&>(cluster_).DescribeProgress());
  }

  // Until `done`, the limit or a failure. True if done.
  bool RunUntil(sim::VirtualTime limit, const std::function<bool()>& done) {
    while (report_.failure.empty() && world_.now() < limit) {
      if (done()) return true;
      world_.RunUntil(std::min(limit, world_.now() + kLook));
      for (const auto& edge : edges_) {
        if (!edge->failure().empty()) Fail(edge->failure());
        if (edge->is_broken()) disks_.Replace(*edge);
      }
      if (!intrusion_.empty()) Fail(intrusion_);
      Fail(listener_.failure());
      Fail(watch_.failure());
      if (cluster_.oracle().violation()) Fail(cluster_.oracle().violation()->verdict);
    }
    return report_.failure.empty() && done();
  }

  // The hub's operator makes tokens, tries doors that must be locked, and reads everything at last.
  void Operate(Fiber& fiber, runtime::Environment& environment) {
    for (const char* tenant : {"ours", "other"}) {
      while (tokens_[tenant].empty()) tokens_[tenant] = MakeToken(fiber, environment, tenant);
    }
    if (retains_) SetPolicy(fiber, environment);
    uint64_t round = 0;
    while (!is_healed_ || !AllQuiet()) {
      TryDoors(fiber, environment);
      fiber.SleepFor(Milliseconds(300));
      ++round;
      if (round == backup_at_) Insist(fiber, environment, "/test/backup", "{}");
      if (round != restore_at_) continue;
      if (restores_often()) LeaveBehind();
      Insist(fiber, environment, "/test/restore", "{}");
      if (restores_often() && !is_healed_) restore_at_ = round + 2 + rare_.Below(5);
    }
    // (What a store pushed before it went back may still be under way within the hub.)
    if (copies()) fiber.SleepFor(Seconds(20));
    // (What ends soon ends first.)
    for (int i = 0; i < 20 && HasEnding(fiber, environment); ++i) fiber.SleepFor(Seconds(1));
    while (!AllQuiet()) fiber.SleepFor(Milliseconds(300));
    for (const char* tenant : {"ours", "other"}) {
      while (!ReadTruth(fiber, environment, tenant)) fiber.SleepFor(Milliseconds(100));
    }
    is_audited_ = true;
  }

  // One of the nodes does not hear of what is to come for a while, and others may ask it.
  void LeaveBehind() {
    const sim::HostId left = cluster_.nodes()[rare_.Below(cluster_.nodes().size())]->host();
    if (is_healed_ || rare_.Below(3) == 0) return;
    for (const auto& node : cluster_.nodes()) {
      if (node->host() != left) cluster_.network().CutBoth(left, node->host());
    }
    world_.After(Milliseconds(static_cast<int64_t>(200 + rare_.Below(2000))),
                 {operator_->id(), sim::EventKind::kNemesis, 0}, [this, left] {
                   // (By then all links are restored but those of who stays broken.)
                   if (is_healed_) return;
                   for (const auto& node : cluster_.nodes()) {
                     cluster_.network().Restore(left, node->host());
                     cluster_.network().Restore(node->host(), left);
                   }
                 });
  }

  absl::StatusOr<std::pair<int, Document>> Call(Fiber& fiber, runtime::Environment& environment,
                                                const std::string& token, const std::string& method,
                                                const std::string& target,
                                                const std::string& body) {
    edge::HttpClient client(environment.network, hub_[random_.Below(hub_.size())]);
    edge::HttpRequest request;
    request.method = method;
    request.target = target;
    request.headers.Add(kProtocolHeader, kProtocolVersion);
    request.headers.Add("Authorization", absl::StrCat("Bearer ", token));
    request.headers.Add("Content-Type", kJsonType);
    request.body = body;
    ASSIGN_OR_RETURN(const auto response, client.Send(fiber, request, fiber.now() + Seconds(3)));
    ASSIGN_OR_RETURN(Document answer, ParseEnvelope(response.body, kJsonType));
    return std::make_pair(response.status, std::move(answer));
  }

  // As the administrator, until it is done.
  void Insist(Fiber& fiber, runtime::Environment& environment, const std::string& target,
              const std::string& body) {
    for (;;) {
      const auto done = Call(fiber, environment, kAdminToken, "POST", target, body);
      if (done.ok() && done->first == 200) return;
      if (done.ok() && done->first != 503) intrusion_ = absl::StrCat(target, ": ", done->first);
      fiber.SleepFor(Milliseconds(100));
    }
  }

  void SetPolicy(Fiber& fiber, runtime::Environment& environment) {
    const uint64_t tombstones = 300 + traits_.Below(1200);
    Insist(fiber, environment, "/v1/retention",
           absl::StrCat(R"({"tombstones_ms": )", tombstones, R"(, "node_ttl_ms": )",
                        150 + traits_.Below(tombstones - 150), R"(, "history_ms": )",
                        500 + traits_.Below(4000), R"(, "versions_max": 11})"));
  }

  bool HasEnding(Fiber& fiber, runtime::Environment& environment) {
    for (const char* tenant : {"ours", "other"}) {
      HubTruth truth;
      int64_t now_ms = 0;
      while (!ReadHeads(fiber, environment, tenant, truth, &now_ms))
        fiber.SleepFor(Milliseconds(100));
      for (const auto& [id, one] : truth.documents) {
        const Head& winner = one.heads.all[0];
        // (Some clocks are far ahead.)
        if (!winner.deleted && winner.expires_ms != 0 && winner.expires_ms < now_ms + 20'000)
          return true;
      }
    }
    return false;
  }

  std::string MakeToken(Fiber& fiber, runtime::Environment& environment,
                        const std::string& tenant) {
    const auto made =
        Call(fiber, environment, kAdminToken, "POST", "/v1/tokens",
             absl::StrCat(R"({"tenant": ")", tenant,
                          R"(", "ns": ["agents"], "perms": ["push", "pull", "read"]})"));
    const auto token = made.ok() ? made->second.Find("token") : std::nullopt;
    return token ? std::string(token->string()) : std::string();
  }

  // What is refused must be refused, and say nothing.
  void TryDoors(Fiber& fiber, runtime::Environment& environment) {
    struct Door {
      std::string token;
      const char* target;
      int status;
    };
    const Door doors[] = {
        {tokens_["other"], "/v1/pull?tenant=ours&ns=agents", 403},
        {tokens_["other"], "/v1/docs/facts/d0?tenant=ours&ns=agents", 403},
        {tokens_["ours"], "/v1/pull?tenant=ours&ns=private", 403},
        {"guessed", "/v1/pull?tenant=ours&ns=agents", 401},
        {tokens_["ours"], "/v1/pull?tenant=ours&ns=agents&since=nonsense", 400},
    };
    const Door& door = doors[random_.Below(std::size(doors))];
    const auto answer = Call(fiber, environment, door.token, "GET", door.target, "");
    if (!answer.ok() || answer->first == door.status || answer->first == 503) return;
    intrusion_ = absl::StrCat(door.target, " was answered with ", answer->first);
  }

  // What the hub has of the tenant, and its time.
  bool ReadHeads(Fiber& fiber, runtime::Environment& environment, const std::string& tenant,
                 HubTruth& truth, int64_t* now_ms) {
    HubClient client(environment.network, {hub_, tokens_[tenant], true});
    PullRequest request;
    request.tenant = tenant;
    request.space = kSpace;
    request.is_linear = true;
    for (bool more = true; more;) {
      auto page = client.Pull(fiber, request, fiber.now() + Seconds(10));
      for (int i = 0; i < 6 && (!page.ok() || !page->refusal.code.empty()); ++i) {
        if (page.ok()) client.TryNextNode();
        page = client.Pull(fiber, request, fiber.now() + Seconds(10));
      }
      if (!page.ok() || !page->refusal.code.empty()) return false;
      for (const PulledChange& change : page->value.changes)
        truth.documents[std::string(change.id.ref().string())].heads = change.heads;
      if (request.since == 0) request.floor = page->value.floor;
      request.epoch = page->value.epoch;
      request.since = page->value.checkpoint;
      truth.checkpoint = page->value.checkpoint;
      *now_ms = page->value.server_ms;
      more = page->value.more;
    }
    return true;
  }

  bool ReadTruth(Fiber& fiber, runtime::Environment& environment, const std::string& tenant) {
    HubTruth truth;
    int64_t now_ms = 0;
    if (!ReadHeads(fiber, environment, tenant, truth, &now_ms)) return false;
    for (auto& [id, one] : truth.documents) {
      const std::string target =
          absl::StrCat("/v1/history/facts/", id, "?tenant=", tenant, "&ns=agents");
      auto history = Call(fiber, environment, tokens_[tenant], "GET", target, "");
      // (A node that is not whole again is among those that are asked.)
      for (int i = 0; i < 20 && (!history.ok() || history->first != 200); ++i)
        history = Call(fiber, environment, tokens_[tenant], "GET", target, "");
      if (!history.ok() || history->first != 200) return false;
      const absl::Status taken = TakeHistory(history->second, one);
      if (!taken.ok()) {
        intrusion_ = taken.ToString();
        return true;
      }
    }
    truths_[tenant] = std::move(truth);
    return true;
  }

  static absl::Status TakeHistory(const Document& history, HubTruth::One& one) {
    Fields fields(history.view());
    fields.ForEach("versions", [&](ValueRef value) -> absl::Status {
      Fields version(value.bytes);
      HubTruth::Version taken;
      taken.head.rev = version.RevOr("rev", {});
      taken.base = version.RevOr("base", {});
      taken.head.deleted = version.BoolOr("deleted", false);
      taken.sequence = version.Number("seq");
      taken.time_ms = FindField(value.bytes, "time")->is(Type::kInt32)
                          ? FindField(value.bytes, "time")->int32()
                          : FindField(value.bytes, "time")->int64();
      if (!taken.head.deleted) taken.head.document = version.DocumentOr("doc", {}).bytes();
      version.ForEach("resolves", [&](ValueRef rev) -> absl::Status {
        taken.resolves.push_back(*Revision::FromText(rev.string()));
        return absl::OkStatus();
      });
      one.versions[taken.head.rev] = std::move(taken);
      return version.status();
    });
    return fields.status();
  }

  void CheckHub(sim::VirtualTime limit) {
    for (const char* tenant : {"ours", "other"}) {
      const auto ever = watch_.ever().find(tenant);
      const HubTruth nothing;
      if (report_.failure.empty()) {
        Fail(oracle_.CheckTruth(tenant, truths_[tenant],
                                ever == watch_.ever().end() ? nothing : ever->second));
      }
    }
    for (const auto& [rev, head] : watch_.undone()) oracle_.Lost(head);
    if (report_.failure.empty()) Fail(oracle_.CheckNothingLost());
    if (!report_.failure.empty() || !cluster_.must_converge()) return;
    if (!RunUntil(limit, [this] { return cluster_.Converged(); }))
      return Fail(absl::StrCat("the hub is not whole: ", cluster_.DescribeProgress()));
    bool met_damage = false;  // (there is none here)
    if (const auto differ = cluster_.CompareStates(met_damage)) Fail(differ->verdict);
  }

  void CheckListener(sim::VirtualTime limit) {
    const auto is_told = [this] { return listener_.Compare(truths_["ours"]).empty(); };
    if (!RunUntil(limit, is_told))
      Fail(absl::StrCat("who listens ", listener_.Compare(truths_["ours"])));
  }

  void Fail(const std::string& text) {
    if (!text.empty() && report_.failure.empty())
      report_.failure = absl::StrCat("seed ", options_.seed, ": ", text);
  }

  SyncUniverseReport Report() {
    report_.acknowledged = oracle_.acknowledged();
    report_.rejected = oracle_.rejected();
    report_.conflicts = oracle_.conflicts();
    for (const auto& [tenant, truth] : watch_.ever()) {
      for (const auto& [id, one] : truth.documents) report_.versions += one.versions.size();
    }
    report_.expired = watch_.expired();
    report_.purged = watch_.purged();
    report_.restored = watch_.restored();
    report_.events = listener_.events();
    for (const auto& edge : edges_) {
      report_.restamped += edge->restamped();
      report_.requests += edge->requests();
    }
    report_.virtual_ms = world_.now().ns / 1'000'000;
    report_.hash = world_.log().hash();
    return report_;
  }

  const SyncUniverseOptions options_;
  sim::World world_;
  base::SequentialRandom random_;
  base::SequentialRandom traits_;  // of what only some universes have
  base::SequentialRandom rare_;
  HubWatch watch_;
  HubWorkload workload_;
  EventListener listener_;
  sim::Cluster cluster_;
  SyncOracle oracle_;
  SyncUniverseReport report_;
  std::vector<runtime::Address> hub_;
  std::map<std::string, std::string> tokens_;  // by tenant
  std::map<std::string, HubTruth> truths_;
  std::string intrusion_;
  bool retains_ = false;  // the hub forgets soon
  // Rounds of the operator; 0: never.
  uint64_t backup_at_ = 0;
  uint64_t restore_at_ = 0;
  bool is_healed_ = false;
  bool is_audited_ = false;
  std::vector<std::unique_ptr<sim::SimNode>> machines_;
  std::vector<std::unique_ptr<SyncEdge>> edges_;
  EdgeDisks disks_{world_, rare_, report_, [this](SyncEdge& edge) { BootLater(edge); }};
  sim::SimNode* operator_ = nullptr;
  sim::SimNode* listening_ = nullptr;  // in some universes
};

}  // namespace

SyncUniverseReport RunSyncUniverse(const SyncUniverseOptions& options) {
  return Universe(options).Run();
}

}  // namespace lockstep::docs
