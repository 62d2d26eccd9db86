#include "docs-memory/store/store.h"

#include <gtest/gtest.h>

#include "tests/docs-memory/store/device.h"

namespace lockstep::docs {
namespace {

TEST(Store, KeepsADocumentThroughAPowerLoss) {
  Device device;
  Revision rev;
  device.Live([&](Fiber& fiber, Store& store) {
    const auto result = Collection(store, "c").InsertOne(fiber, Json(R"({"n": 1, "_id": "a"})"));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->inserted, 1u);
    rev = result->rev;
  });
  device.LosePower();
  device.Live([&](Fiber& fiber, Store& store) {
    const auto found = Collection(store, "c").FindOne(fiber, Json(R"({"_id": "a"})"));
    ASSERT_TRUE(found.ok() && *found);
    EXPECT_EQ(ToJson((*found)->document), R"({ "_id" : "a", "n" : 1 })");
    EXPECT_EQ((*found)->meta.rev, rev);
  });
}

TEST(Store, MakesIdsThatRiseAndRefusesThoseThatAreTaken) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    const auto made = c.InsertMany(fiber, {Json("{}"), Json("{}")});
    ASSERT_EQ(made->ids.size(), 2u);
    EXPECT_EQ(made->ids[0].ref().bytes[4], 4);
    EXPECT_TRUE(c.InsertOne(fiber, Json(R"({"_id": 1})")).ok());
    EXPECT_EQ(CodeOf(c.InsertOne(fiber, Json(R"({"_id": 1.0})")).status()), "E_DUPLICATE_ID");
    EXPECT_EQ(CodeOf(c.InsertOne(fiber, Json(R"({"_id": null})")).status()), "E_ID_INVALID");
    EXPECT_EQ(CodeOf(Collection(store, "__x").InsertOne(fiber, Json("{}")).status()),
              "E_COLLECTION_NAME");
    EXPECT_EQ(*c.Count(fiber), 3u);
  });
}

TEST(Store, UpdatesReplacesUpsertsAndDeletes) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    const Document a = Json(R"({"_id": "a"})");
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "a", "n": 1})")).ok());
    const auto updated = c.UpdateOne(fiber, a, Json(R"({"$inc": {"n": 2}})"));
    EXPECT_EQ(updated->modified, 1u);
    EXPECT_EQ(TextOf(fiber, store, Value("a")), R"({ "_id" : "a", "n" : 3 })");
    const auto same = c.UpdateOne(fiber, a, Json(R"({"$set": {"n": 3}})"));
    EXPECT_EQ(same->matched, 1u);
    EXPECT_EQ(same->sequence, 0u) << "nothing changed, so there is no revision";
    EXPECT_TRUE(c.ReplaceOne(fiber, a, Json(R"({"m": true})")).ok());
    EXPECT_EQ(TextOf(fiber, store, Value("a")), R"({ "_id" : "a", "m" : true })");
    WriteOptions upsert;
    upsert.upsert = true;
    EXPECT_TRUE(c.UpdateOne(fiber, Json(R"({"_id": "b", "k": 5})"),
                            Json(R"({"$setOnInsert": {"x": 1}})"), upsert)
                    ->upserted);
    EXPECT_EQ(TextOf(fiber, store, Value("b")), R"({ "_id" : "b", "k" : 5, "x" : 1 })");
    EXPECT_EQ(c.DeleteMany(fiber, Json("{}"))->deleted, 2u);
    EXPECT_EQ(*c.Count(fiber), 0u);
  });
}

TEST(Store, BatchHappensWhollyOrNotAtAll) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    ASSERT_TRUE(c.CreateIndex(fiber, Json(R"({"n": 1})")).ok());
    const auto first = c.InsertOne(fiber, Json(R"({"_id": "a", "n": 1})"));
    WriteOptions stale;
    stale.expect_rev = Revision{1, 0, 0};
    const Document a = Json(R"({"_id": "a"})");
    std::vector<Operation> batch{InsertOp("new", {Json(R"({"_id": "x"})")}),
                                 UpdateOp("c", a, Json(R"({"$set": {"n": 2}})"), false),
                                 UpdateOp("c", a, Json(R"({"$set": {"n": 3}})"), false, stale)};
    EXPECT_EQ(CodeOf(store.WriteBatch(fiber, batch, Durability::kSync).status()), "E_REV_MISMATCH");
    EXPECT_EQ(TextOf(fiber, store, Value("a")), R"({ "_id" : "a", "n" : 1 })");
    EXPECT_EQ(IdsOf(fiber, store, R"({"n": 1})"), "a");
    EXPECT_EQ(store.state()->catalog->Find("new"), nullptr);
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
    batch[2].options.expect_rev = {};
    EXPECT_TRUE(store.WriteBatch(fiber, batch, Durability::kSync).ok());
    EXPECT_EQ(IdsOf(fiber, store, R"({"n": 3})"), "a");
    WriteOptions right;
    right.expect_rev = first->rev;
    EXPECT_EQ(CodeOf(c.DeleteOne(fiber, a, right).status()), "E_REV_MISMATCH");
  });
}

TEST(Store, KeepsUniqueKeysUnique) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    IndexOptions unique;
    unique.unique = true;
    ASSERT_TRUE(c.CreateIndex(fiber, Json(R"({"mail": 1})"), unique).ok());
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": 1, "mail": "a"})")).ok());
    EXPECT_EQ(CodeOf(c.InsertOne(fiber, Json(R"({"_id": 2, "mail": "a"})")).status()), "E_UNIQUE");
    EXPECT_TRUE(c.UpdateOne(fiber, Json(R"({"_id": 1})"), Json(R"({"$set": {"mail": "b"}})")).ok());
    EXPECT_TRUE(c.InsertOne(fiber, Json(R"({"_id": 2, "mail": "a"})")).ok());
  });
}

TEST(Store, BuildsAnIndexOfWhatIsThere) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    std::vector<Document> many;
    for (int i = 0; i < 2500; ++i)
      many.push_back(Document{{"_id", Value(i)}, {"n", Value(i % 100)}});
    ASSERT_TRUE(c.InsertMany(fiber, many).ok());
    ASSERT_TRUE(c.CreateIndex(fiber, Json(R"({"n": -1})")).ok());
    while (c.Indexes()[0].state == IndexState::kBuilding) fiber.SleepFor(Milliseconds(1));
    ASSERT_EQ(c.Indexes()[0].state, IndexState::kReady);
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
    const auto explained = c.Explain(fiber, Json(R"({"n": 7})"));
    EXPECT_EQ(ToText(*FindField(*explained->Find("stats"), "docs_examined")), "25");
    IndexOptions unique;
    unique.unique = true;
    unique.name = "bad";
    ASSERT_TRUE(c.CreateIndex(fiber, Json(R"({"n": 1})"), unique).ok());
    while (c.Indexes()[0].state == IndexState::kBuilding) fiber.SleepFor(Milliseconds(1));
    EXPECT_EQ(c.Indexes()[0].state, IndexState::kFailed);
    EXPECT_TRUE(c.DropIndex(fiber, "bad").ok());
    EXPECT_EQ(c.Indexes().size(), 1u);
  });
}

TEST(Store, ShowsThePast) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    const Sequence first = c.InsertOne(fiber, Json(R"({"_id": "a", "n": 1})"))->sequence;
    fiber.SleepFor(Seconds(10));
    const int64_t between = store.now_ms();
    fiber.SleepFor(Seconds(10));
    ASSERT_TRUE(c.UpdateOne(fiber, Json("{}"), Json(R"({"$set": {"n": 2}})")).ok());
    const Sequence last = c.DeleteOne(fiber, Json("{}"))->sequence;
    EXPECT_EQ(IdsOf(fiber, store, "{}"), "");
    EXPECT_EQ(IdsOf(fiber, store, R"({"n": 1})", {.as_of = first}), "a");
    EXPECT_EQ(IdsOf(fiber, store, R"({"n": 2})", {.as_of = first + 1}), "a");
    EXPECT_EQ(IdsOf(fiber, store, R"({"n": 1})", {.as_of_ms = between}), "a");
    EXPECT_EQ(IdsOf(fiber, store, "{}", {.as_of = last}), "");
    EXPECT_EQ(IdsOf(fiber, store, "{}", {.as_of = first - 1}), "");
    EXPECT_EQ(c.History(fiber, Value("a"))->size(), 3u);
  });
}

TEST(Store, RestoresAVersion) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    const Revision first = c.InsertOne(fiber, Json(R"({"_id": "a", "n": 1})"))->rev;
    ASSERT_TRUE(c.UpdateOne(fiber, Json("{}"), Json(R"({"$set": {"n": 2}})")).ok());
    ASSERT_TRUE(c.DeleteOne(fiber, Json("{}")).ok());
    const auto restored = c.Restore(fiber, Value("a"), first);
    ASSERT_TRUE(restored.ok()) << restored.status();
    EXPECT_GT(restored->rev, first);
    EXPECT_EQ(TextOf(fiber, store, Value("a")), R"({ "_id" : "a", "n" : 1 })");
    EXPECT_EQ(CodeOf(c.Restore(fiber, Value("a"), Revision()).status()), "E_HISTORY_TRUNCATED");
  });
}

// No row of any column holds the text.
bool IsAnywhere(Fiber& fiber, Store& store, std::string_view text) {
  for (size_t i = 0; i < machine::kColumnCount; ++i) {
    const auto row = store.state()->view->NewIterator(static_cast<machine::Column>(i));
    for (row->Seek(fiber, ""); row->Valid(); row->Next(fiber)) {
      if (row->value().find(text) != std::string_view::npos ||
          row->key().find(text) != std::string_view::npos)
        return true;
    }
  }
  return false;
}

TEST(Store, PurgesADocumentWithItsPast) {
  Device device;
  const auto purge = [](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    ASSERT_TRUE(c.CreateIndex(fiber, Json(R"({"secret": 1})")).ok());
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "a", "secret": "plumbus"})")).ok());
    ASSERT_TRUE(c.UpdateOne(fiber, Json("{}"), Json(R"({"$set": {"n": 2}})")).ok());
    const Sequence before = store.state()->state.sequence;
    EXPECT_TRUE(IsAnywhere(fiber, store, "plumbus"));
    EXPECT_EQ(c.Purge(fiber, Value("a"))->deleted, 1u);
    EXPECT_FALSE(IsAnywhere(fiber, store, "plumbus"));
    EXPECT_EQ(IdsOf(fiber, store, "{}", {.as_of = before}), "");
    EXPECT_TRUE(c.History(fiber, Value("a"))->empty());
    Watch watch = c.WatchAfter(0);
    EXPECT_EQ((*watch.Next(fiber))->op, MutationOp::kPurge);
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
    EXPECT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "a"})")).ok());
  };
  device.Live(purge);
  device.LosePower();
  device.Live([](Fiber& fiber, Store& store) {
    EXPECT_FALSE(IsAnywhere(fiber, store, "plumbus"));
    EXPECT_EQ(IdsOf(fiber, store, "{}"), "a");
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
  });
}

TEST(Store, ForgetsThePastInTime) {
  Device device;
  device.options.history_ms = 60'000;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "a", "n": 1})")).ok());
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "b"})")).ok());
    ASSERT_TRUE(c.UpdateOne(fiber, Json(R"({"_id": "a"})"), Json(R"({"$set": {"n": 2}})")).ok());
    const Sequence gone = c.DeleteOne(fiber, Json(R"({"_id": "b"})"))->sequence;
    fiber.SleepFor(Seconds(70));
    const Sequence now = c.InsertOne(fiber, Json(R"({"_id": "c"})"))->sequence;
    fiber.SleepFor(Seconds(2));
    EXPECT_EQ(IdsOf(fiber, store, "{}", {.as_of = gone - 1}), "E_HISTORY_TRUNCATED");
    EXPECT_EQ(IdsOf(fiber, store, "{}", {.as_of = now}), "a c");
    EXPECT_TRUE(c.History(fiber, Value("a"))->empty());
    EXPECT_EQ(IdsOf(fiber, store, "{}"), "a c");
  });
}

TEST(Store, LetsDocumentsExpire) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    IndexOptions ttl;
    ttl.expire_after_seconds = 10;
    ASSERT_TRUE(c.CreateIndex(fiber, Json(R"({"at": 1})"), ttl).ok());
    const int64_t now = store.now_ms();
    ASSERT_TRUE(
        c.InsertOne(fiber, Document{{"_id", Value("index")}, {"at", Value::Date(now)}}).ok());
    WriteOptions soon;
    soon.expires_at_ms = now + 5000;
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "self"})"), soon).ok());
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "stays"})")).ok());
    EXPECT_EQ(*c.Count(fiber), 3u);
    fiber.SleepFor(Milliseconds(5001));
    EXPECT_EQ(IdsOf(fiber, store, "{}"), "index stays");
    Watch watch = c.WatchFromNow();
    fiber.SleepFor(Seconds(10));
    EXPECT_EQ(IdsOf(fiber, store, "{}"), "stays");
    EXPECT_EQ(ToText((*watch.Next(fiber))->id), "\"index\"");
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
  });
}

TEST(Store, TellsChangesInOrderAndAgainAfterARestart) {
  Device device;
  Sequence position = 0;
  device.Live([&](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    Watch watch = c.WatchFromNow();
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": 1})")).ok());
    ASSERT_TRUE(Collection(store, "other").InsertOne(fiber, Json("{}")).ok());
    ASSERT_TRUE(c.UpdateOne(fiber, Json("{}"), Json(R"({"$set": {"n": 1}})")).ok());
    EXPECT_EQ(ToJson((*watch.Next(fiber))->document), R"({ "_id" : 1 })");
    position = watch.position();
    EXPECT_EQ(ToJson((*watch.Next(fiber))->document), R"({ "_id" : 1, "n" : 1 })");
    EXPECT_FALSE(watch.Next(fiber, fiber.now() + Seconds(1))->has_value());
  });
  device.LosePower();
  device.Live([&](Fiber& fiber, Store& store) {
    Watch watch = Collection(store, "c").WatchAfter(position);
    EXPECT_EQ(ToJson((*watch.Next(fiber))->document), R"({ "_id" : 1, "n" : 1 })");
  });
}

TEST(Store, MakesManyWritersShareASync) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    fiber::Scope scope(fiber.scheduler());
    const uint64_t before = store.status().log_syncs;
    int done = 0;
    for (int i = 0; i < 200; ++i) {
      scope.Spawn("writer", [&, i](Fiber& writing) {
        EXPECT_TRUE(Collection(store, "c").InsertOne(writing, Document{{"_id", Value(i)}}).ok());
        ++done;
      });
    }
    while (done < 200) fiber.SleepFor(Milliseconds(1));
    EXPECT_LT(store.status().log_syncs - before, 20u);
  });
}

// The power fails at every instant of a small workload.
TEST(Store, SurvivesAPowerLossAtEveryStep) {
  for (int64_t us = 0; us < 12'000; us += 130) {
    Device device;
    device.options.eager_flush = true;
    device.options.maintenance_interval = Milliseconds(1);
    int acknowledged = 0;
    device.universe.Boot(1, [&](Fiber& fiber, runtime::Environment& environment) {
      auto rows = OpenSimulatedRows(fiber, environment, device.universe.node(1), "rows");
      if (!rows.ok()) return;
      auto store = Store::Open(fiber, environment, **rows, device.options);
      if (!store.ok()) return;
      for (int i = 0; i < 20; ++i) {
        if (!Collection(**store, "c").InsertOne(fiber, Document{{"_id", Value(i)}}).ok()) return;
        acknowledged = i + 1;
      }
    });
    device.universe.world.RunFor(Microseconds(us));
    device.LosePower();
    device.universe.world.RunFor(Milliseconds(1));
    device.Live([&](Fiber& fiber, Store& store) {
      const auto count = static_cast<int>(*Collection(store, "c").Count(fiber));
      EXPECT_GE(count, acknowledged) << us;
      EXPECT_LE(count, acknowledged + 1) << us;
      EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
    });
    EXPECT_TRUE(device.opened.ok()) << us << " " << device.opened;
  }
}

TEST(Store, IsReadOnlyAfterAFailedSyncUntilItIsReopened) {
  Device device;
  device.Live([&](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": 1})")).ok());
    device.universe.world.rates().sync_error_ppm = 1'000'000;
    EXPECT_EQ(CodeOf(c.InsertOne(fiber, Json(R"({"_id": 2})")).status()), "E_READ_ONLY");
    device.universe.world.rates().sync_error_ppm = 0;
    EXPECT_EQ(CodeOf(c.InsertOne(fiber, Json(R"({"_id": 3})")).status()), "E_READ_ONLY");
    EXPECT_EQ(IdsOf(fiber, store, "{}"), "1");
  });
  device.Live([](Fiber& fiber, Store& store) {
    EXPECT_EQ(IdsOf(fiber, store, R"({"_id": 1})"), "1");
    EXPECT_TRUE(Collection(store, "c").InsertOne(fiber, Json(R"({"_id": 4})")).ok());
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
  });
}

// Rows that can be read and, once they are told so, not written.
class Unwritable final : public machine::OrderedStore {
 public:
  explicit Unwritable(machine::OrderedStore& inner) : inner_(inner) {}
  std::unique_ptr<machine::GroupStore> Group(GroupId group) override {
    return std::make_unique<Rows>(inner_.Group(group), fails);
  }
  absl::Status StartFlush() override { return inner_.StartFlush(); }
  absl::Status Flush(Fiber& fiber) override { return inner_.Flush(fiber); }
  absl::Status StartCompaction() override { return inner_.StartCompaction(); }
  absl::StatusOr<uint64_t> VerifyNextFile(Fiber& fiber, std::string* after) override {
    return inner_.VerifyNextFile(fiber, after);
  }
  absl::Status ReadAgain(Fiber& fiber) override { return inner_.ReadAgain(fiber); }
  uint64_t DiskBytes() const override { return inner_.DiskBytes(); }
  absl::Status health() const override { return inner_.health(); }

  bool fails = false;

 private:
  class Rows final : public machine::GroupStore {
   public:
    Rows(std::unique_ptr<machine::GroupStore> inner, const bool& fails)
        : inner_(std::move(inner)), fails_(fails) {}
    std::unique_ptr<machine::StoreView> Snapshot() override { return inner_->Snapshot(); }
    std::unique_ptr<machine::StoreTransaction> Begin() override { return inner_->Begin(); }
    absl::Status Commit(Fiber& fiber,
                        std::unique_ptr<machine::StoreTransaction>&& transaction) override {
      if (fails_) return absl::FailedPreconditionError("a file is damaged");
      return inner_->Commit(fiber, std::move(transaction));
    }
    absl::StatusOr<std::optional<std::string>> GetFlushed(Fiber& fiber,
                                                          std::string_view key) override {
      return inner_->GetFlushed(fiber, key);
    }
    absl::Status Clear(Fiber& fiber) override { return inner_->Clear(fiber); }

   private:
    const std::unique_ptr<machine::GroupStore> inner_;
    const bool& fails_;
  };
  machine::OrderedStore& inner_;
};

TEST(Store, AnswersEveryWriteWhenItsRowsCannotBeWritten) {
  Device device;
  device.universe.Run(1, [&](Fiber& fiber, runtime::Environment& environment) {
    const auto rows = OpenSimulatedRows(fiber, environment, device.universe.node(1), "rows");
    ASSERT_TRUE(rows.ok());
    Unwritable unwritable(**rows);
    const auto opened = Store::Open(fiber, environment, unwritable, device.options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    Store& store = **opened;
    ASSERT_TRUE(Collection(store, "c").InsertOne(fiber, Json(R"({"_id": 1})")).ok());
    unwritable.fails = true;
    int refused = 0;
    fiber::Scope writers(fiber.scheduler());
    for (int i = 2; i < 6; ++i) {
      writers.Spawn("writer", [&, i](Fiber& writing) {
        const auto written = Collection(store, "c").InsertOne(writing, Document{{"_id", Value(i)}});
        refused += Is(written.status(), ErrorCode::kReadOnly) ? 1 : 0;
      });
    }
    fiber.SleepFor(Seconds(5));
    EXPECT_EQ(refused, 4);
    EXPECT_EQ(IdsOf(fiber, store, "{}"), "1");
  });
}

TEST(Store, WaitsForSpaceAndRefusesMeanwhile) {
  Device device;
  device.Live([&](Fiber& fiber, Store& store) {
    sim::SimDiskCore& disk = device.universe.node(1).disk();
    Collection c(store, "c");
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": 1})")).ok());
    disk.set_capacity(disk.used_bytes());
    const std::string large(500'000, 'x');
    fiber::Scope scope(fiber.scheduler());
    bool done = false;
    scope.Spawn("writer", [&](Fiber& writing) {
      EXPECT_TRUE(c.InsertOne(writing, Document{{"_id", Value(2)}, {"text", Value(large)}}).ok());
      done = true;
    });
    fiber.SleepFor(Milliseconds(100));
    EXPECT_FALSE(done);
    EXPECT_EQ(CodeOf(c.InsertOne(fiber, Json(R"({"_id": 3})")).status()), "E_READ_ONLY");
    EXPECT_EQ(IdsOf(fiber, store, "{}"), "1");
    disk.set_capacity(uint64_t{1} << 30);
    while (!done) fiber.SleepFor(Milliseconds(10));
    EXPECT_EQ(IdsOf(fiber, store, "{}"), "1 2");
  });
}

TEST(Store, SaysWhatItRefuses) {
  Device device;
  device.options.rules.bytes_max = 100;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    const auto code = [](const absl::Status& status) { return std::string(CodeOf(status)); };
    EXPECT_EQ(code(c.InsertOne(fiber, Document{{"a", Value(std::string(200, 'x'))}}).status()),
              "E_DOC_TOO_LARGE");
    EXPECT_EQ(code(c.InsertOne(fiber, Json(R"({"_rev": 1})")).status()), "E_RESERVED_FIELD");
    EXPECT_EQ(code(c.UpdateOne(fiber, Json("{}"), Json(R"({"n": 1})")).status()), "E_UPDATE");
    EXPECT_EQ(code(c.UpdateOne(fiber, Json("{}"), Json(R"({"$set": {"_id": 1}})")).status()),
              "E_ID_IMMUTABLE");
    EXPECT_EQ(code(c.DeleteMany(fiber, Json(R"({"a": {"$foo": 1}})")).status()), "E_QUERY");
    EXPECT_EQ(IdsOf(fiber, store, R"({"a": {"$regex": "("}})"), "E_REGEX");
    EXPECT_EQ(IdsOf(fiber, store, "{}", {.limit = -1}), "E_QUERY");
    EXPECT_EQ(code(store.WriteBatch(fiber, {}, Durability::kSync).status()), "E_BATCH");
  });
}

}  // namespace
}  // namespace lockstep::docs
