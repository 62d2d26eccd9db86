#include "docs-memory/bson/number.h"

#include <algorithm>
#include <bit>
#include <boost/multiprecision/cpp_int.hpp>
#include <utility>

#include "docs-memory/bson/error.h"
#include "framework/base/check.h"

namespace lockstep::docs {
namespace {

using Big = boost::multiprecision::cpp_int;

constexpr uint64_t kQuietNan = 0x7FF8000000000000;
constexpr uint64_t kDoubleInfinity = 0x7FF0000000000000;
constexpr uint64_t kLargestDouble = 0x7FEFFFFFFFFFFFFF;
constexpr uint64_t kSignBit = uint64_t{1} << 63;
constexpr int kExponentBias = 6176;
constexpr int kDecimalExponentMin = -6176;
constexpr int kDecimalExponentMax = 6111;
constexpr int kDecimalDigits = 34;
constexpr uint64_t kDecimalNanHigh = 0x7C00000000000000;
constexpr uint64_t kDecimalInfinityHigh = 0x7800000000000000;

enum class Kind { kNan, kFinite, kInfinite };

// coefficient * 2^two * 10^ten, exactly.
struct Exact final {
  Kind kind = Kind::kFinite;
  bool negative = false;
  Big coefficient;
  int two = 0;
  int ten = 0;

  bool zero() const { return kind == Kind::kFinite && coefficient == 0; }
  // -1, 0 or 1; of NaN, 0.
  int sign() const { return kind == Kind::kNan || zero() ? 0 : negative ? -1 : 1; }
};

const Big& PowerOfTen(int exponent) {
  static const std::vector<Big> powers = [] {
    std::vector<Big> all{1};
    while (all.size() < 400) all.push_back(all.back() * 10);
    return all;
  }();
  return powers[static_cast<size_t>(exponent)];
}

Big TimesTen(const Big& value, int exponent) {
  Big result = value;
  for (; exponent >= 400; exponent -= 399) result *= PowerOfTen(399);
  return result * PowerOfTen(exponent);
}

Exact OfInteger(int64_t value) {
  Exact exact;
  exact.negative = value < 0;
  exact.coefficient =
      exact.negative ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  return exact;
}

Exact OfDouble(uint64_t bits) {
  Exact exact;
  exact.negative = (bits & kSignBit) != 0;
  const uint64_t fraction = bits & ((uint64_t{1} << 52) - 1);
  const int exponent = static_cast<int>((bits >> 52) & 0x7FF);
  if (exponent == 0x7FF) {
    exact.kind = fraction == 0 ? Kind::kInfinite : Kind::kNan;
    return exact;
  }
  uint64_t coefficient = exponent == 0 ? fraction : fraction | (uint64_t{1} << 52);
  exact.two = (exponent == 0 ? 1 : exponent) - 1075;
  // As short as it can be: 0.5 has one digit.
  for (; exact.two < 0 && coefficient != 0 && coefficient % 2 == 0; ++exact.two) coefficient /= 2;
  exact.coefficient = coefficient;
  return exact;
}

struct DecimalBits final {
  uint64_t high = 0;
  uint64_t low = 0;
};

DecimalBits BitsOf(ValueRef decimal) {
  const ValueRef low{Type::kInt64, decimal.bytes.substr(0, 8)};
  const ValueRef high{Type::kInt64, decimal.bytes.substr(8, 8)};
  return {static_cast<uint64_t>(high.int64()), static_cast<uint64_t>(low.int64())};
}

// IEEE 754-2008, binary integer significand.
Exact OfDecimal(ValueRef decimal) {
  const DecimalBits bits = BitsOf(decimal);
  Exact exact;
  exact.negative = (bits.high & kSignBit) != 0;
  const uint64_t combination = (bits.high >> 58) & 0x1F;
  if (combination >= 0x1E) {
    exact.kind = combination == 0x1F ? Kind::kNan : Kind::kInfinite;
    return exact;
  }
  // The form for larger coefficients cannot hold a canonical one: it counts as zero.
  const bool large = (combination >> 3) == 3;
  exact.ten = static_cast<int>((bits.high >> (large ? 47 : 49)) & 0x3FFF) - kExponentBias;
  if (large) return exact;
  exact.coefficient = bits.high & ((uint64_t{1} << 49) - 1);
  exact.coefficient = (exact.coefficient << 64) | bits.low;
  if (exact.coefficient >= PowerOfTen(kDecimalDigits)) exact.coefficient = 0;
  return exact;
}

Exact ExactOf(ValueRef number) {
  switch (number.type) {
    case Type::kInt32:
      return OfInteger(number.int32());
    case Type::kInt64:
      return OfInteger(number.int64());
    case Type::kDouble:
      return OfDouble(number.double_bits());
    default:
      CHECK(number.is(Type::kDecimal)) << "not a number: " << NameOf(number.type);
      return OfDecimal(number);
  }
}

// About log2 of the magnitude, by at most 2 wrong. REQUIRES: not zero.
int64_t RoughLog2(const Exact& number) {
  return static_cast<int64_t>(msb(number.coefficient)) + number.two +
         int64_t{number.ten} * 33219 / 10000;
}

// REQUIRES: both finite and not zero.
int CompareMagnitudes(const Exact& a, const Exact& b) {
  const int64_t difference = RoughLog2(a) - RoughLog2(b);
  if (difference > 6 || difference < -6) return difference > 0 ? 1 : -1;
  const int two = std::min(a.two, b.two);
  const int ten = std::min(a.ten, b.ten);
  const Big left = TimesTen(a.coefficient, a.ten - ten) << static_cast<unsigned>(a.two - two);
  const Big right = TimesTen(b.coefficient, b.ten - ten) << static_cast<unsigned>(b.two - two);
  return left.compare(right);
}

int CompareExact(const Exact& a, const Exact& b) {
  if (a.kind == Kind::kNan || b.kind == Kind::kNan) {
    return static_cast<int>(b.kind == Kind::kNan) - static_cast<int>(a.kind == Kind::kNan);
  }
  if (a.sign() != b.sign() || a.sign() == 0) return a.sign() - b.sign();
  int magnitude = 0;
  if (a.kind == Kind::kInfinite || b.kind == Kind::kInfinite) {
    magnitude =
        static_cast<int>(a.kind == Kind::kInfinite) - static_cast<int>(b.kind == Kind::kInfinite);
  } else {
    magnitude = CompareMagnitudes(a, b);
  }
  return a.negative ? -magnitude : magnitude;
}

bool IsInteger(Type type) { return type == Type::kInt32 || type == Type::kInt64; }
int64_t IntegerOf(ValueRef number) {
  return number.is(Type::kInt32) ? number.int32() : number.int64();
}

// Rounds towards zero. `exact` says whether nothing was lost.
uint64_t DoubleBelow(const Exact& number, bool* exact) {
  *exact = true;
  if (number.coefficient == 0) return 0;
  *exact = false;
  const int64_t log2 = RoughLog2(number);
  if (log2 > 1030) return kLargestDouble;
  if (log2 < -1085) return 0;
  // An integer and a power of two with at least 64 bits of the quotient.
  Big integer = number.coefficient;
  int two = number.two;
  bool rest = false;
  if (number.ten >= 0) {
    integer = TimesTen(integer, number.ten);
  } else {
    const Big divisor = TimesTen(1, -number.ten);
    const unsigned shift = static_cast<unsigned>(msb(divisor)) + 70;
    integer <<= shift;
    two -= static_cast<int>(shift);
    Big remainder;
    divide_qr(Big(integer), divisor, integer, remainder);
    rest = remainder != 0;
  }
  const int top = static_cast<int>(msb(integer));  // value in [2^(top+two), 2^(top+two+1))
  const int exponent = top + two;
  if (exponent > 1023) return kLargestDouble;
  const int kept = exponent >= -1022 ? 53 : 53 - (-1022 - exponent);
  if (kept <= 0) return 0;
  const int cut = top + 1 - kept;
  if (cut > 0) {
    const Big shifted = integer >> static_cast<unsigned>(cut);
    rest = rest || (shifted << static_cast<unsigned>(cut)) != integer;
    integer = shifted;
  } else {
    integer <<= static_cast<unsigned>(-cut);
  }
  *exact = !rest;
  const auto mantissa = static_cast<uint64_t>(integer);
  if (exponent < -1022) return mantissa;
  return (static_cast<uint64_t>(exponent + 1023) << 52) | (mantissa & ((uint64_t{1} << 52) - 1));
}

void AppendBigEndian(uint64_t value, size_t bytes, std::string& out) {
  for (size_t i = bytes; i-- > 0;) out.push_back(static_cast<char>((value >> (8 * i)) & 0xFF));
}

// Orders numbers that round down to the same double: scientific notation, two digits to a byte.
// REQUIRES: two == 0 (no double needs it).
void AppendDigits(const Exact& number, std::string& out) {
  CHECK_EQ(number.two, 0);
  std::string digits = number.coefficient.str();
  const int exponent = static_cast<int>(digits.size()) + number.ten;
  while (digits.back() == '0') digits.pop_back();
  if (digits.size() % 2 == 1) digits.push_back('0');
  AppendBigEndian(static_cast<uint64_t>(exponent + 20000), 2, out);
  for (size_t i = 0; i < digits.size(); i += 2) {
    out.push_back(static_cast<char>((digits[i] - '0') * 10 + (digits[i + 1] - '0') + 1));
  }
  out.push_back('\0');
}

// The first byte of a number's key, in order.
enum KeyKind : char {
  kKeyNan = 1,
  kKeyMinusInfinity = 2,
  kKeyNegative = 3,
  kKeyZero = 4,
  kKeyPositive = 5,
  kKeyInfinity = 6,
};

void AppendMagnitude(uint64_t below, bool exact, const Exact* number, bool negative,
                     std::string& out) {
  out.push_back(negative ? kKeyNegative : kKeyPositive);
  const size_t start = out.size();
  AppendBigEndian(below, 8, out);
  out.push_back(exact ? '\0' : '\1');
  if (!exact) AppendDigits(*number, out);
  if (!negative) return;
  for (size_t i = start; i < out.size(); ++i) out[i] = static_cast<char>(~out[i]);
}

void AppendIntegerKey(int64_t value, std::string& out) {
  if (value == 0) return out.push_back(kKeyZero);
  const bool negative = value < 0;
  const uint64_t magnitude =
      negative ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  if (magnitude >> 53 != 0) {
    const Exact number = OfInteger(value);
    bool exact = false;
    const uint64_t below = DoubleBelow(number, &exact);
    return AppendMagnitude(below, exact, &number, negative, out);
  }
  // lint: allow(float) exact: the magnitude has at most 53 bits
  AppendMagnitude(std::bit_cast<uint64_t>(static_cast<double>(magnitude)), true, nullptr, negative,
                  out);
}

Value DoubleOf(uint64_t bits) {
  const auto value = static_cast<int64_t>(bits);
  return Value::Of(Type::kDouble, std::string(reinterpret_cast<const char*>(&value), 8));
}

// The number as the nearest 34 digits, ties to even, or infinity.
Value ToDecimal(Exact number) {
  const uint64_t sign = number.negative ? kSignBit : 0;
  if (number.kind == Kind::kNan) return Value::Decimal(kDecimalNanHigh, 0);
  if (number.kind == Kind::kInfinite) return Value::Decimal(sign | kDecimalInfinityHigh, 0);
  Big digits = number.coefficient;
  int ten = number.ten;
  if (number.two > 0) digits <<= static_cast<unsigned>(number.two);
  // 2^-n is 5^n * 10^-n.
  for (int n = number.two; n < 0; ++n, --ten) digits *= 5;
  // Cut to what fits, then to the smallest exponent; one rounding for both.
  int cut = std::max(0, static_cast<int>(digits.str().size()) - kDecimalDigits);
  cut = digits == 0 ? 0 : std::max(cut, kDecimalExponentMin - ten);
  if (digits == 0) ten = std::clamp(ten, kDecimalExponentMin, kDecimalExponentMax);
  if (cut > 0) {
    const Big divisor = TimesTen(1, cut);
    Big quotient;
    Big remainder;
    divide_qr(digits, divisor, quotient, remainder);
    const int half = Big(remainder * 2).compare(divisor);
    if (half > 0 || (half == 0 && bit_test(quotient, 0))) ++quotient;
    digits = quotient;
    ten += cut;
    if (digits == PowerOfTen(kDecimalDigits)) {
      digits /= 10;
      ++ten;
    }
  }
  while (ten > kDecimalExponentMax && digits * 10 < PowerOfTen(kDecimalDigits)) {
    digits *= 10;
    --ten;
  }
  if (ten > kDecimalExponentMax) return Value::Decimal(sign | kDecimalInfinityHigh, 0);
  const auto low = static_cast<uint64_t>(digits & Big(~uint64_t{0}));
  const auto top = static_cast<uint64_t>(digits >> 64);
  return Value::Decimal(sign | (static_cast<uint64_t>(ten + kExponentBias) << 49) | top, low);
}

// REQUIRES: both finite.
Exact SumOf(const Exact& a, const Exact& b) {
  Exact sum;
  sum.two = std::min(a.two, b.two);
  sum.ten = std::min(a.ten, b.ten);
  Big left = TimesTen(a.coefficient, a.ten - sum.ten) << static_cast<unsigned>(a.two - sum.two);
  const Big right = TimesTen(b.coefficient, b.ten - sum.ten)
                    << static_cast<unsigned>(b.two - sum.two);
  if (a.negative) left = -left;
  left += b.negative ? Big(-right) : right;
  sum.negative = left < 0 || (left == 0 && a.negative && b.negative);
  sum.coefficient = abs(left);
  return sum;
}

Value AddDecimals(const Exact& a, const Exact& b) {
  const Value nan = Value::Decimal(kDecimalNanHigh, 0);
  if (a.kind == Kind::kNan || b.kind == Kind::kNan) return nan;
  if (a.kind == Kind::kInfinite && b.kind == Kind::kInfinite && a.negative != b.negative)
    return nan;
  if (a.kind == Kind::kInfinite) return ToDecimal(a);
  if (b.kind == Kind::kInfinite) return ToDecimal(b);
  return ToDecimal(SumOf(a, b));
}

Value MultiplyDecimals(const Exact& a, const Exact& b) {
  const bool infinite = a.kind == Kind::kInfinite || b.kind == Kind::kInfinite;
  Exact product;
  product.negative = a.negative != b.negative;
  if (a.kind == Kind::kNan || b.kind == Kind::kNan || (infinite && (a.zero() || b.zero()))) {
    product.kind = Kind::kNan;
  } else if (infinite) {
    product.kind = Kind::kInfinite;
  } else {
    product.coefficient = a.coefficient * b.coefficient;
    product.two = a.two + b.two;
    product.ten = a.ten + b.ten;
  }
  return ToDecimal(std::move(product));
}

// lint: allow(float) the sum of what users stored, as IEEE 754 says
double DoubleValueOf(ValueRef number) {
  // lint: allow(float) the sum of what users stored, as IEEE 754 says
  if (number.is(Type::kDouble)) return std::bit_cast<double>(number.double_bits());
  // lint: allow(float) the sum of what users stored, as IEEE 754 says
  return static_cast<double>(IntegerOf(number));
}

template <typename Checked>
absl::StatusOr<Value> IntegerResult(ValueRef a, ValueRef b, const char* name, Checked overflows) {
  int64_t result = 0;
  if (overflows(IntegerOf(a), IntegerOf(b), &result)) {
    return Error(ErrorCode::kOverflow, "", "", std::string(name) + " leaves the range of int64");
  }
  const bool small =
      a.is(Type::kInt32) && b.is(Type::kInt32) && result == static_cast<int32_t>(result);
  return small ? Value(static_cast<int32_t>(result)) : Value(result);
}

}  // namespace

bool IsNan(ValueRef number) {
  if (IsInteger(number.type)) return false;
  return ExactOf(number).kind == Kind::kNan;
}

int CompareNumbers(ValueRef a, ValueRef b) {
  if (IsInteger(a.type) && IsInteger(b.type)) {
    const int64_t left = IntegerOf(a);
    const int64_t right = IntegerOf(b);
    return left < right ? -1 : left > right ? 1 : 0;
  }
  if (a.is(Type::kDouble) && b.is(Type::kDouble)) {
    // lint: allow(float) IEEE 754 compares exactly
    const auto left = std::bit_cast<double>(a.double_bits());
    // lint: allow(float) IEEE 754 compares exactly
    const auto right = std::bit_cast<double>(b.double_bits());
    if (left < right) return -1;
    if (left > right) return 1;
    if (left == right) return 0;
  }
  return CompareExact(ExactOf(a), ExactOf(b));
}

void AppendNumberKey(ValueRef number, std::string& out) {
  if (IsInteger(number.type)) return AppendIntegerKey(IntegerOf(number), out);
  if (number.is(Type::kDouble)) {
    const uint64_t bits = number.double_bits();
    const uint64_t magnitude = bits & ~kSignBit;
    const bool negative = (bits & kSignBit) != 0;
    if (magnitude > kDoubleInfinity) return out.push_back(kKeyNan);
    if (magnitude == kDoubleInfinity)
      return out.push_back(negative ? kKeyMinusInfinity : kKeyInfinity);
    if (magnitude == 0) return out.push_back(kKeyZero);
    return AppendMagnitude(magnitude, true, nullptr, negative, out);
  }
  const Exact exact = ExactOf(number);
  if (exact.kind == Kind::kNan) return out.push_back(kKeyNan);
  if (exact.kind == Kind::kInfinite) {
    return out.push_back(exact.negative ? kKeyMinusInfinity : kKeyInfinity);
  }
  if (exact.zero()) return out.push_back(kKeyZero);
  bool whole = false;
  const uint64_t below = DoubleBelow(exact, &whole);
  AppendMagnitude(below, whole, &exact, exact.negative, out);
}

absl::StatusOr<Value> Add(ValueRef a, ValueRef b) {
  if (IsInteger(a.type) && IsInteger(b.type)) {
    return IntegerResult(a, b, "the sum", [](int64_t x, int64_t y, int64_t* sum) {
      return __builtin_add_overflow(x, y, sum);
    });
  }
  if (a.is(Type::kDecimal) || b.is(Type::kDecimal)) return AddDecimals(ExactOf(a), ExactOf(b));
  return CanonicalNan(Value(DoubleValueOf(a) + DoubleValueOf(b)));
}

absl::StatusOr<Value> Multiply(ValueRef a, ValueRef b) {
  if (IsInteger(a.type) && IsInteger(b.type)) {
    return IntegerResult(a, b, "the product", [](int64_t x, int64_t y, int64_t* product) {
      return __builtin_mul_overflow(x, y, product);
    });
  }
  if (a.is(Type::kDecimal) || b.is(Type::kDecimal)) return MultiplyDecimals(ExactOf(a), ExactOf(b));
  return CanonicalNan(Value(DoubleValueOf(a) * DoubleValueOf(b)));
}

std::optional<int64_t> Truncated(ValueRef number) {
  if (IsInteger(number.type)) return IntegerOf(number);
  const Exact exact = ExactOf(number);
  if (exact.kind != Kind::kFinite) return std::nullopt;
  if (exact.zero()) return 0;
  if (RoughLog2(exact) > 70) return std::nullopt;
  if (RoughLog2(exact) < -6) return 0;
  Big whole = exact.ten >= 0 ? TimesTen(exact.coefficient, exact.ten) : exact.coefficient;
  if (exact.two >= 0) {
    whole <<= static_cast<unsigned>(exact.two);
  } else {
    whole >>= static_cast<unsigned>(-exact.two);
  }
  if (exact.ten < 0) whole /= TimesTen(1, -exact.ten);
  if (exact.negative) whole = -whole;
  if (whole < std::numeric_limits<int64_t>::min() || whole > std::numeric_limits<int64_t>::max()) {
    return std::nullopt;
  }
  return static_cast<int64_t>(whole);
}

std::optional<int64_t> ToInteger(ValueRef number) {
  const std::optional<int64_t> whole = Truncated(number);
  if (!whole || CompareNumbers(Value(*whole), number) != 0) return std::nullopt;
  return whole;
}

Value CanonicalNan(ValueRef number) {
  return number.is(Type::kDouble) && IsNan(number) ? DoubleOf(kQuietNan) : Value(number);
}

bool IsCanonicalDecimal(ValueRef decimal) {
  const DecimalBits bits = BitsOf(decimal);
  const uint64_t combination = (bits.high >> 58) & 0x1F;
  if (combination == 0x1F) return bits.high << 1 == kDecimalNanHigh << 1 && bits.low == 0;
  if (combination == 0x1E) return bits.high << 1 == kDecimalInfinityHigh << 1 && bits.low == 0;
  if ((combination >> 3) == 3) return false;
  Big coefficient = bits.high & ((uint64_t{1} << 49) - 1);
  coefficient = (coefficient << 64) | bits.low;
  return coefficient < PowerOfTen(kDecimalDigits);
}

}  // namespace lockstep::docs
