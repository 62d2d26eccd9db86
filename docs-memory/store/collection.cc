#include "docs-memory/store/collection.h"

#include <utility>

#include "docs-memory/bson/error.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {

Operation InsertOp(std::string collection, std::vector<Document> documents, WriteOptions options) {
  Operation operation;
  operation.collection = std::move(collection);
  operation.documents = std::move(documents);
  operation.options = std::move(options);
  return operation;
}

Operation UpdateOp(std::string collection, Document filter, Document update, bool many,
                   WriteOptions options) {
  Operation operation =
      DeleteOp(std::move(collection), std::move(filter), many, std::move(options));
  operation.kind = Operation::Kind::kUpdate;
  operation.update = std::move(update);
  return operation;
}

Operation ReplaceOp(std::string collection, Document filter, Document replacement,
                    WriteOptions options) {
  Operation operation =
      DeleteOp(std::move(collection), std::move(filter), false, std::move(options));
  operation.kind = Operation::Kind::kReplace;
  operation.documents.push_back(std::move(replacement));
  return operation;
}

Operation DeleteOp(std::string collection, Document filter, bool many, WriteOptions options) {
  Operation operation;
  operation.kind = Operation::Kind::kDelete;
  operation.collection = std::move(collection);
  operation.filter = std::move(filter);
  operation.many = many;
  operation.options = std::move(options);
  return operation;
}

Operation FindAnd(Operation operation) {
  PickOptions& pick = operation.options.pick;
  const bool is_left = operation.kind != Operation::Kind::kDelete;
  if (pick.returns == PickOptions::Returns::kNothing || !is_left)
    pick.returns = PickOptions::Returns::kBefore;
  return operation;
}

Operation PurgeOp(std::string collection, ValueRef id) {
  Operation operation = DeleteOp(std::move(collection), Document{{"_id", Value(id)}}, false);
  operation.kind = Operation::Kind::kPurge;
  return operation;
}

absl::StatusOr<Operation> SetPolicyOp(std::string collection, const CollectionPolicy& policy) {
  RETURN_IF_ERROR(policy.Check());
  Operation operation;
  operation.kind = Operation::Kind::kSetPolicy;
  operation.collection = std::move(collection);
  operation.update = policy.Describe();
  return operation;
}

absl::StatusOr<Operation> CreateIndexOp(std::string collection, const Document& fields,
                                        const IndexOptions& options) {
  ASSIGN_OR_RETURN(const IndexDefinition index, IndexDefinition::Make(fields, options));
  Operation operation;
  operation.kind = Operation::Kind::kCreateIndex;
  operation.collection = std::move(collection);
  operation.index = index.options.name;
  operation.update = index.Describe();
  return operation;
}

absl::StatusOr<std::optional<ChangeEvent>> Watch::Next(Fiber& fiber, MonoTime deadline) {
  for (;;) {
    const ReadStateRef state = store_.state();
    ASSIGN_OR_RETURN(auto event, NextChange(fiber, *state, collection_, &after_));
    if (event) return event;
    store_.WaitForChange(fiber, after_, deadline);
    if (store_.state()->state.sequence > after_) continue;
    RETURN_IF_ERROR(store_.status().health);
    return std::optional<ChangeEvent>();
  }
}

absl::StatusOr<WriteResult> Collection::InsertOne(Fiber& fiber, const Document& document,
                                                  const WriteOptions& options) {
  return store_->Write(fiber, InsertOp(name_, {document}, options));
}
absl::StatusOr<WriteResult> Collection::InsertMany(Fiber& fiber, std::vector<Document> documents,
                                                   const WriteOptions& options) {
  return store_->Write(fiber, InsertOp(name_, std::move(documents), options));
}
absl::StatusOr<WriteResult> Collection::UpdateOne(Fiber& fiber, const Document& filter,
                                                  const Document& update,
                                                  const WriteOptions& options) {
  return store_->Write(fiber, UpdateOp(name_, filter, update, false, options));
}
absl::StatusOr<WriteResult> Collection::UpdateMany(Fiber& fiber, const Document& filter,
                                                   const Document& update,
                                                   const WriteOptions& options) {
  return store_->Write(fiber, UpdateOp(name_, filter, update, true, options));
}
absl::StatusOr<WriteResult> Collection::ReplaceOne(Fiber& fiber, const Document& filter,
                                                   const Document& replacement,
                                                   const WriteOptions& options) {
  return store_->Write(fiber, ReplaceOp(name_, filter, replacement, options));
}
absl::StatusOr<WriteResult> Collection::DeleteOne(Fiber& fiber, const Document& filter,
                                                  const WriteOptions& options) {
  return store_->Write(fiber, DeleteOp(name_, filter, false, options));
}
absl::StatusOr<WriteResult> Collection::DeleteMany(Fiber& fiber, const Document& filter,
                                                   const WriteOptions& options) {
  return store_->Write(fiber, DeleteOp(name_, filter, true, options));
}

absl::StatusOr<std::optional<Document>> Collection::FindOneAndUpdate(Fiber& fiber,
                                                                     const Document& filter,
                                                                     const Document& update,
                                                                     const WriteOptions& options) {
  ASSIGN_OR_RETURN(WriteResult result,
                   store_->Write(fiber, FindAnd(UpdateOp(name_, filter, update, false, options))));
  return std::move(result.document);
}
absl::StatusOr<std::optional<Document>> Collection::FindOneAndReplace(Fiber& fiber,
                                                                      const Document& filter,
                                                                      const Document& replacement,
                                                                      const WriteOptions& options) {
  ASSIGN_OR_RETURN(WriteResult result,
                   store_->Write(fiber, FindAnd(ReplaceOp(name_, filter, replacement, options))));
  return std::move(result.document);
}
absl::StatusOr<std::optional<Document>> Collection::FindOneAndDelete(Fiber& fiber,
                                                                     const Document& filter,
                                                                     const WriteOptions& options) {
  ASSIGN_OR_RETURN(WriteResult result,
                   store_->Write(fiber, FindAnd(DeleteOp(name_, filter, false, options))));
  return std::move(result.document);
}

absl::StatusOr<WriteResult> Collection::Purge(Fiber& fiber, ValueRef id) {
  return store_->Write(fiber, PurgeOp(name_, id));
}

absl::StatusOr<WriteResult> Collection::Restore(Fiber& fiber, ValueRef id, const Revision& rev) {
  ASSIGN_OR_RETURN(const std::vector<ChangeEvent> versions, History(fiber, id));
  for (const ChangeEvent& version : versions) {
    if (version.rev != rev || version.op != MutationOp::kPut) continue;
    WriteOptions options;
    options.upsert = true;
    return ReplaceOne(fiber, Document{{"_id", Value(id)}}, version.document, options);
  }
  return Error(ErrorCode::kHistoryTruncated, "_rev", rev.ToText(),
               "there is no such version, or no more");
}

absl::StatusOr<std::optional<StoredDocument>> Collection::Get(Fiber& fiber, ValueRef id) {
  const ReadStateRef state = store_->state();
  return ReadById(fiber, *state, name_, id, store_->now_ms());
}

absl::StatusOr<std::optional<StoredDocument>> Collection::FindOne(Fiber& fiber,
                                                                  const Document& filter,
                                                                  FindOptions options) {
  options.limit = 1;
  ASSIGN_OR_RETURN(const auto cursor, Find(fiber, filter, options));
  return cursor->Next(fiber);
}

absl::StatusOr<std::unique_ptr<Cursor>> Collection::Find(Fiber& fiber, const Document& filter,
                                                         const FindOptions& options) {
  return Cursor::Open(fiber, store_->state(), name_, filter, options, store_->now_ms());
}

absl::StatusOr<uint64_t> Collection::Count(Fiber& fiber, const Document& filter) {
  return CountDocuments(fiber, store_->state(), name_, filter, store_->now_ms());
}

absl::StatusOr<std::vector<Value>> Collection::Distinct(Fiber& fiber, const std::string& field,
                                                        const Document& filter) {
  return DistinctValues(fiber, store_->state(), name_, field, filter, store_->now_ms());
}

absl::StatusOr<Document> Collection::Explain(Fiber& fiber, const Document& filter,
                                             const FindOptions& options) {
  ASSIGN_OR_RETURN(const auto cursor, Find(fiber, filter, options));
  for (;;) {
    ASSIGN_OR_RETURN(const auto found, cursor->Next(fiber));
    if (!found) return cursor->Explain();
  }
}

absl::StatusOr<std::vector<ChangeEvent>> Collection::History(Fiber& fiber, ValueRef id) {
  const ReadStateRef state = store_->state();
  return HistoryOf(fiber, *state, name_, id);
}

absl::Status Collection::CreateIndex(Fiber& fiber, const Document& fields,
                                     const IndexOptions& options) {
  ASSIGN_OR_RETURN(Operation operation, CreateIndexOp(name_, fields, options));
  return store_->Write(fiber, std::move(operation)).status();
}

absl::Status Collection::DropIndex(Fiber& fiber, const std::string& name) {
  Operation operation;
  operation.kind = Operation::Kind::kDropIndex;
  operation.collection = name_;
  operation.index = name;
  return store_->Write(fiber, std::move(operation)).status();
}

absl::Status Collection::SetPolicy(Fiber& fiber, const CollectionPolicy& policy) {
  ASSIGN_OR_RETURN(Operation operation, SetPolicyOp(name_, policy));
  return store_->Write(fiber, std::move(operation)).status();
}

CollectionPolicy Collection::policy() const {
  const CollectionInfo* const info = store_->state()->catalog->Find(name_);
  return info == nullptr ? CollectionPolicy() : info->policy;
}

std::vector<IndexDefinition> Collection::Indexes() const {
  const ReadStateRef state = store_->state();
  const CollectionInfo* const info = state->catalog->Find(name_);
  return info == nullptr ? std::vector<IndexDefinition>() : info->indexes;
}

}  // namespace lockstep::docs
