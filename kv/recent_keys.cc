#include "kv/recent_keys.h"

#include "framework/base/checksum.h"
#include "kv/mutants.h"

namespace lockstep::kv {

std::unique_ptr<RecentKeys::Set>* RecentKeys::SetOf(std::string_view key) {
  return sets_.empty() ? nullptr : &sets_[base::Checksum64(key) % kSets];
}

RecentKeys::Row* RecentKeys::FindRow(std::string_view key) {
  std::unique_ptr<Set>* const set = SetOf(key);
  if (set == nullptr || *set == nullptr) return nullptr;
  for (Row& row : (*set)->rows) {
    if (row.used && row.key == key) return &row;
  }
  return nullptr;
}

const Newest* RecentKeys::Find(std::string_view key) {
  const Row* const row = FindRow(key);
  if (row == nullptr) return nullptr;
  shown_ = row->newest;
  shown_.older = row->older;
  return &shown_;
}

void RecentKeys::Put(std::string_view key, const Newest& newest) {
  if (key.size() > kKeyBytesMax) return;
  Row* row = FindRow(key);
  if (row == nullptr) {
    if (sets_.empty()) sets_.resize(kSets);
    std::unique_ptr<Set>& set = *SetOf(key);
    if (set == nullptr) set = std::make_unique<Set>();
    row = &set->rows[set->next];
    set->next = (set->next + 1) % kWays;
    row->key.assign(key);
    row->used = true;
  }
  row->older.assign(newest.older);
  row->newest = newest;
  row->newest.older = {};
  row->newest.record.value = {};
}

void RecentKeys::Erase(std::string_view key) {
  if (mutant::Enabled(mutant::kM77DeletedKeyRemembered)) return;
  Row* const row = FindRow(key);
  if (row != nullptr) row->used = false;
}

}  // namespace lockstep::kv
