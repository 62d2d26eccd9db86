// What a collection keeps when it has rules of its own.
#include "docs-memory/store/policy.h"

#include <gtest/gtest.h>

#include "tests/docs-memory/store/device.h"

namespace lockstep::docs {
namespace {

constexpr int kUpdates = 12;

// Inserts a document and changes it, a millisecond apart.
void Fill(Fiber& fiber, Store& store, const std::string& collection) {
  Collection c(store, collection);
  ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": 1, "n": 0})")).ok());
  for (int n = 1; n <= kUpdates; ++n) {
    fiber.SleepFor(Milliseconds(1));
    ASSERT_TRUE(c.UpdateOne(fiber, Json(R"({"_id": 1})"), Json(R"({"$inc": {"n": 1}})")).ok());
  }
}

size_t VersionsOf(Fiber& fiber, Store& store, const std::string& collection) {
  const auto versions = Collection(store, collection).History(fiber, Value(1));
  return versions.ok() ? versions->size() : 0;
}

TEST(Policy, ACollectionMayForgetSoonerThanTheStore) {
  Device device;
  device.options.maintenance_interval = Milliseconds(20);
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    ASSERT_TRUE(c.SetPolicy(fiber, {.history_ms = 200}).ok());
    Fill(fiber, store, "c");
    Fill(fiber, store, "d");
    EXPECT_EQ(VersionsOf(fiber, store, "c"), kUpdates + 1) << "none is old enough";
    fiber.SleepFor(Milliseconds(400));
    ASSERT_TRUE(store.Sync(fiber).ok());
  });
  device.LosePower();
  device.Live([](Fiber& fiber, Store& store) {
    EXPECT_EQ(Collection(store, "c").policy(), (CollectionPolicy{.history_ms = 200}));
    EXPECT_EQ(VersionsOf(fiber, store, "c"), 1u);
    EXPECT_EQ(VersionsOf(fiber, store, "d"), kUpdates + 1);
    EXPECT_EQ(TextOf(fiber, store, Value(1)), R"({ "_id" : 1, "n" : 12 })");
    FindOptions then;
    then.as_of = 5;
    EXPECT_EQ(IdsOf(fiber, store, "{}", then), "E_HISTORY_TRUNCATED");
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
    // What changes later is kept again, for a while.
    ASSERT_TRUE(
        Collection(store, "c").UpdateOne(fiber, Json("{}"), Json(R"({"$inc": {"n": 1}})")).ok());
    EXPECT_EQ(VersionsOf(fiber, store, "c"), 2u);
  });
}

TEST(Policy, ACollectionMayRememberLongerThanTheStore) {
  Device device;
  device.options.maintenance_interval = Milliseconds(20);
  device.options.history_ms = 200;
  device.Live([](Fiber& fiber, Store& store) {
    ASSERT_TRUE(Collection(store, "c").SetPolicy(fiber, {.history_ms = 3'600'000}).ok());
    Fill(fiber, store, "c");
    Fill(fiber, store, "d");
    fiber.SleepFor(Milliseconds(400));
    EXPECT_EQ(VersionsOf(fiber, store, "c"), kUpdates + 1);
    EXPECT_EQ(VersionsOf(fiber, store, "d"), 1u);
    EXPECT_EQ(store.state()->state.history_from, 1u);
    ASSERT_TRUE(Collection(store, "c").SetPolicy(fiber, {}).ok());
    fiber.SleepFor(Milliseconds(400));
    EXPECT_EQ(VersionsOf(fiber, store, "c"), 0u) << "the document's row says the same";
    EXPECT_GT(store.state()->state.history_from, 1u);
    EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
  });
}

TEST(Policy, LimitsHowManyVersionsACollectionKeeps) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    ASSERT_TRUE(Collection(store, "c").SetPolicy(fiber, {.versions_max = 2}).ok());
    Fill(fiber, store, "c");
    Fill(fiber, store, "d");
    EXPECT_LT(VersionsOf(fiber, store, "c"), kUpdates + 1);
    EXPECT_GE(VersionsOf(fiber, store, "c"), 2u);
    EXPECT_EQ(VersionsOf(fiber, store, "d"), kUpdates + 1);
  });
}

TEST(Policy, WhatIsAppendOnlyIsNeverChanged) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    ASSERT_TRUE(c.SetPolicy(fiber, {.append_only = true}).ok());
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": 1, "n": 0})")).ok());
    WriteOptions upsert;
    upsert.upsert = true;
    ASSERT_TRUE(c.ReplaceOne(fiber, Json(R"({"_id": 2})"), Json(R"({"n": 1})"), upsert).ok());
    const auto code = [](const absl::StatusOr<WriteResult>& result) {
      return std::string(CodeOf(result.status()));
    };
    const Document one = Json(R"({"_id": 1})");
    EXPECT_EQ(code(c.UpdateOne(fiber, one, Json(R"({"$inc": {"n": 1}})"))), "E_APPEND_ONLY");
    EXPECT_EQ(code(c.ReplaceOne(fiber, one, Json("{}"), upsert)), "E_APPEND_ONLY");
    EXPECT_EQ(code(c.DeleteMany(fiber, Json("{}"))), "E_APPEND_ONLY");
    EXPECT_EQ(code(store.WriteBatch(
                  fiber, {InsertOp("c", {Json(R"({"_id": 3})")}), DeleteOp("c", one, false)},
                  Durability::kSync)),
              "E_APPEND_ONLY");
    EXPECT_TRUE(c.DeleteOne(fiber, Json(R"({"_id": 9})")).ok()) << "nothing is deleted";
    EXPECT_EQ(IdsOf(fiber, store, "{}"), "1 2");
    EXPECT_TRUE(c.Purge(fiber, Value(2)).ok()) << "who has the right to be forgotten, is";
    EXPECT_EQ(IdsOf(fiber, store, "{}"), "1");
  });
}

TEST(Policy, DocumentsVanishSoLongAfterTheirLastWrite) {
  Device device;
  device.options.maintenance_interval = Milliseconds(20);
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    ASSERT_TRUE(c.SetPolicy(fiber, {.expire_after_ms = 300}).ok());
    WriteOptions later;
    later.expires_at_ms = store.now_ms() + 10'000;
    ASSERT_TRUE(c.InsertMany(fiber, {Json(R"({"_id": 1})"), Json(R"({"_id": 2})")}).ok());
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": 3})"), later).ok());
    fiber.SleepFor(Milliseconds(200));
    ASSERT_TRUE(c.UpdateOne(fiber, Json(R"({"_id": 2})"), Json(R"({"$set": {"n": 1}})")).ok());
    ASSERT_TRUE(c.UpdateOne(fiber, Json(R"({"_id": 1})"), Json(R"({"$unset": {"n": 1}})")).ok());
    fiber.SleepFor(Milliseconds(150));
    EXPECT_EQ(IdsOf(fiber, store, "{}"), "2 3") << "an update that changes nothing is no write";
    fiber.SleepFor(Milliseconds(200));
    EXPECT_EQ(IdsOf(fiber, store, "{}"), "3");
  });
}

TEST(Policy, RefusesNumbersThatMakeNoSense) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    EXPECT_EQ(CodeOf(c.SetPolicy(fiber, {.history_ms = -1})), "E_POLICY");
    EXPECT_EQ(CodeOf(c.SetPolicy(fiber, {.versions_max = -1})), "E_POLICY");
    EXPECT_EQ(CodeOf(c.SetPolicy(fiber, {.expire_after_ms = 0})), "E_POLICY");
    EXPECT_EQ(CodeOf(c.SetPolicy(fiber, {.expire_after_ms = INT64_MAX})), "E_POLICY");
    EXPECT_EQ(c.policy(), CollectionPolicy());
    EXPECT_EQ(CodeOf(Collection(store, "$c").SetPolicy(fiber, {.append_only = true})),
              "E_COLLECTION_NAME");
  });
}

TEST(Policy, IsTheSameInTheCatalog) {
  const CollectionPolicy all{
      .history_ms = 5, .versions_max = 0, .expire_after_ms = 7, .append_only = true};
  EXPECT_EQ(CollectionPolicy::FromDocument(all.Describe().view()), all);
  EXPECT_EQ(CollectionPolicy::FromDocument(Document().view()), CollectionPolicy());
}

}  // namespace
}  // namespace lockstep::docs
