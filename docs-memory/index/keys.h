// The keys of a document in an index.
#ifndef LOCKSTEP_DOCS_MEMORY_INDEX_KEYS_H_
#define LOCKSTEP_DOCS_MEMORY_INDEX_KEYS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/index/definition.h"

namespace lockstep::docs {

struct IndexKeys final {
  std::vector<std::string> keys;  // sorted, without duplicates
  bool multikey = false;          // an array took part
};

// E_INDEX_PARALLEL_ARRAYS: arrays at two fields; E_KEY_TOO_LARGE.
absl::StatusOr<IndexKeys> KeysOf(const IndexDefinition& index, std::string_view document);

// An entry is the key and the document's id, turned around if the last field descends, so that
// equal keys are in the order of SortSpec's ties.
std::string EntryOf(const IndexDefinition& index, std::string_view key, std::string_view id);
// The id of an entry whose value says how many bytes it has.
std::string IdOfEntry(const IndexDefinition& index, std::string_view entry, std::string_view value);
std::string EntryValue(std::string_view id);

// When a document with this index vanishes, in ms since the epoch; nothing if never.
std::optional<int64_t> ExpiryOf(const IndexDefinition& index, std::string_view document);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_INDEX_KEYS_H_
