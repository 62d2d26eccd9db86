// Collection: the documents of one name, as programs use them.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_COLLECTION_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_COLLECTION_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "docs-memory/store/store.h"

namespace lockstep::docs {

// Operations, to be written alone or in a batch.
Operation InsertOp(std::string collection, std::vector<Document> documents,
                   WriteOptions options = {});
Operation UpdateOp(std::string collection, Document filter, Document update, bool many,
                   WriteOptions options = {});
Operation ReplaceOp(std::string collection, Document filter, Document replacement,
                    WriteOptions options = {});
Operation DeleteOp(std::string collection, Document filter, bool many, WriteOptions options = {});
// UpdateOp, ReplaceOp or DeleteOp of one document, which comes back: as it was, unless the options
// of the operation say otherwise.
Operation FindAnd(Operation operation);
Operation PurgeOp(std::string collection, ValueRef id);
// E_POLICY.
absl::StatusOr<Operation> SetPolicyOp(std::string collection, const CollectionPolicy& policy);
// E_INDEX.
absl::StatusOr<Operation> CreateIndexOp(std::string collection, const Document& fields,
                                        const IndexOptions& options);

// Changes of documents, in order, from wherever one asks for.
class Watch final {
 public:
  // Changes after `after`, of `collection` (empty: all).
  Watch(Store& store, std::string collection, Sequence after)
      : store_(store), collection_(std::move(collection)), after_(after) {}

  // The next change; nothing at the deadline. E_HISTORY_TRUNCATED: it is gone. Suspends.
  absl::StatusOr<std::optional<ChangeEvent>> Next(Fiber& fiber, MonoTime deadline = kNoDeadline);
  // Where to resume.
  Sequence position() const { return after_; }

 private:
  Store& store_;
  const std::string collection_;
  Sequence after_;
};

// A value; the store outlives it. Every call may suspend. Writes fail with what Store::Write says.
class Collection final {
 public:
  Collection(Store& store, std::string name) : store_(&store), name_(std::move(name)) {}

  // E_DUPLICATE_ID, E_UNIQUE, E_ID_INVALID and what Canonicalize says. Of InsertMany, what comes
  // before the first document that is refused stays.
  absl::StatusOr<WriteResult> InsertOne(Fiber& fiber, const Document& document,
                                        const WriteOptions& options = {});
  absl::StatusOr<WriteResult> InsertMany(Fiber& fiber, std::vector<Document> documents,
                                         const WriteOptions& options = {});
  absl::StatusOr<WriteResult> UpdateOne(Fiber& fiber, const Document& filter,
                                        const Document& update, const WriteOptions& options = {});
  absl::StatusOr<WriteResult> UpdateMany(Fiber& fiber, const Document& filter,
                                         const Document& update, const WriteOptions& options = {});
  absl::StatusOr<WriteResult> ReplaceOne(Fiber& fiber, const Document& filter,
                                         const Document& replacement,
                                         const WriteOptions& options = {});
  absl::StatusOr<WriteResult> DeleteOne(Fiber& fiber, const Document& filter,
                                        const WriteOptions& options = {});
  absl::StatusOr<WriteResult> DeleteMany(Fiber& fiber, const Document& filter,
                                         const WriteOptions& options = {});

  // In one step: of many that take a document away from all others, each gets one of its own.
  // They return the document as it was, or (options.pick.returns) as it is then; nothing if there
  // was, or is, none.
  absl::StatusOr<std::optional<Document>> FindOneAndUpdate(Fiber& fiber, const Document& filter,
                                                           const Document& update,
                                                           const WriteOptions& options = {});
  absl::StatusOr<std::optional<Document>> FindOneAndReplace(Fiber& fiber, const Document& filter,
                                                            const Document& replacement,
                                                            const WriteOptions& options = {});
  absl::StatusOr<std::optional<Document>> FindOneAndDelete(Fiber& fiber, const Document& filter,
                                                           const WriteOptions& options = {});

  // Erases the document with all of its versions; changes of it are still told, without content.
  // Files forget it with their next compaction, the log when it is cut.
  absl::StatusOr<WriteResult> Purge(Fiber& fiber, ValueRef id);
  // Writes that version of the document once more. E_HISTORY_TRUNCATED if it is not kept.
  absl::StatusOr<WriteResult> Restore(Fiber& fiber, ValueRef id, const Revision& rev);

  absl::StatusOr<std::optional<StoredDocument>> Get(Fiber& fiber, ValueRef id);
  absl::StatusOr<std::optional<StoredDocument>> FindOne(Fiber& fiber, const Document& filter,
                                                        FindOptions options = {});
  absl::StatusOr<std::unique_ptr<Cursor>> Find(Fiber& fiber, const Document& filter,
                                               const FindOptions& options = {});
  absl::StatusOr<uint64_t> Count(Fiber& fiber, const Document& filter = {});
  absl::StatusOr<std::vector<Value>> Distinct(Fiber& fiber, const std::string& field,
                                              const Document& filter = {});
  absl::StatusOr<Document> Explain(Fiber& fiber, const Document& filter,
                                   const FindOptions& options = {});
  absl::StatusOr<std::vector<ChangeEvent>> History(Fiber& fiber, ValueRef id);
  // What comes from now on.
  Watch WatchFromNow() { return Watch(*store_, name_, store_->state()->state.sequence); }
  Watch WatchAfter(Sequence sequence) { return Watch(*store_, name_, sequence); }

  // Returns when the index is known; it is built while the store is in use.
  absl::Status CreateIndex(Fiber& fiber, const Document& fields, const IndexOptions& options = {});
  absl::Status DropIndex(Fiber& fiber, const std::string& name);
  std::vector<IndexDefinition> Indexes() const;
  // What is kept, and for how long, from now on. E_POLICY.
  absl::Status SetPolicy(Fiber& fiber, const CollectionPolicy& policy);
  CollectionPolicy policy() const;

  const std::string& name() const { return name_; }

 private:
  Store* store_;
  std::string name_;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_COLLECTION_H_
