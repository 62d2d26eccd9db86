// The audit trail, and how many versions are kept.
#include "docs-memory/store/audit.h"

#include <gtest/gtest.h>

#include "docs-memory/store/offline.h"
#include "docs-memory/store/sync_reader.h"
#include "tests/docs-memory/store/device.h"

namespace lockstep::docs {
namespace {

std::vector<AuditRecord> Records(Fiber& fiber, Store& store, const AuditQuery& query = {}) {
  return *ReadAudit(fiber, *store.state()->view, query);
}

std::string Text(const AuditRecord& record, const char* field) {
  const auto value = record.document.Find(field);
  return value ? std::string(value->string()) : "none";
}

WriteOptions By(const std::string& actor) {
  WriteOptions options;
  options.actor = actor;
  return options;
}

TEST(Audit, TellsWhoWroteWhatAndWhatWasRefused) {
  Device device;
  device.options.audit = true;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": 1, "n": 1})"), By("alice")).ok());
    EXPECT_FALSE(c.InsertOne(fiber, Json(R"({"_id": 1, "n": 2})"), By("mallory")).ok());
    ASSERT_TRUE(c.UpdateMany(fiber, Json("{}"), Json(R"({"$inc": {"n": 1}})"), By("bob")).ok());
    ASSERT_TRUE(c.UpdateOne(fiber, Json(R"({"_id": 9})"), Json(R"({"$inc": {"n": 1}})")).ok());
  });
  device.LosePower();
  device.Live([](Fiber& fiber, Store& store) {
    const auto records = Records(fiber, store);
    ASSERT_EQ(records.size(), 3u) << "what changes nothing leaves no record";
    EXPECT_EQ(Text(records[0], "actor"), "alice");
    EXPECT_EQ(Text(records[0], "action"), "insert");
    EXPECT_EQ(Text(records[0], "decision"), "allow");
    EXPECT_EQ(Text(records[1], "actor"), "mallory");
    EXPECT_EQ(Text(records[1], "decision"), "reject");
    EXPECT_EQ(Text(records[1], "code"), "E_DUPLICATE_ID");
    EXPECT_EQ(Text(records[2], "action"), "update");
    EXPECT_EQ(Records(fiber, store, {.actor = "bob"}).size(), 1u);
    EXPECT_EQ(Records(fiber, store, {.collection = "d"}).size(), 0u);
    EXPECT_EQ(Records(fiber, store, {.after = 2}).size(), 1u);
    EXPECT_TRUE(VerifyAudit(fiber, *store.state()->view).ok());
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
    Watch watch = Collection(store, "c").WatchAfter(0);
    int changes = 0;
    while (watch.Next(fiber, MonoTime{0}).value_or(std::nullopt)) ++changes;
    EXPECT_EQ(changes, 2) << "records of the trail are no changes of documents";
  });
}

TEST(Audit, ARefusedBatchLeavesARecordAndNothingElse) {
  Device device;
  device.options.audit = true;
  device.Live([](Fiber& fiber, Store& store) {
    const auto refused = store.WriteBatch(
        fiber,
        {InsertOp("c", {Json(R"({"_id": 1})")}, By("eve")), InsertOp("c", {Json(R"({"_id": 1})")})},
        Durability::kSync);
    EXPECT_EQ(CodeOf(refused.status()), "E_DUPLICATE_ID");
    EXPECT_EQ(IdsOf(fiber, store, "{}"), "");
    const auto records = Records(fiber, store);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(Text(records[0], "action"), "batch");
    EXPECT_EQ(Text(records[0], "actor"), "eve");
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
  });
}

// A view in which one row is another one, or is not there.
class Forged final : public machine::StoreView {
 public:
  Forged(const machine::StoreView& view, std::string key, std::optional<std::string> value)
      : view_(view), key_(std::move(key)), value_(std::move(value)) {}
  absl::StatusOr<std::optional<std::string>> Get(Fiber& fiber, machine::Column column,
                                                 std::string_view key) const override {
    return view_.Get(fiber, column, key);
  }
  std::unique_ptr<machine::Iterator> NewIterator(machine::Column column) const override {
    return std::make_unique<Walk>(view_.NewIterator(column), key_, value_);
  }

 private:
  class Walk final : public machine::Iterator {
   public:
    Walk(std::unique_ptr<machine::Iterator> inner, const std::string& key,
         const std::optional<std::string>& value)
        : inner_(std::move(inner)), key_(key), value_(value) {}
    void Seek(Fiber& fiber, std::string_view key) override {
      inner_->Seek(fiber, key);
      Pass(fiber);
    }
    void SeekBefore(Fiber& fiber, std::string_view key) override { inner_->SeekBefore(fiber, key); }
    void Next(Fiber& fiber) override {
      inner_->Next(fiber);
      Pass(fiber);
    }
    void Previous(Fiber& fiber) override { inner_->Previous(fiber); }
    bool Valid() const override { return inner_->Valid(); }
    std::string_view key() const override { return inner_->key(); }
    std::string_view value() const override {
      return inner_->key() == key_ && value_ ? std::string_view(*value_) : inner_->value();
    }
    absl::Status status() const override { return inner_->status(); }

   private:
    void Pass(Fiber& fiber) {
      if (!value_ && inner_->Valid() && inner_->key() == key_) inner_->Next(fiber);
    }
    std::unique_ptr<machine::Iterator> inner_;
    const std::string key_;
    const std::optional<std::string> value_;
  };
  const machine::StoreView& view_;
  const std::string key_;
  const std::optional<std::string> value_;
};

TEST(Audit, NoticesARecordThatWasChangedOrIsGone) {
  Device device;
  device.options.audit = true;
  device.Live([](Fiber& fiber, Store& store) {
    for (int i = 0; i < 5; ++i)
      ASSERT_TRUE(Collection(store, "c").InsertOne(fiber, Json("{}"), By("a")).ok());
    const machine::StoreView& view = *store.state()->view;
    for (uint64_t n = 1; n <= 5; ++n) {
      const std::string key = "a" + BigEndian64(n);
      EXPECT_TRUE(absl::IsDataLoss(VerifyAudit(fiber, Forged(view, key, std::nullopt)))) << n;
      std::string row = **view.Get(fiber, machine::Column::kHistory, key);
      for (const size_t at : {size_t{0}, kAuditHashBytes + 20, row.size() - 3}) {
        std::string changed = row;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        EXPECT_TRUE(absl::IsDataLoss(VerifyAudit(fiber, Forged(view, key, changed)))) << n;
      }
    }
    EXPECT_TRUE(VerifyAudit(fiber, view).ok());
  });
}

TEST(Retention, KeepsAsManyVersionsAsAskedFor) {
  Device device;
  device.options.versions_max = 4;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": 1, "n": 0})")).ok());
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": 2, "n": 0})")).ok());
    for (int i = 1; i <= 40; ++i) {
      ASSERT_TRUE(c.UpdateOne(fiber, Json(R"({"_id": 1})"), Json(R"({"$inc": {"n": 1}})")).ok());
      EXPECT_LE(c.History(fiber, Value(1))->size(), 13u);
    }
    const auto history = *c.History(fiber, Value(1));
    EXPECT_GE(history.size(), 4u);
    EXPECT_EQ(history.back().document.Find("n")->int32(), 40);
    EXPECT_EQ(c.History(fiber, Value(2))->size(), 1u);
    FindOptions past;
    past.as_of = history.front().sequence;
    EXPECT_EQ(IdsOf(fiber, store, "{}", past), "1 2");
    past.as_of = 3;
    EXPECT_EQ(IdsOf(fiber, store, "{}", past), "E_HISTORY_TRUNCATED")
        << "not an answer that leaves the document out";
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
    Watch watch = c.WatchAfter(0);
    int64_t last = -1;
    while (const auto change = watch.Next(fiber, MonoTime{0}).value_or(std::nullopt)) {
      if (change->id.ref().int32() == 1) last = change->document.Find("n")->int32();
    }
    EXPECT_EQ(last, 40);
  });
  device.LosePower();
  device.Live([](Fiber& fiber, Store& store) {
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
    EXPECT_EQ(TextOf(fiber, store, Value(1)), R"({ "_id" : 1, "n" : 40 })");
  });
}

TEST(Metrics, CountWhatHappened) {
  Device device;
  device.options.audit = true;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    ASSERT_TRUE(c.InsertMany(fiber, {Json(R"({"_id": 1})"), Json(R"({"_id": 2})")}).ok());
    EXPECT_FALSE(c.InsertOne(fiber, Json(R"({"_id": 1})")).ok());
    ASSERT_TRUE(c.DeleteOne(fiber, Json(R"({"_id": 2})")).ok());
    const StoreStatus status = store.status();
    const std::string text = MetricsText(status, SyncFacts(), 0);
    for (const char* line :
         {"docs_inserted_total 2\n", "docs_deleted_total 1\n", "docs_refused_total 1\n",
          "docs_audit_records 3\n", "docs_read_only 0\n", "docs_write_latency_us_count 3\n",
          "docs_write_latency_us_bucket{le=\"+Inf\"} 3\n"}) {
      EXPECT_NE(text.find(line), std::string::npos) << line << "in\n" << text;
    }
    EXPECT_NE(text.find("docs_sequence " + std::to_string(status.state.sequence) + "\n"),
              std::string::npos);
    EXPECT_GT(status.log_syncs, 0u);
  });
}

TEST(Offline, ShowsWhatOnlyTheLogHoldsAndChangesNothing) {
  Device device;
  device.options.audit = true;
  device.Live([](Fiber& fiber, Store& store) {
    for (int i = 0; i < 20; ++i)
      ASSERT_TRUE(Collection(store, "c").InsertOne(fiber, Document{{"_id", i}}).ok());
  });
  for (int time = 0; time < 2; ++time) {
    device.universe.Run(1, [&](Fiber& fiber, runtime::Environment& environment) {
      auto rows = OpenSimulatedRows(fiber, environment, device.universe.node(1), "rows");
      ASSERT_TRUE(rows.ok());
      const auto store = OfflineStore::Open(fiber, environment, **rows, device.options);
      ASSERT_TRUE(store.ok()) << store.status();
      EXPECT_GT((*store)->entries_replayed(), 0u);
      EXPECT_EQ(*CountDocuments(fiber, (*store)->state(), "c", {}, 0), 20u);
      EXPECT_TRUE(VerifyStore(fiber, *(*store)->state()).ok());
    });
  }
}

}  // namespace
}  // namespace lockstep::docs
