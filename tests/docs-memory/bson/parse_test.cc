#include "docs-memory/bson/parse.h"

#include "docs-memory/bson/error.h"
#include "tests/docs-memory/bson/arbitrary.h"

namespace lockstep::docs {
namespace {

std::string CodeFor(const std::string& json, const DocumentRules& rules = {}) {
  const auto parsed = FromJson(json);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return std::string(CodeOf(Canonicalize(*parsed, rules).status()));
}

std::string Canonical(const std::string& json) {
  const auto document = Canonicalize(*FromJson(json), {});
  return document.ok() ? ToCanonicalJson(*document) : document.status().ToString();
}

TEST(Canonicalize, PutsTheIdFirst) {
  EXPECT_EQ(Canonical(R"({"a": true, "_id": "x"})"), R"({ "_id" : "x", "a" : true })");
}

TEST(Canonicalize, RefusesNamesThatAreTheStores) {
  EXPECT_EQ(CodeFor(R"({"_rev": 1})"), "E_RESERVED_FIELD");
  EXPECT_EQ(CodeFor(R"({"a": {"_rev": 1}})"), "");
  EXPECT_EQ(CodeFor(R"({"a": {"$set": 1}})"), "E_FIELD_NAME");
  EXPECT_EQ(CodeFor(R"({"a": {"b": [{"$inc": 1}]}})"), "E_FIELD_NAME");
  EXPECT_EQ(CodeFor(R"({"a": {"$ref": "c", "$id": 1}})"), "");
}

TEST(Canonicalize, RefusesAFieldThatIsThereTwice) {
  EXPECT_EQ(CodeFor(R"({"a": 1, "a": 2})"), "E_BSON_DUPLICATE_KEY");
}

TEST(Canonicalize, RefusesWhatIsTooLargeOrTooDeep) {
  EXPECT_EQ(CodeFor(R"({"a": "0123456789"})", {.bytes_max = 16}), "E_DOC_TOO_LARGE");
  EXPECT_EQ(CodeFor(R"({"a": {"b": {"c": 1}}})", {.depth_max = 2}), "E_DOC_TOO_DEEP");
  EXPECT_EQ(CodeFor(R"({"a": {"b": {"c": 1}}})", {.depth_max = 3}), "");
}

TEST(Canonicalize, SortsTheOptionsOfARegex) {
  EXPECT_EQ(Canonical(R"({"a": {"$regularExpression": {"pattern": "x", "options": "mi"}}})"),
            R"({ "a" : { "$regularExpression" : { "pattern" : "x", "options" : "im" } } })");
}

TEST(CheckId, RefusesWhatIdentifiesNothing) {
  EXPECT_EQ(CodeOf(CheckId(Value())), "E_ID_INVALID");
  EXPECT_EQ(CodeOf(CheckId(Value::Array({Value(1)}))), "E_ID_INVALID");
  EXPECT_EQ(CodeOf(CheckId(Value(std::string(2000, 'x')))), "E_ID_INVALID");
  EXPECT_TRUE(CheckId(Value(1.5)).ok());
}

RC_GTEST_PROP(ParseDocument, TakesWhatWasWritten, (const Value& value)) {
  const Document document{{"a", value}};
  const auto parsed = ParseDocument(document.bytes());
  RC_ASSERT(parsed.ok());
  RC_ASSERT(*parsed == document);
}

// (A string with a zero byte is legal BSON; the generator makes them.)
RC_GTEST_PROP(ParseDocument, NeverTrustsBytes, (const Value& value)) {
  std::string bytes = Document{{"a", value}, {"b", Value(1)}}.bytes();
  const auto at = *rc::gen::inRange<size_t>(0, bytes.size());
  bytes[at] = *rc::gen::arbitrary<char>();
  const auto parsed = ParseDocument(bytes);
  if (parsed.ok()) {
    (void)Canonicalize(*parsed, {});
    (void)ToJson(*parsed);
  }
  RC_ASSERT(!ParseDocument(bytes.substr(0, at)).ok());
}

RC_GTEST_PROP(Json, RoundTripsInItsCanonicalForm, (const Value& value)) {
  const auto stored = Canonicalize(Document{{"a", value}}, {});
  RC_PRE(stored.ok());
  const auto back = FromJson(ToCanonicalJson(*stored));
  RC_ASSERT(back.ok());
  RC_ASSERT(*back == *stored);
}

TEST(Text, OfAValueIsJson) {
  EXPECT_EQ(ToText(Value("x")), "\"x\"");
  EXPECT_EQ(ToText(Value(5)), "5");
  EXPECT_EQ(ToText(Value()), "null");
}

}  // namespace
}  // namespace lockstep::docs
