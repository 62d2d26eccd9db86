// FileImage: the bytes of one simulated file, as the page cache shows them and as the medium has
// them.
#ifndef LOCKSTEP_SIM_FILE_IMAGE_H_
#define LOCKSTEP_SIM_FILE_IMAGE_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "sim/world.h"

namespace lockstep::sim {

inline constexpr uint64_t kPageBytes = 4096;
inline constexpr uint64_t kSectorBytes = 512;

// What a failed data sync does to the pages that it did not write.
enum class SyncErrorMode {
  kKeepDirty = 1,  // they stay dirty: another sync may succeed
  kMarkClean =
      2,          // they count as written and never will be; reads show the new data until a reboot
  kDropPage = 3,  // the cache forgets the new data: reads show the old data at once
};

// Each page has the version on the medium and all versions written since, because power loss may
// bring back any of them, whatever happens to other pages.
//
// Invariants:
//   1. A page is in dirty_ if and only if it has unsynced versions; these are in order of
//   `written`.
//   2. Bytes beyond the end of the file are zero.
// A null page is all zeros: holes and preallocation cost nothing. Owned by an inode. Never
// suspends.
class FileImage final {
 public:
  uint64_t size() const { return size_; }
  uint64_t durable_size() const { return durable_size_; }
  // Bytes before it were durable before the last write was synced. Whoever appends can tell damage
  // here from a torn tail; damage behind it looks like one.
  uint64_t settled_end() const { return std::min(last_synced_from_, durable_size_); }

  size_t Read(uint64_t offset, absl::Span<char> into) const;
  // `sequence` counts the changes of the whole disk.
  void Write(uint64_t offset, absl::string_view data, uint64_t sequence);
  void Truncate(uint64_t size, uint64_t sequence);

  // What a sync that begins now will cover.
  struct SyncPoint final {
    uint64_t sequence = 0;
    uint64_t size = 0;
  };
  SyncPoint BeginSync(uint64_t sequence);
  // The sync that began at `point` is done: everything that it covers is durable.
  void FinishSync(const SyncPoint& point);
  // It failed: of the pages that it covers, some were written (drawn), the others fare as `mode`
  // says.
  void FailSync(const SyncPoint& point, SyncErrorMode mode, World& world, uint64_t key);
  // Whoever waited for it is gone; nothing is known.
  void AbandonSync(const SyncPoint& point);

  // The power failed: decides what is left, by keyed draws under the universe's rates.
  void LosePower(World& world, uint64_t key);
  // The same for a file that is only appended to, on a file system that keeps the order of appends:
  // it is cut somewhere behind what was synced.
  void LoseTail(World& world, uint64_t key);

  bool IsDurable(uint64_t offset, uint64_t length) const;
  // What is certain to survive a power loss now, unless the range is being overwritten.
  std::string DurableBytes() const;

 private:
  using Bytes = std::array<char, kPageBytes>;
  using BytesRef = std::shared_ptr<const Bytes>;
  struct Version final {
    uint64_t written = 0;
    BytesRef bytes;
  };
  struct Page final {
    BytesRef current;
    BytesRef durable;
    std::vector<Version> unsynced;
  };

  struct UnsyncedWrite final {
    uint64_t sequence = 0;
    uint64_t offset = 0;
  };

  void Reboot();
  void SetPage(uint64_t index, BytesRef bytes, uint64_t sequence);
  void ZeroTail(uint64_t size, uint64_t sequence);
  // Makes the newest version up to `sequence` durable.
  void Settle(Page& page, uint64_t sequence);
  BytesRef SurvivorOf(const Page& page, uint64_t in_flight_until, World& world, uint64_t key) const;
  BytesRef Tear(const Page& page, const BytesRef& newest, World& world, uint64_t key) const;
  void ForgetSync(uint64_t sequence);

  std::vector<Page> pages_;
  absl::btree_set<uint64_t> dirty_;
  uint64_t size_ = 0;
  uint64_t durable_size_ = 0;
  uint64_t settled_ = 0;                   // the newest sync point that was finished
  std::vector<uint64_t> syncs_in_flight_;  // their sequences
  std::vector<UnsyncedWrite> unsynced_writes_;
  uint64_t last_synced_from_ = 0;  // the lowest offset that the last sync with news wrote
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_FILE_IMAGE_H_
