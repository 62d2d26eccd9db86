// Applier: what a mutation does to the rows of a store. The same code when it is made and when it
// is replayed.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_APPLIER_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_APPLIER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "docs-memory/store/audit.h"
#include "docs-memory/store/catalog.h"
#include "docs-memory/store/record.h"
#include "docs-memory/store/sync_state.h"
#include "framework/machine/ordered_store.h"

namespace lockstep::docs {

// What one row of Column::kSystem holds besides the catalog; changes with every batch.
struct StoreState final {
  uint64_t applied = 0;       // index of the last log entry whose changes are there
  Sequence sequence = 0;      // of the last mutation
  Revision last_rev;          // the greatest that was made
  uint64_t node = 0;          // of revisions; minted once
  Sequence history_from = 1;  // older versions may be gone
  uint32_t next_id = 1;       // of collections and indexes
  SyncState sync;             // in a row of its own
  AuditHead audit;            // in a row of its own
};

// Everything that a mutation changes, found out before anything is changed.
struct Change final {
  Mutation mutation;
  struct Write final {
    machine::Column column;
    std::string key;
    std::optional<std::string> value;  // nothing: delete
  };
  std::vector<Write> writes;
  CatalogRef catalog;  // if it changes
  std::optional<Sequence> history_from;
  std::optional<SyncState> sync;
  // What the oplog tells, if it is not the mutation itself: what became of a document.
  std::optional<Mutation> told;
  std::optional<AuditHead> audit;
};

// Invariants:
//   1. Prepare changes nothing; Commit does not fail.
//   2. A document's row, its index entries, its oplog row and its version row change in one
//      transaction.
//   3. Apply is a pure function of the rows and the mutation.
// Owned by the store's core. Whatever takes a Fiber& may suspend, nothing else does.
class Applier final {
 public:
  // Reads state and catalog. Nothing there: an empty store.
  absl::Status Load(Fiber& fiber, const machine::StoreView& view);

  const StoreState& state() const { return state_; }
  const CatalogRef& catalog() const { return catalog_; }
  void set_node(uint64_t node) { state_.node = node; }

  // E_UNIQUE, E_INDEX_PARALLEL_ARRAYS, E_KEY_TOO_LARGE: the mutation may not be. `old_row`: the
  // document's row, if the caller has it.
  absl::StatusOr<Change> Prepare(Fiber& fiber, const machine::StoreView& view, Mutation mutation,
                                 const std::optional<std::string>& old_row) const;
  absl::StatusOr<Change> Prepare(Fiber& fiber, const machine::StoreView& view,
                                 Mutation mutation) const;
  void Commit(const Change& change, machine::StoreTransaction& transaction);
  // The last thing in a transaction: everything up to log entry `applied` is in it.
  void Save(uint64_t applied, machine::StoreTransaction& transaction);

  // Keys of rows in Column::kPrimary that Commits have changed since the last call; some perhaps
  // were changed back.
  std::vector<std::string> TakeTouched() { return std::exchange(touched_, {}); }
  // As before some Commits, whose transaction was undone.
  void Restore(const StoreState& state, CatalogRef catalog) {
    state_ = state;
    catalog_ = std::move(catalog);
  }

 private:
  absl::Status PrepareDocument(Fiber& fiber, const machine::StoreView& view,
                               const std::optional<std::string>& old_row, Change& change) const;
  // The rows of a document that `mutation` puts or deletes.
  absl::Status PrepareRows(Fiber& fiber, const machine::StoreView& view, const CollectionInfo& info,
                           const Mutation& mutation, const std::optional<std::string>& old_row,
                           Change& change) const;
  absl::Status PrepareEntries(Fiber& fiber, const machine::StoreView& view,
                              const CollectionInfo& info, std::string_view id,
                              std::string_view before, std::string_view after, bool is_remote,
                              Change& change) const;
  absl::Status PrepareCatalog(Fiber& fiber, const machine::StoreView& view, Change& change) const;
  absl::Status PrepareBuild(Fiber& fiber, const machine::StoreView& view, Change& change) const;
  absl::Status PreparePurge(Fiber& fiber, const machine::StoreView& view,
                            const std::optional<std::string>& old_row, Change& change) const;
  absl::Status PrepareTrimVersions(Fiber& fiber, const machine::StoreView& view,
                                   Change& change) const;
  absl::Status PrepareTrim(Fiber& fiber, const machine::StoreView& view, Change& change) const;

  // sync_applier.cc
  absl::Status PrepareSync(Fiber& fiber, const machine::StoreView& view, Change& change) const;
  absl::Status PrepareQueued(Fiber& fiber, const machine::StoreView& view,
                             const CollectionInfo& info, const std::optional<std::string>& old_row,
                             const Mutation& mutation, Change& change) const;
  absl::Status PrepareProgress(Fiber& fiber, const machine::StoreView& view, Change& change) const;
  absl::Status PrepareEnqueue(Fiber& fiber, const machine::StoreView& view, Change& change) const;
  absl::Status PreparePull(Fiber& fiber, const machine::StoreView& view, Change& change) const;
  absl::Status PrepareReject(Fiber& fiber, const machine::StoreView& view, Change& change) const;
  absl::Status PrepareRestamp(Fiber& fiber, const machine::StoreView& view, Change& change) const;
  absl::Status PrepareRejoin(Fiber& fiber, const machine::StoreView& view, Change& change) const;
  // The document is what the hub says with the queued changes on top, but for those that go.
  absl::Status Rebase(Fiber& fiber, const machine::StoreView& view, const CollectionInfo& info,
                      ValueRef id, const Heads& base, const std::vector<uint64_t>& dropped,
                      Change& change) const;
  absl::Status RemoveDocument(Fiber& fiber, const machine::StoreView& view,
                              const CollectionInfo& info, ValueRef id, const std::string& old_row,
                              Change& change) const;

  StoreState state_;
  std::vector<std::string> touched_;
  CatalogRef catalog_ = std::make_shared<const Catalog>();
};

// The index of the last log entry in a state row (GetFlushed of kStateKey).
uint64_t AppliedOf(std::string_view state_row);
inline constexpr std::string_view kStateKey = "docs.state";

// Documents that one kBuildIndex mutation takes in.
inline constexpr size_t kBuildChunk = 1000;

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_APPLIER_H_
