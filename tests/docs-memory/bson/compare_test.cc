#include "docs-memory/bson/compare.h"

#include "docs-memory/bson/error.h"
#include "docs-memory/bson/number.h"
#include "tests/docs-memory/bson/arbitrary.h"

namespace lockstep::docs {
namespace {

int Sign(int n) { return (n > 0) - (n < 0); }

bool Same(const absl::StatusOr<Value>& a, const Value& b) { return a.ok() && a->ref() == b.ref(); }

Value Parsed(const std::string& decimal) { return *DecimalFromText(decimal); }

RC_GTEST_PROP(Compare, IsAntisymmetric, (const Value& a, const Value& b)) {
  RC_ASSERT(Sign(Compare(a, b)) == -Sign(Compare(b, a)));
  RC_ASSERT(Compare(a, a) == 0);
}

RC_GTEST_PROP(Compare, IsTransitive, (const Value& a, const Value& b, const Value& c)) {
  if (Compare(a, b) <= 0 && Compare(b, c) <= 0) RC_ASSERT(Compare(a, c) <= 0);
}

RC_GTEST_PROP(Compare, OfNumbersIsTransitive, ()) {
  const Value a = *ArbitraryNumber();
  const Value b = *ArbitraryNumber();
  const Value c = *ArbitraryNumber();
  if (Compare(a, b) <= 0 && Compare(b, c) <= 0) RC_ASSERT(Compare(a, c) <= 0);
}

RC_GTEST_PROP(Keys, SortAsValuesDo, (const Value& a, const Value& b)) {
  RC_ASSERT(Sign(KeyOf(a).compare(KeyOf(b))) == Sign(Compare(a, b)));
}

RC_GTEST_PROP(Keys, SortAsNumbersDo, ()) {
  const Value a = *ArbitraryNumber();
  const Value b = *ArbitraryNumber();
  RC_ASSERT(Sign(KeyOf(a).compare(KeyOf(b))) == Sign(Compare(a, b)));
}

RC_GTEST_PROP(Keys, AreNoPrefixesOfOthers, (const Value& a, const Value& b)) {
  const std::string x = KeyOf(a);
  const std::string y = KeyOf(b);
  if (x != y) RC_ASSERT(y.compare(0, x.size(), x) != 0);
}

RC_GTEST_PROP(Keys, SortBackwardsWhenInverted, (const Value& a, const Value& b)) {
  std::string x = KeyOf(a);
  std::string y = KeyOf(b);
  Invert(x, 0);
  Invert(y, 0);
  RC_ASSERT(Sign(x.compare(y)) == -Sign(Compare(a, b)));
}

TEST(Numbers, AreEqualAcrossTypes) {
  EXPECT_EQ(Compare(Value(1), Value(int64_t{1})), 0);
  EXPECT_EQ(Compare(Value(1), Value(1.0)), 0);
  EXPECT_EQ(Compare(Value(1), Parsed("1.000")), 0);
  EXPECT_EQ(Compare(Value(0), Value(-0.0)), 0);
  EXPECT_EQ(Compare(Value(0.5), Parsed("0.5")), 0);
}

TEST(Numbers, AreComparedExactlyWhereADoubleIsNotEnough) {
  const int64_t odd = (int64_t{1} << 53) + 1;
  EXPECT_GT(Compare(Value(odd), Value(9007199254740992.0)), 0);
  EXPECT_LT(Compare(Value(odd), Value(9007199254740994.0)), 0);
  EXPECT_LT(Compare(Parsed("0.1"), Value(0.1)), 0);
  EXPECT_GT(Compare(Parsed("9007199254740993.5"), Value(odd)), 0);
  EXPECT_LT(Compare(Value(1.7976931348623157e308), Parsed("1E309")), 0);
  EXPECT_LT(Compare(Value(0), Parsed("1E-6000")), 0);
}

TEST(Numbers, NanIsBelowAllAndEqualToItself) {
  const Value nan(std::bit_cast<double>(uint64_t{0x7FF8000000000001}));
  EXPECT_EQ(Compare(nan, Parsed("NaN")), 0);
  EXPECT_LT(Compare(nan, Parsed("-Infinity")), 0);
}

TEST(Numbers, GrowToTheWiderType) {
  EXPECT_TRUE(Same(Add(Value(2147483647), Value(1)), Value(int64_t{2147483648})));
  EXPECT_TRUE(Same(Add(Value(1), Value(0.5)), Value(1.5)));
  EXPECT_TRUE(Same(Add(Value(0.5), Parsed("0.1")), Parsed("0.60")));
  EXPECT_TRUE(Same(Multiply(Value(int64_t{3}), Value(4)), Value(int64_t{12})));
  EXPECT_TRUE(Same(Multiply(Parsed("1.5"), Value(2)), Parsed("3.0")));
}

TEST(Numbers, SayThatTheyOverflow) {
  const Value max(std::numeric_limits<int64_t>::max());
  EXPECT_TRUE(Is(Add(max, Value(1)).status(), ErrorCode::kOverflow));
  EXPECT_TRUE(Is(Multiply(max, Value(2)).status(), ErrorCode::kOverflow));
}

TEST(Numbers, RoundDecimalsHalfToEven) {
  const Value even = Parsed("1000000000000000000000000000000000");
  EXPECT_TRUE(Same(Add(even, Parsed("0.5")), even));
  EXPECT_TRUE(Same(Add(Parsed("1000000000000000000000000000000001"), Parsed("0.5")),
                   Parsed("1000000000000000000000000000000002")));
  EXPECT_TRUE(Same(Multiply(Parsed("1E6000"), Parsed("1E6000")), Parsed("Infinity")));
}

TEST(Numbers, AreCutToIntegers) {
  EXPECT_EQ(Truncated(Value(-2.7)), -2);
  EXPECT_EQ(Truncated(Parsed("12345.678")), 12345);
  EXPECT_EQ(Truncated(Value(1e300)), std::nullopt);
  EXPECT_EQ(ToInteger(Value(2.0)), 2);
  EXPECT_EQ(ToInteger(Value(2.5)), std::nullopt);
  EXPECT_EQ(ToInteger(Parsed("1E3")), 1000);
}

}  // namespace
}  // namespace lockstep::docs
