// BlockingStore: documents for ordinary threads.
//
// The store runs on a thread of its own. Reads happen on the caller's thread, against the newest
// state that was published; writes queue to the store's loop, which makes many of them durable at a
// time. There is no lock to wait for, and no "database is locked".
#ifndef LOCKSTEP_DOCS_MEMORY_BLOCKING_BLOCKING_STORE_H_
#define LOCKSTEP_DOCS_MEMORY_BLOCKING_BLOCKING_STORE_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "docs-memory/crypto/keyring.h"
#include "docs-memory/store/collection.h"

namespace lockstep::docs {

class BlockingStore;

// Walks over what a find returned, as of one instant. For one thread at a time; goes before its
// store.
class BlockingCursor final {
 public:
  BlockingCursor(BlockingStore& store, std::unique_ptr<Cursor> cursor)
      : store_(&store), cursor_(std::move(cursor)) {}
  // Nothing at the end.
  absl::StatusOr<std::optional<StoredDocument>> Next();
  absl::StatusOr<std::vector<Document>> All();

 private:
  BlockingStore* store_;
  std::unique_ptr<Cursor> cursor_;
};

// Changes of documents, in order. For one thread at a time; goes before its store.
class BlockingWatch final {
 public:
  BlockingWatch(BlockingStore& store, std::string collection, Sequence after)
      : store_(&store), collection_(std::move(collection)), after_(after) {}
  // The next change; nothing after so long.
  absl::StatusOr<std::optional<ChangeEvent>> Next(std::chrono::milliseconds wait);
  Sequence position() const { return after_; }

 private:
  BlockingStore* store_;
  const std::string collection_;
  Sequence after_;
};

// A value; may be used by any thread. The calls are those of Collection.
class BlockingCollection final {
 public:
  BlockingCollection(BlockingStore& store, std::string name)
      : store_(&store), name_(std::move(name)) {}

  absl::StatusOr<WriteResult> InsertOne(const Document& document, const WriteOptions& options = {});
  absl::StatusOr<WriteResult> InsertMany(std::vector<Document> documents,
                                         const WriteOptions& options = {});
  absl::StatusOr<WriteResult> UpdateOne(const Document& filter, const Document& update,
                                        const WriteOptions& options = {});
  absl::StatusOr<WriteResult> UpdateMany(const Document& filter, const Document& update,
                                         const WriteOptions& options = {});
  absl::StatusOr<WriteResult> ReplaceOne(const Document& filter, const Document& replacement,
                                         const WriteOptions& options = {});
  absl::StatusOr<WriteResult> DeleteOne(const Document& filter, const WriteOptions& options = {});
  absl::StatusOr<WriteResult> DeleteMany(const Document& filter, const WriteOptions& options = {});

  absl::StatusOr<std::optional<Document>> FindOneAndUpdate(const Document& filter,
                                                           const Document& update,
                                                           const WriteOptions& options = {});
  absl::StatusOr<std::optional<Document>> FindOneAndReplace(const Document& filter,
                                                            const Document& replacement,
                                                            const WriteOptions& options = {});
  absl::StatusOr<std::optional<Document>> FindOneAndDelete(const Document& filter,
                                                           const WriteOptions& options = {});

  absl::StatusOr<WriteResult> Purge(ValueRef id);
  absl::StatusOr<WriteResult> Restore(ValueRef id, const Revision& rev);

  absl::StatusOr<std::optional<StoredDocument>> Get(ValueRef id) const;
  absl::StatusOr<std::optional<StoredDocument>> FindOne(const Document& filter,
                                                        FindOptions options = {}) const;
  absl::StatusOr<BlockingCursor> Find(const Document& filter,
                                      const FindOptions& options = {}) const;
  absl::StatusOr<uint64_t> Count(const Document& filter = {}) const;
  absl::StatusOr<std::vector<Value>> Distinct(const std::string& field,
                                              const Document& filter = {}) const;
  absl::StatusOr<Document> Explain(const Document& filter, const FindOptions& options = {}) const;
  absl::StatusOr<std::vector<ChangeEvent>> History(ValueRef id) const;
  BlockingWatch WatchFromNow() const;
  // Goes on where another watch was (BlockingWatch::position), also in another process.
  BlockingWatch WatchAfter(Sequence sequence) const;
  // Returns when the index is ready. E_UNIQUE: documents that are there violate it. `progress`
  // hears now and then of about how many documents are in it.
  absl::Status CreateIndex(const Document& fields, const IndexOptions& options = {},
                           const std::function<void(uint64_t)>& progress = {});
  absl::Status DropIndex(const std::string& name);
  absl::Status SetPolicy(const CollectionPolicy& policy);
  CollectionPolicy policy() const;

 private:
  BlockingStore* store_;
  std::string name_;
};

struct BlockingOptions final {
  StoreOptions store;
  // Seals a new store; opens a sealed one. (docs-memory/crypto)
  std::optional<std::string> passphrase = {};
  ScryptCost passphrase_cost = {};
  size_t cache_bytes = size_t{64} << 20;      // of blocks of files that were read
  size_t row_cache_bytes = size_t{16} << 20;  // of rows that indexes led to
  bool log_to_stderr = false;                 // structured lines, warnings and worse
  bool ignores_log = false;                   // of ReadOffline: what was not flushed is left out
};

// Owns its thread. Any thread may use it.
class BlockingStore final {
 public:
  // Opens the store in `directory`, or creates it. E_STORE_IN_USE: somebody else has it open;
  // E_BAD_PASSPHRASE.
  static absl::StatusOr<std::unique_ptr<BlockingStore>> Open(const std::string& directory,
                                                             const BlockingOptions& options = {});
  // What is written from now on is sealed with a new key, and what there is is written anew; keys
  // that nothing needs any more are forgotten. A power loss at any time leaves a store that opens.
  // Takes as long as reading and writing all of it; `progress` hears now and then, on some thread,
  // of so many bytes of so many.
  static absl::Status Rekey(const std::string& directory, const BlockingOptions& options,
                            const std::function<void(uint64_t, uint64_t)>& progress = {});
  // The same keys behind another passphrase.
  static absl::Status ChangePassphrase(const std::string& directory, const BlockingOptions& options,
                                       const std::string& new_passphrase);
  BlockingStore(const BlockingStore&) = delete;
  BlockingStore& operator=(const BlockingStore&) = delete;
  // Closes. REQUIRES: no call is under way, no cursor and no watch is left.
  ~BlockingStore();

  BlockingCollection collection(std::string name) { return {*this, std::move(name)}; }
  // All of it or nothing of it.
  absl::StatusOr<WriteResult> WriteBatch(std::vector<Operation> operations,
                                         Durability durability = Durability::kSync);
  absl::StatusOr<WriteResult> Write(Operation operation);
  // Everything that was written, also asynchronously, is durable.
  absl::Status Sync();
  // Runs `call` on the store's thread, where the API of fibers is.
  absl::StatusOr<WriteResult> OnStore(
      std::function<absl::StatusOr<WriteResult>(Fiber&, Store&)> call);
  // What readers see now; stays as it is.
  ReadStateRef state() const;
  int64_t now_ms() const;
  // Runs `read` in a fiber on the calling thread.
  void Read(absl::FunctionRef<void(Fiber&)> read) const;
  // Until readers may see more than `sequence`, or so long; false then.
  bool WaitForChange(Sequence sequence, std::chrono::milliseconds wait) const;
  StoreStatus status() const;
  // For Prometheus; whoever has a port for it serves it.
  std::string Metrics() const;
  // Makes everything durable and the next Open fast; writes are refused from now on.
  absl::Status Close();

 private:
  class Core;
  explicit BlockingStore(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_BLOCKING_BLOCKING_STORE_H_
