// BSON in memory: references to encoded values, owned values and documents, reading and writing.
//
// Bytes that are referred to are well-formed: they passed ParseDocument, or were written here.
#ifndef LOCKSTEP_DOCS_MEMORY_BSON_VALUE_H_
#define LOCKSTEP_DOCS_MEMORY_BSON_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace lockstep::docs {

// The type bytes of the BSON specification.
enum class Type : uint8_t {
  kDouble = 0x01,
  kString = 0x02,
  kDocument = 0x03,
  kArray = 0x04,
  kBinary = 0x05,
  kUndefined = 0x06,
  kObjectId = 0x07,
  kBool = 0x08,
  kDate = 0x09,
  kNull = 0x0A,
  kRegex = 0x0B,
  kDbPointer = 0x0C,
  kCode = 0x0D,
  kSymbol = 0x0E,
  kCodeWithScope = 0x0F,
  kInt32 = 0x10,
  kTimestamp = 0x11,
  kInt64 = 0x12,
  kDecimal = 0x13,
  kMaxKey = 0x7F,
  kMinKey = 0xFF,
};

// MongoDB's name of the type: "int", "objectId".
std::string_view NameOf(Type type);

inline bool IsNumber(Type type) {
  return type == Type::kInt32 || type == Type::kInt64 || type == Type::kDouble ||
         type == Type::kDecimal;
}

// A value, as its encoded bytes; whoever owns these outlives it.
struct ValueRef final {
  Type type = Type::kNull;
  std::string_view bytes;  // without type and name

  bool is(Type t) const { return type == t; }
  bool is_container() const { return type == Type::kDocument || type == Type::kArray; }
  bool is_null() const { return type == Type::kNull || type == Type::kUndefined; }

  // REQUIRES: the type that the name says.
  int32_t int32() const;
  int64_t int64() const;  // also of kDate
  bool boolean() const { return bytes[0] != 0; }
  std::string_view string() const;  // kString, kSymbol, kCode
  uint64_t timestamp() const { return static_cast<uint64_t>(int64()); }
  uint64_t double_bits() const { return static_cast<uint64_t>(int64()); }
  // Identical: same type, same bytes. (Equality of values is in compare.h.)
  bool operator==(const ValueRef&) const = default;
};

struct Element final {
  std::string_view name;
  ValueRef value;
};

// The elements of a document or an array, in order.
class ElementReader final {
 public:
  // `document`: from its length to its terminating zero.
  explicit ElementReader(std::string_view document);
  explicit ElementReader(ValueRef container) : ElementReader(container.bytes) {}

  // False at the end.
  bool Next(Element* element);

 private:
  std::string_view rest_;
};

// How many bytes the value at the start of `rest` has; nothing if `rest` is malformed or too short.
std::optional<size_t> ValueBytes(Type type, std::string_view rest);

// The field of that name; nothing if there is none.
std::optional<ValueRef> FindField(std::string_view document, std::string_view name);
inline std::optional<ValueRef> FindField(ValueRef container, std::string_view name) {
  return FindField(container.bytes, name);
}

// The elements of an array.
size_t CountElements(ValueRef container);
// "12" is 12; nothing for "012", "-1", "x" and what is longer than eight digits.
std::optional<size_t> ParseArrayIndex(std::string_view name);

class Value;

// A document that owns its bytes.
class Document final {
 public:
  struct Field;

  Document() : bytes_("\x05\0\0\0\0", 5) {}
  Document(std::initializer_list<Field> fields);
  // REQUIRES: well-formed.
  static Document FromBytes(std::string bytes);

  const std::string& bytes() const { return bytes_; }
  std::string_view view() const { return bytes_; }
  ValueRef ref() const { return {Type::kDocument, bytes_}; }
  bool empty() const { return bytes_.size() == 5; }
  std::optional<ValueRef> Find(std::string_view name) const { return FindField(bytes_, name); }
  bool operator==(const Document&) const = default;

 private:
  explicit Document(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string bytes_;
};

// A value that owns its bytes.
class Value final {
 public:
  Value() = default;  // null
  Value(ValueRef ref) : type_(ref.type), bytes_(ref.bytes) {}
  Value(bool value);
  Value(int32_t value);
  Value(int64_t value);
  Value(double value);  // lint: allow(float) what users store, taken as its bits
  Value(const char* value) : Value(std::string_view(value)) {}
  Value(std::string_view value);
  Value(const std::string& value) : Value(std::string_view(value)) {}
  Value(const Document& document) : type_(Type::kDocument), bytes_(document.bytes()) {}

  static Value Array(std::initializer_list<Value> elements);
  static Value Date(int64_t milliseconds);
  static Value Timestamp(uint64_t value);
  static Value Binary(uint8_t subtype, std::string_view bytes);
  static Value ObjectId(std::string_view twelve_bytes);
  static Value Regex(std::string_view pattern, std::string_view options);
  static Value Decimal(uint64_t high, uint64_t low);
  static Value MinKey() { return Value(Type::kMinKey, {}); }
  static Value MaxKey() { return Value(Type::kMaxKey, {}); }
  static Value Of(Type type, std::string bytes) { return Value(type, std::move(bytes)); }

  Type type() const { return type_; }
  ValueRef ref() const { return {type_, bytes_}; }
  operator ValueRef() const { return ref(); }

 private:
  Value(Type type, std::string bytes) : type_(type), bytes_(std::move(bytes)) {}
  Type type_ = Type::kNull;
  std::string bytes_;
};

struct Document::Field final {
  std::string_view name;
  Value value;
};

// Appends one document to a string. Documents and arrays nest by Begin and End.
// Invariant: between Begin and End of an inner one only the inner one grows.
class Writer final {
 public:
  explicit Writer(std::string& out) : out_(out), start_(Open()) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void Append(std::string_view name, ValueRef value);
  void Append(const Element& element) { Append(element.name, element.value); }
  void AppendString(std::string_view name, std::string_view value);
  void AppendInt64(std::string_view name, int64_t value);
  void AppendBool(std::string_view name, bool value);
  // Returns what End needs.
  size_t Begin(std::string_view name, Type type);
  void End(size_t inner) { Close(inner); }
  // Once, at last.
  void Finish() { Close(start_); }

 private:
  size_t Open();
  void Close(size_t start);
  void Name(std::string_view name, Type type);

  std::string& out_;
  size_t start_;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_BSON_VALUE_H_
