#ifndef LOCKSTEP_DOCS_MEMORY_INDEX_DEFINITION_H_
#define LOCKSTEP_DOCS_MEMORY_INDEX_DEFINITION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"
#include "docs-memory/query/path.h"
#include "docs-memory/query/shape.h"
#include "docs-memory/query/word_form.h"

namespace lockstep::docs {

enum class IndexState : uint8_t {
  kBuilding = 0,  // written to, not read from
  kReady = 1,
  kFailed = 2,  // documents that were there violate it
};

struct IndexOptions final {
  std::string name = {};  // empty: made of the fields
  bool unique = false;
  bool sparse = false;  // documents that have none of the fields are not in it
  // Documents vanish so many seconds after the date in the (only) field.
  std::optional<int64_t> expire_after_seconds = {};
  WordForm words = {};  // of an index of words: which are the same
};

inline constexpr size_t kIndexFieldsMax = 8;
inline constexpr size_t kIndexesMax = 64;
inline constexpr size_t kIndexKeyBytesMax = 2048;

struct IndexDefinition final {
  uint32_t id = 0;
  std::vector<SortField> fields;
  bool is_text = false;  // of words: `fields` says where they are, and no order
  IndexOptions options;
  IndexState state = IndexState::kBuilding;
  // Some document has or had an array at one of the fields.
  bool multikey = false;
  // kBuilding: documents up to this id key are in it. kFailed: an id key that violates it.
  std::string build_cursor;

  // {field: 1 or -1, ...} or {field: "text", ...}. E_INDEX.
  static absl::StatusOr<IndexDefinition> Make(const Document& fields, const IndexOptions& options);
  // Of a description that Describe made.
  static IndexDefinition FromDocument(std::string_view document);
  Document Describe() const;
  // Of its fields.
  std::vector<Path> Paths() const;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_INDEX_DEFINITION_H_
