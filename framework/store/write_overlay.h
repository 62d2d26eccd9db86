// WriteOverlay: the changes of one uncommitted batch to one column, ordered by key.
//
// Why not RocksDB's indexed batch: an entry of a key-value service does a few reads and a few
// writes, and its skip list of offsets into a serialised batch costs several times a B-tree of
// views (README.md has the figures). The serialised batch is built once, at commit, from what is
// left: overwritten values never reach it.
#ifndef LOCKSTEP_FRAMEWORK_STORE_WRITE_OVERLAY_H_
#define LOCKSTEP_FRAMEWORK_STORE_WRITE_OVERLAY_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"

namespace lockstep::store {

// Bytes that stay where they are until the arena is destroyed.
class ByteArena final {
 public:
  ByteArena() = default;
  ByteArena(const ByteArena&) = delete;
  ByteArena& operator=(const ByteArena&) = delete;

  // `head` and `tail` side by side.
  std::string_view Copy(std::string_view head, std::string_view tail);

 private:
  char* Reserve(size_t bytes);

  std::vector<std::unique_ptr<char[]>> blocks_;
  char* free_ = nullptr;
  size_t free_bytes_ = 0;
  size_t next_block_bytes_ = 4096;
};

// Invariants:
//   1. Ranges are disjoint, not empty and do not touch.
//   2. A range hides what lies below the overlay, never a change in it: DeleteRange drops the
//      changes it covers, and later changes are newer than the range.
// Keys are given without the group's prefix and kept behind it. Views handed out stay valid until
// the arena is destroyed.
class WriteOverlay final {
 public:
  struct Change final {
    std::string_view key;
    std::optional<std::string_view> value;  // nothing: deleted
  };
  struct Range final {
    std::string_view begin;
    std::string_view end;
  };

  // The arena and the prefix outlive the overlay.
  WriteOverlay(ByteArena& arena, std::string_view prefix) : arena_(arena), prefix_(prefix) {}
  WriteOverlay(const WriteOverlay&) = delete;
  WriteOverlay& operator=(const WriteOverlay&) = delete;

  void Put(std::string_view key, std::string_view value);
  void Delete(std::string_view key);
  void DeleteRange(std::string_view begin, std::string_view end);

  // The change to this very key, if any.
  std::optional<Change> Find(std::string_view key) const;
  std::optional<Change> FirstAtOrAfter(std::string_view key) const;
  std::optional<Change> FirstAfter(std::string_view key) const;
  std::optional<Change> LastBefore(std::string_view key) const;
  // The range that hides the base's `key`, if any.
  std::optional<Range> RangeOver(std::string_view key) const;

  // All ranges, then all changes, each in order; executed in this order on the base they have the
  // overlay's effect. The views given have the prefix.
  void ForEach(const std::function<void(const Range&)>& on_range,
               const std::function<void(const Change&)>& on_change) const;
  bool empty() const { return changes_.empty() && ranges_.empty(); }

 private:
  using Changes = absl::btree_map<std::string_view, std::optional<std::string_view>>;

  void Set(std::string_view key, std::optional<std::string_view> value);
  std::string_view Keep(std::string_view key);
  std::string_view WithPrefix(std::string_view kept) const;
  std::optional<Change> At(Changes::const_iterator at) const;

  ByteArena& arena_;
  const std::string_view prefix_;
  Changes changes_;
  absl::btree_map<std::string_view, std::string_view> ranges_;  // begin to end
};

}  // namespace lockstep::store

#endif  // LOCKSTEP_FRAMEWORK_STORE_WRITE_OVERLAY_H_
