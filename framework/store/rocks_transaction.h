// RocksTransaction: a batch of changes to one group, readable before it is written.
#ifndef LOCKSTEP_FRAMEWORK_STORE_ROCKS_TRANSACTION_H_
#define LOCKSTEP_FRAMEWORK_STORE_ROCKS_TRANSACTION_H_

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "framework/machine/ordered_store.h"
#include "framework/store/rocks_reader.h"
#include "framework/store/write_overlay.h"

namespace rocksdb {
class WriteBatch;
}

namespace lockstep::store {

// Reads the latest committed state below its own changes: nobody else writes to the group while it
// is open, so no snapshot is needed.
class RocksTransaction final : public machine::StoreTransaction {
 public:
  // `is_open` is the group's mark that a transaction exists.
  RocksTransaction(const RocksReader& reader, std::string_view prefix, bool& is_open);
  ~RocksTransaction() override;

  absl::StatusOr<std::optional<std::string>> Get(Fiber& fiber, machine::Column column,
                                                 std::string_view key) const override;
  std::unique_ptr<machine::Iterator> NewIterator(machine::Column column) const override;
  void Put(machine::Column column, std::string_view key, std::string_view value) override;
  void Delete(machine::Column column, std::string_view key) override;
  void DeleteRange(machine::Column column, std::string_view begin, std::string_view end) override;

  // Everything collected so far. A deleted range becomes the deletion of each row in it: there are
  // no range tombstones (rocks_reader.cc says why). Does not suspend.
  absl::Status AppendTo(Fiber& fiber, rocksdb::WriteBatch& batch) const;
  std::string_view prefix() const { return prefix_; }

 private:
  WriteOverlay& overlay(machine::Column column) const;

  const RocksReader& reader_;
  const std::string prefix_;
  bool& is_open_;
  ByteArena arena_;
  std::array<std::unique_ptr<WriteOverlay>, machine::kColumnCount> overlays_;
};

// A walk over a column with a batch's changes on top.
//
// Invariants, while valid:
//   1. Forwards, base_ is at its first key >= the current one that no change hides, or past keys
//      that changes hide; backwards the mirror image.
//   2. key_ and value_ point into base_'s position or into the overlay's arena.
class MergedIterator final : public machine::Iterator {
 public:
  MergedIterator(const RocksReader& reader, machine::Column column, std::string_view prefix,
                 const WriteOverlay& overlay)
      : base_(reader, column, prefix, nullptr), overlay_(overlay) {}

  void Seek(Fiber& fiber, std::string_view key) override;
  void SeekBefore(Fiber& fiber, std::string_view key) override;
  void Next(Fiber& fiber) override;
  void Previous(Fiber& fiber) override;
  bool Valid() const override { return valid_; }
  std::string_view key() const override;
  std::string_view value() const override;
  absl::Status status() const override { return base_.status(); }

 private:
  enum class Direction { kForward, kBackward };

  // Settles on the nearest key at or beyond both base_'s position and `change`.
  void SettleForward(Fiber& fiber, std::optional<WriteOverlay::Change> change);
  void SettleBackward(Fiber& fiber, std::optional<WriteOverlay::Change> change);
  void StandOn(const WriteOverlay::Change& change);
  void StandOnBase();

  RocksCursor base_;
  const WriteOverlay& overlay_;
  Direction direction_ = Direction::kForward;
  bool valid_ = false;
  std::string_view key_;
  std::string_view value_;
};

}  // namespace lockstep::store

#endif  // LOCKSTEP_FRAMEWORK_STORE_ROCKS_TRANSACTION_H_
