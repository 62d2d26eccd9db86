#include "docs-memory/blocking/row_cache.h"

#include <utility>

#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

using machine::Column;

class CachedView final : public machine::StoreView {
 public:
  CachedView(RowCache& cache, std::shared_ptr<const machine::StoreView> inner, uint64_t version)
      : cache_(cache), inner_(std::move(inner)), version_(version) {}

  absl::StatusOr<std::optional<std::string>> Get(Fiber& fiber, Column column,
                                                 std::string_view key) const override {
    return inner_->Get(fiber, column, key);
  }
  absl::StatusOr<std::vector<std::optional<std::string>>> GetMany(
      Fiber& fiber, Column column, const std::vector<std::string>& keys) const override;
  std::unique_ptr<machine::Iterator> NewIterator(Column column) const override {
    return inner_->NewIterator(column);
  }

 private:
  RowCache& cache_;
  const std::shared_ptr<const machine::StoreView> inner_;
  const uint64_t version_;
};

absl::StatusOr<std::vector<std::optional<std::string>>> CachedView::GetMany(
    Fiber& fiber, Column column, const std::vector<std::string>& keys) const {
  if (column != Column::kPrimary) return inner_->GetMany(fiber, column, keys);
  std::vector<std::optional<std::string>> values = cache_.Find(version_, keys);
  std::vector<std::string> missing;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!values[i]) missing.push_back(keys[i]);
  }
  if (missing.empty()) return values;
  ASSIGN_OR_RETURN(auto read, inner_->GetMany(fiber, column, missing));
  size_t next = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (values[i]) continue;
    values[i] = std::move(read[next++]);
    if (values[i]) cache_.Add(version_, keys[i], *values[i]);
  }
  CHECK_EQ(next, read.size());
  return values;
}

}  // namespace

void RowCache::Publish(uint64_t version, const std::vector<std::string>& touched) {
  const std::lock_guard<std::mutex> lock(mutex_);
  CHECK_GE(version, version_);
  version_ = version;
  for (const std::string& key : touched) Erase(key);
}

// In three rounds, so that the memory of all rows is fetched at the same time.
std::vector<std::optional<std::string>> RowCache::Find(uint64_t version,
                                                       const std::vector<std::string>& keys) {
  std::vector<std::optional<std::string>> values(keys.size());
  std::vector<Row*> found(keys.size());
  const std::lock_guard<std::mutex> lock(mutex_);
  if (version != version_) return values;
  for (const std::string& key : keys) by_key_.prefetch(key);
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto row = by_key_.find(keys[i]);
    if (row == by_key_.end()) continue;
    found[i] = row->second;
    __builtin_prefetch(found[i]->bytes.data() + 64);
    __builtin_prefetch(found[i]->bytes.data() + 128);
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    if (found[i] == nullptr) continue;
    values[i] = found[i]->value();
    found[i]->is_used = true;
    ++hits_;
  }
  return values;
}

void RowCache::Add(uint64_t version, const std::string& key, std::string_view value) {
  auto row = std::make_unique<Row>();
  row->bytes.reserve(key.size() + value.size());
  row->bytes.append(key).append(value);
  row->key_bytes = key.size();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (version != version_ || row->size() > bytes_max_) return;
  Erase(key);
  if (free_.empty()) {
    free_.push_back(rows_.size());
    rows_.emplace_back();
  }
  row->slot = free_.back();
  free_.pop_back();
  bytes_ += row->size();
  by_key_[row->key()] = row.get();
  rows_[row->slot] = std::move(row);
  MakeRoom();
}

void RowCache::MakeRoom() {
  while (bytes_ > bytes_max_) {
    Row* const row = rows_[hand_].get();
    hand_ = (hand_ + 1) % rows_.size();
    if (row == nullptr || std::exchange(row->is_used, false)) continue;
    Erase(row->key());
  }
}

void RowCache::Erase(std::string_view key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  const size_t slot = found->second->slot;
  CHECK_GE(bytes_, found->second->size());
  bytes_ -= found->second->size();
  by_key_.erase(found);
  rows_[slot].reset();
  free_.push_back(slot);
}

std::shared_ptr<const machine::StoreView> RowCache::Over(
    std::shared_ptr<const machine::StoreView> inner, uint64_t version) {
  return std::make_shared<const CachedView>(*this, std::move(inner), version);
}

uint64_t RowCache::hits() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return hits_;
}

}  // namespace lockstep::docs
