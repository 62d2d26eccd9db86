// What other stores of this kind get wrong and no other test here shows:
// docs/documents-weaknesses.md has the whole list, and these tests have its numbers.
#include <gtest/gtest.h>

#include <algorithm>

#include "docs-memory/bson/compare.h"
#include "docs-memory/store/offline.h"
#include "docs-memory/store/sync_reader.h"
#include "tests/docs-memory/store/device.h"

namespace lockstep::docs {
namespace {

using machine::Column;

void Enable(Fiber& fiber, Store& store) {
  auto scope = std::make_shared<SyncScope>();
  scope->tenant = "t";
  scope->space = "s";
  Operation enable;
  enable.kind = Operation::Kind::kSyncEnable;
  enable.sync_scope = scope;
  ASSERT_TRUE(store.Write(fiber, enable).ok());
  Operation more;
  more.kind = Operation::Kind::kSyncEnqueue;
  while (!store.state()->state.sync.enqueued) ASSERT_TRUE(store.Write(fiber, more).ok());
}

void Apply(Fiber& fiber, Store& store, const SyncInput& input) {
  Operation apply;
  apply.kind = Operation::Kind::kSyncApply;
  apply.sync_input = std::make_shared<const SyncInput>(input);
  const auto done = store.Write(fiber, apply);
  ASSERT_TRUE(done.ok()) << done.status();
  const absl::Status verified = VerifyStore(fiber, *store.state());
  ASSERT_TRUE(verified.ok()) << verified;
}

Head HeadAt(uint64_t ms, const Document& document) {
  Head head;
  head.rev = {ms, 0, 77};
  head.deleted = document.empty();
  if (!head.deleted) head.document = document.bytes();
  return head;
}

PulledDocument Pulled(const std::string& id, uint64_t sequence, std::vector<Head> heads) {
  PulledDocument pulled;
  pulled.collection = "c";
  pulled.id = Value(id);
  pulled.heads.all = std::move(heads);
  pulled.heads.sequence = sequence;
  return pulled;
}

std::vector<uint64_t> Queued(Fiber& fiber, const ReadState& state) {
  std::vector<uint64_t> numbers;
  const auto queue = ReadQueue(fiber, state, 1, 100, SIZE_MAX);
  for (const QueuedChange& change : *queue) numbers.push_back(change.number);
  return numbers;
}

TEST(Weaknesses, W4DeletionsOfOthersArePulled) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Enable(fiber, store);
    Collection c(store, "c");
    ASSERT_TRUE(c.CreateIndex(fiber, Json(R"({"n": 1})")).ok());
    Apply(fiber, store,
          {.documents = {Pulled("a", 1, {HeadAt(10, Json(R"({"_id": "a", "n": 1})"))})}});
    EXPECT_EQ(IdsOf(fiber, store, R"({"n": 1})"), "a");
    Apply(fiber, store, {.documents = {Pulled("a", 2, {HeadAt(20, {})})}});
    EXPECT_EQ(IdsOf(fiber, store, R"({"n": 1})"), "");
    EXPECT_EQ(IdsOf(fiber, store, "{}"), "");
  });
}

// The place in this store's oplog, the number in its queue and the place in the hub's log.
TEST(Weaknesses, W5ThreeWaysOfCountingAreKeptApart) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Enable(fiber, store);
    Collection c(store, "c");
    SyncInput page;
    for (uint64_t i = 1; i <= 3; ++i) {
      const std::string id = "other" + std::to_string(i);
      page.documents.push_back(Pulled(id, 100 + i, {HeadAt(10 * i, Document{{"_id", Value(id)}})}));
    }
    page.progress = SyncProgress{9, 103, false, 0, false};
    Apply(fiber, store, page);
    const Sequence first = c.InsertOne(fiber, Json(R"({"_id": "x"})"))->sequence;
    EXPECT_GT(first, 3u);
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "y"})")).ok());
    EXPECT_EQ(Queued(fiber, *store.state()), (std::vector<uint64_t>{1, 2}));
    EXPECT_EQ(store.state()->state.sync.checkpoint, 103u);
    const auto mine = ReadQueuedChange(fiber, *store.state(), 1);
    ASSERT_TRUE(mine.ok() && *mine);
    PulledDocument back = Pulled("x", 104, {EditOf(**mine).head});
    back.dropped = {1};
    Apply(fiber, store, {.documents = {back}});
    EXPECT_EQ(Queued(fiber, *store.state()), (std::vector<uint64_t>{2}));
    EXPECT_FALSE(ReadQueuedChange(fiber, *store.state(), 1)->has_value());
    EXPECT_EQ(store.state()->state.sync.checkpoint, 103u) << "a page says how far one has pulled";
  });
}

// Nothing is marked as being on its way: what waits, waits until the hub's verdict is there.
TEST(Weaknesses, W6AQueueIsTheSameHoweverOftenItIsReadAndWhoeverDies) {
  Device device;
  const std::vector<uint64_t> all{1, 2, 3};
  device.Live([&](Fiber& fiber, Store& store) {
    Enable(fiber, store);
    for (int i = 0; i < 3; ++i)
      ASSERT_TRUE(Collection(store, "c").InsertOne(fiber, Document{{"_id", Value(i)}}).ok());
    for (int time = 0; time < 3; ++time) EXPECT_EQ(Queued(fiber, *store.state()), all);
  });
  device.LosePower();
  device.universe.Run(1, [&](Fiber& fiber, runtime::Environment& environment) {
    auto rows = OpenSimulatedRows(fiber, environment, device.universe.node(1), "rows");
    ASSERT_TRUE(rows.ok());
    const auto doctor = OfflineStore::Open(fiber, environment, **rows, device.options);
    ASSERT_TRUE(doctor.ok()) << doctor.status();
    EXPECT_TRUE(VerifyStore(fiber, *(*doctor)->state()).ok());
    EXPECT_EQ(Queued(fiber, *(*doctor)->state()), all);
  });
  device.Live([&](Fiber& fiber, Store& store) { EXPECT_EQ(Queued(fiber, *store.state()), all); });
}

TEST(Weaknesses, W13VersionsThatLostDoNotHoldEachOther) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Enable(fiber, store);
    const std::string text(1000, 'x');
    for (uint64_t round = 1; round <= 20; ++round) {
      std::vector<Head> heads;
      for (uint64_t i = kHeadsMax; i > 0; --i) {
        heads.push_back(
            HeadAt(100 * round + i, Document{{"_id", Value("a")}, {"text", Value(text)}}));
      }
      Apply(fiber, store, {.documents = {Pulled("a", round, heads)}});
      ASSERT_TRUE(Collection(store, "c").UpdateOne(fiber, {}, Json(R"({"$inc": {"n": 1}})")).ok());
    }
    size_t largest = 0;
    for (const Column column : {Column::kPrimary, Column::kHistory, Column::kSystem}) {
      const auto row = store.state()->view->NewIterator(column);
      for (row->Seek(fiber, ""); row->Valid(); row->Next(fiber))
        largest = std::max(largest, row->value().size());
    }
    EXPECT_GT(largest, kHeadsMax * text.size());
    EXPECT_LT(largest, (kHeadsMax + 1) * (text.size() + 200));
    const auto found = Collection(store, "c").Get(fiber, Value("a"));
    EXPECT_LT((*found)->document.bytes().size(), text.size() + 200);
  });
}

// However long ago it was: an older version of somebody who was away does not bring it back.
TEST(Weaknesses, W16ASyncedStoreForgetsNoDeletion) {
  Device device;
  device.options.history_ms = 1000;
  device.Live([](Fiber& fiber, Store& store) {
    Enable(fiber, store);
    Collection c(store, "c");
    const Document old = Json(R"({"_id": "a", "n": 1})");
    Apply(fiber, store, {.documents = {Pulled("a", 1, {HeadAt(10, old)})}});
    Apply(fiber, store, {.documents = {Pulled("a", 2, {HeadAt(20, {})})}});
    fiber.SleepFor(Seconds(30));
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "b"})")).ok());
    fiber.SleepFor(Seconds(5));
    EXPECT_GT(store.state()->state.history_from, 3u) << "the past is gone";
    const auto heads = ReadHeads(fiber, *store.state(), "c", Value("a"));
    ASSERT_TRUE(heads.ok() && heads->winner() != nullptr);
    EXPECT_TRUE(heads->winner()->deleted);
    Apply(fiber, store, {.documents = {Pulled("a", 3, {HeadAt(20, {}), HeadAt(15, old)})}});
    EXPECT_EQ(IdsOf(fiber, store, "{}"), "b");
  });
}

TEST(Weaknesses, W19SequencesGoOnAlthoughNothingIsLeftOfThem) {
  Device device;
  device.options.history_ms = 1000;
  Sequence last = 0;
  Revision rev;
  device.Live([&](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(c.InsertOne(fiber, Document{{"_id", Value(i)}}).ok());
    ASSERT_TRUE(c.DeleteMany(fiber, {}).ok());
    fiber.SleepFor(Seconds(10));
    EXPECT_TRUE(c.History(fiber, Value(1))->empty());
    last = store.state()->state.sequence;
    rev = store.state()->state.last_rev;
    ASSERT_TRUE(store.Close(fiber).ok());
  });
  for (int life = 0; life < 2; ++life) {
    device.Live([&](Fiber& fiber, Store& store) {
      const auto next = Collection(store, "c").InsertOne(fiber, Json("{}"));
      ASSERT_TRUE(next.ok()) << next.status();
      EXPECT_GT(next->sequence, last);
      EXPECT_GT(next->rev, rev);
      last = next->sequence;
      rev = next->rev;
    });
    device.LosePower();
  }
}

// What a document says of itself is its user's: the later version wins, and the better match is
// found first, however much trust either claims.
TEST(Weaknesses, W25WhatADocumentSaysOfItsTrustDecidesNothing) {
  const Document boast = Json(R"({"_id": "a", "t": "tea", "trust_score": 1.0, "trusted": true})");
  const Document later = Json(R"({"_id": "a", "t": "green tea", "trust_score": -1.0})");
  for (const bool is_boast_first : {true, false}) {
    Device device;
    device.Live([&](Fiber& fiber, Store& store) {
      Enable(fiber, store);
      const Head first = is_boast_first ? HeadAt(10, boast) : HeadAt(20, later);
      Apply(fiber, store, {.documents = {Pulled("a", 1, {first})}});
      Apply(fiber, store, {.documents = {Pulled("a", 2, {HeadAt(20, later), HeadAt(10, boast)})}});
      const auto found = Collection(store, "c").Get(fiber, Value("a"));
      ASSERT_TRUE(found.ok() && *found);
      EXPECT_EQ((*found)->document.bytes(), later.bytes());
      const auto heads = ReadHeads(fiber, *store.state(), "c", Value("a"));
      ASSERT_EQ(heads->all.size(), 2u);
      EXPECT_EQ(heads->all[1].document, boast.bytes()) << "the loser is kept as it was";
    });
  }
  Device device;
  device.Live([&](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    ASSERT_TRUE(c.CreateIndex(fiber, Json(R"({"t": "text"})")).ok());
    ASSERT_TRUE(
        c.InsertOne(fiber, Json(R"({"_id": "boast", "t": "tea", "trust_score": 1e9})")).ok());
    ASSERT_TRUE(
        c.InsertOne(fiber, Json(R"({"_id": "fits", "t": "tea tea", "trust_score": 0})")).ok());
    const Document search = Json(R"({"$text": {"$search": "tea"}})");
    const auto found = c.FindOne(fiber, search);
    ASSERT_TRUE(found.ok() && *found) << found.status();
    EXPECT_EQ((*found)->document.Find("_id")->string(), "fits");
  });
}

TEST(Weaknesses, W26ReadsWriteNothing) {
  Device device;
  device.options.audit = true;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "a", "n": 1})")).ok());
    const StoreStatus before = store.status();
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ(IdsOf(fiber, store, R"({"n": 1})"), "a");
      EXPECT_EQ(*c.Count(fiber), 1u);
      EXPECT_TRUE(c.Get(fiber, Value("a"))->has_value());
      EXPECT_EQ(c.History(fiber, Value("a"))->size(), 1u);
      EXPECT_TRUE(c.Explain(fiber, Json(R"({"n": 1})")).ok());
      EXPECT_FALSE(c.WatchFromNow().Next(fiber, fiber.now() + Milliseconds(1))->has_value());
    }
    fiber.SleepFor(Seconds(3));
    const StoreStatus after = store.status();
    EXPECT_EQ(after.state.sequence, before.state.sequence);
    EXPECT_EQ(after.state.applied, before.state.applied);
    EXPECT_EQ(after.log_syncs, before.log_syncs);
    EXPECT_EQ(after.state.audit.count, before.state.audit.count);
  });
}

TEST(Weaknesses, W28ALimitOfTheTrailCountsWhatWasAskedFor) {
  Device device;
  device.options.audit = true;
  device.Live([](Fiber& fiber, Store& store) {
    for (int i = 0; i < 20; ++i) {
      WriteOptions options;
      options.actor = i % 10 == 9 ? "bob" : "alice";
      ASSERT_TRUE(
          Collection(store, "c").InsertOne(fiber, Document{{"_id", Value(i)}}, options).ok());
    }
    AuditQuery query;
    query.actor = "bob";
    query.limit = 2;
    const auto records = ReadAudit(fiber, *store.state()->view, query);
    ASSERT_TRUE(records.ok()) << records.status();
    EXPECT_EQ(records->size(), 2u);
  });
}

}  // namespace
}  // namespace lockstep::docs
