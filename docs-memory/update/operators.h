// The operators of updates, each on one place of one document.
#ifndef LOCKSTEP_DOCS_MEMORY_UPDATE_OPERATORS_H_
#define LOCKSTEP_DOCS_MEMORY_UPDATE_OPERATORS_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"
#include "docs-memory/query/path.h"
#include "docs-memory/update/tree.h"
#include "docs-memory/update/update.h"

namespace lockstep::docs {

// What an operator works on.
struct Target final {
  TreeNode& root;
  std::string_view field;  // as it was written
  const Path& path;
  const UpdateContext& context;
};

class Operator {
 public:
  virtual ~Operator() = default;
  virtual absl::Status Apply(const Target& target) const = 0;
};

// E_UPDATE: no such operator, or a bad operand.
absl::StatusOr<std::unique_ptr<const Operator>> MakeOperator(std::string_view op,
                                                             const Element& element);
absl::StatusOr<std::unique_ptr<const Operator>> MakeArrayOperator(std::string_view op,
                                                                  const Element& element);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_UPDATE_OPERATORS_H_
