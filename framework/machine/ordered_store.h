// OrderedStore: the state of a shard, as ordered byte keys in a fixed set of columns.
//
// Two implementations: RocksDB (framework/store/rocks_store) and memory (memory_store). Keys of a
// group start with its GroupId as 8 bytes big-endian; GroupStore views hide that prefix.
#ifndef LOCKSTEP_FRAMEWORK_MACHINE_ORDERED_STORE_H_
#define LOCKSTEP_FRAMEWORK_MACHINE_ORDERED_STORE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/base/ids.h"
#include "framework/fiber/scheduler.h"

namespace lockstep::machine {

// A column family. Fixed: none per group, none per service.
enum class Column : uint8_t {
  kSystem = 0,   // the framework's: applied index, configuration, sessions
  kPrimary = 1,  // a service's current state
  kHistory = 2,  // a service's old versions
  kIndex = 3,    // a service's secondary orders
};
inline constexpr size_t kColumnCount = 4;

// Walks keys in byte order. Sees one instant of the store (plus the batch, for transactions).
// Every move may suspend. Errors (I/O, corruption) end the walk: Valid() is false and status() says
// why. The key and value stay valid until the next move. Must not outlive its view. In a
// transaction, each move sees the changes made until then, so a walk may delete what it walks over.
class Iterator {
 public:
  virtual ~Iterator() = default;
  // First key >= `key`.
  virtual void Seek(Fiber& fiber, std::string_view key) = 0;
  // Last key < `key`.
  virtual void SeekBefore(Fiber& fiber, std::string_view key) = 0;
  virtual void Next(Fiber& fiber) = 0;
  virtual void Previous(Fiber& fiber) = 0;
  virtual bool Valid() const = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  virtual absl::Status status() const = 0;
};

struct Row final {
  std::string key;
  std::string value;
};

// Reads at one instant.
class StoreView {
 public:
  virtual ~StoreView() = default;
  // Nothing if the key is absent. May suspend (a cache miss).
  virtual absl::StatusOr<std::optional<std::string>> Get(Fiber& fiber, Column column,
                                                         std::string_view key) const = 0;
  // The same of many keys, in their order. May cost much less than one by one.
  virtual absl::StatusOr<std::vector<std::optional<std::string>>> GetMany(
      Fiber& fiber, Column column, const std::vector<std::string>& keys) const {
    std::vector<std::optional<std::string>> values;
    values.reserve(keys.size());
    for (const std::string& key : keys) {
      auto value = Get(fiber, column, key);
      if (!value.ok()) return value.status();
      values.push_back(*std::move(value));
    }
    return values;
  }
  virtual std::unique_ptr<Iterator> NewIterator(Column column) const = 0;
  // The rows from `from` on, in order, until they have `bytes_max` together; none: there are no
  // more. For whoever walks over everything: caches stay as they are, and others go on meanwhile.
  virtual absl::StatusOr<std::vector<Row>> ReadRows(Fiber& fiber, Column column,
                                                    std::string_view from, size_t bytes_max) const {
    std::vector<Row> rows;
    size_t bytes = 0;
    const std::unique_ptr<Iterator> at = NewIterator(column);
    for (at->Seek(fiber, from); at->Valid() && (rows.empty() || bytes < bytes_max);
         at->Next(fiber)) {
      rows.push_back({std::string(at->key()), std::string(at->value())});
      bytes += at->key().size() + at->value().size();
    }
    if (absl::Status status = at->status(); !status.ok()) return status;
    return rows;
  }
};

// Collects the changes of one batch of entries and reads through them.
class StoreTransaction : public StoreView {
 public:
  virtual void Put(Column column, std::string_view key, std::string_view value) = 0;
  virtual void Delete(Column column, std::string_view key) = 0;
  // Deletes [begin, end). Costs a walk over its rows when it is committed.
  virtual void DeleteRange(Column column, std::string_view begin, std::string_view end) = 0;
};

// One group's part of a shard's store; keys are given without the group's prefix.
class GroupStore {
 public:
  virtual ~GroupStore() = default;
  // A view of what is committed, pinned until it is destroyed. Does not suspend.
  virtual std::unique_ptr<StoreView> Snapshot() = 0;
  // An empty transaction over what is committed. One at a time per group. Must not outlive this
  // object. Does not suspend.
  virtual std::unique_ptr<StoreTransaction> Begin() = 0;
  // Makes the transaction's changes visible, atomically. In memory only: durable after a flush.
  // Takes the transaction only if it succeeds; otherwise nothing was written and the caller still
  // has it. RESOURCE_EXHAUSTED: back-pressure: commit it again after a while.
  virtual absl::Status Commit(Fiber& fiber, std::unique_ptr<StoreTransaction>&& transaction) = 0;
  // What survives a power loss right now, for one key of Column::kSystem (the applied index, that
  // is): reads the persisted tier only.
  virtual absl::StatusOr<std::optional<std::string>> GetFlushed(Fiber& fiber,
                                                                std::string_view key) = 0;
  // Removes all of the group's keys, in all columns, in steps that are visible one by one, in
  // memory only. Suspends, also for back-pressure. REQUIRES: no transaction of the group is open
  // meanwhile.
  virtual absl::Status Clear(Fiber& fiber) = 0;
};

// A shard's store. Owned by the shard; survives as long as its groups.
class OrderedStore {
 public:
  virtual ~OrderedStore() = default;
  // Owned by the caller; must not outlive the store.
  virtual std::unique_ptr<GroupStore> Group(GroupId group) = 0;
  // Asks for a flush of everything in memory and returns at once.
  virtual absl::Status StartFlush() = 0;
  // Flushes and suspends until everything that was committed before the call is durable.
  virtual absl::Status Flush(Fiber& fiber) = 0;
  // Asks for deleted and overwritten data to be cleared away and returns at once.
  virtual absl::Status StartCompaction() = 0;
  // Reads the file that follows `*after` ("" begins) in some fixed order, from the medium and to
  // its end, compares all checksums, and puts its name in `*after`. Returns its size; 0 with "" in
  // `*after`: there is none. DATA_LOSS: it is damaged, or could not be read in several passes;
  // health() says so, too.
  virtual absl::StatusOr<uint64_t> VerifyNextFile(Fiber& fiber, std::string* after) = 0;
  // After a read that failed and met no damage: reads whole what may have failed it, past all
  // caches. OK: all of it can be read, and health() forgets. UNAVAILABLE: it cannot, so far.
  // DATA_LOSS: it is damaged, or could not be read in several calls; health() says so, too.
  virtual absl::Status ReadAgain(Fiber& fiber) = 0;
  // Approximate bytes of live files and of what is in memory, for status pages and quotas.
  virtual uint64_t DiskBytes() const = 0;
  // Not OK after a write error: nothing more is written; reopen the store. Nor after a failed read;
  // DATA_LOSS if it met damage: the store is not to be used any more.
  virtual absl::Status health() const = 0;
};

}  // namespace lockstep::machine

#endif  // LOCKSTEP_FRAMEWORK_MACHINE_ORDERED_STORE_H_
