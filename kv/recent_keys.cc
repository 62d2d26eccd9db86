#include "kv/recent_keys.h"

#include <utility>

#include "framework/base/mutant.h"

namespace lockstep::kv {

const Newest* RecentKeys::Find(std::string_view key) {
  const absl::string_view wanted(key.data(), key.size());
  if (const auto it = young_.find(wanted); it != young_.end()) return Show(it->second);
  if (const auto it = old_.find(wanted); it != old_.end()) return Show(it->second);
  return nullptr;
}

void RecentKeys::Put(std::string_view key, const Newest& newest) {
  if (key.size() > kKeyBytesMax) return;
  if (young_.size() >= kGenerationMax) {
    old_ = std::move(young_);
    young_ = {};
  }
  // A stale row in the old generation is hidden by this one as long as it lives.
  Row& row = young_[absl::string_view(key.data(), key.size())];
  row.mod = newest.record.mod;
  row.create = newest.record.create;
  row.version = newest.record.version;
  row.lease = newest.record.lease;
  row.older_count = newest.older_count;
  row.older.assign(newest.older);
}

void RecentKeys::Erase(std::string_view key) {
  if (mutant::Enabled(mutant::Id::kM77DeletedKeyRemembered)) return;
  const absl::string_view gone(key.data(), key.size());
  young_.erase(gone);
  old_.erase(gone);
}

void RecentKeys::Clear() {
  young_ = {};
  old_ = {};
}

const Newest* RecentKeys::Show(const Row& row) {
  shown_.record.mod = row.mod;
  shown_.record.create = row.create;
  shown_.record.version = row.version;
  shown_.record.lease = row.lease;
  shown_.older_count = row.older_count;
  shown_.older = row.older;
  return &shown_;
}

}  // namespace lockstep::kv
