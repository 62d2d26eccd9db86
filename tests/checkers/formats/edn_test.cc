#include "checkers/formats/edn.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace lockstep::checkers {
namespace {

std::string Rewritten(std::string_view text) {
  EdnReader reader(text);
  std::string out;
  for (;;) {
    const auto value = reader.Next();
    if (!value.ok()) return std::string(value.status().message());
    if (!*value) return out;
    out += (out.empty() ? "" : " ") + WriteEdn(**value);
  }
}

TEST(Edn, ReadsEveryKindOfValue) {
  EXPECT_EQ(Rewritten("nil true 7 -3 \"a b\" :ok sym [1 (2)] #{3} {:a 1, :b nil}"),
            "nil true 7 -3 \"a b\" :ok sym [1 [2]] #{3} {:a 1 :b nil}");
}

TEST(Edn, PassesOverCommentsTagsAndWhatIsDiscarded) {
  EXPECT_EQ(Rewritten("; a remark\n#inst \"2020\" [1 #_ 2 3] #_{:a 1} 4 #jepsen.history.Op{:x 1}"),
            "\"2020\" [1 3] 4 {:x 1}");
}

TEST(Edn, KeepsNumbersAsTheyAreWrittenWhereTheyDoNotFit) {
  EXPECT_EQ(Rewritten("1.5 99999999999999999999 12N 1/2"), "1.5 99999999999999999999 12 1/2");
}

TEST(Edn, CharactersMayBeBrackets) { EXPECT_EQ(Rewritten("[\\] \\newline]"), "[\\] \\newline]"); }

TEST(Edn, EscapesInStringsHaveTheirMeaning) {
  EdnReader reader("\"a\\n\\t\\\"\\\\\\u00e9\"");
  EXPECT_EQ((**reader.Next()).text, "a\n\t\"\\\xC3\xA9");
}

TEST(Edn, ErrorsNameTheLineAndWhatWasExpected) {
  EXPECT_EQ(Rewritten("{:a\n"), "line 2: expected \"}\", found the end of the text");
  EXPECT_EQ(Rewritten("\n[1 2}"), "line 2: expected a value, found \"}\"");
  EXPECT_EQ(Rewritten("\"abc"), "line 1: expected a closing quote, found the end of the text");
  EXPECT_EQ(Rewritten("{:a}"),
            "line 1: expected a value for every key of the map before this, found the end of the "
            "text");
}

TEST(Edn, ManyLevelsOfBracketsAreRefused) {
  EXPECT_EQ(Rewritten(std::string(100'000, '[')).substr(0, 43),
            "line 1: expected at most 64 levels of brack");
}

TEST(Edn, AVectorAroundAllIsEnteredAndLeft) {
  EdnReader reader(" [1\n 2] 3");
  ASSERT_TRUE(reader.EnterVector());
  EXPECT_EQ((*reader.Next())->integer, 1);
  EXPECT_EQ((*reader.Next())->integer, 2);
  EXPECT_EQ(reader.value_line(), 2u);
  EXPECT_EQ((*reader.Next())->integer, 3);
  EXPECT_FALSE(reader.Next()->has_value());
}

Edn Arbitrary(int depth) {
  const auto kind = *rc::gen::inRange(0, depth > 0 ? 7 : 4);
  if (kind == 0) return {};
  if (kind == 1) return Edn::Integer(*rc::gen::arbitrary<int64_t>());
  if (kind == 2) return Edn::String(*rc::gen::arbitrary<std::string>());
  if (kind == 3) return Edn::Keyword("key");
  Edn edn;
  edn.kind = kind == 4 ? Edn::Kind::kVector : kind == 5 ? Edn::Kind::kSet : Edn::Kind::kMap;
  const auto count = *rc::gen::inRange<size_t>(0, 4);
  for (size_t i = 0; i < count * 2; ++i) edn.items.push_back(Arbitrary(depth - 1));
  return edn;
}

RC_GTEST_PROP(Edn, WhatIsWrittenIsReadBack, ()) {
  const Edn value = Arbitrary(3);
  const std::string text = WriteEdn(value);
  EdnReader again(text);
  const auto read = again.Next();
  RC_ASSERT(read.ok());
  RC_ASSERT(**read == value);
}

}  // namespace
}  // namespace lockstep::checkers
