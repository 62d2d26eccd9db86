#include "docs-memory/index/keys.h"

#include <algorithm>
#include <utility>

#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/error.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

// What one field contributes.
struct Component final {
  std::vector<std::string> keys;
  bool array = false;
  bool missing = true;
};

Component ComponentOf(const SortField& field, std::string_view document) {
  Component component;
  size_t reached = 0;
  const auto add = [&](ValueRef value) { component.keys.push_back(KeyOf(value)); };
  VisitPath(document, field.path, [&](const ValueRef* value) {
    ++reached;
    if (value == nullptr) {
      add({Type::kNull, {}});
      return false;
    }
    component.missing = false;
    if (!value->is(Type::kArray)) {
      add(*value);
      return false;
    }
    component.array = true;
    ElementReader reader(*value);
    Element element;
    bool empty = true;
    while (reader.Next(&element)) {
      add(element.value);
      empty = false;
    }
    if (empty) AppendEmptyArrayKey(component.keys.emplace_back());
    return false;
  });
  if (reached > 1) component.array = true;
  if (component.keys.empty()) add({Type::kNull, {}});
  std::sort(component.keys.begin(), component.keys.end());
  component.keys.erase(std::unique(component.keys.begin(), component.keys.end()),
                       component.keys.end());
  if (!field.ascending) {
    for (std::string& key : component.keys) Invert(key, 0);
  }
  return component;
}

}  // namespace

absl::StatusOr<IndexKeys> KeysOf(const IndexDefinition& index, std::string_view document) {
  IndexKeys result;
  result.keys.emplace_back();
  bool all_missing = true;
  for (const SortField& field : index.fields) {
    const Component component = ComponentOf(field, document);
    all_missing = all_missing && component.missing;
    if (component.array && result.multikey) {
      return Error(ErrorCode::kParallelArrays, field.field, index.options.name,
                   "a second field of the index is an array");
    }
    result.multikey = result.multikey || component.array;
    std::vector<std::string> longer;
    for (const std::string& key : result.keys) {
      for (const std::string& part : component.keys) longer.push_back(key + part);
    }
    result.keys = std::move(longer);
  }
  if (all_missing && index.options.sparse) result.keys.clear();
  for (const std::string& key : result.keys) {
    if (key.size() <= kIndexKeyBytesMax) continue;
    return Error(ErrorCode::kKeyTooLarge, index.fields[0].field, index.options.name,
                 "a key of the index has more than 2048 bytes");
  }
  std::sort(result.keys.begin(), result.keys.end());
  return result;
}

std::string EntryOf(const IndexDefinition& index, std::string_view key, std::string_view id) {
  std::string entry(key);
  entry += id;
  if (!index.fields.back().ascending) Invert(entry, key.size());
  return entry;
}

std::string EntryValue(std::string_view id) {
  CHECK_LT(id.size(), 65536u);
  return {static_cast<char>(id.size() & 0xFF), static_cast<char>(id.size() >> 8)};
}

std::string IdOfEntry(const IndexDefinition& index, std::string_view entry,
                      std::string_view value) {
  CHECK_EQ(value.size(), 2u);
  const size_t size =
      static_cast<uint8_t>(value[0]) | static_cast<size_t>(static_cast<uint8_t>(value[1])) << 8;
  CHECK_LE(size, entry.size());
  std::string id(entry.substr(entry.size() - size));
  if (!index.fields.back().ascending) Invert(id, 0);
  return id;
}

std::optional<int64_t> ExpiryOf(const IndexDefinition& index, std::string_view document) {
  if (!index.options.expire_after_seconds) return std::nullopt;
  std::optional<int64_t> earliest;
  VisitPathAndElements(document, index.fields[0].path, [&](const ValueRef* value) {
    if (value != nullptr && value->is(Type::kDate))
      earliest = std::min(earliest.value_or(value->int64()), value->int64());
    return false;
  });
  int64_t expiry = 0;
  int64_t after = 0;
  if (!earliest ||
      __builtin_mul_overflow(*index.options.expire_after_seconds, int64_t{1000}, &after) ||
      __builtin_add_overflow(*earliest, after, &expiry)) {
    return std::nullopt;
  }
  return expiry;
}

}  // namespace lockstep::docs
