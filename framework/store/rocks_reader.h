// Reading RocksDB from a shard's thread: what is in memory is read there, only misses are
// offloaded.
#ifndef LOCKSTEP_FRAMEWORK_STORE_ROCKS_READER_H_
#define LOCKSTEP_FRAMEWORK_STORE_ROCKS_READER_H_

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "framework/machine/ordered_store.h"
#include "framework/runtime/offload.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class Iterator;
class PinnableSlice;
class Snapshot;
class Status;
struct ReadOptions;
}  // namespace rocksdb

namespace lockstep::store {

absl::Status FromRocks(const rocksdb::Status& status);

inline constexpr size_t kPrefixBytes = 8;

// A group's id, so that bytes sort as the numbers do.
std::string GroupPrefix(GroupId group);
// What comes right after every key with this prefix. REQUIRES: not the last group's prefix.
std::string PrefixEnd(std::string prefix);

// Prefix and key side by side, without a trip to the heap for ordinary keys.
class PrefixedKey final {
 public:
  PrefixedKey(std::string_view prefix, std::string_view key);
  std::string_view bytes() const { return {bytes_.data(), bytes_.size()}; }

 private:
  absl::InlinedVector<char, 120> bytes_;
};

// Point reads and the parts that cursors need. Owned by the store; the database, the handles and
// the Offload outlive it.
class RocksReader final {
 public:
  using Handles = std::array<rocksdb::ColumnFamilyHandle*, machine::kColumnCount>;

  RocksReader(rocksdb::DB& db, const Handles& handles, runtime::Offload* offload)
      : db_(db), handles_(handles), offload_(offload) {}
  RocksReader(const RocksReader&) = delete;
  RocksReader& operator=(const RocksReader&) = delete;

  rocksdb::DB& db() const { return db_; }
  rocksdb::ColumnFamilyHandle* handle(machine::Column column) const;
  runtime::Offload* offload() const { return offload_; }

  // `key` has its prefix. `snapshot` may be null: the latest. Suspends for a miss only.
  absl::StatusOr<std::optional<std::string>> Get(Fiber& fiber, machine::Column column,
                                                 std::string_view key,
                                                 const rocksdb::Snapshot* snapshot) const;
  // Of keys behind one prefix, which they are given without.
  absl::StatusOr<std::vector<std::optional<std::string>>> GetMany(
      Fiber& fiber, machine::Column column, std::string_view prefix,
      const std::vector<std::string>& keys, const rocksdb::Snapshot* snapshot) const;
  absl::StatusOr<std::optional<std::string>> GetFlushed(Fiber& fiber, machine::Column column,
                                                        std::string_view key) const;
  // As StoreView::ReadRows, of keys behind one prefix, which they are given without. Always in the
  // Offload, if there is one.
  absl::StatusOr<std::vector<machine::Row>> ReadRows(Fiber& fiber, machine::Column column,
                                                     std::string_view prefix, std::string_view from,
                                                     size_t bytes_max,
                                                     const rocksdb::Snapshot* snapshot) const;

  // The first read that failed; DATA_LOSS if any of them met damage.
  const absl::Status& failure() const { return failure_; }
  // A read through this reader ended so.
  void Note(const absl::Status& status) const;
  // What failed can be read again. (Damage is not forgotten.)
  void Forget() const {
    if (!absl::IsDataLoss(failure_)) failure_ = absl::OkStatus();
  }

 private:
  absl::StatusOr<std::optional<std::string>> ToResult(const rocksdb::Status& status,
                                                      const rocksdb::PinnableSlice& value) const;

  rocksdb::DB& db_;
  const Handles handles_;
  runtime::Offload* const offload_;
  mutable absl::Status failure_;  // views are const and read all the same
  mutable uint64_t batch_misses_ = 0;
};

// Walks one group's keys in one column of the database.
//
// RocksDB's iterator is made at the first move and reads on the caller's thread, from the cache or
// from files (see Go for why nothing is offloaded). The reader and the snapshot outlive the cursor.
class RocksCursor final {
 public:
  // `snapshot` may be null: the instant of the first move.
  RocksCursor(const RocksReader& reader, machine::Column column, std::string_view prefix,
              const rocksdb::Snapshot* snapshot);
  RocksCursor(const RocksCursor&) = delete;
  RocksCursor& operator=(const RocksCursor&) = delete;
  ~RocksCursor();

  // First key >= `key`; last key < `key`. `key` must not point into this cursor.
  void Seek(Fiber& fiber, std::string_view key) { Go(fiber, Move::kSeek, key); }
  void SeekBefore(Fiber& fiber, std::string_view key) { Go(fiber, Move::kSeekBefore, key); }
  // REQUIRES: Valid().
  void Next(Fiber& fiber);
  void Previous(Fiber& fiber);

  bool Valid() const;
  std::string_view key() const;  // without the prefix
  std::string_view value() const;
  absl::Status status() const;

 private:
  enum class Move { kSeek, kSeekBefore };
  struct Bounds;

  std::unique_ptr<rocksdb::Iterator> NewIterator() const;
  static void Position(rocksdb::Iterator& at, Move move, std::string_view key);
  void Go(Fiber& fiber, Move move, std::string_view key);

  const RocksReader& reader_;
  const machine::Column column_;
  const std::string prefix_;
  const std::unique_ptr<const Bounds> bounds_;  // of the group; at_ refers to them
  const rocksdb::Snapshot* const snapshot_;
  std::unique_ptr<rocksdb::Iterator> at_;
};

}  // namespace lockstep::store

#endif  // LOCKSTEP_FRAMEWORK_STORE_ROCKS_READER_H_
