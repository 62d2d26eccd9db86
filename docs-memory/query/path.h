// Dotted paths through documents and arrays.
#ifndef LOCKSTEP_DOCS_MEMORY_QUERY_PATH_H_
#define LOCKSTEP_DOCS_MEMORY_QUERY_PATH_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"

namespace lockstep::docs {

// "a.b.0" is a, b, 0. Owns its text.
using Path = std::vector<std::string>;

inline constexpr size_t kPathDepthMax = 100;

// E_QUERY for empty components. (An empty path is one empty component: refused.)
absl::StatusOr<Path> ParsePath(std::string_view text);

// Calls `visit` with what the path reaches in the document, until it says true; says whether it
// did. Null: the path leads nowhere (a document on the way lacks the field). A component that is a
// number also picks an element of an array; through other arrays the path fans out to the documents
// in them, and elements that are none are passed over.
bool VisitPath(std::string_view document, const Path& path,
               absl::FunctionRef<bool(const ValueRef*)> visit);

// As VisitPath, and an array that is reached is followed by its elements, each by itself.
bool VisitPathAndElements(std::string_view document, const Path& path,
                          absl::FunctionRef<bool(const ValueRef*)> visit);

// Appends what sorts the document by this path: the least (ascending) or greatest (descending) of
// all values that it reaches; nothing there counts as null.
void AppendSortKey(std::string_view document, const Path& path, bool ascending, std::string& key);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_QUERY_PATH_H_
