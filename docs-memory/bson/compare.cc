#include "docs-memory/bson/compare.h"

#include "docs-memory/bson/number.h"
#include "framework/base/check.h"

namespace lockstep::docs {
namespace {

// Keys begin with 8 + 8 * class, so that nothing begins with 0, which ends lists.
constexpr uint8_t kClassStep = 8;
char KeyByte(Type type) { return static_cast<char>(kClassStep + kClassStep * ClassOf(type)); }

int Sign(int64_t difference) { return difference < 0 ? -1 : difference > 0 ? 1 : 0; }
int CompareBytes(std::string_view a, std::string_view b) { return Sign(a.compare(b)); }
template <typename T>
int CompareValues(T a, T b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

int CompareElements(ValueRef a, ValueRef b, bool with_names) {
  ElementReader left(a);
  ElementReader right(b);
  Element x;
  Element y;
  for (;;) {
    const bool more_left = left.Next(&x);
    const bool more_right = right.Next(&y);
    if (!more_left || !more_right)
      return static_cast<int>(more_left) - static_cast<int>(more_right);
    if (const int c = CompareValues(ClassOf(x.value.type), ClassOf(y.value.type)); c != 0) return c;
    if (with_names) {
      if (const int c = CompareBytes(x.name, y.name); c != 0) return c;
    }
    if (const int c = Compare(x.value, y.value); c != 0) return c;
  }
}

// Code and scope, behind the total length.
std::string_view CodeOf(ValueRef value) {
  const std::string_view rest = value.bytes.substr(4);
  return rest.substr(4, *ValueBytes(Type::kString, rest) - 5);
}
ValueRef ScopeOf(ValueRef value) {
  const std::string_view rest = value.bytes.substr(4);
  return {Type::kDocument, rest.substr(*ValueBytes(Type::kString, rest))};
}

int CompareBinaries(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return CompareBytes(a.substr(4), b.substr(4));
}

void AppendBigEndian(uint64_t value, std::string& out) {
  for (int shift = 56; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>((value >> shift) & 0xFF));
}

// Zero bytes inside are followed by 0xFF; two zero bytes end it.
void AppendEscaped(std::string_view bytes, std::string& out) {
  for (const char c : bytes) {
    out.push_back(c);
    if (c == '\0') out.push_back('\xFF');
  }
  out.append(2, '\0');
}

void AppendElements(ValueRef container, bool with_names, std::string& out) {
  ElementReader reader(container);
  Element element;
  while (reader.Next(&element)) {
    if (with_names) {
      out.push_back(KeyByte(element.value.type));
      AppendEscaped(element.name, out);
    }
    AppendKey(element.value, out);
  }
  out.push_back('\0');
}

void AppendBinary(ValueRef value, std::string& out) {
  AppendBigEndian(value.bytes.size(), out);
  out.append(value.bytes.substr(4));
}

}  // namespace

uint8_t ClassOf(Type type) {
  switch (type) {
    case Type::kMinKey:
      return 0;
    case Type::kUndefined:
    case Type::kNull:
      return 1;
    case Type::kInt32:
    case Type::kInt64:
    case Type::kDouble:
    case Type::kDecimal:
      return 2;
    case Type::kString:
    case Type::kSymbol:
      return 3;
    case Type::kDocument:
      return 4;
    case Type::kArray:
      return 5;
    case Type::kBinary:
      return 6;
    case Type::kObjectId:
      return 7;
    case Type::kBool:
      return 8;
    case Type::kDate:
      return 9;
    case Type::kTimestamp:
      return 10;
    case Type::kRegex:
      return 11;
    case Type::kDbPointer:
      return 12;
    case Type::kCode:
      return 13;
    case Type::kCodeWithScope:
      return 14;
    case Type::kMaxKey:
      return 15;
  }
  CHECK(false) << "no type: " << static_cast<int>(type);
  return 0;
}

int Compare(ValueRef a, ValueRef b) {
  const uint8_t kind = ClassOf(a.type);
  if (const int c = CompareValues(kind, ClassOf(b.type)); c != 0) return c;
  if (IsNumber(a.type)) return CompareNumbers(a, b);
  switch (a.type) {
    case Type::kString:
    case Type::kSymbol:
    case Type::kCode:
      return CompareBytes(a.string(), b.string());
    case Type::kDocument:
      return CompareElements(a, b, /*with_names=*/true);
    case Type::kArray:
      return CompareElements(a, b, /*with_names=*/false);
    case Type::kBinary:
      return CompareBinaries(a.bytes, b.bytes);
    case Type::kDate:
      return CompareValues(a.int64(), b.int64());
    case Type::kTimestamp:
      return CompareValues(a.timestamp(), b.timestamp());
    case Type::kDbPointer: {
      const size_t name_a = a.bytes.size() - 13;
      const size_t name_b = b.bytes.size() - 13;
      const int names = CompareBytes(a.bytes.substr(4, name_a - 4), b.bytes.substr(4, name_b - 4));
      return names != 0 ? names : CompareBytes(a.bytes.substr(name_a), b.bytes.substr(name_b));
    }
    case Type::kCodeWithScope: {
      const int codes = CompareBytes(CodeOf(a), CodeOf(b));
      return codes != 0 ? codes : Compare(ScopeOf(a), ScopeOf(b));
    }
    default:  // regex: both parts end in zero bytes; the others have one length
      return CompareBytes(a.bytes, b.bytes);
  }
}

void AppendKey(ValueRef value, std::string& out) {
  out.push_back(KeyByte(value.type));
  if (IsNumber(value.type)) return AppendNumberKey(value, out);
  switch (value.type) {
    case Type::kString:
    case Type::kSymbol:
    case Type::kCode:
      return AppendEscaped(value.string(), out);
    case Type::kDocument:
      return AppendElements(value, /*with_names=*/true, out);
    case Type::kArray:
      return AppendElements(value, /*with_names=*/false, out);
    case Type::kBinary:
      return AppendBinary(value, out);
    case Type::kDate:
      return AppendBigEndian(static_cast<uint64_t>(value.int64()) ^ (uint64_t{1} << 63), out);
    case Type::kTimestamp:
      return AppendBigEndian(value.timestamp(), out);
    case Type::kDbPointer: {
      const size_t name = value.bytes.size() - 13;
      AppendEscaped(value.bytes.substr(4, name - 4), out);
      out.append(value.bytes.substr(name));
      return;
    }
    case Type::kCodeWithScope:
      AppendEscaped(CodeOf(value), out);
      return AppendElements(ScopeOf(value), /*with_names=*/true, out);
    case Type::kNull:
    case Type::kUndefined:
      return;
    default:  // of one length, or ended by zero bytes
      out.append(value.bytes);
  }
}

void AppendEmptyArrayKey(std::string& out) {
  out.push_back(static_cast<char>(KeyByte(Type::kMinKey) + kClassStep / 2));
}

std::string ClassStart(Type type) { return std::string(1, KeyByte(type)); }
std::string ClassEnd(Type type) { return std::string(1, static_cast<char>(KeyByte(type) + 1)); }

void Invert(std::string& key, size_t start) {
  for (size_t i = start; i < key.size(); ++i) key[i] = static_cast<char>(~key[i]);
}

}  // namespace lockstep::docs
