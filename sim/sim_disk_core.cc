#include "sim/sim_disk_core.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "framework/base/check.h"
#include "framework/base/checksum.h"
#include "framework/base/status_macros.h"
#include "sim/recorder.h"

namespace lockstep::sim {
namespace {

constexpr uint64_t kPercent = kMillion / 100;

std::vector<std::string> NamesOf(std::string_view path) {
  return absl::StrSplit(absl::string_view(path.data(), path.size()), '/', absl::SkipEmpty());
}

uint64_t Allocated(uint64_t size) { return (size + kPageBytes - 1) / kPageBytes * kPageBytes; }

absl::Status NotFound(std::string_view path) {
  return absl::NotFoundError(absl::StrCat("no such file: ", std::string(path)));
}

uint64_t UsedIn(const InodeRef& directory) {
  uint64_t used = 0;
  for (const auto& [name, inode] : directory->entries) {
    used += inode->is_directory ? UsedIn(inode) : Allocated(inode->image.size());
  }
  return used;
}

}  // namespace

SimDiskCore::SimDiskCore(World& world, NodeId node)
    : world_(world), node_(node), capacity_bytes_(world.rates().capacity_bytes) {
  root_ = NewInode("", /*is_directory=*/true);
}

InodeRef SimDiskCore::NewInode(std::string_view path, bool is_directory) const {
  auto inode = std::make_shared<Inode>();
  inode->is_directory = is_directory;
  inode->key = KeyOf(node_.value(), StreamId(path));
  return inode;
}

void SimDiskCore::Note(std::string_view what, uint64_t key, uint64_t payload) {
  world_.Note({node_, EventKind::kDisk, key ^ StreamId(what)}, payload);
}

// --- Names ---------------------------------------------------------------------------------------

InodeRef SimDiskCore::Find(std::string_view path) const {
  InodeRef at = root_;
  for (const std::string& name : NamesOf(path)) {
    const auto entry = at->entries.find(name);
    if (entry == at->entries.end()) return nullptr;
    at = entry->second;
  }
  return at;
}

InodeRef SimDiskCore::FindDurable(std::string_view path) const {
  InodeRef at = root_;
  for (const std::string& name : NamesOf(path)) {
    const auto entry = at->durable_entries.find(name);
    if (entry == at->durable_entries.end()) return nullptr;
    at = entry->second;
  }
  return at;
}

absl::StatusOr<SimDiskCore::Place> SimDiskCore::PlaceOf(std::string_view path) const {
  std::vector<std::string> names = NamesOf(path);
  if (names.empty()) return absl::InvalidArgumentError("the root has no place");
  Place place{root_, std::move(names.back())};
  names.pop_back();
  for (const std::string& name : names) {
    const auto entry = place.directory->entries.find(name);
    if (entry == place.directory->entries.end() || !entry->second->is_directory) {
      return NotFound(path);
    }
    place.directory = entry->second;
  }
  return place;
}

void SimDiskCore::Drop(const InodeRef& inode) {
  if (inode->is_directory) {
    used_bytes_ -= UsedIn(inode);
    return;
  }
  CHECK_GT(inode->links, 0u);
  if (--inode->links == 0) used_bytes_ -= Allocated(inode->image.size());
}

void SimDiskCore::Change(std::string_view path, NameOrder order, std::vector<Edit> edits) {
  for (const Edit& edit : edits) {
    const auto at = edit.directory->entries.find(edit.name);
    if (at != edit.directory->entries.end()) {
      if (edit.inode != nullptr || edits.size() == 1) Drop(at->second);
      edit.directory->entries.erase(at);
    }
    if (edit.inode == nullptr) continue;
    edit.directory->entries[edit.name] = edit.inode;
    if (edits.size() == 1) ++edit.inode->links;
  }
  const uint64_t key = KeyOf(node_.value(), StreamId(path));
  Note("name", key, edits.size());
  pending_names_.push_back({++sequence_, key, order, std::move(edits)});
}

absl::StatusOr<InodeRef> SimDiskCore::Open(std::string_view path, runtime::OpenMode mode,
                                           NameOrder order) {
  ASSIGN_OR_RETURN(const Place place, PlaceOf(path));
  const auto entry = place.directory->entries.find(place.name);
  const bool exists = entry != place.directory->entries.end();
  if (mode != runtime::OpenMode::kCreate) {
    if (!exists || entry->second->is_directory) return NotFound(path);
    return entry->second;
  }
  if (exists) return absl::AlreadyExistsError(absl::StrCat("exists: ", std::string(path)));
  InodeRef inode = NewInode(path, /*is_directory=*/false);
  inode->is_appended = order == NameOrder::kOrdered;
  Change(path, order, {{place.directory, place.name, inode}});
  return inode;
}

absl::Status SimDiskCore::Rename(std::string_view from, std::string_view to, NameOrder order) {
  ASSIGN_OR_RETURN(const Place source, PlaceOf(from));
  ASSIGN_OR_RETURN(const Place target, PlaceOf(to));
  const auto entry = source.directory->entries.find(source.name);
  if (entry == source.directory->entries.end()) return NotFound(from);
  const InodeRef inode = entry->second;
  if (source.directory == target.directory && source.name == target.name) return absl::OkStatus();
  Change(to, order,
         {{source.directory, source.name, nullptr}, {target.directory, target.name, inode}});
  return absl::OkStatus();
}

absl::Status SimDiskCore::Remove(std::string_view path, NameOrder order) {
  ASSIGN_OR_RETURN(const Place place, PlaceOf(path));
  const auto entry = place.directory->entries.find(place.name);
  if (entry == place.directory->entries.end() || entry->second->is_directory) {
    return NotFound(path);
  }
  Change(path, order, {{place.directory, place.name, nullptr}});
  return absl::OkStatus();
}

absl::Status SimDiskCore::CreateDirectory(std::string_view path, NameOrder order) {
  InodeRef at = root_;
  std::string so_far;
  for (const std::string& name : NamesOf(path)) {
    absl::StrAppend(&so_far, "/", name);
    if (!at->entries.contains(name)) {
      Change(so_far, order, {{at, name, NewInode(so_far, /*is_directory=*/true)}});
    }
    at = at->entries[name];
    if (!at->is_directory) return absl::AlreadyExistsError(absl::StrCat("a file: ", so_far));
  }
  return absl::OkStatus();
}

absl::Status SimDiskCore::RemoveDirectory(std::string_view path) {
  const absl::StatusOr<Place> place = PlaceOf(path);
  if (absl::IsNotFound(place.status())) return absl::OkStatus();
  RETURN_IF_ERROR(place.status());
  const auto entry = place->directory->entries.find(place->name);
  if (entry == place->directory->entries.end()) return absl::OkStatus();
  if (!entry->second->is_directory) {
    return absl::FailedPreconditionError(absl::StrCat("not a directory: ", std::string(path)));
  }
  Change(path, NameOrder::kIndependent, {{place->directory, place->name, nullptr}});
  return absl::OkStatus();
}

void SimDiskCore::MakeDurable(const NameChange& change) {
  for (const Edit& edit : change.edits) {
    if (edit.inode == nullptr) {
      edit.directory->durable_entries.erase(edit.name);
    } else {
      edit.directory->durable_entries[edit.name] = edit.inode;
    }
  }
}

absl::StatusOr<uint64_t> SimDiskCore::BeginSyncDirectory(std::string_view path) {
  const InodeRef directory = Find(path);
  if (directory == nullptr || !directory->is_directory) return NotFound(path);
  if (on_sync_) on_sync_();
  return sequence_;
}

absl::Status SimDiskCore::FinishSyncDirectory(std::string_view path, uint64_t point) {
  const InodeRef directory = Find(path);
  if (directory == nullptr) return NotFound(path);
  Note("sync_names", directory->key, 0);
  std::erase_if(pending_names_, [&](const NameChange& change) {
    const bool concerns =
        change.order == NameOrder::kOrdered ||
        std::any_of(change.edits.begin(), change.edits.end(),
                    [&](const Edit& edit) { return edit.directory == directory; });
    if (!concerns || change.sequence > point) return false;
    MakeDurable(change);
    return true;
  });
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> SimDiskCore::List(std::string_view path) const {
  const InodeRef directory = Find(path);
  if (directory == nullptr || !directory->is_directory) return NotFound(path);
  std::vector<std::string> names;
  for (const auto& [name, inode] : directory->entries) names.push_back(name);
  return names;
}

runtime::Space SimDiskCore::FreeSpace() const {
  return {capacity_bytes_, used_bytes_ < capacity_bytes_ ? capacity_bytes_ - used_bytes_ : 0};
}

// --- Files ---------------------------------------------------------------------------------------

absl::StatusOr<size_t> SimDiskCore::Read(const InodeRef& file, uint64_t offset,
                                         absl::Span<char> into) {
  if (world_.draws().Chance("disk.read_error", file->key, world_.rates().read_error_ppm)) {
    world_.CountFault(FaultClass::kReadError);
    return absl::DataLossError(absl::StrCat("read error at ", offset));
  }
  return file->image.Read(offset, into);
}

void SimDiskCore::Resize(const InodeRef& file, uint64_t old_size) {
  if (file->links == 0) return;
  used_bytes_ = used_bytes_ + Allocated(file->image.size()) - Allocated(old_size);
}

absl::Status SimDiskCore::Write(const InodeRef& file, uint64_t offset, absl::string_view data) {
  const uint64_t old_size = file->image.size();
  const uint64_t new_size = std::max(old_size, offset + data.size());
  const uint64_t growth = Allocated(new_size) - Allocated(old_size);
  if (growth > 0 && used_bytes_ + growth > capacity_bytes_) {
    world_.CountFault(FaultClass::kNoSpace);
    return absl::ResourceExhaustedError(absl::StrCat("no space for ", growth, " bytes"));
  }
  const bool fails =
      world_.draws().Chance("disk.write_error", file->key, world_.rates().write_error_ppm);
  if (fails) {
    world_.CountFault(FaultClass::kWriteError);
    const uint64_t part = world_.draws().Range("disk.write_part", file->key, 0, data.size(), 0);
    data = data.substr(0, std::min<size_t>(part, data.size()));
  }
  Note("write", file->key, base::Checksum64({data.data(), data.size()}, offset));
  if (!data.empty()) file->image.Write(offset, data, ++sequence_);
  Resize(file, old_size);
  if (fails) return absl::DataLossError(absl::StrCat("write error at ", offset));
  return absl::OkStatus();
}

absl::Status SimDiskCore::Truncate(const InodeRef& file, uint64_t size) {
  const uint64_t old_size = file->image.size();
  Note("truncate", file->key, size);
  file->image.Truncate(size, ++sequence_);
  Resize(file, old_size);
  return absl::OkStatus();
}

FileImage::SyncPoint SimDiskCore::BeginSync(const InodeRef& file) {
  if (on_sync_) on_sync_();
  return file->image.BeginSync(sequence_);
}

absl::Status SimDiskCore::FinishSync(const InodeRef& file, const FileImage::SyncPoint& point) {
  Note("sync", file->key, point.size);
  const FaultRates& rates = world_.rates();
  if (!world_.draws().Chance("disk.sync_error", file->key, rates.sync_error_ppm)) {
    file->image.FinishSync(point);
    return absl::OkStatus();
  }
  const auto mode = static_cast<SyncErrorMode>(rates.sync_error_mode);
  world_.CountFault(mode == SyncErrorMode::kKeepDirty   ? FaultClass::kSyncErrorKeepDirty
                    : mode == SyncErrorMode::kMarkClean ? FaultClass::kSyncErrorMarkClean
                                                        : FaultClass::kSyncErrorDropPage);
  file->image.FailSync(point, mode, world_, file->key);
  return absl::DataLossError("data sync failed");
}

void SimDiskCore::AbandonSync(const InodeRef& file, const FileImage::SyncPoint& point) {
  file->image.AbandonSync(point);
}

// --- Faults --------------------------------------------------------------------------------------

void SimDiskCore::LoseNames() {
  bool journal_ended = false;  // at the first ordered change that is lost
  for (const NameChange& change : pending_names_) {
    bool lost =
        world_.draws().Chance("disk.name", change.key, world_.rates().name_lost_percent * kPercent);
    if (change.order == NameOrder::kOrdered) lost = journal_ended = lost || journal_ended;
    if (lost) {
      world_.CountFault(FaultClass::kNameReverted);
    } else {
      MakeDurable(change);
    }
  }
  pending_names_.clear();
}

void SimDiskCore::LosePowerIn(const InodeRef& directory) {
  directory->entries = directory->durable_entries;
  for (const auto& [name, inode] : directory->entries) {
    if (inode->is_directory) {
      LosePowerIn(inode);
      continue;
    }
    // Two names may stand for one file after a rename was half undone across directories.
    if (inode->links++ == 0) {
      if (inode->is_appended) {
        inode->image.LoseTail(world_, inode->key);
      } else {
        inode->image.LosePower(world_, inode->key);
      }
      used_bytes_ += Allocated(inode->image.size());
    }
  }
}

namespace {
void ForgetLinks(const InodeRef& directory) {
  for (const auto* entries : {&directory->entries, &directory->durable_entries}) {
    for (const auto& [name, inode] : *entries) {
      inode->links = 0;
      if (inode->is_directory) ForgetLinks(inode);
    }
  }
}
}  // namespace

void SimDiskCore::LosePower() {
  Note("power_loss", 0, 0);
  LoseNames();
  ForgetLinks(root_);
  used_bytes_ = 0;
  LosePowerIn(root_);
  slow_until_ = hung_until_ = world_.now();
}

void SimDiskCore::Slow(uint64_t factor, VirtualTime until) {
  CHECK_GE(factor, 1u);
  slow_factor_ = factor;
  slow_until_ = until;
  if (factor > 1) Tell("disk.slow", until, static_cast<int64_t>(factor));
}

void SimDiskCore::Hang(VirtualTime until) {
  hung_until_ = until;
  if (until > world_.now()) Tell("disk.hang", until, 0);
}

void SimDiskCore::set_capacity(uint64_t bytes) {
  if (bytes != capacity_bytes_) {
    Tell(bytes < capacity_bytes_ ? "disk.full" : "disk.room", {}, static_cast<int64_t>(bytes));
  }
  capacity_bytes_ = bytes;
}

void SimDiskCore::Tell(std::string_view what, VirtualTime until, int64_t amount) {
  if (world_.recorder() == nullptr) return;
  const std::string where = absl::StrCat("n", node_.value());
  world_.recorder()->OnHappening(
      world_.now(), {.what = what, .where = where, .peer = {}, .until = until, .amount = amount});
}

Duration SimDiskCore::Latency(Stream stream, uint64_t mean_ns) {
  // Half of it always, half of it exponential.
  const Duration half(static_cast<int64_t>(mean_ns / 2));
  Duration latency = half + world_.draws().Exponential(stream, node_.value(), half);
  if (world_.now() < slow_until_) {
    world_.CountFault(FaultClass::kSlowDisk);
    latency *= static_cast<int64_t>(slow_factor_);
  }
  if (world_.now() < hung_until_) {
    world_.CountFault(FaultClass::kHungDisk);
    latency += hung_until_ - world_.now();
  }
  return latency;
}

// --- Durability ----------------------------------------------------------------------------------

bool SimDiskCore::IsDurable(std::string_view path, uint64_t offset, uint64_t length) const {
  const InodeRef now = Find(path);
  return now != nullptr && !now->is_directory && now == FindDurable(path) &&
         now->image.IsDurable(offset, length);
}

std::optional<std::string> SimDiskCore::SyncedImage(std::string_view path) const {
  const InodeRef inode = FindDurable(path);
  if (inode == nullptr || inode->is_directory) return std::nullopt;
  return inode->image.DurableBytes();
}

}  // namespace lockstep::sim
