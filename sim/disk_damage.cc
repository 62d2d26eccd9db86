// SimDiskCore: damage to what was durable.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "sim/sim_disk_core.h"

namespace lockstep::sim {

uint64_t SimDiskCore::DamageEnd(std::string_view path, const Inode& file) {
  const bool is_checked_whole = path.ends_with(".snap") || path.ends_with("/IDENTITY");
  if (file.is_appended || is_checked_whole) return file.image.durable_size();
  return file.image.settled_end();
}

void SimDiskCore::AddDamageSites(const std::string& path, const InodeRef& directory,
                                 std::vector<DamageSite>& sites) const {
  for (const auto& [name, inode] : directory->durable_entries) {
    const std::string at = path.empty() ? name : absl::StrCat(path, "/", name);
    if (inode->is_directory) {
      AddDamageSites(at, inode, sites);
      continue;
    }
    const uint64_t end = DamageEnd(at, *inode);
    if (end > 0 && Find(at) == inode) sites.push_back({at, end});
  }
}

std::vector<SimDiskCore::DamageSite> SimDiskCore::DamageSites() const {
  std::vector<DamageSite> sites;
  AddDamageSites("", root_, sites);
  return sites;
}

void SimDiskCore::Spoil(std::string_view path, uint64_t offset, Damage damage, uint32_t bit) {
  const InodeRef file = Find(path);
  CHECK(file != nullptr && !file->is_directory) << std::string(path);
  Note("spoil", file->key, offset);
  if (damage == Damage::kFlipBit) {
    file->damage.FlipBit(offset, bit);
  } else {
    file->damage.MakeUnreadable(offset);
  }
}

// The write reaches its place; and, as behind a firmware that repeats a command with a wrong
// address, another place as well.
void SimDiskCore::MisdirectWrite(const InodeRef& file, absl::string_view data) {
  const uint64_t end = file->is_appended ? 0 : file->image.settled_end();
  if (!world_.draws().Chance("disk.misdirected_write", file->key, world_.rates().misdirected_ppm) ||
      end < kSectorBytes) {
    return;
  }
  const uint64_t sector =
      world_.draws().Range("disk.misdirected_to", file->key, 0, end / kSectorBytes - 1, 0);
  file->damage.Overwrite(sector * kSectorBytes, std::string(data.substr(0, kSectorBytes)));
}

// One sector of what was asked for comes from another place, this once.
void SimDiskCore::MisdirectRead(const InodeRef& file, uint64_t offset, absl::Span<char> into) {
  const uint64_t end = file->is_appended ? file->image.durable_size() : file->image.settled_end();
  const uint64_t first = (offset + kSectorBytes - 1) / kSectorBytes;
  const uint64_t last = std::min(offset + into.size(), end) / kSectorBytes;
  if (last <= first ||
      !world_.draws().Chance("disk.misdirected_read", file->key, world_.rates().misdirected_ppm)) {
    return;
  }
  const uint64_t sector =
      world_.draws().Range("disk.misdirected_at", file->key, first, last - 1, first);
  const uint64_t from =
      world_.draws().Range("disk.misdirected_from", file->key, 0, end / kSectorBytes - 1, sector);
  if (from == sector) return;
  world_.CountFault(FaultClass::kMisdirectedRead);
  file->image.Read(from * kSectorBytes, into.subspan(sector * kSectorBytes - offset, kSectorBytes));
}

void SimDiskCore::SwapContents(SimDiskCore& other) {
  Note("swap", 0, other.node_.value());
  std::swap(root_, other.root_);
  std::swap(pending_names_, other.pending_names_);
  std::swap(used_bytes_, other.used_bytes_);
  // What ails a medium goes where it goes.
  std::swap(misdirects_, other.misdirects_);
  // Sequences only have to grow.
  sequence_ = other.sequence_ = std::max(sequence_, other.sequence_);
}

// (What is off has no names but durable ones. A file of two names becomes two.)
InodeRef SimDiskCore::CopyOf(const Inode& inode, const std::string& path) {
  auto copy = std::make_shared<Inode>(inode);
  copy->key = KeyOf(node_.value(), StreamId(path));
  if (!inode.is_directory) {
    copy->links = 1;
    used_bytes_ += (inode.image.size() + kPageBytes - 1) / kPageBytes * kPageBytes;
  }
  for (auto& [name, entry] : copy->entries) entry = CopyOf(*entry, absl::StrCat(path, "/", name));
  copy->durable_entries = copy->entries;
  return copy;
}

void SimDiskCore::CopyContents(const SimDiskCore& other) {
  Note("copy", 0, other.node_.value());
  CHECK(other.pending_names_.empty());
  pending_names_.clear();
  used_bytes_ = 0;
  root_ = CopyOf(*other.root_, "");
  sequence_ = std::max(sequence_, other.sequence_);
}

void SimDiskCore::Wipe() {
  Note("wipe", 0, 0);
  root_ = NewInode("", /*is_directory=*/true);
  pending_names_.clear();
  used_bytes_ = 0;
}

}  // namespace lockstep::sim
