// Update: how documents are changed, in MongoDB's language.
#ifndef LOCKSTEP_DOCS_MEMORY_UPDATE_UPDATE_H_
#define LOCKSTEP_DOCS_MEMORY_UPDATE_UPDATE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"
#include "docs-memory/query/filter.h"

namespace lockstep::docs {

// What the update sees besides the document.
struct UpdateContext final {
  int64_t now_ms = 0;
  bool inserting = false;  // an upsert makes the document: $setOnInsert counts
};

// Immutable.
class Update final {
 public:
  // {$set: {...}, ...}. E_UPDATE: no operators, unknown ones, bad operands; E_UPDATE_CONFLICT: a
  // path twice, or a path and its prefix; E_ID_IMMUTABLE, E_RESERVED_FIELD, E_FIELD_NAME.
  static absl::StatusOr<Update> Parse(std::string_view document);
  Update(Update&&) noexcept;
  Update& operator=(Update&&) noexcept;
  ~Update();

  // The changed document, which may be equal. E_PATH_TYPE, E_TYPE, E_OVERFLOW: nothing is changed
  // then. The result still has to pass Canonicalize.
  absl::StatusOr<Document> Apply(const Document& document, const UpdateContext& context) const;

 private:
  struct Step;
  Update();
  absl::Status AddStep(std::string_view op, const Element& element);
  absl::Status CheckConflicts() const;

  std::vector<std::unique_ptr<const Step>> steps_;
};

// The document that an upsert starts from: the filter's equalities. E_UPDATE if they contradict.
absl::StatusOr<Document> UpsertSeed(const Filter& filter);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_UPDATE_UPDATE_H_
