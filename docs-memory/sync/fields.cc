#include "docs-memory/sync/fields.h"

#include "docs-memory/bson/number.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/sync/protocol.h"

namespace lockstep::docs {

void Fields::Fail(std::string_view name, std::string_view reason) {
  if (!status_.ok()) return;
  const auto value = FindField(envelope_, name);
  status_ = ParseError(name, value ? ToText(*value) : "", reason);
}

std::optional<ValueRef> Fields::Find(std::string_view name, bool is_required) {
  const auto value = FindField(envelope_, name);
  if (value && !value->is_null()) return value;
  if (is_required) Fail(name, "is missing");
  return std::nullopt;
}

std::string Fields::String(std::string_view name) {
  const auto value = Find(name, true);
  if (value && value->is(Type::kString)) return std::string(value->string());
  Fail(name, "is no string");
  return {};
}

uint64_t Fields::Number(std::string_view name) {
  const auto value = Find(name, true);
  const auto number = value && IsNumber(value->type) ? ToInteger(*value) : std::nullopt;
  if (number && *number >= 0) return static_cast<uint64_t>(*number);
  Fail(name, "is no whole number from 0 on");
  return 0;
}

uint64_t Fields::Hex(std::string_view name) {
  const std::string text = String(name);
  if (!status_.ok()) return 0;
  const auto value = FromHex(name, text);
  if (value.ok()) return *value;
  status_ = value.status();
  return 0;
}

Value Fields::Any(std::string_view name) {
  // (null is a value here: whoever takes it says whether it will do.)
  const auto value = FindField(envelope_, name);
  if (value) return *value;
  Fail(name, "is missing");
  return {};
}

std::string Fields::StringOr(std::string_view name, std::string_view otherwise) {
  return Find(name, false) ? String(name) : std::string(otherwise);
}
uint64_t Fields::NumberOr(std::string_view name, uint64_t otherwise) {
  return Find(name, false) ? Number(name) : otherwise;
}
uint64_t Fields::HexOr(std::string_view name, uint64_t otherwise) {
  return Find(name, false) ? Hex(name) : otherwise;
}

bool Fields::BoolOr(std::string_view name, bool otherwise) {
  const auto value = Find(name, false);
  if (!value) return otherwise;
  if (value->is(Type::kBool)) return value->boolean();
  Fail(name, "is neither true nor false");
  return otherwise;
}

Revision Fields::RevOr(std::string_view name, const Revision& otherwise) {
  const auto value = Find(name, false);
  if (!value) return otherwise;
  const auto rev = value->is(Type::kString) ? Revision::FromText(value->string()) : std::nullopt;
  if (rev) return *rev;
  Fail(name, "is no revision");
  return otherwise;
}

Document Fields::DocumentOr(std::string_view name, const Document& otherwise) {
  const auto value = Find(name, false);
  if (!value) return otherwise;
  if (value->is(Type::kDocument)) return Document::FromBytes(std::string(value->bytes));
  Fail(name, "is no document");
  return otherwise;
}

void Fields::ForEach(std::string_view name, absl::FunctionRef<absl::Status(ValueRef)> visit) {
  const auto value = Find(name, false);
  if (!value) return;
  if (!value->is(Type::kArray)) return Fail(name, "is no array");
  ElementReader reader(*value);
  Element element;
  while (status_.ok() && reader.Next(&element)) {
    if (absl::Status status = visit(element.value); !status.ok()) status_ = std::move(status);
  }
}

}  // namespace lockstep::docs
