#include "docs-memory/bson/parse.h"

#include <bson/bson.h>

#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/bson/number.h"
#include "docs-memory/bson/utf8.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

// What libbson allocated.
struct BsonFree final {
  void operator()(char* text) const { bson_free(text); }
};
using BsonText = std::unique_ptr<char, BsonFree>;
struct OwnedBson final {
  explicit OwnedBson(bson_t* b) : bson(b) {}
  OwnedBson(const OwnedBson&) = delete;
  OwnedBson& operator=(const OwnedBson&) = delete;
  ~OwnedBson() {
    if (bson != nullptr) bson_destroy(bson);
  }
  bson_t* const bson;
};

constexpr size_t kLinearNamesMax = 16;
// What libbson does not convert (text that is not UTF-8 in a pattern, say).
constexpr const char* kNoJson = "{ \"\" : null }";

bool IsDbRef(std::string_view document) {
  ElementReader reader(document);
  Element element;
  return reader.Next(&element) && element.name == "$ref";
}

// Names of one document, as they are met.
class SeenNames final {
 public:
  // False if it was there.
  bool Add(std::string_view name) {
    if (many_.empty()) {
      if (std::find(few_.begin(), few_.end(), name) != few_.end()) return false;
      few_.push_back(name);
      if (few_.size() > kLinearNamesMax) many_.insert(few_.begin(), few_.end());
      return true;
    }
    return many_.insert(name).second;
  }

 private:
  std::vector<std::string_view> few_;
  std::set<std::string_view> many_;
};

class Canonicalizer final {
 public:
  explicit Canonicalizer(const DocumentRules& rules) : rules_(rules) {}

  absl::StatusOr<Document> Run(const Document& document) {
    const size_t limit = std::min(rules_.bytes_max, kDocumentBytesHardMax);
    if (document.bytes().size() > limit) {
      return Error(ErrorCode::kDocTooLarge, "", absl::StrCat(document.bytes().size(), " bytes"),
                   absl::StrCat("a document has at most ", limit, " bytes"));
    }
    std::string out;
    out.reserve(document.bytes().size());
    Writer writer(out);
    const std::optional<ValueRef> id = document.Find("_id");
    if (id) RETURN_IF_ERROR(Append("_id", *id, 1, writer));
    RETURN_IF_ERROR(Fields(document.view(), 1, writer));
    writer.Finish();
    return Document::FromBytes(std::move(out));
  }

 private:
  absl::Status CheckName(std::string_view name, size_t depth, bool in_reference) {
    if (depth == 1 && !name.empty() && name[0] == '_' && name != "_id") {
      return Error(ErrorCode::kReservedField, name, "",
                   "top-level names that begin with _ are the store's");
    }
    if (name.empty() && depth == 1) {
      return Error(ErrorCode::kFieldName, name, "''", "a top-level field needs a name");
    }
    const bool reference = in_reference && (name == "$ref" || name == "$id" || name == "$db");
    if (!name.empty() && name[0] == '$' && !reference) {
      return Error(ErrorCode::kFieldName, name, "", "a field name may not begin with $");
    }
    return absl::OkStatus();
  }

  absl::Status Fields(std::string_view document, size_t depth, Writer& writer) {
    if (depth > rules_.depth_max) {
      return Error(ErrorCode::kDocTooDeep, "", "",
                   absl::StrCat("nested deeper than ", rules_.depth_max));
    }
    const bool in_reference = depth > 1 && IsDbRef(document);
    SeenNames seen;
    ElementReader reader(document);
    Element element;
    while (reader.Next(&element)) {
      RETURN_IF_ERROR(CheckName(element.name, depth, in_reference));
      if (!seen.Add(element.name)) {
        return Error(ErrorCode::kDuplicateKey, element.name, "", "the field is there twice");
      }
      if (depth == 1 && element.name == "_id") continue;  // it came first
      RETURN_IF_ERROR(Append(element.name, element.value, depth, writer));
    }
    return absl::OkStatus();
  }

  absl::Status Elements(ValueRef array, size_t depth, Writer& writer) {
    if (depth > rules_.depth_max) {
      return Error(ErrorCode::kDocTooDeep, "", "",
                   absl::StrCat("nested deeper than ", rules_.depth_max));
    }
    ElementReader reader(array);
    Element element;
    size_t index = 0;
    while (reader.Next(&element)) {
      RETURN_IF_ERROR(Append(std::to_string(index++), element.value, depth, writer));
    }
    return absl::OkStatus();
  }

  absl::Status Append(std::string_view name, ValueRef value, size_t depth, Writer& writer) {
    switch (value.type) {
      case Type::kDocument:
      case Type::kArray: {
        const size_t inner = writer.Begin(name, value.type);
        RETURN_IF_ERROR(value.is(Type::kArray) ? Elements(value, depth + 1, writer)
                                               : Fields(value.bytes, depth + 1, writer));
        writer.End(inner);
        return absl::OkStatus();
      }
      case Type::kDouble:
        writer.Append(name, CanonicalNan(value));
        return absl::OkStatus();
      case Type::kDecimal:
        if (!IsCanonicalDecimal(value)) {
          return Error(ErrorCode::kDecimal, name, "", "the decimal is not in its canonical form");
        }
        writer.Append(name, value);
        return absl::OkStatus();
      case Type::kRegex: {
        std::string sorted(value.bytes);
        std::sort(sorted.begin() + static_cast<ptrdiff_t>(sorted.find('\0')) + 1, sorted.end() - 1);
        writer.Append(name, {Type::kRegex, sorted});
        return absl::OkStatus();
      }
      default:
        writer.Append(name, value);
        return absl::OkStatus();
    }
  }

  const DocumentRules rules_;
};

// Subtype 2 says its length once more.
bool IsBinaryWhole(std::string_view bytes) {
  if (bytes[4] != 2) return true;
  if (bytes.size() < 9) return false;
  const ValueRef inner{Type::kInt32, bytes.substr(5, 4)};
  return inner.int32() >= 0 && static_cast<size_t>(inner.int32()) == bytes.size() - 9;
}

// Of a string with its length: whether it ends, and is text.
bool IsText(std::string_view bytes) {
  return bytes.back() == '\0' && IsUtf8(bytes.substr(4, bytes.size() - 5));
}

// Whether a value of the right length is right inside.
bool IsWhole(ValueRef value) {
  switch (value.type) {
    case Type::kString:
    case Type::kCode:
    case Type::kSymbol:
      return IsText(value.bytes);
    case Type::kDbPointer:
      return IsText(value.bytes.substr(0, value.bytes.size() - 12));
    case Type::kBinary:
      return IsBinaryWhole(value.bytes);
    case Type::kCodeWithScope: {
      const std::string_view inner = value.bytes.substr(4);
      const std::optional<size_t> code = ValueBytes(Type::kString, inner);
      return code && IsText(inner.substr(0, *code)) && *code + 5 <= inner.size();
    }
    default:
      return true;
  }
}

// Every value where it should be; what ElementReader CHECKs is an error here.
absl::Status CheckShape(std::string_view document, size_t depth) {
  // The nesting that Extended JSON parsers must take.
  if (depth > 200) return Error(ErrorCode::kDocTooDeep, "", "", "nested deeper than 200");
  const std::optional<size_t> size = ValueBytes(Type::kDocument, document);
  if (!size || *size != document.size() || document.back() != '\0') {
    return Error(ErrorCode::kBson, "", "", "a document's length is wrong");
  }
  std::string_view rest = document.substr(4, document.size() - 5);
  while (!rest.empty()) {
    const auto type = static_cast<Type>(rest[0]);
    const size_t end = rest.find('\0', 1);
    if (end == std::string_view::npos)
      return Error(ErrorCode::kBson, "", "", "a field name does not end");
    const std::string_view name = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (!IsUtf8(name)) return Error(ErrorCode::kBson, "", "", "a field name is not UTF-8");
    if (NameOf(type) == "unknown")
      return Error(ErrorCode::kBson, name, "", "a type that BSON does not have");
    const std::optional<size_t> bytes = ValueBytes(type, rest);
    if (!bytes) return Error(ErrorCode::kBson, name, "", "the value is cut off");
    const ValueRef value{type, rest.substr(0, *bytes)};
    rest.remove_prefix(*bytes);
    if (value.is_container()) {
      RETURN_IF_ERROR(CheckShape(value.bytes, depth + 1));
    } else if (!IsWhole(value)) {
      return Error(ErrorCode::kBson, name, "",
                   "the value's parts do not fit together, or no UTF-8");
    } else if (type == Type::kCodeWithScope) {
      const std::string_view inner = value.bytes.substr(4);
      RETURN_IF_ERROR(CheckShape(inner.substr(*ValueBytes(Type::kString, inner)), depth + 1));
    } else if (type == Type::kBool && static_cast<uint8_t>(value.bytes[0]) > 1) {
      return Error(ErrorCode::kBson, name, "", "a bool is 0 or 1");
    }
  }
  return absl::OkStatus();
}

bson_t StaticBson(const Document& document) {
  bson_t bson;
  CHECK(bson_init_static(&bson, reinterpret_cast<const uint8_t*>(document.bytes().data()),
                         document.bytes().size()));
  return bson;
}

}  // namespace

absl::StatusOr<Document> ParseDocument(std::string_view bytes) {
  if (bytes.size() < 5 || bytes.size() > kDocumentBytesHardMax)
    return Error(ErrorCode::kBson, "", "", "not a document");
  RETURN_IF_ERROR(CheckShape(bytes, 1));
  return Document::FromBytes(std::string(bytes));
}

absl::StatusOr<Document> Canonicalize(const Document& document, const DocumentRules& rules) {
  return Canonicalizer(rules).Run(document);
}

absl::Status CheckId(ValueRef id) {
  if (id.is(Type::kArray) || id.is(Type::kRegex) || id.is_null()) {
    return Error(ErrorCode::kIdInvalid, "_id", ToText(id),
                 absl::StrCat("may not be of type ", std::string(NameOf(id.type))));
  }
  if (KeyOf(id).size() > kIdKeyBytesMax) {
    return Error(ErrorCode::kIdInvalid, "_id", "",
                 absl::StrCat("is longer than ", kIdKeyBytesMax, " bytes"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Document> FromJson(std::string_view json) {
  bson_error_t error;
  const OwnedBson owned(bson_new_from_json(reinterpret_cast<const uint8_t*>(json.data()),
                                           static_cast<ssize_t>(json.size()), &error));
  if (owned.bson == nullptr) return Error(ErrorCode::kBson, "", json, error.message);
  return ParseDocument({reinterpret_cast<const char*>(bson_get_data(owned.bson)), owned.bson->len});
}

std::string ToJson(const Document& document) {
  const bson_t bson = StaticBson(document);
  const BsonText text(bson_as_relaxed_extended_json(&bson, nullptr));
  return text == nullptr ? kNoJson : text.get();
}

std::string ToCanonicalJson(const Document& document) {
  const bson_t bson = StaticBson(document);
  const BsonText text(bson_as_canonical_extended_json(&bson, nullptr));
  return text == nullptr ? kNoJson : text.get();
}

std::string ToText(ValueRef value) {
  std::string bytes;
  Writer writer(bytes);
  writer.Append("", value);
  writer.Finish();
  const std::string text = ToJson(Document::FromBytes(std::move(bytes)));
  // { "" : VALUE }
  const size_t colon = text.find(':');
  return text.substr(colon + 2, text.size() - colon - 4);
}

absl::StatusOr<Value> DecimalFromText(const std::string& text) {
  bson_decimal128_t decimal;
  if (!bson_decimal128_from_string(text.c_str(), &decimal)) {
    return Error(ErrorCode::kBson, "", text, "not a decimal");
  }
  return Value::Decimal(decimal.high, decimal.low);
}

}  // namespace lockstep::docs
