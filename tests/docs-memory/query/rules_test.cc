// Filters, updates, projections and sorts, rule by rule.
#include <gtest/gtest.h>

#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/query/filter.h"
#include "docs-memory/query/shape.h"
#include "docs-memory/update/update.h"
#include "framework/base/check.h"

namespace lockstep::docs {
namespace {

Document Json(const std::string& text) {
  auto document = FromJson(text);
  CHECK_OK(document.status());
  return *std::move(document);
}

std::string Match(const std::string& document, const std::string& filter) {
  const auto parsed = Filter::Parse(Json(filter).view());
  if (!parsed.ok()) return std::string(CodeOf(parsed.status()));
  return parsed->Matches(Json(document).view()) ? "yes" : "no";
}

struct FilterCase final {
  const char* document;
  const char* filter;
  const char* expected;
};

class FilterRules : public testing::TestWithParam<FilterCase> {};
TEST_P(FilterRules, Hold) {
  EXPECT_EQ(Match(GetParam().document, GetParam().filter), GetParam().expected)
      << GetParam().document << " " << GetParam().filter;
}

constexpr FilterCase kFilters[] = {
    // equality, null and what is not there
    {R"({"a": 1})", R"({"a": 1.0})", "yes"},
    {R"({"a": {"$numberLong": "9007199254740993"}})", R"({"a": 9007199254740992.0})", "no"},
    {R"({"a": {"$numberDecimal": "0.5"}})", R"({"a": 0.5})", "yes"},
    {R"({})", R"({"a": null})", "yes"},
    {R"({"a": null})", R"({"a": {"$exists": true}})", "yes"},
    {R"({})", R"({"a": {"$exists": false}})", "yes"},
    {R"({"a": []})", R"({"a.b": null})", "no"},
    {R"({"a": [{"b": 1}, {}]})", R"({"a.b": null})", "yes"},
    {R"({"a": {"b": 1, "c": 2}})", R"({"a": {"c": 2, "b": 1}})", "no"},
    // arrays
    {R"({"a": [1, 2]})", R"({"a": 2})", "yes"},
    {R"({"a": [1, 2]})", R"({"a": [1, 2]})", "yes"},
    {R"({"a": [[1, 2]]})", R"({"a": [1, 2]})", "yes"},
    {R"({"a": [[1, 2]]})", R"({"a": 1})", "no"},
    {R"({"a": [1, 5]})", R"({"a": {"$gt": 2, "$lt": 4}})", "yes"},
    {R"({"a": [1, 5]})", R"({"a": {"$elemMatch": {"$gt": 2, "$lt": 4}}})", "no"},
    {R"({"a": [{"b": 1}, {"b": 2}]})", R"({"a.b": 2})", "yes"},
    {R"({"a": [{"b": 1}, {"b": 2}]})", R"({"a.1.b": 2})", "yes"},
    {R"({"a": [{"b": 1}, {"b": 2}]})", R"({"a.0.b": 2})", "no"},
    {R"({"a": {"0": 7}})", R"({"a.0": 7})", "yes"},
    {R"({"a": [1, 2, 3]})", R"({"a": {"$all": [3, 1]}})", "yes"},
    {R"({"a": [1]})", R"({"a": {"$all": []}})", "no"},
    {R"({"a": [1, 2]})", R"({"a": {"$size": 2}})", "yes"},
    {R"({"a": [{"b": 1, "c": 2}]})", R"({"a": {"$elemMatch": {"b": 1, "c": 2}}})", "yes"},
    {R"({"a": [{"b": 1}, {"c": 2}]})", R"({"a": {"$elemMatch": {"b": 1, "c": 2}}})", "no"},
    // classes
    {R"({"a": "5"})", R"({"a": {"$gt": 4}})", "no"},
    {R"({"a": 5})", R"({"a": {"$not": {"$gt": 6}}})", "yes"},
    {R"({"a": "x"})", R"({"a": {"$not": {"$gt": 6}}})", "yes"},
    {R"({})", R"({"a": {"$lt": 6}})", "no"},
    {R"({})", R"({"a": {"$lte": null}})", "yes"},
    {R"({"a": "x"})", R"({"a": {"$gt": {"$minKey": 1}}})", "yes"},
    {R"({"a": {"$numberDouble": "NaN"}})", R"({"a": {"$numberDouble": "NaN"}})", "yes"},
    {R"({"a": {"$numberDouble": "NaN"}})", R"({"a": {"$lt": 5}})", "no"},
    {R"({"a": {"$numberDouble": "NaN"}})", R"({"a": {"$gte": {"$numberDouble": "NaN"}}})", "yes"},
    // sets and negations
    {R"({"a": 1})", R"({"a": {"$in": [2, 1]}})", "yes"},
    {R"({})", R"({"a": {"$in": [null]}})", "yes"},
    {R"({"a": "abc"})",
     R"({"a": {"$in": [{"$regularExpression": {"pattern": "^b", "options": ""}}, "abc"]}})", "yes"},
    {R"({})", R"({"a": {"$ne": 1}})", "yes"},
    {R"({"a": [1, 2]})", R"({"a": {"$ne": 1}})", "no"},
    {R"({"a": [1, 2]})", R"({"a": {"$nin": [3]}})", "yes"},
    {R"({"a": 1, "b": 2})", R"({"$or": [{"a": 2}, {"b": 2}]})", "yes"},
    {R"({"a": 1, "b": 2})", R"({"$nor": [{"a": 2}, {"b": 2}]})", "no"},
    // others
    {R"({"a": "Hello"})", R"({"a": {"$regex": "^h", "$options": "i"}})", "yes"},
    {R"({"a": "x\ny"})", R"({"a": {"$regex": "^y", "$options": "m"}})", "yes"},
    {R"({"a": "ab"})", R"({"a": {"$regex": "a b # c", "$options": "x"}})", "yes"},
    {R"({"a": 7})", R"({"a": {"$mod": [4, 3]}})", "yes"},
    {R"({"a": -7.9})", R"({"a": {"$mod": [4, -3]}})", "yes"},
    {R"({"a": [1, "x"]})", R"({"a": {"$type": "string"}})", "yes"},
    // what is refused before any document is seen
    {R"({})", R"({"$or": []})", "E_QUERY"},
    {R"({})", R"({"a": {"$gt": 1, "b": 2}})", "E_QUERY"},
    {R"({})", R"({"a": {"$near": 1}})", "E_QUERY"},
    {R"({})", R"({"$where": "1"})", "E_QUERY"},
    {R"({})", R"({"a": {"$mod": [0, 1]}})", "E_QUERY"},
    {R"({})", R"({"a": {"$size": -1}})", "E_QUERY"},
    {R"({})", R"({"a": {"$in": 1}})", "E_QUERY"},
    {R"({})", R"({"a..b": 1})", "E_QUERY"},
    {R"({})", R"({"a": {"$regex": "(a)\\1"}})", "E_REGEX"},
};
INSTANTIATE_TEST_SUITE_P(All, FilterRules, testing::ValuesIn(kFilters));

// What libbson's JSON takes for values of its own: $type of old binaries, $options of patterns.
TEST(FilterTypes, MayBeNumbersAndLists) {
  const auto matches = [](const Value& types, const Value& value) {
    const Document filter{{"a", Document{{"$type", types}}}};
    return Filter::Parse(filter.view())->Matches(Document{{"a", value}}.view());
  };
  const Value list = Value::Array({Value("string"), Value("number")});
  EXPECT_TRUE(matches(list, Value(int64_t{1})));
  EXPECT_TRUE(matches(list, Value("x")));
  EXPECT_FALSE(matches(list, Value(true)));
  EXPECT_TRUE(matches(Value(16), Value(1)));
  const Document options{{"a", Document{{"$regex", Value("a")}, {"$options", Value("q")}}}};
  EXPECT_EQ(CodeOf(Filter::Parse(options.view()).status()), "E_REGEX");
  const Document unknown{{"a", Document{{"$type", Value("foo")}}}};
  EXPECT_EQ(CodeOf(Filter::Parse(unknown.view()).status()), "E_QUERY");
  EXPECT_TRUE(matches(Value(-1), Value::MinKey()));
  EXPECT_FALSE(matches(Value(-1), Value(1)));
}

struct UpdateCase final {
  const char* document;
  const char* update;
  const char* expected;  // the document or the code
};

class UpdateRules : public testing::TestWithParam<UpdateCase> {};
TEST_P(UpdateRules, Hold) {
  const auto update = Update::Parse(Json(GetParam().update).view());
  std::string result(CodeOf(update.status()));
  if (update.ok()) {
    const auto changed = update->Apply(Json(GetParam().document), {86'400'000, false});
    result = changed.ok() ? ToJson(*changed) : std::string(CodeOf(changed.status()));
  }
  const std::string expected = GetParam().expected;
  EXPECT_EQ(result, expected[0] == '{' ? ToJson(Json(expected)) : expected)
      << GetParam().document << GetParam().update;
}

constexpr UpdateCase kUpdates[] = {
    {R"({"a": 1})", R"({"$set": {"b.c": 2}})", R"({"a": 1, "b": {"c": 2}})"},
    {R"({"a": [1]})", R"({"$set": {"a.3": 9}})", R"({"a": [1, null, null, 9]})"},
    {R"({"a": 1})", R"({"$set": {"a.b": 2}})", "E_PATH_TYPE"},
    {R"({"a": [1]})", R"({"$set": {"a.b": 2}})", "E_PATH_TYPE"},
    {R"({"a": [1]})", R"({"$set": {"a.2000": 2}})", "E_PATH_TYPE"},
    {R"({"a": {"b": 1, "c": 2}})", R"({"$unset": {"a.b": "", "x.y": ""}})", R"({"a": {"c": 2}})"},
    {R"({"a": [1, 2]})", R"({"$unset": {"a.0": ""}})", R"({"a": [null, 2]})"},
    {R"({})", R"({"$setOnInsert": {"a": 1}})", R"({})"},
    {R"({"a": 1})", R"({"$inc": {"a": 2, "b": -1}})", R"({"a": 3, "b": -1})"},
    {R"({"a": 2147483647})", R"({"$inc": {"a": 1}})", R"({"a": 2147483648})"},
    {R"({"a": {"$numberLong": "9223372036854775807"}})", R"({"$inc": {"a": 1}})", "E_OVERFLOW"},
    {R"({"a": "x"})", R"({"$inc": {"a": 1}})", "E_TYPE"},
    {R"({"a": 1})", R"({"$inc": {"a": "x"}})", "E_TYPE"},
    {R"({"a": 3})", R"({"$mul": {"a": 1.5, "b": 5}})", R"({"a": 4.5, "b": 0})"},
    {R"({"a": 3, "b": "x"})", R"({"$min": {"a": 5, "b": 1, "c": 7}})",
     R"({"a": 3, "b": 1, "c": 7})"},
    {R"({"a": 3})", R"({"$max": {"a": 5}})", R"({"a": 5})"},
    {R"({"a": 3, "b": 4})", R"({"$rename": {"a": "c.d", "x": "y"}})", R"({"b": 4, "c": {"d": 3}})"},
    {R"({"a": [{"b": 1}]})", R"({"$rename": {"a.0.b": "c"}})", "E_PATH_TYPE"},
    {R"({"a": 1})", R"({"$rename": {"a": "a"}})", "E_UPDATE"},
    {R"({"a": [1]})", R"({"$push": {"a": 2, "b": 3}})", R"({"a": [1, 2], "b": [3]})"},
    {R"({"a": 1})", R"({"$push": {"a": 2}})", "E_TYPE"},
    {R"({"a": [5, 1]})", R"({"$push": {"a": {"$each": [3, 2], "$sort": 1, "$slice": 3}}})",
     R"({"a": [1, 2, 3]})"},
    {R"({"a": [1, 4]})", R"({"$push": {"a": {"$each": [2, 3], "$position": 1}}})",
     R"({"a": [1, 2, 3, 4]})"},
    {R"({"a": [1, 4]})", R"({"$push": {"a": {"$each": [5], "$slice": -2}}})", R"({"a": [4, 5]})"},
    {R"({"a": []})", R"({"$push": {"a": {"$each": [{"n": 2}, {"n": 1}], "$sort": {"n": 1}}}})",
     R"({"a": [{"n": 1}, {"n": 2}]})"},
    {R"({})", R"({"$push": {"a": {"$slice": 1}}})", "E_UPDATE"},
    {R"({"a": [1, 2]})", R"({"$addToSet": {"a": 2.0}})", R"({"a": [1, 2]})"},
    {R"({"a": [1]})", R"({"$addToSet": {"a": {"$each": [1, 2, 2]}}})", R"({"a": [1, 2]})"},
    {R"({"a": [1, 5, 9]})", R"({"$pull": {"a": {"$gt": 4}}})", R"({"a": [1]})"},
    {R"({"a": [1, 5, 1]})", R"({"$pull": {"a": 1, "x": 1}})", R"({"a": [5]})"},
    {R"({"a": [{"b": 1, "c": 1}, {"b": 2}]})", R"({"$pull": {"a": {"b": 1}}})",
     R"({"a": [{"b": 2}]})"},
    {R"({"a": [1, 2, 3]})", R"({"$pullAll": {"a": [1, 3]}})", R"({"a": [2]})"},
    {R"({"a": [1, 2, 3]})", R"({"$pop": {"a": -1}})", R"({"a": [2, 3]})"},
    {R"({"a": [1]})", R"({"$pop": {"a": 2}})", "E_UPDATE"},
    {R"({})", R"({"$currentDate": {"a": true}})", R"({"a": {"$date": "1970-01-02T00:00:00Z"}})"},
    {R"({})", R"({"$currentDate": {"a": "x"}})", "E_UPDATE"},
    {R"({})", R"({"$set": {"a": 1}, "$inc": {"a": 1}})", "E_UPDATE_CONFLICT"},
    {R"({})", R"({"$set": {"a.b": 1, "a": 1}})", "E_UPDATE_CONFLICT"},
    {R"({})", R"({"$set": {"_id": 1}})", "E_ID_IMMUTABLE"},
    {R"({})", R"({"$set": {"_rev": 1}})", "E_RESERVED_FIELD"},
    {R"({})", R"({"$set": {"a.$": 1}})", "E_FIELD_NAME"},
    {R"({})", R"({"$foo": {"a": 1}})", "E_UPDATE"},
    {R"({})", R"({"$foo": {}})", "E_UPDATE"},
    {R"({})", R"({"a": 1})", "E_UPDATE"},
    {R"({"a": 1})", R"({"$set": {}})", R"({"a": 1})"},
};
INSTANTIATE_TEST_SUITE_P(All, UpdateRules, testing::ValuesIn(kUpdates));

TEST(Upserts, StartFromTheEqualitiesOfTheFilter) {
  const auto seed = UpsertSeed(*Filter::Parse(
      Json(R"({"a": 1, "b.c": {"$eq": 2}, "n": {"$gt": 5}, "$and": [{"d": 3}]})").view()));
  EXPECT_EQ(ToJson(*seed), R"({ "a" : 1, "b" : { "c" : 2 }, "d" : 3 })");
  EXPECT_EQ(
      CodeOf(UpsertSeed(*Filter::Parse(Json(R"({"a": 1, "$and": [{"a": 2}]})").view())).status()),
      "E_UPDATE");
}

std::string Projected(const std::string& document, const std::string& projection) {
  const auto parsed = Projection::Parse(Json(projection).view());
  return parsed.ok() ? ToJson(parsed->Apply(Json(document))) : std::string(CodeOf(parsed.status()));
}

TEST(Projections, KeepOrLeaveOut) {
  const std::string document = R"({"_id": 1, "a": {"b": 1, "c": 2}, "d": [{"b": 3, "e": 4}, 5]})";
  EXPECT_EQ(Projected(document, R"({"a.b": 1})"), R"({ "_id" : 1, "a" : { "b" : 1 } })");
  EXPECT_EQ(Projected(document, R"({"a": 0, "_id": 0})"),
            R"({ "d" : [ { "b" : 3, "e" : 4 }, 5 ] })");
  EXPECT_EQ(Projected(document, R"({"d.b": 1, "_id": 0})"), R"({ "d" : [ { "b" : 3 } ] })");
  EXPECT_EQ(Projected(document, R"({"d.b": 0, "a": 0})"),
            R"({ "_id" : 1, "d" : [ { "e" : 4 }, 5 ] })");
  EXPECT_EQ(Projected(document, R"({"d": {"$slice": -1}, "a": 0})"),
            R"({ "_id" : 1, "d" : [ 5 ] })");
  EXPECT_EQ(Projected(document, R"({"d": {"$elemMatch": {"b": 3}}})"),
            R"({ "_id" : 1, "d" : [ { "b" : 3, "e" : 4 } ] })");
  EXPECT_EQ(Projected(document, R"({"_id": 1})"), R"({ "_id" : 1 })");
  EXPECT_EQ(Projected(document, R"({"a": 1, "d": 0})"), "E_PROJECTION");
  EXPECT_EQ(Projected(document, R"({"a": 1, "a.b": 1})"), "E_PROJECTION");
}

TEST(Sorts, TakeTheLeastOrGreatestOfAnArray) {
  const auto key = [](const char* document, const char* sort) {
    return SortSpec::Parse(Json(sort).view())->KeyOf(Json(document).view(), "");
  };
  EXPECT_LT(key(R"({"a": [3, 1]})", R"({"a": 1})"), key(R"({"a": 2})", R"({"a": 1})"));
  EXPECT_LT(key(R"({"a": [3, 1]})", R"({"a": -1})"), key(R"({"a": 2})", R"({"a": -1})"));
  EXPECT_LT(key(R"({"a": []})", R"({"a": 1})"), key(R"({"a": null})", R"({"a": 1})"));
  EXPECT_EQ(key(R"({})", R"({"a": 1})"), key(R"({"a": null})", R"({"a": 1})"));
  EXPECT_FALSE(SortSpec::Parse(Json(R"({"a": 2})").view()).ok());
}

}  // namespace
}  // namespace lockstep::docs
