#include "sim/sim_disk.h"

#include <utility>

#include "framework/base/status_macros.h"

namespace lockstep::sim {
namespace {

void WaitFor(Fiber& fiber, Process& process, Duration latency) {
  process.StopIfDead(fiber);
  fiber.SleepFor(latency);
  process.StopIfDead(fiber);
}

// Abandons the sync if the fiber is unwound while it waits.
class SyncInFlight final {
 public:
  SyncInFlight(SimDiskCore& core, InodeRef inode)
      : core_(core), inode_(std::move(inode)), point_(core.BeginSync(inode_)) {}
  SyncInFlight(const SyncInFlight&) = delete;
  SyncInFlight& operator=(const SyncInFlight&) = delete;
  ~SyncInFlight() {
    if (!finished_) core_.AbandonSync(inode_, point_);
  }
  absl::Status Finish() {
    finished_ = true;
    return core_.FinishSync(inode_, point_);
  }

 private:
  SimDiskCore& core_;
  InodeRef inode_;
  FileImage::SyncPoint point_;
  bool finished_ = false;
};

class SimFile final : public runtime::File {
 public:
  SimFile(SimDiskCore& core, Process& process, InodeRef inode)
      : core_(core), process_(process), inode_(std::move(inode)) {}

  absl::StatusOr<size_t> Read(Fiber& fiber, uint64_t offset, absl::Span<char> into) override {
    WaitFor(fiber, process_, core_.ReadLatency());
    return core_.Read(inode_, offset, into);
  }
  absl::Status Write(Fiber& fiber, uint64_t offset, absl::string_view data) override {
    WaitFor(fiber, process_, core_.WriteLatency());
    return core_.Write(inode_, offset, data);
  }
  absl::Status DataSync(Fiber& fiber) override {
    process_.StopIfDead(fiber);
    SyncInFlight sync(core_, inode_);
    WaitFor(fiber, process_, core_.SyncLatency());
    return sync.Finish();
  }
  absl::Status WriteAndSync(Fiber& fiber, uint64_t offset, absl::string_view data) override {
    process_.StopIfDead(fiber);
    // One trip: the page cache takes the write at once, the wait is the device's.
    RETURN_IF_ERROR(core_.Write(inode_, offset, data));
    return DataSync(fiber);
  }
  absl::Status Truncate(Fiber& fiber, uint64_t bytes) override {
    WaitFor(fiber, process_, core_.WriteLatency());
    return core_.Truncate(inode_, bytes);
  }
  absl::StatusOr<uint64_t> Size(Fiber& fiber) override {
    process_.StopIfDead(fiber);
    return inode_->image.size();
  }

 private:
  SimDiskCore& core_;
  Process& process_;
  InodeRef inode_;
};

}  // namespace

void SimDisk::Wait(Fiber& fiber, Duration latency) { WaitFor(fiber, process_, latency); }

absl::StatusOr<std::unique_ptr<runtime::File>> SimDisk::Open(Fiber& fiber, const std::string& path,
                                                             runtime::OpenMode mode) {
  Wait(fiber, core_.WriteLatency());
  ASSIGN_OR_RETURN(InodeRef inode, core_.Open(path, mode));
  return std::make_unique<SimFile>(core_, process_, std::move(inode));
}

absl::Status SimDisk::Rename(Fiber& fiber, const std::string& from, const std::string& to) {
  Wait(fiber, core_.WriteLatency());
  return core_.Rename(from, to);
}

absl::Status SimDisk::Remove(Fiber& fiber, const std::string& path) {
  Wait(fiber, core_.WriteLatency());
  return core_.Remove(path);
}

absl::Status SimDisk::CreateDirectory(Fiber& fiber, const std::string& path) {
  Wait(fiber, core_.WriteLatency());
  return core_.CreateDirectory(path);
}

absl::Status SimDisk::RemoveDirectory(Fiber& fiber, const std::string& path) {
  Wait(fiber, core_.WriteLatency());
  return core_.RemoveDirectory(path);
}

absl::Status SimDisk::SyncDirectory(Fiber& fiber, const std::string& path) {
  process_.StopIfDead(fiber);
  ASSIGN_OR_RETURN(const uint64_t point, core_.BeginSyncDirectory(path));
  Wait(fiber, core_.SyncLatency());
  return core_.FinishSyncDirectory(path, point);
}

absl::StatusOr<std::vector<std::string>> SimDisk::List(Fiber& fiber, const std::string& path) {
  Wait(fiber, core_.ReadLatency());
  return core_.List(path);
}

absl::StatusOr<bool> SimDisk::Exists(Fiber& fiber, const std::string& path) {
  Wait(fiber, core_.ReadLatency());
  return core_.Find(path) != nullptr;
}

absl::StatusOr<runtime::Space> SimDisk::FreeSpace(Fiber& fiber) {
  process_.StopIfDead(fiber);
  return core_.FreeSpace();
}

}  // namespace lockstep::sim
