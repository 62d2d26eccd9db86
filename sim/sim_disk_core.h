// SimDiskCore: the disk of one node. Nothing here suspends: SimDisk adds the waiting for product
// code, RocksEnv calls it from inside the store.
#ifndef LOCKSTEP_SIM_SIM_DISK_CORE_H_
#define LOCKSTEP_SIM_SIM_DISK_CORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "framework/runtime/disk.h"
#include "sim/file_image.h"
#include "sim/sector_damage.h"
#include "sim/world.h"

namespace lockstep::sim {

// A file or a directory. Handles keep removed files alive.
struct Inode final {
  bool is_directory = false;
  bool is_appended = false;  // the store's: power loss cuts its tail (see NameOrder)
  uint64_t key = 0;          // of its draws: the node and the path under which it was created
  FileImage image;
  SectorDamage damage;
  uint32_t links = 0;                                             // names that it has now
  std::map<std::string, std::shared_ptr<Inode>> entries;          // as everybody sees them
  std::map<std::string, std::shared_ptr<Inode>> durable_entries;  // as the medium has them
};
using InodeRef = std::shared_ptr<Inode>;

// How changes of names fare at power loss. kIndependent is all that POSIX promises: each unsynced
// change survives or not by itself. kOrdered is a metadata journal, as of ext4 and xfs: a change
// survives only if all earlier ordered ones do, and the sync of any directory makes them durable.
// Product files are kIndependent; the store's are kOrdered, because RocksDB relies on it.
enum class NameOrder { kIndependent, kOrdered };

// Fault model (rates: see fault_profile.h).
//   Writes go to the page cache and are seen at once. A data sync makes durable what was written
//     before it began, no more. A process kill keeps the page cache.
//   Power loss: each unsynced page comes back in any version since the last sync, independent of
//     order and of other pages; pages in flight (a sync had begun) may come back sector-wise mixed
//     or with garbage; an unsynced size may fall back whatever the pages did; each unsynced create,
//     rename (as one) or remove may be undone.
//   Errors: reads and writes fail (DATA_LOSS; a failed write may leave a prefix), data syncs fail
//     in the way of this universe (see SyncErrorMode), space runs out (RESOURCE_EXHAUSTED).
//   Slowness is only reported (the latencies below); whoever suspends does the waiting.
//
// Invariants: what was synced, by name and content, survives everything but errors; used_bytes()
// never exceeds the capacity by writing. Owned by a SimNode, survives its processes.
class SimDiskCore final {
 public:
  SimDiskCore(World& world, NodeId node);
  SimDiskCore(const SimDiskCore&) = delete;
  SimDiskCore& operator=(const SimDiskCore&) = delete;

  // --- Files ---
  absl::StatusOr<InodeRef> Open(std::string_view path, runtime::OpenMode mode,
                                NameOrder order = NameOrder::kIndependent);
  absl::StatusOr<size_t> Read(const InodeRef& file, uint64_t offset, absl::Span<char> into);
  absl::Status Write(const InodeRef& file, uint64_t offset, absl::string_view data);
  absl::Status Truncate(const InodeRef& file, uint64_t size);
  // A data sync in two steps, because time passes between them. Exactly one of Finish and Abandon
  // follows each Begin.
  FileImage::SyncPoint BeginSync(const InodeRef& file);
  absl::Status FinishSync(const InodeRef& file, const FileImage::SyncPoint& point);
  void AbandonSync(const InodeRef& file, const FileImage::SyncPoint& point);

  // --- Names ---
  InodeRef Find(std::string_view path) const;
  absl::Status Rename(std::string_view from, std::string_view to,
                      NameOrder order = NameOrder::kIndependent);
  absl::Status Remove(std::string_view path, NameOrder order = NameOrder::kIndependent);
  absl::Status CreateDirectory(std::string_view path, NameOrder order = NameOrder::kIndependent);
  absl::Status RemoveDirectory(std::string_view path);
  // Names changed before BeginSyncDirectory are durable after FinishSyncDirectory.
  absl::StatusOr<uint64_t> BeginSyncDirectory(std::string_view path);
  absl::Status FinishSyncDirectory(std::string_view path, uint64_t point);
  absl::StatusOr<std::vector<std::string>> List(std::string_view path) const;
  runtime::Space FreeSpace() const;
  uint64_t used_bytes() const { return used_bytes_; }

  // --- Faults ---
  // The power fails now; what is left is decided here.
  void LosePower();
  void set_capacity(uint64_t bytes);
  // (nemesis) Everything takes `factor` times as long, until then.
  void Slow(uint64_t factor, VirtualTime until);
  // (nemesis) Nothing completes until then.
  void Hang(VirtualTime until);
  // (nemesis) Hears of each data or directory sync that begins; changes nothing by itself.
  void set_on_sync(absl::AnyInvocable<void()> on_sync) { on_sync_ = std::move(on_sync); }
  // (nemesis) Places whose damage nobody can take for something harmless: of files that grow by
  // synced appends, what came before the last one; of the store's files, of snapshots and of
  // IDENTITY, which have checksums of their own, everything that is durable.
  struct DamageSite final {
    std::string path;
    uint64_t end = 0;  // [0, end)
  };
  std::vector<DamageSite> DamageSites() const;
  // (nemesis) Damages the sector at `offset` of the file: see SectorDamage.
  enum class Damage { kFlipBit, kUnreadable };
  void Spoil(std::string_view path, uint64_t offset, Damage damage, uint32_t bit);
  // (nemesis) From now on reads and writes are misdirected now and then, to such places only.
  void set_misdirects(bool misdirects) { misdirects_ = misdirects; }
  // (nemesis) Each disk now holds what the other held. REQUIRES: both nodes are off.
  void SwapContents(SimDiskCore& other);
  // (nemesis) Holds nothing any more, as a new disk. REQUIRES: the node is off.
  void Wipe();
  // (nemesis) Holds a copy of what the other holds. REQUIRES: both nodes are off.
  void CopyContents(const SimDiskCore& other);
  // Hears of directories whose changed names have just become durable.
  void set_on_names_synced(absl::AnyInvocable<void(std::string_view path)> on_names_synced) {
    on_names_synced_ = std::move(on_names_synced);
  }
  Duration ReadLatency() { return Latency("disk.read_ns", world_.rates().read_ns); }
  Duration WriteLatency() { return Latency("disk.write_ns", world_.rates().write_ns); }
  Duration SyncLatency() { return Latency("disk.sync_ns", world_.rates().sync_ns); }

  // --- Durability queries, for oracles ---
  // Whether these bytes, as a reader sees them now under this name, are on the medium, name
  // included. A change of the name itself that is still unsynced does not count against them.
  bool IsDurable(std::string_view path, uint64_t offset, uint64_t length) const;
  // What is on the medium under this name; nothing if the name is not.
  std::optional<std::string> SyncedImage(std::string_view path) const;

  NodeId node() const { return node_; }
  World& world() { return world_; }

 private:
  // A name that appears (inode set) or goes.
  struct Edit final {
    InodeRef directory;
    std::string name;
    InodeRef inode;
  };
  struct NameChange final {
    uint64_t sequence = 0;
    uint64_t key = 0;
    NameOrder order = NameOrder::kIndependent;
    std::vector<Edit> edits;
  };
  struct Place final {
    InodeRef directory;
    std::string name;
  };

  // The directory that holds (or would hold) the path's last name.
  absl::StatusOr<Place> PlaceOf(std::string_view path) const;
  InodeRef FindDurable(std::string_view path) const;
  InodeRef NewInode(std::string_view path, bool is_directory) const;
  void Change(std::string_view path, NameOrder order, std::vector<Edit> edits);
  void Drop(const InodeRef& inode);
  static void MakeDurable(const NameChange& change);
  void LoseNames();
  void LosePowerIn(const InodeRef& directory);
  void Resize(const InodeRef& file, uint64_t old_size);
  static uint64_t DamageEnd(std::string_view path, const Inode& file);
  // Takes space for it.
  InodeRef CopyOf(const Inode& inode, const std::string& path);
  void AddDamageSites(const std::string& path, const InodeRef& directory,
                      std::vector<DamageSite>& sites) const;
  void MisdirectWrite(const InodeRef& file, absl::string_view data);
  void MisdirectRead(const InodeRef& file, uint64_t offset, absl::Span<char> into);
  void Note(std::string_view what, uint64_t key, uint64_t payload);
  // Whoever records hears of a disaster.
  void Tell(std::string_view what, VirtualTime until, int64_t amount);
  Duration Latency(Stream stream, uint64_t mean_ns);

  World& world_;
  NodeId node_;
  InodeRef root_;
  std::vector<NameChange> pending_names_;  // in order of `sequence`
  uint64_t sequence_ = 0;                  // of changes, of data and names
  uint64_t used_bytes_ = 0;
  uint64_t capacity_bytes_;
  uint64_t slow_factor_ = 1;
  VirtualTime slow_until_;
  VirtualTime hung_until_;
  bool misdirects_ = false;
  absl::AnyInvocable<void()> on_sync_;
  absl::AnyInvocable<void(std::string_view)> on_names_synced_;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_SIM_DISK_CORE_H_
