// One document is found, changed and told in one step.
#include <gtest/gtest.h>

#include <set>

#include "framework/fiber/sync.h"
#include "tests/docs-memory/store/device.h"

namespace lockstep::docs {
namespace {

using Returns = PickOptions::Returns;

WriteOptions Pick(Returns returns, const std::string& sort = "{}",
                  const std::string& projection = "{}") {
  WriteOptions options;
  options.pick = {returns, Json(sort), Json(projection)};
  return options;
}

std::string Text(const absl::StatusOr<std::optional<Document>>& told) {
  if (!told.ok()) return std::string(CodeOf(told.status()));
  return *told ? ToJson(**told) : "nothing";
}

TEST(FindOneAnd, TellsTheDocumentAsItWasOrAsItIs) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    const Document a = Json(R"({"_id": "a"})");
    const Document more = Json(R"({"$inc": {"n": 1}})");
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "a", "n": 1})")).ok());
    EXPECT_EQ(Text(c.FindOneAndUpdate(fiber, a, more)), R"({ "_id" : "a", "n" : 1 })");
    EXPECT_EQ(Text(c.FindOneAndUpdate(fiber, a, more, Pick(Returns::kAfter))),
              R"({ "_id" : "a", "n" : 3 })");
    EXPECT_EQ(Text(c.FindOneAndUpdate(fiber, a, Json(R"({"$set": {"n": 3}})"))),
              R"({ "_id" : "a", "n" : 3 })")
        << "also where nothing changes";
    EXPECT_EQ(Text(c.FindOneAndReplace(fiber, a, Json(R"({"m": [1, 2]})"),
                                       Pick(Returns::kAfter, "{}", R"({"_id": 0})"))),
              R"({ "m" : [ 1, 2 ] })");
    EXPECT_EQ(Text(c.FindOneAndDelete(fiber, a, Pick(Returns::kAfter))),
              R"({ "_id" : "a", "m" : [ 1, 2 ] })");
    EXPECT_EQ(Text(c.FindOneAndDelete(fiber, a)), "nothing");
    EXPECT_EQ(Text(c.FindOneAndUpdate(fiber, a, more)), "nothing");
    WriteOptions upsert = Pick(Returns::kBefore);
    upsert.upsert = true;
    EXPECT_EQ(Text(c.FindOneAndUpdate(fiber, a, more, upsert)), "nothing") << "there was none";
    upsert.pick.returns = Returns::kAfter;
    EXPECT_EQ(Text(c.FindOneAndUpdate(fiber, Json(R"({"_id": "b"})"), more, upsert)),
              R"({ "_id" : "b", "n" : 1 })");
  });
}

// With an index that gives the order, with one that does not, and with none.
TEST(FindOneAnd, TakesTheFirstInTheOrderThatIsAskedFor) {
  for (const char* index : {R"({"state": 1, "urgency": 1})", R"({"state": 1})", ""}) {
    Device device;
    device.Live([&](Fiber& fiber, Store& store) {
      Collection c(store, "c");
      if (*index != '\0') {
        ASSERT_TRUE(c.CreateIndex(fiber, Json(index)).ok());
      }
      for (int i = 0; i < 12; ++i) {
        ASSERT_TRUE(c.InsertOne(fiber, Document{{"_id", Value(i)},
                                                {"state", Value(i % 4 == 0 ? "done" : "open")},
                                                {"urgency", Value(i % 3)}})
                        .ok());
      }
      std::string order;
      for (;;) {
        const auto told = c.FindOneAndUpdate(
            fiber, Json(R"({"state": "open"})"), Json(R"({"$set": {"state": "mine"}})"),
            Pick(Returns::kBefore, R"({"urgency": -1, "_id": 1})", R"({"_id": 1})"));
        ASSERT_TRUE(told.ok()) << told.status();
        if (!*told) break;
        order += ToText(*(*told)->Find("_id")) + " ";
      }
      EXPECT_EQ(order, "2 5 11 1 7 10 3 6 9 ") << index;
      EXPECT_TRUE(VerifyStore(fiber, *store.state()).ok());
    });
  }
}

TEST(FindOneAnd, GivesEachOfManyADocumentOfItsOwn) {
  Device device;
  constexpr int kTasks = 60;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    ASSERT_TRUE(c.CreateIndex(fiber, Json(R"({"state": 1})")).ok());
    for (int i = 0; i < kTasks; ++i)
      ASSERT_TRUE(c.InsertOne(fiber, Document{{"_id", Value(i)}, {"state", Value("open")}}).ok());
    std::multiset<int> taken;
    int busy = 8;
    fiber::Event done;
    fiber::Scope workers(fiber.scheduler());
    for (int worker = 0; worker < 8; ++worker) {
      workers.Spawn("worker", [&](Fiber& working) {
        for (;;) {
          const auto task = Collection(store, "c")
                                .FindOneAndUpdate(working, Json(R"({"state": "open"})"),
                                                  Json(R"({"$set": {"state": "mine"}})"));
          ASSERT_TRUE(task.ok()) << task.status();
          if (!*task) break;
          taken.insert((*task)->Find("_id")->int32());
        }
        if (--busy == 0) done.Set();
      });
    }
    done.Wait(fiber);
    EXPECT_EQ(taken.size(), size_t{kTasks});
    EXPECT_EQ(std::set<int>(taken.begin(), taken.end()).size(), size_t{kTasks});
  });
}

TEST(FindOneAnd, SaysWhatItRefuses) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    ASSERT_TRUE(c.InsertOne(fiber, Json(R"({"_id": "a", "n": 1})")).ok());
    const Document more = Json(R"({"$inc": {"n": 1}})");
    EXPECT_EQ(Text(c.FindOneAndUpdate(fiber, {}, more, Pick(Returns::kAfter, R"({"n": 2})"))),
              "E_QUERY");
    EXPECT_EQ(Text(c.FindOneAndUpdate(fiber, {}, more,
                                      Pick(Returns::kAfter, "{}", R"({"a": 1, "b": 0})"))),
              "E_PROJECTION");
    EXPECT_EQ(CodeOf(c.UpdateMany(fiber, {}, more, Pick(Returns::kAfter)).status()), "E_QUERY");
    EXPECT_EQ(CodeOf(c.DeleteMany(fiber, {}, Pick(Returns::kNothing, R"({"n": 1})")).status()),
              "E_QUERY");
    WriteOptions stale = Pick(Returns::kAfter);
    stale.expect_rev = Revision{1, 0, 0};
    EXPECT_EQ(Text(c.FindOneAndUpdate(fiber, {}, more, stale)), "E_REV_MISMATCH");
    EXPECT_EQ(TextOf(fiber, store, Value("a")), R"({ "_id" : "a", "n" : 1 })");
  });
}

}  // namespace
}  // namespace lockstep::docs
