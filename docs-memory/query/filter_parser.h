#ifndef LOCKSTEP_DOCS_MEMORY_QUERY_FILTER_PARSER_H_
#define LOCKSTEP_DOCS_MEMORY_QUERY_FILTER_PARSER_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "docs-memory/query/filter.h"

namespace lockstep::docs {

// kAnd of the document's conditions.
absl::StatusOr<FilterNode> ParseFilter(std::string_view document);
// kElemMatchDocument or kElemMatchValue, without a path.
absl::StatusOr<FilterNode> ParseElemMatch(std::string_view condition);

// The bit of a type in FilterNode::types.
uint32_t TypeBit(Type type);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_QUERY_FILTER_PARSER_H_
