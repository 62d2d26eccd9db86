// CollectionPolicy: what a collection keeps, and for how long.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_POLICY_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_POLICY_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "docs-memory/bson/value.h"

namespace lockstep::docs {

// Nothing: as StoreOptions says for the whole store.
struct CollectionPolicy final {
  std::optional<int64_t> history_ms = {};    // how long old versions are kept
  std::optional<int64_t> versions_max = {};  // how many of a document; 0: all that are young enough
  std::optional<int64_t> expire_after_ms = {};  // documents vanish so long after their last write
  bool append_only = false;  // documents are never changed nor deleted: E_APPEND_ONLY

  bool operator==(const CollectionPolicy&) const = default;
  // E_POLICY: a number that makes no sense.
  absl::Status Check() const;
  Document Describe() const;
  // Of a description that Describe made.
  static CollectionPolicy FromDocument(std::string_view document);
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_POLICY_H_
