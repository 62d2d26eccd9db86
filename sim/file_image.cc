#include "sim/file_image.h"

#include <algorithm>
#include <cstring>

#include "framework/base/check.h"

namespace lockstep::sim {
namespace {

// Beyond this many unsynced versions of one page, the oldest but one is forgotten.
constexpr size_t kVersionsMax = 8;
constexpr uint64_t kPercent = kMillion / 100;

const std::array<char, kPageBytes> kZeros{};

uint64_t PageCount(uint64_t size) { return (size + kPageBytes - 1) / kPageBytes; }

template <typename Ref>
const char* DataOf(const Ref& bytes) {
  return bytes == nullptr ? kZeros.data() : bytes->data();
}

// What may be left of a sector that was being written when the power failed.
enum class SectorFate { kOld, kNew, kGarbageLeft, kGarbageRight, kGarbage };

constexpr uint64_t kBenignFate = 25;  // the new data

SectorFate FateOf(uint64_t percentile) {
  if (percentile < 25) return SectorFate::kOld;
  if (percentile < 50) return SectorFate::kNew;
  if (percentile < 65) return SectorFate::kGarbageLeft;
  if (percentile < 80) return SectorFate::kGarbageRight;
  return SectorFate::kGarbage;
}

}  // namespace

size_t FileImage::Read(uint64_t offset, absl::Span<char> into) const {
  if (offset >= size_) return 0;
  const size_t total = std::min<uint64_t>(into.size(), size_ - offset);
  size_t done = 0;
  while (done < total) {
    const uint64_t index = (offset + done) / kPageBytes;
    const uint64_t start = (offset + done) % kPageBytes;
    const size_t part = std::min<uint64_t>(total - done, kPageBytes - start);
    const BytesRef* page = index < pages_.size() ? &pages_[index].current : nullptr;
    std::memcpy(into.data() + done, (page ? DataOf(*page) : kZeros.data()) + start, part);
    done += part;
  }
  return total;
}

void FileImage::SetPage(uint64_t index, BytesRef bytes, uint64_t sequence) {
  Page& page = pages_[index];
  page.current = bytes;
  page.unsynced.push_back({sequence, std::move(bytes)});
  dirty_.insert(index);
  // A sync in flight may need any version; otherwise one in the middle is not missed.
  if (page.unsynced.size() > kVersionsMax && syncs_in_flight_.empty()) {
    page.unsynced.erase(page.unsynced.begin() + 1);
  }
}

void FileImage::Write(uint64_t offset, absl::string_view data, uint64_t sequence) {
  const uint64_t end = offset + data.size();
  unsynced_writes_.push_back({sequence, offset});
  if (PageCount(end) > pages_.size()) pages_.resize(PageCount(end));
  while (!data.empty()) {
    const uint64_t index = offset / kPageBytes;
    const uint64_t start = offset % kPageBytes;
    const size_t part = std::min<uint64_t>(data.size(), kPageBytes - start);
    const bool all_zeros =
        part == kPageBytes && std::memcmp(data.data(), kZeros.data(), kPageBytes) == 0;
    std::shared_ptr<Bytes> bytes;
    if (!all_zeros) {
      bytes = std::make_shared<Bytes>();
      if (part < kPageBytes) std::memcpy(bytes->data(), DataOf(pages_[index].current), kPageBytes);
      std::memcpy(bytes->data() + start, data.data(), part);
    }
    SetPage(index, std::move(bytes), sequence);
    data.remove_prefix(part);
    offset += part;
  }
  size_ = std::max(size_, end);
}

void FileImage::ZeroTail(uint64_t size, uint64_t sequence) {
  const uint64_t index = size / kPageBytes;
  const uint64_t start = size % kPageBytes;
  if (start == 0 || index >= pages_.size() || pages_[index].current == nullptr) return;
  auto bytes = std::make_shared<Bytes>(*pages_[index].current);
  std::fill(bytes->begin() + static_cast<ptrdiff_t>(start), bytes->end(), '\0');
  SetPage(index, std::move(bytes), sequence);
}

void FileImage::Truncate(uint64_t size, uint64_t sequence) {
  if (size < size_) {
    last_synced_from_ = 0;
    for (uint64_t index = PageCount(size); index < pages_.size(); ++index) {
      if (pages_[index].current != nullptr) SetPage(index, nullptr, sequence);
    }
    ZeroTail(size, sequence);
  }
  size_ = size;
}

FileImage::SyncPoint FileImage::BeginSync(uint64_t sequence) {
  syncs_in_flight_.push_back(sequence);
  return {sequence, size_};
}

void FileImage::ForgetSync(uint64_t sequence) {
  const auto at = std::find(syncs_in_flight_.begin(), syncs_in_flight_.end(), sequence);
  if (at != syncs_in_flight_.end()) syncs_in_flight_.erase(at);
}

void FileImage::AbandonSync(const SyncPoint& point) { ForgetSync(point.sequence); }

void FileImage::Settle(Page& page, uint64_t sequence) {
  while (!page.unsynced.empty() && page.unsynced.front().written <= sequence) {
    page.durable = std::move(page.unsynced.front().bytes);
    page.unsynced.erase(page.unsynced.begin());
  }
}

void FileImage::FinishSync(const SyncPoint& point) {
  ForgetSync(point.sequence);
  for (auto at = dirty_.begin(); at != dirty_.end();) {
    Page& page = pages_[*at];
    Settle(page, point.sequence);
    at = page.unsynced.empty() ? dirty_.erase(at) : std::next(at);
  }
  uint64_t from = UINT64_MAX;
  std::erase_if(unsynced_writes_, [&](const UnsyncedWrite& write) {
    if (write.sequence > point.sequence) return false;
    from = std::min(from, write.offset);
    return true;
  });
  if (from != UINT64_MAX) last_synced_from_ = from;
  if (point.sequence < settled_) return;  // a later sync was faster
  settled_ = point.sequence;
  durable_size_ = point.size;
}

void FileImage::FailSync(const SyncPoint& point, SyncErrorMode mode, World& world, uint64_t key) {
  ForgetSync(point.sequence);
  for (auto at = dirty_.begin(); at != dirty_.end();) {
    Page& page = pages_[*at];
    // Benign: this page was written after all.
    if (!world.draws().Chance("disk.sync_error_page", KeyOf(key, *at), 50 * kPercent)) {
      Settle(page, point.sequence);
    } else if (mode != SyncErrorMode::kKeepDirty) {
      std::erase_if(page.unsynced, [&](const Version& v) { return v.written <= point.sequence; });
      if (mode == SyncErrorMode::kDropPage && page.unsynced.empty()) page.current = page.durable;
    }
    at = page.unsynced.empty() ? dirty_.erase(at) : std::next(at);
  }
}

FileImage::BytesRef FileImage::Tear(const Page& page, const BytesRef& newest, World& world,
                                    uint64_t key) const {
  auto torn = std::make_shared<Bytes>();
  const char* const old_bytes = DataOf(page.durable);
  const char* const new_bytes = DataOf(newest);
  for (uint64_t start = 0; start < kPageBytes; start += kSectorBytes) {
    char* const out = torn->data() + start;
    std::memcpy(out, new_bytes + start, kSectorBytes);
    const SectorFate fate = FateOf(world.draws().Range("disk.sector", key, 0, 99, kBenignFate));
    if (fate == SectorFate::kNew) continue;
    // The bytes that the write changes are [first, last).
    uint64_t first = 0;
    uint64_t last = kSectorBytes;
    if (world.rates().torn_beyond_write == 0) {
      const char* const old_sector = old_bytes + start;
      while (first < last && old_sector[first] == out[first]) ++first;
      while (last > first && old_sector[last - 1] == out[last - 1]) --last;
    }
    if (fate == SectorFate::kOld) {
      std::memcpy(out, old_bytes + start, kSectorBytes);
      continue;
    }
    const uint64_t middle = first + (last - first) / 2;
    if (fate == SectorFate::kGarbageLeft) last = middle;
    if (fate == SectorFate::kGarbageRight) first = middle;
    base::SequentialRandom garbage(world.draws().Entropy("disk.garbage", key));
    for (uint64_t i = first; i < last; ++i) out[i] = static_cast<char>(garbage.Next());
  }
  return torn;
}

FileImage::BytesRef FileImage::SurvivorOf(const Page& page, uint64_t in_flight_until, World& world,
                                          uint64_t key) const {
  CHECK(!page.unsynced.empty());
  const FaultRates& rates = world.rates();
  const Version* in_flight = nullptr;
  for (const Version& version : page.unsynced) {
    if (version.written <= in_flight_until) in_flight = &version;
  }
  if (in_flight != nullptr &&
      world.draws().Chance("disk.torn", key, rates.torn_percent * kPercent)) {
    world.CountFault(FaultClass::kTornPage);
    return Tear(page, in_flight->bytes, world, key);
  }
  if (!world.draws().Chance("disk.lost", key, rates.unsynced_lost_percent * kPercent)) {
    return page.current;
  }
  world.CountFault(FaultClass::kUnsyncedLost);
  const uint64_t older = page.unsynced.size() - 1;  // 0: what is on the medium
  const uint64_t pick = std::min(world.draws().Range("disk.version", key, 0, older, 0), older);
  return pick == 0 ? page.durable : page.unsynced[pick - 1].bytes;
}

void FileImage::LosePower(World& world, uint64_t key) {
  uint64_t in_flight_until = 0;
  for (const uint64_t sequence : syncs_in_flight_) {
    in_flight_until = std::max(in_flight_until, sequence);
  }
  for (const uint64_t index : dirty_) {
    Page& page = pages_[index];
    page.durable = SurvivorOf(page, in_flight_until, world, KeyOf(key, index));
    page.unsynced.clear();
  }
  if (size_ != durable_size_ &&
      world.draws().Chance("disk.size", key, world.rates().size_lost_percent * kPercent)) {
    world.CountFault(FaultClass::kSizeReverted);
    size_ = durable_size_;
  }
  Reboot();
}

// What is on the medium is all there is from here on, up to size_.
void FileImage::Reboot() {
  dirty_.clear();
  unsynced_writes_.clear();
  syncs_in_flight_.clear();
  for (Page& page : pages_) page.current = page.durable;
  pages_.resize(PageCount(size_));
  // The file system zeroes what lies beyond the end of a file.
  ZeroTail(size_, 0);
  for (const uint64_t index : dirty_) Settle(pages_[index], 0);
  dirty_.clear();
  durable_size_ = size_;
  settled_ = 0;
}

void FileImage::LoseTail(World& world, uint64_t key) {
  for (const uint64_t index : dirty_) {
    Page& page = pages_[index];
    page.durable = page.current;
    page.unsynced.clear();
  }
  if (size_ > durable_size_) {
    const uint64_t kept = world.draws().Range("disk.tail", key, durable_size_, size_, size_);
    if (kept < size_) world.CountFault(FaultClass::kUnsyncedLost);
    size_ = std::min(kept, size_);
  }
  Reboot();
}

bool FileImage::IsDurable(uint64_t offset, uint64_t length) const {
  if (length == 0) return true;
  if (offset + length > durable_size_ || offset + length > size_) return false;
  for (uint64_t index = offset / kPageBytes; index <= (offset + length - 1) / kPageBytes; ++index) {
    if (index >= pages_.size()) continue;  // a hole
    const uint64_t from = std::max(offset, index * kPageBytes) - index * kPageBytes;
    const uint64_t to = std::min(offset + length, (index + 1) * kPageBytes) - index * kPageBytes;
    const Page& page = pages_[index];
    if (std::memcmp(DataOf(page.current) + from, DataOf(page.durable) + from, to - from) != 0) {
      return false;
    }
  }
  return true;
}

std::string FileImage::DurableBytes() const {
  std::string bytes(durable_size_, '\0');
  for (uint64_t index = 0; index < std::min<uint64_t>(pages_.size(), PageCount(durable_size_));
       ++index) {
    const uint64_t start = index * kPageBytes;
    const size_t part = std::min(kPageBytes, durable_size_ - start);
    std::memcpy(bytes.data() + start, DataOf(pages_[index].durable), part);
  }
  return bytes;
}

}  // namespace lockstep::sim
