#include "framework/store/rocks_transaction.h"

#include <rocksdb/write_batch.h>

#include "framework/base/check.h"

namespace lockstep::store {
namespace {

using machine::Column;

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace

RocksTransaction::RocksTransaction(const RocksReader& reader, std::string_view prefix,
                                   bool& is_open)
    : reader_(reader), prefix_(prefix), is_open_(is_open) {
  CHECK(!is_open_) << "one transaction at a time";
  is_open_ = true;
  for (auto& overlay : overlays_) overlay = std::make_unique<WriteOverlay>(arena_, prefix_);
}

RocksTransaction::~RocksTransaction() { is_open_ = false; }

WriteOverlay& RocksTransaction::overlay(Column column) const {
  const auto slot = static_cast<size_t>(column);
  CHECK_LT(slot, machine::kColumnCount);
  return *overlays_[slot];
}

absl::StatusOr<std::optional<std::string>> RocksTransaction::Get(Fiber& fiber, Column column,
                                                                 std::string_view key) const {
  const WriteOverlay& above = overlay(column);
  if (const auto change = above.Find(key)) {
    if (!change->value) return std::optional<std::string>();
    return std::optional<std::string>(std::string(*change->value));
  }
  if (above.RangeOver(key)) return std::optional<std::string>();
  return reader_.Get(fiber, column, PrefixedKey(prefix_, key).bytes(), nullptr);
}

std::unique_ptr<machine::Iterator> RocksTransaction::NewIterator(Column column) const {
  return std::make_unique<MergedIterator>(reader_, column, prefix_, overlay(column));
}

void RocksTransaction::Put(Column column, std::string_view key, std::string_view value) {
  overlay(column).Put(key, value);
}

void RocksTransaction::Delete(Column column, std::string_view key) { overlay(column).Delete(key); }

void RocksTransaction::DeleteRange(Column column, std::string_view begin, std::string_view end) {
  overlay(column).DeleteRange(begin, end);
}

absl::Status RocksTransaction::AppendTo(Fiber& fiber, rocksdb::WriteBatch& batch) const {
  absl::Status status;
  for (size_t slot = 0; slot < overlays_.size(); ++slot) {
    const auto column = static_cast<Column>(slot);
    rocksdb::ColumnFamilyHandle* const to = reader_.handle(column);
    const auto delete_rows = [&](const WriteOverlay::Range& range) {
      RocksCursor rows(reader_, column, prefix_, nullptr);
      const std::string_view end = range.end.substr(prefix_.size());
      rows.Seek(fiber, range.begin.substr(prefix_.size()));
      for (; rows.Valid() && rows.key() < end; rows.Next(fiber)) {
        CHECK(batch.Delete(to, ToSlice(PrefixedKey(prefix_, rows.key()).bytes())).ok());
      }
      status.Update(rows.status());
    };
    const auto write = [&](const WriteOverlay::Change& change) {
      const rocksdb::Slice key = ToSlice(change.key);
      CHECK(
          (change.value ? batch.Put(to, key, ToSlice(*change.value)) : batch.Delete(to, key)).ok());
    };
    overlays_[slot]->ForEach(delete_rows, write);
  }
  return status;
}

void MergedIterator::Seek(Fiber& fiber, std::string_view key) {
  direction_ = Direction::kForward;
  valid_ = false;
  const auto change = overlay_.FirstAtOrAfter(key);
  base_.Seek(fiber, key);
  SettleForward(fiber, change);
}

void MergedIterator::SeekBefore(Fiber& fiber, std::string_view key) {
  direction_ = Direction::kBackward;
  valid_ = false;
  const auto change = overlay_.LastBefore(key);
  base_.SeekBefore(fiber, key);
  SettleBackward(fiber, change);
}

void MergedIterator::Next(Fiber& fiber) {
  CHECK(valid_);
  // The overlay first: key_ may point into the base's position.
  const auto change = overlay_.FirstAfter(key_);
  if (direction_ == Direction::kBackward) {
    const std::string from(key_);
    base_.Seek(fiber, from);
    if (base_.Valid() && base_.key() == from) base_.Next(fiber);
  } else if (base_.Valid() && base_.key() == key_) {
    base_.Next(fiber);
  }
  direction_ = Direction::kForward;
  SettleForward(fiber, change);
}

void MergedIterator::Previous(Fiber& fiber) {
  CHECK(valid_);
  const auto change = overlay_.LastBefore(key_);
  if (direction_ == Direction::kForward) {
    base_.SeekBefore(fiber, std::string(key_));
  } else if (base_.Valid() && base_.key() == key_) {
    base_.Previous(fiber);
  }
  direction_ = Direction::kBackward;
  SettleBackward(fiber, change);
}

void MergedIterator::SettleForward(Fiber& fiber, std::optional<WriteOverlay::Change> change) {
  valid_ = false;
  while (base_.status().ok()) {
    if (change && (!base_.Valid() || change->key <= base_.key())) {
      if (change->value) return StandOn(*change);
      if (base_.Valid() && base_.key() == change->key) base_.Next(fiber);
      change = overlay_.FirstAfter(change->key);
      continue;
    }
    if (!base_.Valid()) return;
    const auto range = overlay_.RangeOver(base_.key());
    if (!range) return StandOnBase();
    base_.Seek(fiber, range->end);
  }
}

void MergedIterator::SettleBackward(Fiber& fiber, std::optional<WriteOverlay::Change> change) {
  valid_ = false;
  while (base_.status().ok()) {
    if (change && (!base_.Valid() || change->key >= base_.key())) {
      if (change->value) return StandOn(*change);
      if (base_.Valid() && base_.key() == change->key) base_.Previous(fiber);
      change = overlay_.LastBefore(change->key);
      continue;
    }
    if (!base_.Valid()) return;
    const auto range = overlay_.RangeOver(base_.key());
    if (!range) return StandOnBase();
    base_.SeekBefore(fiber, range->begin);
  }
}

void MergedIterator::StandOn(const WriteOverlay::Change& change) {
  valid_ = true;
  key_ = change.key;
  value_ = *change.value;
}

void MergedIterator::StandOnBase() {
  valid_ = true;
  key_ = base_.key();
  value_ = base_.value();
}

std::string_view MergedIterator::key() const {
  CHECK(valid_);
  return key_;
}

std::string_view MergedIterator::value() const {
  CHECK(valid_);
  return value_;
}

}  // namespace lockstep::store
