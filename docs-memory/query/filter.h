// Filter: which documents are meant, in MongoDB's language.
#ifndef LOCKSTEP_DOCS_MEMORY_QUERY_FILTER_H_
#define LOCKSTEP_DOCS_MEMORY_QUERY_FILTER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"
#include "docs-memory/query/path.h"
#include "docs-memory/query/regex.h"
#include "docs-memory/query/text.h"

namespace lockstep::docs {

enum class FilterOp : uint8_t {
  // Of children.
  kAnd,
  kOr,
  kNor,
  kNot,
  // Of what the path reaches.
  kEq,
  kGt,
  kGte,
  kLt,
  kLte,
  kIn,
  kType,
  kRegex,
  kMod,
  kExists,
  kSize,
  kElemMatchDocument,
  kElemMatchValue,
  kNothing,  // matches no document ($all: [])
  kText,     // words in the fields that Filter::BindText names; only at the top
};

// One condition. $ne, $nin, $all and the like are made of these.
struct FilterNode final {
  FilterOp op = FilterOp::kAnd;
  std::string field;  // as it was written; of leaves
  Path path;
  Value operand;                                      // kEq to kLte
  std::vector<Value> list;                            // kIn: sorted, without regexes
  std::vector<std::shared_ptr<const Regex>> regexes;  // kIn, kRegex
  std::shared_ptr<const TextSearch> text;             // kText
  std::vector<Path> text_paths;                       // kText
  std::vector<FilterNode> children;
  int64_t number = 0;  // kSize; kMod: the divisor
  int64_t remainder = 0;
  uint32_t types = 0;  // kType: bit i for the class of types i (TypeBit)
};

// Immutable; may be shared by threads that do not write.
class Filter final {
 public:
  static constexpr size_t kDepthMax = 32;
  static constexpr size_t kPredicatesMax = 1000;
  static constexpr size_t kInMax = 10'000;

  // E_QUERY {path, operator}, E_REGEX: before any document is looked at.
  static absl::StatusOr<Filter> Parse(std::string_view document);
  // Every document.
  Filter() = default;

  bool Matches(std::string_view document) const;
  // The conditions, all of which must hold.
  const std::vector<FilterNode>& conjuncts() const { return root_.children; }
  bool empty() const { return root_.children.empty(); }
  // What $text asks for; null if the filter has none.
  const TextSearch* text() const;
  // Where $text looks for words, and for which form of them. Before that it matches nothing.
  void BindText(const std::vector<Path>& paths, const WordForm& form);

 private:
  friend class Projection;
  friend class ValueFilter;
  FilterNode root_;  // kAnd
};

// The condition of $elemMatch and $pull: on one value, not on a document's field.
class ValueFilter final {
 public:
  // {field: ...} for documents, {$gt: ...} for values.
  static absl::StatusOr<ValueFilter> Parse(std::string_view condition);
  bool Matches(ValueRef value) const;

 private:
  FilterNode node_;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_QUERY_FILTER_H_
