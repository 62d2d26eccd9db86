#include "framework/store/memory_store.h"

#include <utility>

#include "framework/base/check.h"

namespace lockstep::store {
namespace {

using machine::Column;
using GroupState = MemoryStore::GroupState;

size_t Slot(Column column) {
  const auto slot = static_cast<size_t>(column);
  CHECK_LT(slot, machine::kColumnCount);
  return slot;
}

std::optional<std::string> ValueIn(const PersistentMap& map, std::string_view key) {
  const RecordRef record = map.Find(key);
  if (!record) return std::nullopt;
  return std::string(record->value);
}

// Every move looks its place up anew, so a transaction's iterator sees its later changes.
class MemoryIterator final : public machine::Iterator {
 public:
  explicit MemoryIterator(const PersistentMap& map) : map_(map) {}

  void Seek(Fiber&, std::string_view key) override { at_ = map_.FirstAtOrAfter(key); }
  void SeekBefore(Fiber&, std::string_view key) override { at_ = map_.LastBefore(key); }
  void Next(Fiber&) override {
    CHECK(Valid());
    at_ = map_.FirstAfter(at_->key);
  }
  void Previous(Fiber&) override {
    CHECK(Valid());
    at_ = map_.LastBefore(at_->key);
  }
  bool Valid() const override { return static_cast<bool>(at_); }
  std::string_view key() const override {
    CHECK(Valid());
    return at_->key;
  }
  std::string_view value() const override {
    CHECK(Valid());
    return at_->value;
  }
  absl::Status status() const override { return absl::OkStatus(); }

 private:
  const PersistentMap& map_;
  RecordRef at_;
};

class MemoryView final : public machine::StoreView {
 public:
  explicit MemoryView(MemoryStore::Columns columns) : columns_(std::move(columns)) {}

  absl::StatusOr<std::optional<std::string>> Get(Fiber&, Column column,
                                                 std::string_view key) const override {
    return ValueIn(columns_[Slot(column)], key);
  }
  std::unique_ptr<machine::Iterator> NewIterator(Column column) const override {
    return std::make_unique<MemoryIterator>(columns_[Slot(column)]);
  }

 private:
  const MemoryStore::Columns columns_;
};

class MemoryTransaction final : public machine::StoreTransaction {
 public:
  explicit MemoryTransaction(GroupState& group) : group_(group), columns_(group.committed) {
    CHECK(!group_.has_transaction);
    group_.has_transaction = true;
  }
  ~MemoryTransaction() override { group_.has_transaction = false; }

  absl::StatusOr<std::optional<std::string>> Get(Fiber&, Column column,
                                                 std::string_view key) const override {
    return ValueIn(columns_[Slot(column)], key);
  }
  std::unique_ptr<machine::Iterator> NewIterator(Column column) const override {
    return std::make_unique<MemoryIterator>(columns_[Slot(column)]);
  }
  void Put(Column column, std::string_view key, std::string_view value) override {
    columns_[Slot(column)].Put(key, value);
  }
  void Delete(Column column, std::string_view key) override { columns_[Slot(column)].Erase(key); }
  void DeleteRange(Column column, std::string_view begin, std::string_view end) override {
    columns_[Slot(column)].EraseRange(begin, end);
  }

  const GroupState* group() const { return &group_; }
  MemoryStore::Columns TakeColumns() { return std::move(columns_); }

 private:
  GroupState& group_;
  MemoryStore::Columns columns_;
};

class MemoryGroup final : public machine::GroupStore {
 public:
  explicit MemoryGroup(GroupState& group) : group_(group) {}

  std::unique_ptr<machine::StoreView> Snapshot() override {
    return std::make_unique<MemoryView>(group_.committed);
  }
  std::unique_ptr<machine::StoreTransaction> Begin() override {
    return std::make_unique<MemoryTransaction>(group_);
  }
  absl::Status Commit(Fiber&, std::unique_ptr<machine::StoreTransaction>&& transaction) override {
    auto* const ours = dynamic_cast<MemoryTransaction*>(transaction.get());
    CHECK(ours != nullptr);
    CHECK_EQ(ours->group(), &group_);
    group_.committed = ours->TakeColumns();
    transaction.reset();
    return absl::OkStatus();
  }
  absl::StatusOr<std::optional<std::string>> GetFlushed(Fiber&, std::string_view key) override {
    return ValueIn(group_.flushed, key);
  }
  absl::Status Clear(Fiber&) override {
    CHECK(!group_.has_transaction);
    group_.committed = {};
    return absl::OkStatus();
  }

 private:
  GroupState& group_;
};

}  // namespace

std::unique_ptr<machine::GroupStore> MemoryStore::Group(GroupId group) {
  return std::make_unique<MemoryGroup>(groups_[group]);
}

absl::Status MemoryStore::StartFlush() {
  for (auto& [id, group] : groups_) group.flushed = group.committed[Slot(Column::kSystem)];
  return absl::OkStatus();
}

absl::Status MemoryStore::Flush(Fiber&) { return StartFlush(); }

uint64_t MemoryStore::DiskBytes() const {
  uint64_t bytes = 0;
  for (const auto& [id, group] : groups_) {
    for (const PersistentMap& column : group.committed) bytes += column.bytes();
  }
  return bytes;
}

}  // namespace lockstep::store
