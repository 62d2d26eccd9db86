#include "docs-memory/store/catalog.h"

#include <algorithm>

#include "docs-memory/bson/error.h"

namespace lockstep::docs {
namespace {

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

const IndexDefinition* CollectionInfo::Index(std::string_view index) const {
  for (const IndexDefinition& definition : indexes) {
    if (definition.options.name == index) return &definition;
  }
  return nullptr;
}

const CollectionInfo* Catalog::Find(std::string_view name) const {
  const auto found = collections.find(name);
  return found == collections.end() ? nullptr : found->second.get();
}

const CollectionInfo* Catalog::Find(uint32_t id) const {
  for (const auto& [name, collection] : collections) {
    if (collection->id == id) return collection.get();
  }
  return nullptr;
}

absl::Status CheckCollectionName(std::string_view name) {
  const bool fits = !name.empty() && name.size() <= 120 && IsAlphanumeric(name[0]) &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return IsAlphanumeric(c) || c == '_' || c == '.' || c == '-';
                    });
  if (fits) return absl::OkStatus();
  return Error(ErrorCode::kCollectionName, "", name,
               "1 to 120 letters, digits, '_', '.', '-', the first one a letter or a digit");
}

}  // namespace lockstep::docs
