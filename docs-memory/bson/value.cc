#include "docs-memory/bson/value.h"

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"

namespace lockstep::docs {
namespace {

static_assert(std::endian::native == std::endian::little, "BSON is copied as it is");

template <typename T>
T Load(std::string_view bytes) {
  CHECK_GE(bytes.size(), sizeof(T));
  T value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

template <typename T>
std::string Stored(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <typename T>
void Store(T value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// A length that counts `own` bytes of itself, the least it may be, and what follows uncounted.
std::optional<size_t> Prefixed(std::string_view rest, size_t least, size_t uncounted) {
  if (rest.size() < 4) return std::nullopt;
  const int32_t length = Load<int32_t>(rest);
  if (length < 0 || static_cast<size_t>(length) < least) return std::nullopt;
  const size_t size = static_cast<size_t>(length) + uncounted;
  if (size > rest.size()) return std::nullopt;
  return size;
}

std::optional<size_t> RegexBytes(std::string_view rest) {
  const size_t pattern = rest.find('\0');
  if (pattern == std::string_view::npos) return std::nullopt;
  const size_t options = rest.find('\0', pattern + 1);
  if (options == std::string_view::npos) return std::nullopt;
  return options + 1;
}

}  // namespace

std::string_view NameOf(Type type) {
  switch (type) {
    case Type::kDouble:
      return "double";
    case Type::kString:
      return "string";
    case Type::kDocument:
      return "object";
    case Type::kArray:
      return "array";
    case Type::kBinary:
      return "binData";
    case Type::kUndefined:
      return "undefined";
    case Type::kObjectId:
      return "objectId";
    case Type::kBool:
      return "bool";
    case Type::kDate:
      return "date";
    case Type::kNull:
      return "null";
    case Type::kRegex:
      return "regex";
    case Type::kDbPointer:
      return "dbPointer";
    case Type::kCode:
      return "javascript";
    case Type::kSymbol:
      return "symbol";
    case Type::kCodeWithScope:
      return "javascriptWithScope";
    case Type::kInt32:
      return "int";
    case Type::kTimestamp:
      return "timestamp";
    case Type::kInt64:
      return "long";
    case Type::kDecimal:
      return "decimal";
    case Type::kMaxKey:
      return "maxKey";
    case Type::kMinKey:
      return "minKey";
  }
  return "unknown";
}

int32_t ValueRef::int32() const { return Load<int32_t>(bytes); }
int64_t ValueRef::int64() const { return Load<int64_t>(bytes); }
std::string_view ValueRef::string() const {
  CHECK_GE(bytes.size(), 5u);
  return bytes.substr(4, bytes.size() - 5);
}

std::optional<size_t> ValueBytes(Type type, std::string_view rest) {
  std::optional<size_t> size;
  switch (type) {
    case Type::kUndefined:
    case Type::kNull:
    case Type::kMinKey:
    case Type::kMaxKey:
      size = 0;
      break;
    case Type::kBool:
      size = 1;
      break;
    case Type::kInt32:
      size = 4;
      break;
    case Type::kDouble:
    case Type::kDate:
    case Type::kTimestamp:
    case Type::kInt64:
      size = 8;
      break;
    case Type::kObjectId:
      size = 12;
      break;
    case Type::kDecimal:
      size = 16;
      break;
    case Type::kString:
    case Type::kCode:
    case Type::kSymbol:
      return Prefixed(rest, 1, 4);
    case Type::kDocument:
    case Type::kArray:
      return Prefixed(rest, 5, 0);
    case Type::kCodeWithScope:
      return Prefixed(rest, 14, 0);
    case Type::kBinary:
      return Prefixed(rest, 0, 5);
    case Type::kDbPointer:
      return Prefixed(rest, 1, 16);
    case Type::kRegex:
      return RegexBytes(rest);
  }
  if (size && *size > rest.size()) return std::nullopt;
  return size;
}

ElementReader::ElementReader(std::string_view document) {
  CHECK_GE(document.size(), 5u);
  rest_ = document.substr(4);
}

bool ElementReader::Next(Element* element) {
  const auto type = static_cast<Type>(rest_[0]);
  if (rest_[0] == 0) return false;
  const void* const end = std::memchr(rest_.data() + 1, 0, rest_.size() - 1);
  CHECK(end != nullptr) << "a field name without an end";
  const auto name = static_cast<size_t>(static_cast<const char*>(end) - rest_.data()) - 1;
  element->name = rest_.substr(1, name);
  rest_.remove_prefix(name + 2);
  const std::optional<size_t> size = ValueBytes(type, rest_);
  CHECK(size.has_value() && *size < rest_.size()) << "malformed value";
  element->value = {type, rest_.substr(0, *size)};
  rest_.remove_prefix(*size);
  return true;
}

std::optional<ValueRef> FindField(std::string_view document, std::string_view name) {
  ElementReader reader(document);
  Element element;
  while (reader.Next(&element)) {
    if (element.name == name) return element.value;
  }
  return std::nullopt;
}

size_t CountElements(ValueRef container) {
  ElementReader reader(container);
  Element element;
  size_t count = 0;
  while (reader.Next(&element)) ++count;
  return count;
}

std::optional<size_t> ParseArrayIndex(std::string_view name) {
  if (name.empty() || name.size() > 8 || (name[0] == '0' && name.size() > 1)) return std::nullopt;
  size_t index = 0;
  for (const char c : name) {
    if (c < '0' || c > '9') return std::nullopt;
    index = index * 10 + static_cast<size_t>(c - '0');
  }
  return index;
}

Document::Document(std::initializer_list<Field> fields) {
  Writer writer(bytes_);
  for (const Field& field : fields) writer.Append(field.name, field.value);
  writer.Finish();
}

Document Document::FromBytes(std::string bytes) {
  CHECK_GE(bytes.size(), 5u);
  CHECK_EQ(static_cast<size_t>(Load<int32_t>(bytes)), bytes.size());
  return Document(std::move(bytes));
}

Value::Value(bool value) : type_(Type::kBool), bytes_(1, value ? '\1' : '\0') {}
Value::Value(int32_t value) : type_(Type::kInt32), bytes_(Stored(value)) {}
Value::Value(int64_t value) : type_(Type::kInt64), bytes_(Stored(value)) {}
// lint: allow(float) what users store, taken as its bits
Value::Value(double value) : type_(Type::kDouble), bytes_(Stored(value)) {}
Value::Value(std::string_view value) : type_(Type::kString) {
  Store(static_cast<int32_t>(value.size() + 1), bytes_);
  bytes_.append(value).push_back('\0');
}

Value Value::Array(std::initializer_list<Value> elements) {
  std::string bytes;
  Writer writer(bytes);
  size_t index = 0;
  for (const Value& element : elements) writer.Append(absl::StrCat(index++), element);
  writer.Finish();
  return Value(Type::kArray, std::move(bytes));
}

Value Value::Date(int64_t milliseconds) { return Value(Type::kDate, Stored(milliseconds)); }
Value Value::Timestamp(uint64_t value) { return Value(Type::kTimestamp, Stored(value)); }

Value Value::Binary(uint8_t subtype, std::string_view bytes) {
  std::string encoded;
  Store(static_cast<int32_t>(bytes.size()), encoded);
  encoded.push_back(static_cast<char>(subtype));
  encoded.append(bytes);
  return Value(Type::kBinary, std::move(encoded));
}

Value Value::ObjectId(std::string_view twelve_bytes) {
  CHECK_EQ(twelve_bytes.size(), 12u);
  return Value(Type::kObjectId, std::string(twelve_bytes));
}

Value Value::Regex(std::string_view pattern, std::string_view options) {
  std::string encoded(pattern);
  encoded.push_back('\0');
  encoded.append(options).push_back('\0');
  return Value(Type::kRegex, std::move(encoded));
}

Value Value::Decimal(uint64_t high, uint64_t low) {
  return Value(Type::kDecimal, Stored(low) + Stored(high));
}

size_t Writer::Open() {
  const size_t start = out_.size();
  out_.append(4, '\0');
  return start;
}

void Writer::Close(size_t start) {
  out_.push_back('\0');
  const auto length = static_cast<int32_t>(out_.size() - start);
  std::memcpy(out_.data() + start, &length, sizeof(length));
}

void Writer::Name(std::string_view name, Type type) {
  out_.push_back(static_cast<char>(type));
  out_.append(name).push_back('\0');
}

void Writer::Append(std::string_view name, ValueRef value) {
  Name(name, value.type);
  out_.append(value.bytes);
}

void Writer::AppendString(std::string_view name, std::string_view value) {
  Name(name, Type::kString);
  Store(static_cast<int32_t>(value.size() + 1), out_);
  out_.append(value).push_back('\0');
}

void Writer::AppendInt64(std::string_view name, int64_t value) {
  Name(name, Type::kInt64);
  Store(value, out_);
}

void Writer::AppendBool(std::string_view name, bool value) {
  Name(name, Type::kBool);
  out_.push_back(value ? '\1' : '\0');
}

size_t Writer::Begin(std::string_view name, Type type) {
  Name(name, type);
  return Open();
}

}  // namespace lockstep::docs
