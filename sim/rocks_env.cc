#include "sim/rocks_env.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/system_clock.h>

#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "framework/base/check.h"
#include "sim/sim_node.h"

namespace lockstep::sim {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;
using rocksdb::Status;

constexpr NameOrder kOrdered = NameOrder::kOrdered;

IOStatus ToRocks(const absl::Status& status) {
  const std::string message(status.message());
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return IOStatus::OK();
    case absl::StatusCode::kNotFound:
      return IOStatus::PathNotFound(message);
    case absl::StatusCode::kResourceExhausted:
      return IOStatus::NoSpace(message);
    default:
      return IOStatus::IOError(message);
  }
}

// What all files of one Env share.
class StoreDisk final {
 public:
  StoreDisk(SimNode& node, std::string directory)
      : node_(node), directory_(std::move(directory)), incarnation_(node.incarnation()) {}

  SimDiskCore& core() { return node_.disk(); }
  std::string PathOf(const std::string& name) const { return absl::StrCat(directory_, "/", name); }

  // Every operation starts here.
  IOStatus Check() const {
    if (node_.process().IsCurrent(incarnation_)) return IOStatus::OK();
    return IOStatus::IOError("the process is dead");
  }
  // ... and one that changes something here: the power may fail in it.
  IOStatus CheckChange() {
    IOStatus alive = Check();
    if (!alive.ok()) return alive;
    World& world = core().world();
    const uint64_t ppm = world.rates().power_loss_in_operation_ppm;
    if (!world.draws().Chance("store.power_loss", node_.id().value(), ppm)) return alive;
    world.CountFault(FaultClass::kPowerLossInOperation);
    node_.PowerFails();
    return IOStatus::IOError("power lost");
  }

 private:
  SimNode& node_;
  std::string directory_;
  uint64_t incarnation_;
};

class RocksSequentialFile final : public rocksdb::FSSequentialFile {
 public:
  RocksSequentialFile(StoreDisk& disk, InodeRef inode) : disk_(disk), inode_(std::move(inode)) {}

  IOStatus Read(size_t n, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) override {
    *result = Slice(scratch, 0);
    IOStatus alive = disk_.Check();
    if (!alive.ok()) return alive;
    const auto read = disk_.core().Read(inode_, offset_, absl::MakeSpan(scratch, n));
    if (!read.ok()) return ToRocks(read.status());
    *result = Slice(scratch, *read);
    offset_ += *read;
    return alive;
  }
  IOStatus Skip(uint64_t n) override {
    offset_ += n;
    return IOStatus::OK();
  }

 private:
  StoreDisk& disk_;
  InodeRef inode_;
  uint64_t offset_ = 0;
};

class RocksRandomAccessFile final : public rocksdb::FSRandomAccessFile {
 public:
  RocksRandomAccessFile(StoreDisk& disk, InodeRef inode) : disk_(disk), inode_(std::move(inode)) {}

  IOStatus Read(uint64_t offset, size_t n, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) const override {
    *result = Slice(scratch, 0);
    IOStatus alive = disk_.Check();
    if (!alive.ok()) return alive;
    const auto read = disk_.core().Read(inode_, offset, absl::MakeSpan(scratch, n));
    if (!read.ok()) return ToRocks(read.status());
    *result = Slice(scratch, *read);
    return alive;
  }

 private:
  StoreDisk& disk_;
  InodeRef inode_;
};

class RocksWritableFile final : public rocksdb::FSWritableFile {
 public:
  RocksWritableFile(StoreDisk& disk, InodeRef inode) : disk_(disk), inode_(std::move(inode)) {}

  using rocksdb::FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    IOStatus alive = disk_.CheckChange();
    if (!alive.ok()) return alive;
    return ToRocks(disk_.core().Write(inode_, inode_->image.size(), {data.data(), data.size()}));
  }
  IOStatus Truncate(uint64_t size, const IOOptions&, IODebugContext*) override {
    IOStatus alive = disk_.CheckChange();
    if (!alive.ok()) return alive;
    return ToRocks(disk_.core().Truncate(inode_, size));
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    const FileImage::SyncPoint point = disk_.core().BeginSync(inode_);
    // The power fails with the pages in flight, if it does.
    IOStatus alive = disk_.CheckChange();
    if (alive.ok()) return ToRocks(disk_.core().FinishSync(inode_, point));
    disk_.core().AbandonSync(inode_, point);
    return alive;
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return disk_.Check(); }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return disk_.Check(); }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return inode_->image.size(); }
  void PrepareWrite(size_t, size_t, const IOOptions&, IODebugContext*) override {}
  IOStatus Allocate(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

 private:
  StoreDisk& disk_;
  InodeRef inode_;
};

class RocksDirectory final : public rocksdb::FSDirectory {
 public:
  RocksDirectory(StoreDisk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}

  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    IOStatus alive = disk_.CheckChange();
    if (!alive.ok()) return alive;
    const auto point = disk_.core().BeginSyncDirectory(path_);
    if (!point.ok()) return ToRocks(point.status());
    return ToRocks(disk_.core().FinishSyncDirectory(path_, *point));
  }

 private:
  StoreDisk& disk_;
  std::string path_;
};

class HeldLock final : public rocksdb::FileLock {
 public:
  explicit HeldLock(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class RocksFileSystem final : public rocksdb::FileSystem {
 public:
  RocksFileSystem(SimNode& node, std::string directory) : disk_(node, std::move(directory)) {}

  const char* Name() const override { return "SimFileSystem"; }

  IOStatus NewSequentialFile(const std::string& name, const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>* file,
                             IODebugContext*) override {
    return Open(name, file);
  }
  IOStatus NewRandomAccessFile(const std::string& name, const FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                               IODebugContext*) override {
    return Open(name, file);
  }
  IOStatus NewWritableFile(const std::string& name, const FileOptions&,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext*) override {
    // Writing and parsing these again is most of the time that opening takes; RocksDB does
    // without.
    if (name.find("/OPTIONS-") != std::string::npos) return IOStatus::NotSupported(name);
    IOStatus alive = disk_.CheckChange();
    if (!alive.ok()) return alive;
    auto inode = core().Open(disk_.PathOf(name), runtime::OpenMode::kCreate, kOrdered);
    if (absl::IsAlreadyExists(inode.status())) {
      inode = core().Open(disk_.PathOf(name), runtime::OpenMode::kReadWrite);
      if (inode.ok()) alive = ToRocks(core().Truncate(*inode, 0));
    }
    if (!inode.ok()) return ToRocks(inode.status());
    *file = std::make_unique<RocksWritableFile>(disk_, *std::move(inode));
    return alive;
  }
  IOStatus ReopenWritableFile(const std::string& name, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                              IODebugContext* debug) override {
    if (core().Find(disk_.PathOf(name)) == nullptr) {
      return NewWritableFile(name, options, file, debug);
    }
    return Open(name, file);
  }
  IOStatus NewDirectory(const std::string& name, const IOOptions&,
                        std::unique_ptr<rocksdb::FSDirectory>* directory,
                        IODebugContext*) override {
    if (!IsDirectory(name)) return IOStatus::PathNotFound(name);
    *directory = std::make_unique<RocksDirectory>(disk_, disk_.PathOf(name));
    return disk_.Check();
  }

  IOStatus FileExists(const std::string& name, const IOOptions&, IODebugContext*) override {
    IOStatus alive = disk_.Check();
    if (!alive.ok()) return alive;
    return core().Find(disk_.PathOf(name)) != nullptr ? alive : IOStatus::NotFound(name);
  }
  IOStatus GetChildren(const std::string& name, const IOOptions&, std::vector<std::string>* names,
                       IODebugContext*) override {
    IOStatus alive = disk_.Check();
    if (!alive.ok()) return alive;
    auto list = core().List(disk_.PathOf(name));
    if (!list.ok()) return IOStatus::NotFound(name);
    *names = *std::move(list);
    return alive;
  }
  IOStatus GetFileSize(const std::string& name, const IOOptions&, uint64_t* size,
                       IODebugContext*) override {
    IOStatus alive = disk_.Check();
    if (!alive.ok()) return alive;
    const InodeRef inode = core().Find(disk_.PathOf(name));
    if (inode == nullptr) return IOStatus::PathNotFound(name);
    *size = inode->image.size();
    return alive;
  }
  IOStatus GetFileModificationTime(const std::string&, const IOOptions&, uint64_t*,
                                   IODebugContext*) override {
    return IOStatus::NotSupported("modification time");
  }
  IOStatus IsDirectory(const std::string& name, const IOOptions&, bool* is_directory,
                       IODebugContext*) override {
    *is_directory = IsDirectory(name);
    return disk_.Check();
  }

  IOStatus DeleteFile(const std::string& name, const IOOptions&, IODebugContext*) override {
    IOStatus alive = disk_.CheckChange();
    if (!alive.ok()) return alive;
    return ToRocks(core().Remove(disk_.PathOf(name), kOrdered));
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&,
                      IODebugContext*) override {
    IOStatus alive = disk_.CheckChange();
    if (!alive.ok()) return alive;
    return ToRocks(core().Rename(disk_.PathOf(from), disk_.PathOf(to), kOrdered));
  }
  IOStatus Truncate(const std::string& name, size_t size, const IOOptions&,
                    IODebugContext*) override {
    IOStatus alive = disk_.CheckChange();
    if (!alive.ok()) return alive;
    const InodeRef inode = core().Find(disk_.PathOf(name));
    if (inode == nullptr) return IOStatus::PathNotFound(name);
    return ToRocks(core().Truncate(inode, size));
  }
  IOStatus CreateDir(const std::string& name, const IOOptions& options,
                     IODebugContext* debug) override {
    if (IsDirectory(name)) return IOStatus::IOError("exists", name);
    return CreateDirIfMissing(name, options, debug);
  }
  IOStatus CreateDirIfMissing(const std::string& name, const IOOptions&, IODebugContext*) override {
    IOStatus alive = disk_.CheckChange();
    if (!alive.ok()) return alive;
    return ToRocks(core().CreateDirectory(disk_.PathOf(name), kOrdered));
  }
  IOStatus DeleteDir(const std::string& name, const IOOptions&, IODebugContext*) override {
    IOStatus alive = disk_.CheckChange();
    if (!alive.ok()) return alive;
    return ToRocks(core().RemoveDirectory(disk_.PathOf(name)));
  }

  IOStatus LockFile(const std::string& name, const IOOptions&, rocksdb::FileLock** lock,
                    IODebugContext*) override {
    IOStatus alive = disk_.Check();
    if (!alive.ok()) return alive;
    if (!locks_.insert(name).second) return IOStatus::IOError("lock held", name);
    if (core().Find(disk_.PathOf(name)) == nullptr) {
      const auto made = core().Open(disk_.PathOf(name), runtime::OpenMode::kCreate, kOrdered);
      if (!made.ok()) return ToRocks(made.status());
    }
    *lock = new HeldLock(name);
    return alive;
  }
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
    const std::unique_ptr<HeldLock> held(static_cast<HeldLock*>(lock));
    locks_.erase(held->path());
    return IOStatus::OK();
  }

  IOStatus GetTestDirectory(const IOOptions&, std::string* path, IODebugContext*) override {
    *path = "test";
    return IOStatus::OK();
  }
  IOStatus GetAbsolutePath(const std::string& path, const IOOptions&, std::string* absolute,
                           IODebugContext*) override {
    *absolute = path;
    return IOStatus::OK();
  }
  // An answer would make RocksDB start a thread that waits for space.
  IOStatus GetFreeSpace(const std::string&, const IOOptions&, uint64_t*, IODebugContext*) override {
    return IOStatus::NotSupported("free space");
  }
  IOStatus NewLogger(const std::string&, const IOOptions&, std::shared_ptr<rocksdb::Logger>*,
                     IODebugContext*) override {
    return IOStatus::NotSupported("logger");
  }

 private:
  template <typename Base>
  struct FileOf;

  SimDiskCore& core() { return disk_.core(); }

  bool IsDirectory(const std::string& name) {
    const InodeRef inode = core().Find(disk_.PathOf(name));
    return inode != nullptr && inode->is_directory;
  }

  template <typename Base>
  IOStatus Open(const std::string& name, std::unique_ptr<Base>* file) {
    IOStatus alive = disk_.Check();
    if (!alive.ok()) return alive;
    auto inode = core().Open(disk_.PathOf(name), runtime::OpenMode::kReadWrite);
    if (!inode.ok()) return ToRocks(inode.status());
    *file = std::make_unique<typename FileOf<Base>::Type>(disk_, *std::move(inode));
    return alive;
  }

  StoreDisk disk_;
  std::set<std::string> locks_;
};

template <>
struct RocksFileSystem::FileOf<rocksdb::FSSequentialFile> {
  using Type = RocksSequentialFile;
};
template <>
struct RocksFileSystem::FileOf<rocksdb::FSRandomAccessFile> {
  using Type = RocksRandomAccessFile;
};
template <>
struct RocksFileSystem::FileOf<rocksdb::FSWritableFile> {
  using Type = RocksWritableFile;
};

class RocksClock final : public rocksdb::SystemClock {
 public:
  explicit RocksClock(NodeClock& clock) : clock_(clock) {}

  const char* Name() const override { return "SimClock"; }
  uint64_t NowMicros() override { return NowNanos() / 1000; }
  uint64_t NowNanos() override { return static_cast<uint64_t>(clock_.Monotonic().ns); }
  uint64_t CPUMicros() override { return 0; }
  uint64_t CPUNanos() override { return 0; }
  // A background job that failed sleeps before it ends; calls take no time here.
  void SleepForMicroseconds(int) override {}
  Status GetCurrentTime(int64_t* seconds) override {
    *seconds = std::max<int64_t>(clock_.Wall().ns / 1'000'000'000, 0);
    return Status::OK();
  }
  std::string TimeToString(uint64_t seconds) override { return absl::StrCat(seconds); }

 private:
  NodeClock& clock_;
};

// Background jobs that wait for their world event. Shared with the events, which may outlive it.
class JobQueue final {
 public:
  struct Job final {
    void (*function)(void*) = nullptr;
    void* argument = nullptr;
    void* tag = nullptr;
    rocksdb::Env::Priority priority = rocksdb::Env::LOW;
    void (*unschedule)(void*) = nullptr;
  };

  void Add(const Job& job) { jobs_.push_back(job); }
  void RunFirst() {
    if (jobs_.empty()) return;  // the one that the event was for was taken back
    const Job job = jobs_.front();
    jobs_.erase(jobs_.begin());
    job.function(job.argument);
  }
  int TakeBack(void* tag, rocksdb::Env::Priority priority) {
    std::vector<Job> taken;
    std::erase_if(jobs_, [&](const Job& job) {
      if (job.tag != tag || job.priority != priority) return false;
      taken.push_back(job);
      return true;
    });
    for (const Job& job : taken) {
      if (job.unschedule != nullptr) job.unschedule(job.argument);
    }
    return static_cast<int>(taken.size());
  }
  size_t size(rocksdb::Env::Priority priority) const {
    return static_cast<size_t>(std::count_if(
        jobs_.begin(), jobs_.end(), [&](const Job& job) { return job.priority == priority; }));
  }
  bool empty() const { return jobs_.empty(); }

 private:
  std::vector<Job> jobs_;
};

// Derives from Env itself: a wrapper would let calls through to the real one.
class RocksEnv final : public rocksdb::Env {
 public:
  RocksEnv(SimNode& node, ShardId shard, std::string directory)
      : rocksdb::Env(std::make_shared<RocksFileSystem>(node, std::move(directory)),
                     std::make_shared<RocksClock>(node.clock())),
        node_(node),
        key_(KeyOf(node.id().value(), shard.value())),
        jobs_(std::make_shared<JobQueue>()) {}
  ~RocksEnv() override { CHECK(jobs_->empty()) << "a database outlived its Env"; }

  const char* Name() const override { return "SimEnv"; }

  void Schedule(void (*function)(void*), void* argument, Priority priority, void* tag,
                void (*unschedule)(void*)) override {
    jobs_->Add({function, argument, tag, priority, unschedule});
    World& world = node_.process().world();
    const Duration usual = 10 * Duration(static_cast<int64_t>(world.rates().offload_ns));
    const Duration delay = usual + world.draws().Exponential("store.job", key_, usual);
    node_.process().After(delay, EventKind::kStore, key_, [jobs = std::weak_ptr<JobQueue>(jobs_)] {
      if (const auto queue = jobs.lock()) queue->RunFirst();
    });
  }
  int UnSchedule(void* tag, Priority priority) override { return jobs_->TakeBack(tag, priority); }
  void StartThread(void (*)(void*), void*) override { CHECK(false) << "the store wants a thread"; }
  void WaitForJoin() override {}
  unsigned int GetThreadPoolQueueLen(Priority priority) const override {
    return static_cast<unsigned int>(jobs_->size(priority));
  }
  void SetBackgroundThreads(int, Priority) override {}
  // Some for HIGH, or flushes would queue behind compactions.
  int GetBackgroundThreads(Priority) override { return 1; }
  void IncBackgroundThreadsIfNeeded(int, Priority) override {}
  void LowerThreadPoolIOPriority(Priority) override {}
  void LowerThreadPoolCPUPriority(Priority) override {}
  Status LowerThreadPoolCPUPriority(Priority, rocksdb::CpuPriority) override {
    return Status::OK();
  }

  uint64_t NowMicros() override { return system_clock_->NowMicros(); }
  uint64_t NowNanos() override { return system_clock_->NowNanos(); }
  uint64_t NowCPUNanos() override { return 0; }
  void SleepForMicroseconds(int micros) override { system_clock_->SleepForMicroseconds(micros); }
  Status GetCurrentTime(int64_t* seconds) override {
    return system_clock_->GetCurrentTime(seconds);
  }
  std::string TimeToString(uint64_t seconds) override { return absl::StrCat(seconds); }
  uint64_t GetThreadID() const override { return 1; }
  Status GetHostName(char* name, uint64_t size) override {
    absl::SNPrintF(name, size, "sim");
    return Status::OK();
  }
  std::string GenerateUniqueId() override {
    Draws& draws = node_.process().world().draws();
    const uint64_t high = draws.Entropy("store.unique_id", key_);
    const uint64_t low = draws.Entropy("store.unique_id", key_);
    return absl::StrFormat("%08x-%04x-%04x-%04x-%012x", high >> 32, (high >> 16) & 0xffff,
                           high & 0xffff, low >> 48, low & 0xffffffffffff);
  }

  // The old interface to files: RocksDB itself goes by the FileSystem; what little is used of this
  // one is passed on.
  Status NewSequentialFile(const std::string&, std::unique_ptr<rocksdb::SequentialFile>*,
                           const rocksdb::EnvOptions&) override {
    return Status::NotSupported("legacy files");
  }
  Status NewRandomAccessFile(const std::string&, std::unique_ptr<rocksdb::RandomAccessFile>*,
                             const rocksdb::EnvOptions&) override {
    return Status::NotSupported("legacy files");
  }
  Status NewWritableFile(const std::string&, std::unique_ptr<rocksdb::WritableFile>*,
                         const rocksdb::EnvOptions&) override {
    return Status::NotSupported("legacy files");
  }
  Status NewDirectory(const std::string&, std::unique_ptr<rocksdb::Directory>*) override {
    return Status::NotSupported("legacy files");
  }
  Status FileExists(const std::string& name) override {
    return file_system_->FileExists(name, {}, nullptr);
  }
  Status GetChildren(const std::string& name, std::vector<std::string>* names) override {
    return file_system_->GetChildren(name, {}, names, nullptr);
  }
  Status DeleteFile(const std::string& name) override {
    return file_system_->DeleteFile(name, {}, nullptr);
  }
  Status CreateDir(const std::string& name) override {
    return file_system_->CreateDir(name, {}, nullptr);
  }
  Status CreateDirIfMissing(const std::string& name) override {
    return file_system_->CreateDirIfMissing(name, {}, nullptr);
  }
  Status DeleteDir(const std::string& name) override {
    return file_system_->DeleteDir(name, {}, nullptr);
  }
  Status GetFileSize(const std::string& name, uint64_t* size) override {
    return file_system_->GetFileSize(name, {}, size, nullptr);
  }
  Status GetFileModificationTime(const std::string& name, uint64_t* time) override {
    return file_system_->GetFileModificationTime(name, {}, time, nullptr);
  }
  Status RenameFile(const std::string& from, const std::string& to) override {
    return file_system_->RenameFile(from, to, {}, nullptr);
  }
  Status LockFile(const std::string& name, rocksdb::FileLock** lock) override {
    return file_system_->LockFile(name, {}, lock, nullptr);
  }
  Status UnlockFile(rocksdb::FileLock* lock) override {
    return file_system_->UnlockFile(lock, {}, nullptr);
  }
  Status GetAbsolutePath(const std::string& path, std::string* absolute) override {
    return file_system_->GetAbsolutePath(path, {}, absolute, nullptr);
  }
  Status IsDirectory(const std::string& path, bool* is_directory) override {
    return file_system_->IsDirectory(path, {}, is_directory, nullptr);
  }
  Status GetTestDirectory(std::string* path) override {
    return file_system_->GetTestDirectory({}, path, nullptr);
  }
  Status NewLogger(const std::string&, std::shared_ptr<rocksdb::Logger>*) override {
    return Status::NotSupported("logger");
  }

 private:
  SimNode& node_;
  uint64_t key_;
  std::shared_ptr<JobQueue> jobs_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> MakeRocksEnv(SimNode& node, ShardId shard, std::string directory) {
  return std::make_unique<RocksEnv>(node, shard, std::move(directory));
}

}  // namespace lockstep::sim
