// Catalog: which collections and indexes there are.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_CATALOG_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_CATALOG_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "docs-memory/index/definition.h"
#include "docs-memory/store/policy.h"

namespace lockstep::docs {

struct CollectionInfo final {
  uint32_t id = 0;
  std::string name;
  std::vector<IndexDefinition> indexes;  // by name
  CollectionPolicy policy;

  const IndexDefinition* Index(std::string_view index) const;
};

// Immutable once it is shared: a change makes a copy.
struct Catalog final {
  std::map<std::string, std::shared_ptr<const CollectionInfo>, std::less<>> collections;
  uint32_t next_id = 1;  // of collections and indexes; never used twice

  // Null if there is none.
  const CollectionInfo* Find(std::string_view name) const;
  const CollectionInfo* Find(uint32_t id) const;
};
using CatalogRef = std::shared_ptr<const Catalog>;

// E_COLLECTION_NAME: not [A-Za-z0-9][A-Za-z0-9_.-]{0,119}.
absl::Status CheckCollectionName(std::string_view name);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_CATALOG_H_
