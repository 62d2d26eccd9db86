// Reading a store: everything here works on an immutable state, on any fiber or thread.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_READER_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/query/filter.h"
#include "docs-memory/query/shape.h"
#include "docs-memory/store/applier.h"
#include "docs-memory/store/options.h"
#include "docs-memory/store/walk.h"

namespace lockstep::docs {

// A store as it was at one instant. Must not outlive the store.
struct ReadState final {
  std::shared_ptr<const machine::StoreView> view;
  CatalogRef catalog;
  StoreState state;
};
using ReadStateRef = std::shared_ptr<const ReadState>;

// The documents that a find returns, one by one, all as of one instant.
class Cursor final {
 public:
  // E_QUERY, E_PROJECTION, E_SORT_MEMORY, E_NO_INDEX, E_HISTORY_TRUNCATED ... A collection that is
  // not there is empty.
  static absl::StatusOr<std::unique_ptr<Cursor>> Open(Fiber& fiber, ReadStateRef state,
                                                      std::string_view collection,
                                                      const Document& filter,
                                                      const FindOptions& options, int64_t now_ms);
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  // Nothing at the end.
  absl::StatusOr<std::optional<StoredDocument>> Next(Fiber& fiber);
  // Plan and what it took so far.
  Document Explain() const;

 private:
  Cursor() = default;
  absl::Status Fill(Fiber& fiber);
  absl::Status OpenPast(Fiber& fiber, int64_t limit);
  absl::StatusOr<std::optional<Found>> Pull(Fiber& fiber);
  StoredDocument Shape(Found found) const;
  void Keep(Found found, size_t wanted, size_t* bytes);

  ReadStateRef state_;
  const CollectionInfo* info_ = nullptr;  // null: there is no such collection
  Filter filter_;
  SortSpec sort_;
  Projection projection_;
  FindOptions options_;
  Document past_;  // the plan, if it reads the past
  std::unique_ptr<Walk> walk_;
  bool by_text_ = false;
  bool in_memory_ = false;
  std::vector<std::pair<std::string, Found>> sorted_;  // once it was filled, last one first
  int64_t skip_ = 0;
  int64_t left_ = 0;  // to be returned; negative: all
};

// By the key of its id, for those who need no filter.
absl::StatusOr<std::optional<StoredDocument>> ReadById(Fiber& fiber, const ReadState& state,
                                                       std::string_view collection, ValueRef id,
                                                       int64_t now_ms);
absl::StatusOr<uint64_t> CountDocuments(Fiber& fiber, ReadStateRef state,
                                        std::string_view collection, const Document& filter,
                                        int64_t now_ms);
// The different values at the path, elements of arrays one by one, in order.
absl::StatusOr<std::vector<Value>> DistinctValues(Fiber& fiber, ReadStateRef state,
                                                  std::string_view collection,
                                                  std::string_view field, const Document& filter,
                                                  int64_t now_ms);

// One change, as a watch tells it.
struct ChangeEvent final {
  Sequence sequence = 0;  // resume after it
  MutationOp op = MutationOp::kPut;
  std::string collection;
  Value id;
  Revision rev;
  Revision base;
  int64_t time_ms = 0;
  Document document;  // of kPut
};
// The first change of a document after `after`, in `collection` (empty: any). Moves `after` on over
// what is none. E_HISTORY_TRUNCATED: changes are missing.
absl::StatusOr<std::optional<ChangeEvent>> NextChange(Fiber& fiber, const ReadState& state,
                                                      std::string_view collection, Sequence* after);
// All versions that are kept, oldest first.
absl::StatusOr<std::vector<ChangeEvent>> HistoryOf(Fiber& fiber, const ReadState& state,
                                                   std::string_view collection, ValueRef id);

// Whether every index holds exactly the keys of the documents, and every kept sequence its row.
// DATA_LOSS says what is wrong. For doctors and oracles. `progress` hears now and then of how many
// rows were looked at.
absl::Status VerifyStore(Fiber& fiber, const ReadState& state,
                         const std::function<void(uint64_t)>& progress = {});

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_READER_H_
