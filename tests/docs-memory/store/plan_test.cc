// Whatever index answers, the answer is that of a walk over all documents, in the same order.
#include <gtest/gtest.h>

#include "framework/base/random.h"
#include "tests/docs-memory/store/device.h"

namespace lockstep::docs {
namespace {

std::string Pick(base::SequentialRandom& random, const std::vector<std::string>& all) {
  return all[random.Below(all.size())];
}

std::string RandomValue(base::SequentialRandom& random) {
  return Pick(random,
              {"1", "2", "2.5", "null", "\"x\"", "\"xy\"", "[]", "[1, 2]", "[2, \"x\"]",
               "{\"c\": 1}", "true", "{\"$numberDecimal\": \"2\"}", "[{\"c\": 1}, {\"c\": 2}]"});
}

std::string RandomDocument(base::SequentialRandom& random, int id) {
  std::string text = "{\"_id\": " + std::to_string(id);
  if (random.Below(5) != 0) text += ", \"a\": " + RandomValue(random);
  // (Two arrays in one index are refused.)
  if (random.Below(4) != 0) text += ", \"b\": " + Pick(random, {"1", "2", "3", "\"x\"", "null"});
  return text + "}";
}

std::string RandomCondition(base::SequentialRandom& random) {
  const std::string field = Pick(random, {"a", "b", "a.c", "_id", "a.0"});
  const std::string op = Pick(random, {"$eq", "$gt", "$gte", "$lt", "$lte", "$ne"});
  switch (random.Below(6)) {
    case 0:
      return "\"" + field + "\": {\"$in\": [" + RandomValue(random) + ", " + RandomValue(random) +
             "]}";
    case 1:
      return "\"" + field + "\": {\"" + op + "\": " + RandomValue(random) +
             ", \"$lt\": " + RandomValue(random) + "}";
    case 2:
      return "\"" + field + "\": {\"$regex\": \"^x\"}";
    case 3:
      return "\"$or\": [{\"a\": " + RandomValue(random) + "}, {\"b\": " + RandomValue(random) +
             "}]";
    default:
      return "\"" + field + "\": {\"" + op + "\": " + RandomValue(random) + "}";
  }
}

TEST(Plans, GiveWhatAWalkOverEverythingGives) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    base::SequentialRandom random(7);
    Collection c(store, "c");
    for (const char* fields : {R"({"a": 1})", R"({"b": -1})", R"({"b": 1, "a": -1})",
                               R"({"a": 1, "b": 1})", R"({"a.c": 1})"}) {
      ASSERT_TRUE(c.CreateIndex(fiber, Json(fields)).ok());
    }
    std::vector<Document> all;
    for (int i = 0; i < 150; ++i) all.push_back(Json(RandomDocument(random, i)));
    ASSERT_TRUE(c.InsertMany(fiber, all).ok());
    const std::vector<std::string> sorts{"{}",
                                         R"({"a": 1})",
                                         R"({"b": -1})",
                                         R"({"b": 1, "a": -1})",
                                         R"({"b": -1, "a": 1})",
                                         R"({"_id": -1})"};
    int indexed = 0;
    for (int i = 0; i < 600; ++i) {
      std::string filter = "{" + RandomCondition(random);
      if (random.Below(2) == 0) filter += ", \"$and\": [{" + RandomCondition(random) + "}]";
      filter += "}";
      FindOptions options;
      options.sort = Json(Pick(random, sorts));
      // Without an order, any is right.
      const bool ordered = !options.sort.empty();
      options.limit = ordered ? static_cast<int64_t>(random.Below(4) * 5) : 0;
      options.skip = ordered ? static_cast<int64_t>(random.Below(3)) : 0;
      FindOptions walk = options;
      walk.hint = "$natural";
      if (!ordered) options.sort = walk.sort = Json(R"({"_id": 1})");
      SCOPED_TRACE(filter + " sort " + ToJson(options.sort));
      ASSERT_EQ(IdsOf(fiber, store, filter, options), IdsOf(fiber, store, filter, walk));
      const auto explained = c.Explain(fiber, Json(filter), options);
      indexed += ToText(*FindField(*explained->Find("plan"), "stage")) != "\"scan\"";
    }
    EXPECT_GT(indexed, 200);
  });
}

TEST(Plans, UseTheIndexOfEqualityAndOrder) {
  Device device;
  device.Live([](Fiber& fiber, Store& store) {
    Collection c(store, "c");
    ASSERT_TRUE(c.CreateIndex(fiber, Json(R"({"agent": 1, "at": -1})")).ok());
    for (int i = 0; i < 300; ++i) {
      ASSERT_TRUE(
          c.InsertOne(fiber, Document{{"_id", Value(i)}, {"agent", Value(i % 3)}, {"at", Value(i)}})
              .ok());
    }
    FindOptions options;
    options.sort = Json(R"({"at": -1})");
    options.limit = 4;
    EXPECT_EQ(IdsOf(fiber, store, R"({"agent": 1})", options), "298 295 292 289");
    const auto explained = c.Explain(fiber, Json(R"({"agent": 1})"), options);
    EXPECT_EQ(ToText(*FindField(*explained->Find("stats"), "docs_examined")), "4");
    options.no_scan = true;
    EXPECT_EQ(IdsOf(fiber, store, R"({"other": 1})", options), "E_NO_INDEX");
  });
}

}  // namespace
}  // namespace lockstep::docs
