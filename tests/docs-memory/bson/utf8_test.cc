// What is text, beside what libbson takes for it.
#include "docs-memory/bson/utf8.h"

#include <bson/bson.h>  // lint: allow(home) the other side of the comparison

#include "docs-memory/bson/error.h"
#include "docs-memory/bson/parse.h"
#include "tests/docs-memory/bson/arbitrary.h"

namespace lockstep::docs {
namespace {

TEST(Utf8, IsWhatTheStandardSays) {
  for (const char* text :
       {"", "tea", "t\u00e9", "\u07ff\u0800\ud7ff\ue000\uffff", "\U00010000\U0010ffff"})
    EXPECT_TRUE(IsUtf8(text)) << text;
  for (const char* bytes : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x9f\xbf",
                            "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
                            "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xf0\x9f\x98"}) {
    EXPECT_FALSE(IsUtf8(bytes));
    // Wherever it stands among eight bytes that are read at once.
    for (size_t before = 0; before < 17; ++before) {
      const std::string padding(before, 'x');
      EXPECT_FALSE(IsUtf8(padding + bytes + "yyyyyyyyyyyyyyyyy")) << before;
    }
  }
}

// Bytes that often are nearly text.
std::string Nearly() {
  std::string bytes;
  const auto pieces = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 40));
  for (const int piece : pieces) {
    const auto any = static_cast<char>(*rc::gen::arbitrary<uint8_t>());
    if (piece < 10) bytes += "\u00e9";
    if (piece >= 10 && piece < 20) bytes += "\u65e5";
    if (piece >= 20 && piece < 25) bytes += "\U0001f600";
    if (piece >= 25 && piece < 37) bytes += "plain";
    if (piece >= 37) bytes.push_back(any);
  }
  return bytes;
}

// (libbson takes two bytes for a zero, which the standard does not.)
RC_GTEST_PROP(Utf8, IsWhatLibbsonTakes, ()) {
  const std::string bytes = Nearly();
  RC_PRE(bytes.find("\xc0\x80") == std::string::npos);
  RC_ASSERT(IsUtf8(bytes) == bson_utf8_validate(bytes.data(), bytes.size(), true));
}

// What is damaged anywhere is refused if libbson refuses it.
RC_GTEST_PROP(ParseDocument, TakesNothingThatLibbsonRefuses, (const Value& value)) {
  std::string bytes =
      Document{{"a", value}, {"text", Value("caf\u00e9 \u65e5\u672c")}, {"b", Value(1)}}.bytes();
  const auto at = *rc::gen::inRange<size_t>(0, bytes.size());
  bytes[at] = static_cast<char>(*rc::gen::arbitrary<uint8_t>());
  bson_t bson;
  bson_error_t error;
  const auto flags =
      static_cast<bson_validate_flags_t>(BSON_VALIDATE_UTF8 | BSON_VALIDATE_UTF8_ALLOW_NULL);
  const bool is_taken =
      bson_init_static(&bson, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()) &&
      bson_validate_with_error(&bson, flags, &error);
  if (ParseDocument(bytes).ok()) RC_ASSERT(is_taken);
}

TEST(ParseDocument, RefusesTextThatIsNone) {
  const Document document{{"name", Value("text")}};
  for (const size_t at : {size_t{5}, document.bytes().size() - 4}) {
    std::string bytes = document.bytes();
    bytes[at] = '\xff';
    EXPECT_EQ(CodeOf(ParseDocument(bytes).status()), "E_BSON") << at;
  }
}

}  // namespace
}  // namespace lockstep::docs
