// Random values of all types, with a liking for corners.
#ifndef LOCKSTEP_TESTS_DOCS_MEMORY_BSON_ARBITRARY_H_
#define LOCKSTEP_TESTS_DOCS_MEMORY_BSON_ARBITRARY_H_

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <bit>
#include <string>
#include <vector>

#include "docs-memory/bson/parse.h"
#include "docs-memory/bson/value.h"

namespace lockstep::docs {

inline Value DecimalOf(const std::string& text) {
  auto value = DecimalFromText(text);
  RC_ASSERT(value.ok());
  return *value;
}

inline rc::Gen<Value> ArbitraryInteger() {
  return rc::gen::map(
      rc::gen::oneOf(
          rc::gen::arbitrary<int64_t>(), rc::gen::inRange<int64_t>(-3, 4),
          rc::gen::map(rc::gen::inRange(0, 63), [](int n) { return int64_t{1} << n; }),
          rc::gen::map(rc::gen::inRange(0, 63), [](int n) { return (int64_t{1} << n) - 1; })),
      [](int64_t n) { return n >= -100 && n <= 100 ? Value(static_cast<int32_t>(n)) : Value(n); });
}

inline rc::Gen<Value> ArbitraryDouble() {
  return rc::gen::oneOf(
      rc::gen::map(rc::gen::arbitrary<uint64_t>(),
                   [](uint64_t bits) { return Value(std::bit_cast<double>(bits)); }),
      rc::gen::map(ArbitraryInteger(),
                   [](const Value& n) {
                     return Value(static_cast<double>(n.type() == Type::kInt32 ? n.ref().int32()
                                                                               : n.ref().int64()));
                   }),
      rc::gen::element(Value(0.0), Value(-0.0), Value(0.1), Value(-0.1), Value(1e308),
                       Value(5e-324), Value(-5e-324),
                       Value(std::bit_cast<double>(uint64_t{0x7FF0000000000000})), Value(1.5),
                       Value(0.5)));
}

inline rc::Gen<Value> ArbitraryDecimal() {
  const auto scaled = rc::gen::map(
      rc::gen::pair(ArbitraryInteger(),
                    rc::gen::oneOf(rc::gen::inRange(-30, 30), rc::gen::inRange(-6000, 6000))),
      [](const std::pair<Value, int>& n) {
        const int64_t digits =
            n.first.type() == Type::kInt32 ? n.first.ref().int32() : n.first.ref().int64();
        return DecimalOf(std::to_string(digits) + "E" + std::to_string(n.second));
      });
  const auto corner = rc::gen::map(
      rc::gen::element<std::string>("NaN", "Infinity", "-Infinity", "0", "-0E+10", "0.1", "0.5",
                                    "1.50", "9007199254740993", "9007199254740993.5", "1E-6176",
                                    "9.999999999999999999999999999999999E+6144",
                                    "0.1000000000000000055511151231257827", "1E+309", "5E-324",
                                    "4E-324", "1.7976931348623157E+308"),
      [](const std::string& text) { return DecimalOf(text); });
  return rc::gen::oneOf(scaled, corner);
}

inline rc::Gen<Value> ArbitraryNumber() {
  return rc::gen::oneOf(ArbitraryInteger(), ArbitraryDouble(), ArbitraryDecimal());
}

inline rc::Gen<std::string> ArbitraryText() {
  return rc::gen::container<std::string>(rc::gen::element('a', 'b', '\0', 'z', '\x7f'));
}

inline rc::Gen<Value> ArbitraryScalar() {
  return rc::gen::oneOf(
      ArbitraryNumber(),
      rc::gen::map(ArbitraryText(), [](const std::string& s) { return Value(s); }),
      rc::gen::map(rc::gen::arbitrary<int64_t>(), [](int64_t ms) { return Value::Date(ms); }),
      rc::gen::map(rc::gen::arbitrary<uint64_t>(), [](uint64_t t) { return Value::Timestamp(t); }),
      rc::gen::map(ArbitraryText(),
                   [](const std::string& s) {
                     return Value::Binary(static_cast<uint8_t>(4 * (s.size() % 3)), s);
                   }),
      rc::gen::element(Value(), Value(true), Value(false), Value::MinKey(), Value::MaxKey(),
                       Value::Of(Type::kUndefined, ""), Value::ObjectId("123456789012"),
                       Value::ObjectId(std::string_view("123456789\0bc", 12)),
                       Value::Regex("a", ""), Value::Regex("a", "i"), Value::Regex("", "")));
}

inline rc::Gen<Value> ArbitraryValue(int depth = 2) {
  if (depth == 0) return ArbitraryScalar();
  const auto children =
      rc::gen::resize(4, rc::gen::container<std::vector<Value>>(ArbitraryValue(depth - 1)));
  const auto array = rc::gen::map(children, [](const std::vector<Value>& elements) {
    std::string bytes;
    Writer writer(bytes);
    for (size_t i = 0; i < elements.size(); ++i) writer.Append(std::to_string(i), elements[i]);
    writer.Finish();
    return Value::Of(Type::kArray, bytes);
  });
  const auto document = rc::gen::map(children, [](const std::vector<Value>& elements) {
    std::string bytes;
    Writer writer(bytes);
    for (size_t i = 0; i < elements.size(); ++i) {
      writer.Append(
          std::string(1 + i / 2, static_cast<char>('a' + elements[i].ref().bytes.size() % 3)),
          elements[i]);
    }
    writer.Finish();
    return Value::Of(Type::kDocument, bytes);
  });
  return rc::gen::weightedOneOf<Value>({{6, ArbitraryScalar()}, {1, array}, {1, document}});
}

}  // namespace lockstep::docs

namespace rc {
template <>
struct Arbitrary<lockstep::docs::Value> {
  static Gen<lockstep::docs::Value> arbitrary() { return lockstep::docs::ArbitraryValue(); }
};
}  // namespace rc

#endif  // LOCKSTEP_TESTS_DOCS_MEMORY_BSON_ARBITRARY_H_
