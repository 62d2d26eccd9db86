// Fields: reading an envelope that a stranger wrote, with an error that says what is wrong with it.
#ifndef LOCKSTEP_DOCS_MEMORY_SYNC_FIELDS_H_
#define LOCKSTEP_DOCS_MEMORY_SYNC_FIELDS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "docs-memory/bson/value.h"
#include "docs-memory/store/revision.h"

namespace lockstep::docs {

// Getters return a default once anything is wrong; `status` says what was, the first time. What is
// referred to outlives this.
class Fields final {
 public:
  explicit Fields(std::string_view envelope) : envelope_(envelope) {}

  // Required.
  std::string String(std::string_view name);
  uint64_t Number(std::string_view name);
  uint64_t Hex(std::string_view name);
  Value Any(std::string_view name);
  // The default if the field is missing or null.
  std::string StringOr(std::string_view name, std::string_view otherwise);
  uint64_t NumberOr(std::string_view name, uint64_t otherwise);
  bool BoolOr(std::string_view name, bool otherwise);
  uint64_t HexOr(std::string_view name, uint64_t otherwise);
  Revision RevOr(std::string_view name, const Revision& otherwise);
  Document DocumentOr(std::string_view name, const Document& otherwise);
  // Each element of an array, which may be missing; `visit` says whether it is good.
  void ForEach(std::string_view name, absl::FunctionRef<absl::Status(ValueRef)> visit);

  bool Has(std::string_view name) const { return FindField(envelope_, name).has_value(); }
  void Fail(std::string_view name, std::string_view reason);
  const absl::Status& status() const { return status_; }

 private:
  std::optional<ValueRef> Find(std::string_view name, bool is_required);

  std::string_view envelope_;
  absl::Status status_;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_SYNC_FIELDS_H_
