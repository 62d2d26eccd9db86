// Reading: the documents that a plan meets and a filter wants.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_WALK_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_WALK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/index/planner.h"
#include "docs-memory/query/filter.h"
#include "docs-memory/store/catalog.h"
#include "docs-memory/store/record.h"
#include "framework/machine/ordered_store.h"

namespace lockstep::docs {

// A document as it was met.
struct Found final {
  std::string id;  // the key of its id
  Meta meta;
  Document document;
  int64_t text_score = 0;  // of a search for words, in 1/65536
};

struct WalkStats final {
  uint64_t keys_examined = 0;
  uint64_t documents_examined = 0;
};

// When the document vanishes: by itself or by an index; 0: never.
int64_t ExpiryOf(const CollectionInfo& info, const Record& record);

// Sorts as documents do that are sorted so; the descending id of equal ones follows the last field,
// as in indexes.
std::string SortKeyOf(const SortSpec& sort, const Found& found);

// The document of that id, unless its time is over.
absl::StatusOr<std::optional<Found>> GetDocument(Fiber& fiber, const machine::StoreView& view,
                                                 const CollectionInfo& info, std::string_view id,
                                                 int64_t now_ms);

// One pass. View, collection and filter outlive it. Documents that an index or a list of ids leads
// to are read many at a time.
class Walk final {
 public:
  // `wanted`: about so many documents will be asked for; 0: nobody knows.
  Walk(const machine::StoreView& view, const CollectionInfo& info, const Filter& filter, Plan plan,
       int64_t now_ms, size_t wanted = 0);
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  // Nothing at the end. Suspends.
  absl::StatusOr<std::optional<Found>> Next(Fiber& fiber);
  const WalkStats& stats() const { return stats_; }
  const Plan& plan() const { return plan_; }

 private:
  // Documents that were read ahead, in order.
  struct Ahead final {
    std::vector<std::string> ids;
    std::vector<int64_t> scores;  // of a search for words; empty otherwise
    std::vector<std::optional<std::string>> rows;
    size_t next = 0;
    bool by_index = false;  // a document that is not there is damage
    bool empty() const { return next == ids.size(); }
  };

  // Moves to the next key of the plan; false at the end.
  bool Advance(Fiber& fiber);
  bool EnterRange(Fiber& fiber, const IndexScan& scan);
  // Whether the row is wanted; then `found` gets it. `whole`: the row as its owner has it, which
  // becomes the document; null: it is copied.
  absl::StatusOr<bool> Take(std::string_view id, std::string_view row, std::string* whole,
                            Found* found);
  // The next documents of a scan over an index, which stands on the first one's entry, or over ids.
  absl::Status ReadByIndex(Fiber& fiber);
  absl::Status ReadPoints(Fiber& fiber, const IndexScan& scan);
  absl::Status ReadRows(Fiber& fiber);
  // Whether the next one of those is wanted; then `found` gets it.
  absl::StatusOr<bool> TakeAhead(Found* found);

  const machine::StoreView& view_;
  const CollectionInfo& info_;
  const Filter& filter_;
  const Plan plan_;
  const int64_t now_ms_;
  size_t scan_ = 0;
  size_t range_ = 0;  // ranges of the scan that were entered
  std::string prefix_;
  std::string end_;  // of the range; of a reverse one, its beginning
  std::unique_ptr<machine::Iterator> iterator_;
  bool stands_ = false;  // iterator_ is on a key that was not looked at
  Ahead ahead_;
  size_t chunk_;                            // how many are read at a time
  std::set<std::string, std::less<>> met_;  // ids, if the plan may repeat them
  WalkStats stats_;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_WALK_H_
