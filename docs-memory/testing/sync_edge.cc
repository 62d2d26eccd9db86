#include "docs-memory/testing/sync_edge.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/store/offline.h"
#include "docs-memory/store/sync_reader.h"
#include "docs-memory/testing/simulated_rows.h"
#include "framework/base/check.h"

namespace lockstep::docs {
namespace {

constexpr char kCollection[] = "facts";
constexpr char kPrivate[] = "private";
constexpr int kDeeper = 103;  // than the hub takes

// Whether it says clearly that the medium is what is wrong.
bool SaysDamaged(const std::string& text) {
  return absl::StrContains(text, "DATA_LOSS") || absl::StrContains(text, "unreadable sector") ||
         absl::StrContains(text, "Corruption") || absl::StrContains(text, "no such file") ||
         absl::StrContains(text, "background errors");
}

}  // namespace

// Looks on as its store begins anew with the hub.
class SyncEdge::Beginnings final : public StateObserver {
 public:
  explicit Beginnings(HubWatch& watch) : watch_(watch) {}

  void OnState(const ReadStateRef& state, const std::vector<std::string>&) override {
    const SyncState& sync = state->state.sync;
    if (sync.reconciling && !is_reconciling_) {
      begun_ = state;
      restored_ = watch_.restored();
    }
    // (When it began is not known to the moment: the hub was restored before that for certain.)
    const bool ends = is_reconciling_ && !sync.reconciling;
    if (ends && watch_.RestoresBefore(sync.epoch) < before_) {
      failure_ =
          absl::StrCat("began anew after restore ", before_, " and believes the hub of restore ",
                       watch_.RestoresBefore(sync.epoch));
    }
    if (!sync.reconciling || !is_reconciling_) before_ = sync.reconciling ? seen_ : 0;
    is_reconciling_ = sync.reconciling;
    seen_ = watch_.restored();
  }
  const std::string& failure() const { return failure_; }

  // What was queued then comes to the restored hub.
  void Note(Fiber& fiber) {
    const ReadStateRef begun = std::exchange(begun_, nullptr);
    if (begun == nullptr) return;
    const uint64_t restored = restored_;
    const auto queued = ReadQueue(fiber, *begun, 1, SIZE_MAX, SIZE_MAX);
    if (!queued.ok() || watch_.restored() != restored) return;
    for (const QueuedChange& change : *queued) watch_.Keeps(change.mutation.rev);
  }

 private:
  HubWatch& watch_;
  ReadStateRef begun_;
  uint64_t restored_ = 0;  // the hub, when that began
  uint64_t seen_ = 0;      // ... at the last state
  uint64_t before_ = 0;    // ... at the last state before it began
  bool is_reconciling_ = true;
  std::string failure_;
};

bool SyncEdge::Spoil(base::SequentialRandom& random) {
  const auto sites = node_.disk().DamageSites();
  if (sites.empty()) return false;
  const auto& site = sites[random.Below(sites.size())];
  using Damage = sim::SimDiskCore::Damage;
  const Damage damage = random.Below(2) == 0 ? Damage::kUnreadable : Damage::kFlipBit;
  node_.disk().Spoil(site.path, random.Below(site.end), damage,
                     static_cast<uint32_t>(random.Below(8)));
  media_ = Media::kSpoiled;
  return true;
}

bool SyncEdge::SpoilTable(base::SequentialRandom& random) {
  trusts_its_disk_ = true;
  auto sites = node_.disk().DamageSites();
  std::erase_if(sites, [](const auto& site) { return !absl::EndsWith(site.path, ".sst"); });
  if (sites.empty()) return false;
  const auto& site = sites[random.Below(sites.size())];
  // (Where a table ends is what a store needs to open.)
  for (uint64_t at = 0; at < site.end * 3 / 4; at += sim::kSectorBytes)
    node_.disk().Spoil(site.path, at, sim::SimDiskCore::Damage::kUnreadable, 0);
  media_ = Media::kSpoiled;
  return true;
}

void SyncEdge::Replaced() {
  media_ = misdirects_ ? Media::kSpoiled : Media::kWell;
  oracle_.Forgive(plan_.name);
}

// What a dead process says does not count.
void SyncEdge::Fail(const std::string& text) {
  if (node_.state() != sim::SimNode::State::kOff && !node_.process().alive()) return;
  if (media_ != Media::kWell && SaysDamaged(text)) {
    media_ = Media::kBroken;
    return;
  }
  if (failure_.empty()) failure_ = absl::StrCat(plan_.name, ": ", text);
}

// (What is damaged says so, also on a full disk.)
void SyncEdge::FailUnlessInTrouble(const std::string& text) {
  const bool is_full = absl::StrContains(text, "space") || absl::StrContains(text, "full");
  if (!has_trouble_ || (media_ != Media::kWell && !is_full)) Fail(text);
}

void SyncEdge::Live(Fiber& fiber, runtime::Environment& given, const std::string& token) {
  is_quiet_ = false;
  // (Wherever a store is, to itself it is node 1: see docs-memory/blocking.)
  runtime::Environment environment{
      NodeId(1),  given.shard,   given.scheduler, given.clock,        given.random, given.network,
      given.disk, given.offload, given.mailbox,   given.fault_points, given.trace};
  auto rows = OpenSimulatedRows(fiber, environment, node_, "rows");
  if (!rows.ok()) return FailUnlessInTrouble(rows.status().ToString());
  StoreOptions options;
  options.maintenance_interval = Milliseconds(50);
  options.eager_flush = true;
  options.log_segment_bytes = 64 * 1024;
  options.rules.depth_max = 120;
  Beginnings beginnings(watch_);
  auto store = Store::Open(fiber, environment, **rows, options, &beginnings);
  if (!store.ok() && media_ != Media::kWell) Salvage(fiber, environment, **rows, options);
  if (!store.ok()) return FailUnlessInTrouble(absl::StrCat("open: ", store.status().ToString()));
  if (std::string behind = watch_.CheckTold(*(*store)->state()); !behind.empty())
    return Fail(behind);
  if (media_ == Media::kWell || !trusts_its_disk_) {
    const std::string wrong = oracle_.CheckStore(fiber, *(*store)->state(), plan_.tenant);
    if (!wrong.empty()) return Fail(wrong);
  }
  SyncOptions sync;
  sync.hub = {plan_.hub, "", plan_.speaks_json};
  sync.scope.tenant = plan_.tenant;
  sync.scope.space = "agents";
  sync.scope.filter = plan_.filter;
  sync.report_interval = plan_.has_private ? Milliseconds(10) : Milliseconds(700);
  sync.pull_count = plan_.pull_count;
  sync.push_count = plan_.push_count;
  sync.timeout = Seconds(3);
  sync.live_wait = Seconds(2);
  sync.retry_max = Seconds(2);
  fiber::Scope writing(environment.scheduler);
  writing.Spawn("edge.client", [&](Fiber& acting) { Act(acting, **store); });
  if (plan_.has_private) {
    sync.scope.collections = {kCollection};
    writing.Spawn("edge.private", [&](Fiber& acting) { WritePrivately(acting, **store); });
  }
  // (Without a token there is nobody to talk to.)
  while (token.empty()) fiber.SleepFor(Milliseconds(20));
  sync.hub.token = token;
  Syncer syncer(**store, environment, environment.network, sync);
  fiber::Scope syncing(environment.scheduler);
  syncing.Spawn("edge.sync", [&](Fiber& running) { syncer.Run(running); });
  Watch(fiber, **store, syncer, beginnings);
}

// What of a store can be read that does not open for writing is what was written.
void SyncEdge::Salvage(Fiber& fiber, runtime::Environment& environment, machine::OrderedStore& rows,
                       const StoreOptions& options) {
  using Log = OfflineStore::Log;
  auto store = OfflineStore::Open(fiber, environment, rows, options);
  if (!store.ok()) store = OfflineStore::Open(fiber, environment, rows, options, Log::kIgnored);
  if (!store.ok()) return Fail(absl::StrCat("to read: ", store.status().ToString()));
  const std::string wrong = oracle_.CheckStore(fiber, *(*store)->state(), plan_.tenant);
  if (!wrong.empty()) Fail(wrong);
}

void SyncEdge::Watch(Fiber& fiber, Store& store, const Syncer& syncer, Beginnings& beginnings) {
  uint64_t counted = 0;
  for (;;) {
    fiber.SleepFor(Milliseconds(50));
    requests_ += syncer.status().requests - std::exchange(counted, syncer.status().requests);
    beginnings.Note(fiber);
    if (!beginnings.failure().empty()) return Fail(beginnings.failure());
    if (media_ != Media::kWell && SaysDamaged(syncer.status().last_failure.ToString()))
      Fail(syncer.status().last_failure.ToString());
    if (is_broken()) return;
    // (Whatever it was that it could not write: it is opened again.)
    if (!store.status().health.ok()) return FailUnlessInTrouble(store.status().health.ToString());
    is_quiet_ = is_calm_ && store.state()->state.sync.scope != nullptr &&
                store.state()->state.sync.queued == 0 && syncer.status().is_caught_up;
    const SyncState sync = store.state()->state.sync;
    noise_ = absl::StrCat(sync.queued, " queued, at ", sync.checkpoint,
                          sync.reconciling ? ", reconciling, " : ", ",
                          std::string(syncer.status().last_failure.message()));
    if (truth_ == nullptr || is_compared_) continue;
    // (It was quiet before; others may have pushed since.)
    if (!is_quiet_ || sync.checkpoint < truth_->checkpoint) continue;
    std::string wrong = oracle_.CheckStore(fiber, *store.state(), plan_.tenant);
    if (wrong.empty())
      wrong = SyncOracle::CheckConverged(fiber, *store.state(), *truth_, plan_.filter);
    if (!wrong.empty()) return Fail(wrong);
    if (store.state()->state.sync.clock_offset_ms != 0) ++restamped_;
    is_compared_ = true;
  }
}

void SyncEdge::Act(Fiber& fiber, Store& store) {
  while (!is_calm_ && failure_.empty()) {
    fiber.SleepFor(Milliseconds(static_cast<int64_t>(1 + random_.Below(200))));
    if (!is_calm_) TakeTurn(fiber, store);
  }
}

// Whoever writes without waiting shows what others have written before it is durable.
void SyncEdge::WritePrivately(Fiber& fiber, Store& store) {
  while (!is_calm_ && failure_.empty()) {
    fiber.SleepFor(Milliseconds(static_cast<int64_t>(1 + random_.Below(60))));
    Operation write = InsertOp(kPrivate, {Draw(absl::StrCat(plan_.name, "-", writes_), false)});
    write.options.durability = Durability::kAsync;
    const absl::Status written = store.Write(fiber, std::move(write)).status();
    if (!written.ok() && !(Is(written, ErrorCode::kReadOnly) && has_trouble_))
      Fail(absl::StrCat("a private write failed: ", written.ToString()));
  }
}

Document SyncEdge::Draw(const std::string& id, bool deep) {
  Document inner{{"n", Value(static_cast<int64_t>(random_.Below(1000)))}};
  for (int i = 0; deep && i < kDeeper; ++i) inner = Document{{"d", Value(inner)}};
  Document document{{"_id", Value(id)},
                    {"w", Value(absl::StrCat(plan_.name, "-", ++writes_))},
                    {"body", Value(inner)}};
  oracle_.WillWrite(plan_.tenant, document);
  return document;
}

// One write takes in every conflict that this store knows of.
absl::Status SyncEdge::Resolve(Fiber& fiber, Store& store, const std::string& id) {
  const auto heads = ReadHeads(fiber, *store.state(), kCollection, Value(id));
  if (!heads.ok() || heads->all.size() < 2) return heads.status();
  WriteOptions options;
  options.expect_rev = heads->winner()->rev;
  options.upsert = heads->winner()->deleted;
  for (size_t i = 1; i < heads->all.size(); ++i) options.resolves.push_back(heads->all[i].rev);
  if (heads->winner()->deleted) options.expect_rev.reset();
  const Document document = Draw(id, false);
  Operation replace = ReplaceOp(kCollection, Document{{"_id", Value(id)}}, document, options);
  const bool counts = store.state()->state.sync.enqueued;
  const auto done = store.Write(fiber, std::move(replace));
  if (counts && done.ok() && done->sequence != 0) oracle_.Acknowledged(document);
  return Is(done.status(), ErrorCode::kRevMismatch) ? absl::OkStatus() : done.status();
}

void SyncEdge::TakeTurn(Fiber& fiber, Store& store) {
  const std::string id = absl::StrCat("d", random_.Below(static_cast<uint64_t>(plan_.documents)));
  const Document by_id{{"_id", Value(id)}};
  const bool deep = plan_.goes_deep && random_.Below(12) == 0;
  const Durability durability = random_.Below(4) == 0 ? Durability::kAsync : Durability::kSync;
  // (Of what was written before the store was synced, only the last version is anybody's.)
  const bool counts = durability == Durability::kSync && store.state()->state.sync.enqueued;
  absl::Status status;
  switch (random_.Below(8)) {
    case 0: {
      Operation remove = DeleteOp(kCollection, by_id, false);
      remove.options.durability = durability;
      status = store.Write(fiber, std::move(remove)).status();
      break;
    }
    case 1:
      status = Resolve(fiber, store, id);
      break;
    case 2: {
      const Document one = Draw(id, false);
      const Document two = Draw(absl::StrCat(plan_.name, random_.Below(3)), false);
      std::vector<Operation> operations;
      WriteOptions upsert;
      upsert.upsert = true;
      operations.push_back(ReplaceOp(kCollection, by_id, one, upsert));
      operations.push_back(
          ReplaceOp(kCollection, Document{{"_id", Value(*two.Find("_id"))}}, two, upsert));
      status = store.WriteBatch(fiber, std::move(operations), durability).status();
      if (status.ok() && counts) {
        oracle_.Acknowledged(one);
        oracle_.Acknowledged(two);
      }
      break;
    }
    default: {
      const Document document = Draw(id, deep);
      WriteOptions upsert;
      upsert.upsert = true;
      upsert.durability = durability;
      if (plan_.expires && random_.Below(3) == 0)
        upsert.expires_at_ms = store.now_ms() + 200 + static_cast<int64_t>(random_.Below(3000));
      status = store.Write(fiber, ReplaceOp(kCollection, by_id, document, upsert)).status();
      if (status.ok() && counts) oracle_.Acknowledged(document);
    }
  }
  if (Is(status, ErrorCode::kReadOnly) && has_trouble_) return;
  if (!status.ok()) Fail(absl::StrCat("a write failed: ", status.ToString()));
}

}  // namespace lockstep::docs
