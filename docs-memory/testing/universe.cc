#include "docs-memory/testing/universe.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/crypto/keyring.h"
#include "docs-memory/store/collection.h"
#include "docs-memory/testing/model.h"
#include "docs-memory/testing/sealed_disk.h"
#include "docs-memory/testing/simulated_rows.h"
#include "framework/base/check.h"
#include "framework/base/random.h"
#include "framework/base/status_macros.h"
#include "sim/cluster/simulated_store.h"
#include "sim/sim_network.h"
#include "sim/sim_node.h"
#include "sim/world.h"

namespace lockstep::docs {
namespace {

constexpr char kCollection[] = "facts";
constexpr char kNode[] = "device";
constexpr int kSpareLives = 40;
// Part of every id, and so of keys of rows.
constexpr char kSecret[] = "-remembers-";
constexpr char kKeys[] = "KEYS";
constexpr ScryptCost kCheapScrypt{16, 1, 1};

sim::FaultProfile Profile() {
  sim::FaultProfile profile = sim::DefaultProfile();
  // Errors of the medium end a store; power losses are what this is about.
  for (const char* name :
       {"read_error_ppm", "write_error_ppm", "sync_error_ppm", "disk_full_every_ns"}) {
    sim::Knob* const knob = sim::KnobNamed(profile, name);
    CHECK(knob != nullptr) << name;
    knob->on_ppm = 0;
  }
  return profile;
}

class Universe final {
 public:
  explicit Universe(const UniverseOptions& options)
      : options_(options),
        world_(options.seed, Profile()),
        network_(world_),
        node_(world_, network_, {NodeId(1), kNode}),
        random_(options.seed ^ 0x646f6373),
        models_(static_cast<size_t>(options.clients)),
        sealed_(random_.Below(2) == 0),
        history_ms_(random_.Below(2) == 0 ? 40 : 10'000) {}

  UniverseReport Run() {
    // (The power also fails by itself, inside an operation.)
    for (int life = 0; !finished_ && report_.failure.empty(); ++life) {
      if (life == options_.lives + kSpareLives) Fail("the last life did not come to its end");
      last_ = life + 1 >= options_.lives;
      if (last_) world_.rates().power_loss_in_operation_ppm = 0;
      node_.Boot(
          [this](Fiber& fiber, runtime::Environment& environment) { Live(fiber, environment); });
      const auto ms =
          static_cast<int64_t>(1 + random_.Below(static_cast<uint64_t>(options_.life_ms)));
      world_.RunFor(Milliseconds(last_ ? 20'000 : ms));
      if (sealed_) {
        if (std::string seen = sealed_disk_.Check(node_); !seen.empty()) Fail(std::move(seen));
      }
      latest_ms_ = std::max(latest_ms_, node_.clock().Wall().ns / 1'000'000);
      node_.PowerLoss();
      world_.RunFor(Milliseconds(1));
      // Clocks are wrong after a battery was empty, say.
      if (random_.Below(3) == 0)
        node_.clock().StepWall(-Seconds(static_cast<int64_t>(random_.Below(100))));
    }
    report_.hash = world_.log().hash();
    return report_;
  }

 private:
  // What a dead process says does not count.
  void Fail(std::string text) {
    if (node_.state() != sim::SimNode::State::kOff && !node_.process().alive()) return;
    if (report_.failure.empty()) report_.failure = absl::StrCat("seed ", options_.seed, ": ", text);
  }
  std::string IdOf(int client, uint64_t n) const { return absl::StrCat("c", client, kSecret, n); }

  // Rotates keys and passphrase, now and then, and finds out which passphrase it is: the power may
  // have failed while it was changed.
  absl::Status OpenKeys(Fiber& fiber, runtime::Environment& environment) {
    if (!sealed_) return absl::OkStatus();
    const std::string wrong = absl::StrCat(passphrases_.back(), "x");
    for (const std::string& passphrase : std::vector<std::string>(passphrases_)) {
      auto keys =
          Keyring::ForStore(fiber, environment, kKeys, passphrase, /*exists=*/false, kCheapScrypt);
      if (Is(keys.status(), ErrorCode::kBadPassphrase) && passphrases_.size() > 1) continue;
      RETURN_IF_ERROR(keys.status());
      passphrases_ = {passphrase};
      keys_ = *std::move(keys);
      break;
    }
    if (keys_ == nullptr) return absl::InternalError("neither the old nor the new passphrase fits");
    if (!Is(Keyring::Open(fiber, environment, kKeys, wrong).status(), ErrorCode::kBadPassphrase))
      return absl::InternalError("any passphrase fits");
    return Rotate(fiber, environment);
  }

  absl::Status Rotate(Fiber& fiber, runtime::Environment& environment) {
    const std::string passphrase = passphrases_.back();
    if (random_.Below(3) == 0)
      RETURN_IF_ERROR(Keyring::AddKey(fiber, environment, kKeys, passphrase));
    if (random_.Below(3) == 0) {
      std::set<uint32_t> in_use;
      const auto of_log = Store::KeysOfLog(fiber, environment, Options());
      if (of_log.ok()) in_use = *of_log;
      if (!of_log.ok() && !absl::IsNotFound(of_log.status())) return of_log.status();
      const auto of_rows = sim::KeysOfRocksOn(node_, environment, "rows");
      if (of_rows.ok()) in_use.insert(of_rows->begin(), of_rows->end());
      if (of_rows.ok() && of_log.ok())
        RETURN_IF_ERROR(Keyring::DropKeys(fiber, environment, kKeys, passphrase, in_use));
    }
    if (random_.Below(4) == 0) {
      const std::string next = absl::StrCat(passphrase, random_.Below(10));
      passphrases_.push_back(next);
      RETURN_IF_ERROR(Keyring::ChangePassphrase(fiber, environment, kKeys, passphrase, next));
      passphrases_ = {next};
    }
    ASSIGN_OR_RETURN(keys_, Keyring::Open(fiber, environment, kKeys, passphrases_.back()));
    return absl::OkStatus();
  }

  StoreOptions Options() const {
    StoreOptions options;
    options.cipher = keys_.get();
    options.maintenance_interval = Milliseconds(20);
    options.eager_flush = true;
    options.log_segment_bytes = 64 * 1024;
    return options;
  }

  void Live(Fiber& fiber, runtime::Environment& environment) {
    keys_.reset();
    if (absl::Status opened = OpenKeys(fiber, environment); !opened.ok())
      return Fail(absl::StrCat("keys: ", opened.ToString()));
    auto rows = OpenSimulatedRows(fiber, environment, node_, "rows", keys_.get());
    if (!rows.ok()) return Fail(rows.status().ToString());
    const StoreOptions options = Options();
    auto store = Store::Open(fiber, environment, **rows, options);
    if (!store.ok()) return Fail(absl::StrCat("open: ", store.status().ToString()));
    if (!Check(fiber, **store)) return;
    // (After a clean close, and a power loss.)
    if (closed_) {
      finished_ = true;
      return;
    }
    fiber::Scope clients(environment.scheduler);
    int running = options_.clients;
    fiber::Event done;
    for (int client = 0; client < options_.clients; ++client) {
      clients.Spawn("client", [&, client](Fiber& acting) {
        Act(acting, **store, client);
        if (--running == 0) done.Set();
      });
    }
    done.Wait(fiber);
    if (!report_.failure.empty()) return;
    if (absl::Status closed = (*store)->Close(fiber); !closed.ok()) return Fail(closed.ToString());
    if (Check(fiber, **store)) closed_ = true;
  }

  // Everything must be as somebody was told, or as somebody may have asked.
  bool Check(Fiber& fiber, Store& store) {
    latest_ms_ = std::max(latest_ms_, store.now_ms());
    if (absl::Status verified = VerifyStore(fiber, *store.state()); !verified.ok()) {
      Fail(verified.ToString());
      return false;
    }
    std::vector<Facts> found(models_.size());
    Collection facts(store, kCollection);
    auto cursor = facts.Find(fiber, Document(), {.hint = "$natural"});
    for (;;) {
      const auto next = cursor.ok() ? (*cursor)->Next(fiber) : cursor.status();
      if (!next.ok()) {
        Fail(next.status().ToString());
        return false;
      }
      if (!*next) break;
      const std::string id((*next)->document.Find("_id")->string());
      const auto fact = FromDocument((*next)->document);
      if (!fact) {
        Fail(absl::StrCat("not what anybody wrote: ", ToJson((*next)->document)));
        return false;
      }
      found[static_cast<size_t>(id[1] - '0')][id] = *fact;
      ++report_.checks;
      if (!CheckHistory(fiber, facts, *(*next)->document.Find("_id"))) return false;
    }
    for (size_t client = 0; client < models_.size(); ++client) {
      const std::string described = models_[client].Describe(found[client]);
      if (models_[client].Settle(found[client])) continue;
      Fail(absl::StrCat("client ", client, ": ", described));
      return false;
    }
    return true;
  }

  // Versions go from the oldest on, and only where a later one is old enough, too.
  bool CheckHistory(Fiber& fiber, Collection& facts, ValueRef id) {
    const auto versions = facts.History(fiber, id);
    if (!versions.ok() || versions->empty()) {
      Fail(absl::StrCat("no history: ", versions.status().ToString()));
      return false;
    }
    for (size_t i = 1; i < versions->size(); ++i) {
      if ((*versions)[i].base == (*versions)[i - 1].rev) continue;
      Fail(absl::StrCat("history of ", ToText(id), ": a version in its middle is gone"));
      return false;
    }
    const ChangeEvent& oldest = versions->front();
    if (oldest.base.none() || oldest.time_ms <= latest_ms_ - history_ms_) return true;
    Fail(absl::StrCat("history of ", ToText(id), " begins too late"));
    return false;
  }

  void Act(Fiber& fiber, Store& store, int client) {
    const int turns = last_ ? 30 : 1 << 20;
    if (client == 0) {
      Collection facts(store, kCollection);
      const absl::Status kept = facts.SetPolicy(fiber, {.history_ms = history_ms_});
      if (!kept.ok()) return Fail(kept.ToString());
      for (const char* field : {"topic", "tags"}) {
        const absl::Status made =
            facts.CreateIndex(fiber, Document{{field, Value(1)}, {"count", Value(-1)}});
        if (!made.ok()) return Fail(made.ToString());
      }
      const absl::Status made = facts.CreateIndex(fiber, Document{{"words", Value("text")}});
      if (!made.ok()) return Fail(made.ToString());
    }
    for (int turn = 0; turn < turns && report_.failure.empty(); ++turn) {
      fiber.SleepFor(Microseconds(static_cast<int64_t>(random_.Below(5000))));
      TakeTurn(fiber, store, client);
    }
  }

  void TakeTurn(Fiber& fiber, Store& store, int client) {
    ClientModel& model = models_[static_cast<size_t>(client)];
    if (random_.Below(8) == 0) return Read(fiber, store, client);
    const Facts before = model.newest();
    Facts next = before;
    std::vector<Operation> operations;
    const size_t count = random_.Below(4) == 0 ? 1 + random_.Below(4) : 1;
    for (size_t i = 0; i < count; ++i) operations.push_back(Draw(client, next, count == 1));
    const Durability durability = random_.Below(4) == 0 ? Durability::kAsync : Durability::kSync;
    model.Begin(next);
    ++report_.unknown;
    // (Not drawn: what is asked to come back changes nothing else.)
    const auto returns = static_cast<PickOptions::Returns>(report_.writes % 3);
    for (Operation& operation : operations) operation.options.pick.returns = returns;
    const Operation last = operations.back();
    absl::StatusOr<WriteResult> result;
    if (count > 1) {
      result = store.WriteBatch(fiber, std::move(operations), durability);
    } else {
      operations[0].options.durability = durability;
      result = store.Write(fiber, std::move(operations[0]));
    }
    --report_.unknown;
    if (!result.ok()) return Fail(absl::StrCat("a write failed: ", result.status().ToString()));
    if (count == 1) CheckTold(last, before, next, *result);
    ++report_.writes;
    if (durability == Durability::kSync) model.Durable();
  }

  // What comes back of a document is what this client has made of it, or makes of it now.
  void CheckTold(const Operation& asked, const Facts& before, const Facts& after,
                 const WriteResult& result) {
    using Returns = PickOptions::Returns;
    const Returns returns = asked.options.pick.returns;
    if (returns == Returns::kNothing || asked.kind == Operation::Kind::kPurge) return;
    const Document& about =
        asked.kind == Operation::Kind::kInsert ? asked.documents[0] : asked.filter;
    const std::string id(about.Find("_id")->string());
    const Facts& facts = returns == Returns::kBefore ? before : after;
    const auto wanted = facts.find(id);
    std::optional<Fact> told;
    if (result.document) told = FromDocument(*result.document);
    if (wanted == facts.end() ? !result.document : told == wanted->second) return;
    Fail(absl::StrCat(id, " came back as ", result.document ? ToText(told) : "nothing"));
  }

  // An operation that is legal in that state, which becomes the state after it.
  Operation Draw(int client, Facts& facts, bool alone) {
    const std::string id = IdOf(client, random_.Below(static_cast<uint64_t>(options_.documents)));
    const Document by_id{{"_id", Value(id)}};
    const auto there = facts.find(id);
    const auto topic = static_cast<int64_t>(random_.Below(4));
    if (there == facts.end()) {
      const Fact fact{0, topic, {topic, static_cast<int64_t>(random_.Below(9))}};
      facts[id] = fact;
      return InsertOp(kCollection, {ToDocument(id, fact)});
    }
    Fact& fact = there->second;
    switch (random_.Below(5)) {
      case 0:
        ++fact.count;
        return UpdateOp(kCollection, by_id,
                        Document{{"$inc", Document{{"count", Value(int64_t{1})}}}}, false);
      case 1:
        fact.topic = topic;
        return UpdateOp(kCollection, by_id,
                        Document{{"$set", Document{{"topic", Value(topic)},
                                                   {"words", Value(SentenceOf(topic))}}}},
                        false);
      case 2:
        fact.tags.push_back(topic);
        if (fact.tags.size() > 5) {
          fact.tags.clear();
          return UpdateOp(kCollection, by_id,
                          Document{{"$set", Document{{"tags", Value::Array({})}}}}, false);
        }
        return UpdateOp(kCollection, by_id, Document{{"$push", Document{{"tags", Value(topic)}}}},
                        false);
      case 3:
        fact = Fact{fact.count, topic, {topic}};
        return ReplaceOp(kCollection, by_id, ToDocument(id, fact));
      default:
        facts.erase(id);
        if (alone && random_.Below(2) == 0) return PurgeOp(kCollection, Value(id));
        return DeleteOp(kCollection, by_id, false);
    }
  }

  // Through whatever index the planner takes; no other client writes these documents.
  void Read(Fiber& fiber, Store& store, int client) {
    const Facts& expected = models_[static_cast<size_t>(client)].newest();
    const auto topic = static_cast<int64_t>(random_.Below(4));
    const bool by_tag = random_.Below(2) == 0;
    const bool by_word = !by_tag && random_.Below(2) == 0;
    Collection facts(store, kCollection);
    Document filter{{by_tag ? "tags" : "topic", Value(topic)}};
    if (by_word) filter = {{"$text", Document{{"$search", Value(absl::StrCat("topic", topic))}}}};
    auto cursor = facts.Find(fiber, filter);
    // (Until its first words are in the index, there is nothing to ask.)
    if (by_word && Is(cursor.status(), ErrorCode::kNoIndex)) return;
    Facts found;
    const std::string mine = absl::StrCat("c", client, kSecret);
    for (;;) {
      const auto next = cursor.ok() ? (*cursor)->Next(fiber) : cursor.status();
      if (!next.ok()) return Fail(next.status().ToString());
      if (!*next) break;
      const std::string id((*next)->document.Find("_id")->string());
      if (id.compare(0, mine.size(), mine) == 0) found[id] = *FromDocument((*next)->document);
    }
    Facts wanted;
    for (const auto& [id, fact] : expected) {
      const bool tagged = std::find(fact.tags.begin(), fact.tags.end(), topic) != fact.tags.end();
      if (by_tag ? tagged : fact.topic == topic) wanted[id] = fact;
    }
    if (found != wanted) {
      Fail(absl::StrCat("a query of client ", client, " returned ", found.size(),
                        " documents, should be ", wanted.size()));
    }
  }

  const UniverseOptions options_;
  sim::World world_;
  sim::SimNetwork network_;
  sim::SimNode node_;
  base::SequentialRandom random_;
  std::vector<ClientModel> models_;
  const bool sealed_;  // half of all universes
  const int64_t history_ms_;
  int64_t latest_ms_ = 0;  // that a clock has shown
  SealedDisk sealed_disk_{{kSecret, "What is known"}};
  std::vector<std::string> passphrases_{"correct horse"};  // more than one while it changes
  std::unique_ptr<const Keyring> keys_;                    // of this life
  UniverseReport report_;
  bool last_ = false;
  bool closed_ = false;
  bool finished_ = false;
};

}  // namespace

UniverseReport RunUniverse(const UniverseOptions& options) { return Universe(options).Run(); }

}  // namespace lockstep::docs
