#include "framework/store/write_overlay.h"

#include <algorithm>
#include <cstring>

#include "framework/base/check.h"

namespace lockstep::store {
namespace {

// Small enough that the allocator keeps freed blocks for the next batch.
constexpr size_t kBlockBytesMax = 64 * 1024;

}  // namespace

std::string_view ByteArena::Copy(std::string_view head, std::string_view tail) {
  const size_t bytes = head.size() + tail.size();
  char* const to = Reserve(bytes);
  // memcpy must not see the null pointer of an empty view.
  if (!head.empty()) std::memcpy(to, head.data(), head.size());
  if (!tail.empty()) std::memcpy(to + head.size(), tail.data(), tail.size());
  return {to, bytes};
}

char* ByteArena::Reserve(size_t bytes) {
  if (bytes > free_bytes_) {
    const size_t block_bytes = std::max(bytes, next_block_bytes_);
    next_block_bytes_ = std::min(2 * next_block_bytes_, kBlockBytesMax);
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_bytes));
    free_ = blocks_.back().get();
    free_bytes_ = block_bytes;
  }
  char* const reserved = free_;
  free_ += bytes;
  free_bytes_ -= bytes;
  return reserved;
}

void WriteOverlay::Put(std::string_view key, std::string_view value) {
  Set(key, arena_.Copy({}, value));
}

void WriteOverlay::Delete(std::string_view key) { Set(key, std::nullopt); }

void WriteOverlay::Set(std::string_view key, std::optional<std::string_view> value) {
  const auto at = changes_.lower_bound(key);
  if (at != changes_.end() && at->first == key) {
    at->second = value;
  } else {
    changes_.insert(at, {Keep(key), value});
  }
}

void WriteOverlay::DeleteRange(std::string_view begin, std::string_view end) {
  if (begin >= end) return;
  changes_.erase(changes_.lower_bound(begin), changes_.lower_bound(end));
  begin = Keep(begin);
  end = Keep(end);
  // Swallow every range that overlaps or touches.
  auto at = ranges_.upper_bound(begin);
  if (at != ranges_.begin() && std::prev(at)->second >= begin) --at;
  while (at != ranges_.end() && at->first <= end) {
    begin = std::min(begin, at->first);
    end = std::max(end, at->second);
    at = ranges_.erase(at);
  }
  CHECK_LT(begin, end);
  ranges_.insert(at, {begin, end});
}

std::optional<WriteOverlay::Change> WriteOverlay::Find(std::string_view key) const {
  return At(changes_.find(key));
}

std::optional<WriteOverlay::Change> WriteOverlay::FirstAtOrAfter(std::string_view key) const {
  return At(changes_.lower_bound(key));
}

std::optional<WriteOverlay::Change> WriteOverlay::FirstAfter(std::string_view key) const {
  return At(changes_.upper_bound(key));
}

std::optional<WriteOverlay::Change> WriteOverlay::LastBefore(std::string_view key) const {
  const auto at = changes_.lower_bound(key);
  if (at == changes_.begin()) return std::nullopt;
  return At(std::prev(at));
}

std::optional<WriteOverlay::Range> WriteOverlay::RangeOver(std::string_view key) const {
  if (ranges_.empty()) return std::nullopt;
  const auto after = ranges_.upper_bound(key);
  if (after == ranges_.begin()) return std::nullopt;
  const auto at = std::prev(after);
  if (key >= at->second) return std::nullopt;
  return Range{at->first, at->second};
}

void WriteOverlay::ForEach(const std::function<void(const Range&)>& on_range,
                           const std::function<void(const Change&)>& on_change) const {
  for (const auto& [begin, end] : ranges_) on_range({WithPrefix(begin), WithPrefix(end)});
  for (const auto& [key, value] : changes_) on_change({WithPrefix(key), value});
}

// A copy that has the prefix right before it.
std::string_view WriteOverlay::Keep(std::string_view key) {
  return arena_.Copy(prefix_, key).substr(prefix_.size());
}

// REQUIRES: `kept` came from Keep.
std::string_view WriteOverlay::WithPrefix(std::string_view kept) const {
  return {kept.data() - prefix_.size(), kept.size() + prefix_.size()};
}

std::optional<WriteOverlay::Change> WriteOverlay::At(Changes::const_iterator at) const {
  if (at == changes_.end()) return std::nullopt;
  return Change{at->first, at->second};
}

}  // namespace lockstep::store
