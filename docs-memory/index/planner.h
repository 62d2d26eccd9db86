// Planner: which index answers a filter, by rules, the same every time.
#ifndef LOCKSTEP_DOCS_MEMORY_INDEX_PLANNER_H_
#define LOCKSTEP_DOCS_MEMORY_INDEX_PLANNER_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"
#include "docs-memory/index/definition.h"
#include "docs-memory/query/filter.h"
#include "docs-memory/query/shape.h"

namespace lockstep::docs {

// Keys in [begin, end), without the prefix of index or collection; an empty end: all that follow.
struct KeyRange final {
  std::string begin;
  std::string end;
  bool operator==(const KeyRange&) const = default;
};

// One walk. No index: over the documents themselves, by their ids.
struct IndexScan final {
  const IndexDefinition* index = nullptr;
  std::vector<KeyRange> ranges;  // in order, disjoint
  bool reverse = false;
  bool points = false;  // no index: each range is one id
  int score = 0;        // how much it narrows down
  // points: of the documents of a text search, best first. Empty otherwise.
  std::vector<int64_t> text_scores = {};
};

struct Plan final {
  std::vector<IndexScan> scans;           // more than one: the union of branches of $or
  const IndexDefinition* text = nullptr;  // of words: the scan is over what it ranks
  bool sorted = false;                    // the walk is in the order that was asked for
  bool whole_collection = false;          // nothing narrows it down
  bool may_repeat = false;                // a document may be met more than once
  std::vector<std::string> rejected;      // names of indexes that are worse
};

struct PlanRequest final {
  const Filter& filter;
  const SortSpec& sort;
  const std::vector<IndexDefinition>& indexes;
  std::string_view hint;  // the name of an index, "_id_" or "$natural"; empty: choose
  bool no_scan = false;   // E_NO_INDEX instead of walking the whole collection
};

// The plan points into request.indexes. E_INDEX: no such hint.
absl::StatusOr<Plan> MakePlan(const PlanRequest& request);

// {stage, index, bounds, ...}, stable.
Document Explain(const Plan& plan, bool has_filter, bool wants_sort);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_INDEX_PLANNER_H_
