// The shape of an answer: order, projection.
#ifndef LOCKSTEP_DOCS_MEMORY_QUERY_SHAPE_H_
#define LOCKSTEP_DOCS_MEMORY_QUERY_SHAPE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"
#include "docs-memory/query/filter.h"
#include "docs-memory/query/path.h"

namespace lockstep::docs {

struct SortField final {
  std::string field;
  Path path;
  bool ascending = true;
};

// Up to eight fields; documents that are equal in all of them are in the order of their ids.
class SortSpec final {
 public:
  static constexpr size_t kFieldsMax = 8;

  // {field: 1 or -1, ...}. E_QUERY.
  static absl::StatusOr<SortSpec> Parse(std::string_view document);
  SortSpec() = default;  // by nothing

  const std::vector<SortField>& fields() const { return fields_; }
  bool empty() const { return fields_.empty(); }
  // Bytes that sort as the documents shall; `id` is the key of the document's id.
  std::string KeyOf(std::string_view document, std::string_view id) const;

 private:
  std::vector<SortField> fields_;
};

// What of a document is returned: fields to keep or fields to leave out, $slice, $elemMatch.
class Projection final {
 public:
  // E_PROJECTION: kept and left out mixed (but for _id), a path and its prefix.
  static absl::StatusOr<Projection> Parse(std::string_view document);
  Projection();  // everything
  Projection(Projection&&) noexcept;
  Projection& operator=(Projection&&) noexcept;
  ~Projection();

  bool keeps_all() const { return root_ == nullptr; }
  Document Apply(const Document& document) const;

 private:
  struct Node;
  absl::Status Add(const Element& element);
  absl::StatusOr<Node*> NodeAt(std::string_view field);
  void Fields(const Node& node, std::string_view document, Writer& writer) const;
  void Field(const Node& node, const Element& element, Writer& writer) const;

  std::unique_ptr<Node> root_;
  bool including_ = false;
  bool keeps_id_ = true;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_QUERY_SHAPE_H_
