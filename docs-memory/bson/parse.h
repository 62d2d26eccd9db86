// The border: bytes and JSON of strangers become documents here, or errors.
#ifndef LOCKSTEP_DOCS_MEMORY_BSON_PARSE_H_
#define LOCKSTEP_DOCS_MEMORY_BSON_PARSE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"

namespace lockstep::docs {

struct DocumentRules final {
  size_t bytes_max = size_t{1} << 20;
  size_t depth_max = 100;
};
// What no rule may exceed.
inline constexpr size_t kDocumentBytesHardMax = size_t{16} << 20;

// Well-formed BSON, whatever its fields are called: filters, updates, projections.
absl::StatusOr<Document> ParseDocument(std::string_view bytes);

// What a collection stores for the document: field names checked, `_id` first, array keys
// renumbered, regex options sorted, one NaN. The document is well-formed. E_FIELD_NAME,
// E_RESERVED_FIELD, E_BSON_DUPLICATE_KEY, E_BSON_DECIMAL_NONCANONICAL, E_DOC_TOO_LARGE,
// E_DOC_TOO_DEEP.
absl::StatusOr<Document> Canonicalize(const Document& document, const DocumentRules& rules);

// What `_id` may not be: an array, a regex, null, undefined, or so long that its key is not.
absl::Status CheckId(ValueRef id);
inline constexpr size_t kIdKeyBytesMax = 1024;

// MongoDB Extended JSON v2, either form.
absl::StatusOr<Document> FromJson(std::string_view json);
std::string ToJson(const Document& document);           // relaxed
std::string ToCanonicalJson(const Document& document);  // lossless
// For messages.
std::string ToText(ValueRef value);

// "12.5E3", "NaN".
absl::StatusOr<Value> DecimalFromText(const std::string& text);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_BSON_PARSE_H_
