// Executor: operations become mutations, in one transaction.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_EXECUTOR_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_EXECUTOR_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/query/filter.h"
#include "docs-memory/store/applier.h"
#include "docs-memory/store/options.h"
#include "docs-memory/store/reusing.h"
#include "docs-memory/store/walk.h"
#include "docs-memory/update/update.h"
#include "framework/runtime/environment.h"

namespace lockstep::docs {

// A transaction that can go back to where it was when this was made.
class UndoableTransaction final : public machine::StoreTransaction {
 public:
  explicit UndoableTransaction(machine::StoreTransaction& inner) : inner_(inner) {}

  absl::StatusOr<std::optional<std::string>> Get(Fiber& fiber, machine::Column column,
                                                 std::string_view key) const override {
    return inner_.Get(fiber, column, key);
  }
  absl::StatusOr<std::vector<std::optional<std::string>>> GetMany(
      Fiber& fiber, machine::Column column, const std::vector<std::string>& keys) const override {
    return inner_.GetMany(fiber, column, keys);
  }
  std::unique_ptr<machine::Iterator> NewIterator(machine::Column column) const override {
    return inner_.NewIterator(column);
  }
  void Put(machine::Column column, std::string_view key, std::string_view value) override;
  void Delete(machine::Column column, std::string_view key) override;
  // REQUIRES: nothing to undo it with; batches drop no index.
  void DeleteRange(machine::Column column, std::string_view begin, std::string_view end) override;

  // What the keys hold that `change` will write. Suspends.
  absl::Status Remember(Fiber& fiber, const Change& change, Sequence next);
  void Undo();

 private:
  machine::StoreTransaction& inner_;
  std::vector<Change::Write> old_;
};

// Per collection with a history of its own: up to where it was looked through for old versions. A
// new one begins anew.
using Walked = std::map<uint32_t, Sequence>;

// One group of operations. Everything that it is given outlives it.
class Executor final {
 public:
  Executor(runtime::Environment& environment, const StoreOptions& options, Applier& applier,
           HybridClock& clock, Walked& walked, machine::StoreTransaction& transaction)
      : environment_(environment),
        options_(options),
        applier_(applier),
        clock_(clock),
        walked_(walked),
        transaction_(transaction),
        now_ms_(environment.clock.Wall().ns / 1'000'000) {}

  // What happened, also if the operation ended early (`status` says why then): single documents
  // change wholly or not at all.
  struct Outcome final {
    WriteResult result;
    absl::Status status;
  };
  Outcome Execute(Fiber& fiber, const Operation& operation);
  // All or nothing.
  Outcome ExecuteBatch(Fiber& fiber, const std::vector<Operation>& operations);

  // A record of what an operation (or a batch of them) did since there were `first` mutations, or
  // why it did nothing.
  absl::Status Audit(Fiber& fiber, const std::vector<Operation>& operations, size_t first,
                     const absl::Status& outcome);

  // Of the operations so far, in order.
  const std::vector<Mutation>& mutations() const { return mutations_; }
  // Takes them, and lets go of the transaction. The last thing that is asked for.
  std::vector<Mutation> Finish() {
    transaction_.DropIterators();
    return std::move(mutations_);
  }

 private:
  absl::Status Insert(Fiber& fiber, const Operation& operation, WriteResult& result);
  absl::Status InsertDocument(Fiber& fiber, const Operation& operation, const Document& document,
                              WriteResult& result);
  absl::Status Change(Fiber& fiber, const Operation& operation, WriteResult& result);
  absl::Status ChangeOne(Fiber& fiber, const Operation& operation, const Update* update,
                         const Found& found, WriteResult& result);
  absl::Status Upsert(Fiber& fiber, const Operation& operation, const Filter& filter,
                      const Update* update, WriteResult& result);
  absl::Status Delete(Fiber& fiber, const Operation& operation, WriteResult& result);
  absl::Status Purge(Fiber& fiber, const Operation& operation, WriteResult& result);
  absl::Status ChangeIndex(Fiber& fiber, const Operation& operation, WriteResult& result);
  absl::Status Sweep(Fiber& fiber, WriteResult& result);
  absl::Status SweepIndex(Fiber& fiber, const CollectionInfo& info, const IndexDefinition& index,
                          WriteResult& result);
  absl::Status Expire(Fiber& fiber, uint32_t collection, std::string_view id, WriteResult& result);
  absl::Status SetPolicy(Fiber& fiber, const Operation& operation, WriteResult& result);
  absl::Status CheckMayChange(const Operation& operation, const CollectionInfo& info,
                              const std::vector<Found>& targets) const;
  int64_t ExpiryOfWrite(const Operation& operation, const CollectionInfo& info,
                        int64_t before_ms) const;

  // retention.cc
  absl::Status Trim(Fiber& fiber, WriteResult& result);
  absl::Status TrimOplog(Fiber& fiber, int64_t until_ms, WriteResult& result);
  absl::Status TrimCollection(Fiber& fiber, uint32_t collection, int64_t until_ms,
                              WriteResult& result);
  absl::Status TrimBefore(Fiber& fiber, uint32_t collection, const Value& id, Sequence sequence,
                          WriteResult& result);
  absl::Status TrimVersions(Fiber& fiber, const Mutation& changed, WriteResult& result);

  // sync_executor.cc
  absl::Status Sync(Fiber& fiber, const Operation& operation, WriteResult& result);
  absl::Status SyncEnable(Fiber& fiber, const SyncScope& scope, WriteResult& result);
  absl::Status SyncApply(Fiber& fiber, const SyncInput& input, WriteResult& result);
  absl::Status SyncPull(Fiber& fiber, const PulledDocument& pulled, WriteResult& result);
  absl::Status SyncRestamp(Fiber& fiber, int64_t hub_ms, WriteResult& result);
  absl::Status SyncRejoin(Fiber& fiber, WriteResult& result);

  absl::StatusOr<const CollectionInfo*> CollectionFor(Fiber& fiber, const std::string& name);

  // executor_pick.cc
  static absl::Status CheckPick(const Operation& operation);
  // Documents that the filter matches; at most one unless the operation is one on many.
  absl::StatusOr<std::vector<Found>> Targets(Fiber& fiber, const CollectionInfo& info,
                                             Filter& filter, const Operation& operation);
  // What shall come back of a document. Null: there was, or is, none.
  static absl::Status Tell(const Operation& operation, const Document* before,
                           const Document* after, WriteResult& result);
  absl::Status Apply(Fiber& fiber, Mutation mutation, WriteResult& result);
  Value NewId();

  runtime::Environment& environment_;
  const StoreOptions& options_;
  Applier& applier_;
  HybridClock& clock_;
  Walked& walked_;
  ReusingTransaction transaction_;
  UndoableTransaction* undo_ = nullptr;  // in a batch
  const int64_t now_ms_;
  // By the hub's clock, as far as it is known: for revisions.
  int64_t stamp_ms() const { return now_ms_ + applier_.state().sync.clock_offset_ms; }
  std::vector<Mutation> mutations_;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_EXECUTOR_H_
