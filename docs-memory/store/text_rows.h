// The rows of an index of words, and searching in them. (docs/formats.md, "Documents".)
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_TEXT_ROWS_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_TEXT_ROWS_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "docs-memory/index/planner.h"
#include "docs-memory/index/text_terms.h"
#include "docs-memory/store/applier.h"

namespace lockstep::docs {

// Keeps the rows of one index true within one change. An index holds, per document with words, how
// many; per word and document, how often; and the sums over all documents, which ranking needs.
// Lives for one call; view and index outlive it.
class TextRows final {
 public:
  TextRows(const machine::StoreView& view, const IndexDefinition& index)
      : view_(view), index_(index) {}

  // Reads the sums; first of all. Suspends.
  absl::Status Load(Fiber& fiber);
  // The document becomes `after` (empty: goes). `before`: what it is. A document that a building
  // index has not met yet is taken in. Suspends.
  absl::Status Change(Fiber& fiber, std::string_view id, std::string_view before,
                      std::string_view after, std::vector<docs::Change::Write>& writes);
  // The sums as they are then; last of all.
  void Finish(std::vector<docs::Change::Write>& writes) const;

 private:
  const machine::StoreView& view_;
  const IndexDefinition& index_;
  TextStats stats_;
};

// All rows, without the index's prefix, as the documents say: keys of ids with the documents.
class TextRowsExpected final {
 public:
  explicit TextRowsExpected(const IndexDefinition& index) : index_(index) {}
  void Add(std::string_view id, std::string_view document);
  std::map<std::string, std::string> Rows() const;

 private:
  const IndexDefinition& index_;
  TextStats stats_;
  std::map<std::string, std::string> rows_;
};

// Tells the filter where its $text looks. E_NO_INDEX: the collection has no index of words.
absl::Status BindText(const CollectionInfo& info, Filter& filter);

// MakePlan; a search for words becomes a walk over what it found, best first. Suspends. E_NO_INDEX,
// E_SORT_MEMORY.
absl::StatusOr<Plan> PlanFind(Fiber& fiber, const machine::StoreView& view,
                              const CollectionInfo& info, Filter& filter, const SortSpec& sort,
                              std::string_view hint, bool no_scan);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_TEXT_ROWS_H_
