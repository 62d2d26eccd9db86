#include <algorithm>
#include <utility>

#include "docs-memory/blocking/blocking_store.h"
#include "docs-memory/bson/error.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

// What `read` returns, run in a fiber on this thread.
template <typename Result, typename Call>
Result OnThisThread(const BlockingStore& store, const Call& read) {
  std::optional<Result> result;
  store.Read([&](Fiber& fiber) { result.emplace(read(fiber)); });
  return *std::move(result);
}

}  // namespace

absl::StatusOr<std::optional<StoredDocument>> BlockingCursor::Next() {
  return OnThisThread<absl::StatusOr<std::optional<StoredDocument>>>(
      *store_, [&](Fiber& fiber) { return cursor_->Next(fiber); });
}

absl::StatusOr<std::vector<Document>> BlockingCursor::All() {
  return OnThisThread<absl::StatusOr<std::vector<Document>>>(
      *store_, [&](Fiber& fiber) -> absl::StatusOr<std::vector<Document>> {
        std::vector<Document> all;
        for (;;) {
          ASSIGN_OR_RETURN(auto found, cursor_->Next(fiber));
          if (!found) return all;
          all.push_back(std::move(found->document));
        }
      });
}

absl::StatusOr<std::optional<ChangeEvent>> BlockingWatch::Next(std::chrono::milliseconds wait) {
  for (;;) {
    const ReadStateRef state = store_->state();
    ASSIGN_OR_RETURN(auto event, (OnThisThread<absl::StatusOr<std::optional<ChangeEvent>>>(
                                     *store_, [&](Fiber& fiber) {
                                       return NextChange(fiber, *state, collection_, &after_);
                                     })));
    if (event || !store_->WaitForChange(after_, wait)) return event;
  }
}

absl::StatusOr<WriteResult> BlockingCollection::InsertOne(const Document& document,
                                                          const WriteOptions& options) {
  return store_->Write(InsertOp(name_, {document}, options));
}
absl::StatusOr<WriteResult> BlockingCollection::InsertMany(std::vector<Document> documents,
                                                           const WriteOptions& options) {
  return store_->Write(InsertOp(name_, std::move(documents), options));
}
absl::StatusOr<WriteResult> BlockingCollection::UpdateOne(const Document& filter,
                                                          const Document& update,
                                                          const WriteOptions& options) {
  return store_->Write(UpdateOp(name_, filter, update, false, options));
}
absl::StatusOr<WriteResult> BlockingCollection::UpdateMany(const Document& filter,
                                                           const Document& update,
                                                           const WriteOptions& options) {
  return store_->Write(UpdateOp(name_, filter, update, true, options));
}
absl::StatusOr<WriteResult> BlockingCollection::ReplaceOne(const Document& filter,
                                                           const Document& replacement,
                                                           const WriteOptions& options) {
  return store_->Write(ReplaceOp(name_, filter, replacement, options));
}
absl::StatusOr<WriteResult> BlockingCollection::DeleteOne(const Document& filter,
                                                          const WriteOptions& options) {
  return store_->Write(DeleteOp(name_, filter, false, options));
}
absl::StatusOr<WriteResult> BlockingCollection::DeleteMany(const Document& filter,
                                                           const WriteOptions& options) {
  return store_->Write(DeleteOp(name_, filter, true, options));
}

absl::StatusOr<std::optional<Document>> BlockingCollection::FindOneAndUpdate(
    const Document& filter, const Document& update, const WriteOptions& options) {
  ASSIGN_OR_RETURN(WriteResult result,
                   store_->Write(FindAnd(UpdateOp(name_, filter, update, false, options))));
  return std::move(result.document);
}
absl::StatusOr<std::optional<Document>> BlockingCollection::FindOneAndReplace(
    const Document& filter, const Document& replacement, const WriteOptions& options) {
  ASSIGN_OR_RETURN(WriteResult result,
                   store_->Write(FindAnd(ReplaceOp(name_, filter, replacement, options))));
  return std::move(result.document);
}
absl::StatusOr<std::optional<Document>> BlockingCollection::FindOneAndDelete(
    const Document& filter, const WriteOptions& options) {
  ASSIGN_OR_RETURN(WriteResult result,
                   store_->Write(FindAnd(DeleteOp(name_, filter, false, options))));
  return std::move(result.document);
}

absl::StatusOr<WriteResult> BlockingCollection::Purge(ValueRef id) {
  return store_->Write(PurgeOp(name_, id));
}
absl::StatusOr<WriteResult> BlockingCollection::Restore(ValueRef id, const Revision& rev) {
  return store_->OnStore(
      [&](Fiber& fiber, Store& store) { return Collection(store, name_).Restore(fiber, id, rev); });
}

absl::StatusOr<std::optional<StoredDocument>> BlockingCollection::Get(ValueRef id) const {
  const ReadStateRef state = store_->state();
  return OnThisThread<absl::StatusOr<std::optional<StoredDocument>>>(
      *store_, [&](Fiber& fiber) { return ReadById(fiber, *state, name_, id, store_->now_ms()); });
}

absl::StatusOr<std::optional<StoredDocument>> BlockingCollection::FindOne(
    const Document& filter, FindOptions options) const {
  options.limit = 1;
  ASSIGN_OR_RETURN(BlockingCursor cursor, Find(filter, options));
  return cursor.Next();
}

absl::StatusOr<BlockingCursor> BlockingCollection::Find(const Document& filter,
                                                        const FindOptions& options) const {
  auto cursor = OnThisThread<absl::StatusOr<std::unique_ptr<Cursor>>>(*store_, [&](Fiber& fiber) {
    return Cursor::Open(fiber, store_->state(), name_, filter, options, store_->now_ms());
  });
  if (!cursor.ok()) return cursor.status();
  return BlockingCursor(*store_, *std::move(cursor));
}

absl::StatusOr<uint64_t> BlockingCollection::Count(const Document& filter) const {
  return OnThisThread<absl::StatusOr<uint64_t>>(*store_, [&](Fiber& fiber) {
    return CountDocuments(fiber, store_->state(), name_, filter, store_->now_ms());
  });
}

absl::StatusOr<std::vector<Value>> BlockingCollection::Distinct(const std::string& field,
                                                                const Document& filter) const {
  return OnThisThread<absl::StatusOr<std::vector<Value>>>(*store_, [&](Fiber& fiber) {
    return DistinctValues(fiber, store_->state(), name_, field, filter, store_->now_ms());
  });
}

absl::StatusOr<Document> BlockingCollection::Explain(const Document& filter,
                                                     const FindOptions& options) const {
  return OnThisThread<absl::StatusOr<Document>>(
      *store_, [&](Fiber& fiber) -> absl::StatusOr<Document> {
        ASSIGN_OR_RETURN(const auto cursor, Cursor::Open(fiber, store_->state(), name_, filter,
                                                         options, store_->now_ms()));
        for (;;) {
          ASSIGN_OR_RETURN(const auto found, cursor->Next(fiber));
          if (!found) return cursor->Explain();
        }
      });
}

absl::StatusOr<std::vector<ChangeEvent>> BlockingCollection::History(ValueRef id) const {
  const ReadStateRef state = store_->state();
  return OnThisThread<absl::StatusOr<std::vector<ChangeEvent>>>(
      *store_, [&](Fiber& fiber) { return HistoryOf(fiber, *state, name_, id); });
}

BlockingWatch BlockingCollection::WatchFromNow() const {
  return {*store_, name_, store_->state()->state.sequence};
}

BlockingWatch BlockingCollection::WatchAfter(Sequence sequence) const {
  return {*store_, name_, sequence};
}

absl::Status BlockingCollection::CreateIndex(const Document& fields, const IndexOptions& options,
                                             const std::function<void(uint64_t)>& progress) {
  ASSIGN_OR_RETURN(Operation operation, CreateIndexOp(name_, fields, options));
  const std::string index = operation.index;
  ASSIGN_OR_RETURN(const WriteResult made, store_->Write(std::move(operation)));
  for (;;) {
    const ReadStateRef state = store_->state();
    // (Each chunk is one change; who writes meanwhile makes it look like more.)
    if (progress && made.sequence != 0)
      progress((state->state.sequence - std::min(made.sequence, state->state.sequence)) *
               kBuildChunk);
    const CollectionInfo* const info = state->catalog->Find(name_);
    const IndexDefinition* const built = info == nullptr ? nullptr : info->Index(index);
    if (built == nullptr)
      return Error(ErrorCode::kIndex, "", index, "was dropped while it was built");
    if (built->state == IndexState::kReady) return absl::OkStatus();
    if (built->state == IndexState::kFailed)
      return Error(ErrorCode::kUnique, "", index, "documents that are there violate the index");
    RETURN_IF_ERROR(store_->status().health);
    store_->WaitForChange(state->state.sequence, std::chrono::milliseconds(100));
  }
}

absl::Status BlockingCollection::SetPolicy(const CollectionPolicy& policy) {
  ASSIGN_OR_RETURN(Operation operation, SetPolicyOp(name_, policy));
  return store_->Write(std::move(operation)).status();
}

CollectionPolicy BlockingCollection::policy() const {
  const CollectionInfo* const info = store_->state()->catalog->Find(name_);
  return info == nullptr ? CollectionPolicy() : info->policy;
}

absl::Status BlockingCollection::DropIndex(const std::string& name) {
  Operation operation;
  operation.kind = Operation::Kind::kDropIndex;
  operation.collection = name_;
  operation.index = name;
  return store_->Write(std::move(operation)).status();
}

}  // namespace lockstep::docs
