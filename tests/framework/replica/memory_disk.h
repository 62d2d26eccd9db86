// MemoryDisk: files in memory that know what a power loss would leave, with hooks for faults.
#ifndef LOCKSTEP_TESTS_FRAMEWORK_REPLICA_MEMORY_DISK_H_
#define LOCKSTEP_TESTS_FRAMEWORK_REPLICA_MEMORY_DISK_H_

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "framework/base/status_macros.h"
#include "framework/runtime/disk.h"

namespace lockstep::replica {

struct MemoryInode final {
  std::string bytes;
  std::string durable;
  bool writes_lost = false;  // by a sync that failed: later ones succeed and save nothing
};
using MemoryNames = std::map<std::string, std::shared_ptr<MemoryInode>>;

// Every operation suspends once, is written down in `operations`, and fails if the hook says so
// (before it has any effect, but for a sync, which loses what was written).
class MemoryDisk final : public runtime::Disk {
 public:
  // (operation such as "sync" or "sync directory", path) -> what it does.
  using Hook = std::function<absl::Status(const std::string&, const std::string&)>;

  absl::Status Enter(Fiber& fiber, const std::string& operation, const std::string& path) {
    fiber.Yield();
    operations.push_back(absl::StrCat(operation, " ", path));
    return hook ? hook(operation, path) : absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<runtime::File>> Open(Fiber& fiber, const std::string& path,
                                                      runtime::OpenMode mode) override;

  absl::Status Rename(Fiber& fiber, const std::string& from, const std::string& to) override {
    RETURN_IF_ERROR(Enter(fiber, "rename", absl::StrCat(from, " ", to)));
    if (names.count(from) == 0) return absl::NotFoundError(from);
    names[to] = names[from];
    names.erase(from);
    return absl::OkStatus();
  }
  absl::Status Remove(Fiber& fiber, const std::string& path) override {
    RETURN_IF_ERROR(Enter(fiber, "remove", path));
    return names.erase(path) == 1 ? absl::OkStatus() : absl::NotFoundError(path);
  }
  absl::Status CreateDirectory(Fiber& fiber, const std::string& path) override {
    return Enter(fiber, "create directory", path);
  }
  absl::Status RemoveDirectory(Fiber& fiber, const std::string& path) override {
    return Enter(fiber, "remove directory", path);
  }
  absl::Status SyncDirectory(Fiber& fiber, const std::string& path) override {
    RETURN_IF_ERROR(Enter(fiber, "sync directory", path));
    durable_names = names;
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> List(Fiber& fiber, const std::string& path) override {
    RETURN_IF_ERROR(Enter(fiber, "list", path));
    std::vector<std::string> in;
    for (const auto& [name, inode] : names) {
      if (name.rfind(path + "/", 0) == 0) in.push_back(name.substr(path.size() + 1));
    }
    return in;
  }
  absl::StatusOr<bool> Exists(Fiber& fiber, const std::string& path) override {
    RETURN_IF_ERROR(Enter(fiber, "exists", path));
    return names.count(path) == 1;
  }
  absl::StatusOr<runtime::Space> FreeSpace(Fiber& fiber) override {
    RETURN_IF_ERROR(Enter(fiber, "free space", ""));
    return runtime::Space{};
  }

  // Power loss: what was not made durable is gone. REQUIRES: no file is open.
  void LosePower() {
    names = durable_names;
    for (auto& [name, inode] : names) inode->bytes = inode->durable;
  }

  // Files by name, as after a clean stop.
  std::map<std::string, std::string> Contents() const {
    std::map<std::string, std::string> contents;
    for (const auto& [name, inode] : names) contents[name] = inode->bytes;
    return contents;
  }
  void SetContents(const std::map<std::string, std::string>& contents) {
    names.clear();
    for (const auto& [name, bytes] : contents) {
      names[name] = std::make_shared<MemoryInode>(MemoryInode{bytes, bytes, false});
    }
    durable_names = names;
  }

  Hook hook;
  std::pair<std::string, uint64_t> unreadable;  // the sector at this offset of this file
  // Counts down; the read that makes it zero gets one sector from another place, this once.
  uint64_t reads_until_misread = 0;
  std::vector<std::string> operations;
  MemoryNames names;
  MemoryNames durable_names;
};

class MemoryFile final : public runtime::File {
 public:
  MemoryFile(MemoryDisk& disk, std::string path, std::shared_ptr<MemoryInode> inode)
      : disk_(disk), path_(std::move(path)), inode_(std::move(inode)) {}

  absl::StatusOr<size_t> Read(Fiber& fiber, uint64_t offset, absl::Span<char> into) override {
    RETURN_IF_ERROR(disk_.Enter(fiber, "read", path_));
    if (offset >= inode_->bytes.size()) return 0;
    const auto& [path, sector] = disk_.unreadable;
    if (path == path_ && offset < sector + 512 && offset + into.size() > sector) {
      return absl::DataLossError("unreadable");
    }
    const size_t n = std::min<size_t>(into.size(), inode_->bytes.size() - offset);
    std::memcpy(into.data(), inode_->bytes.data() + offset, n);
    if (disk_.reads_until_misread > 0 && --disk_.reads_until_misread == 0) {
      std::memset(into.data(), 0, std::min<size_t>(n, 512));
    }
    return n;
  }
  absl::Status Write(Fiber& fiber, uint64_t offset, absl::string_view data) override {
    RETURN_IF_ERROR(disk_.Enter(fiber, "write", path_));
    Put(offset, data);
    return absl::OkStatus();
  }
  absl::Status DataSync(Fiber& fiber) override {
    RETURN_IF_ERROR(Sync(disk_.Enter(fiber, "sync", path_)));
    return absl::OkStatus();
  }
  absl::Status WriteAndSync(Fiber& fiber, uint64_t offset, absl::string_view data) override {
    const absl::Status fate = disk_.Enter(fiber, "write and sync", path_);
    Put(offset, data);
    return Sync(fate);
  }
  absl::Status Truncate(Fiber& fiber, uint64_t bytes) override {
    RETURN_IF_ERROR(disk_.Enter(fiber, "truncate", path_));
    inode_->bytes.resize(bytes);
    return absl::OkStatus();
  }
  absl::StatusOr<uint64_t> Size(Fiber& fiber) override {
    RETURN_IF_ERROR(disk_.Enter(fiber, "size", path_));
    return inode_->bytes.size();
  }

 private:
  void Put(uint64_t offset, absl::string_view data) {
    if (inode_->bytes.size() < offset + data.size()) inode_->bytes.resize(offset + data.size());
    inode_->bytes.replace(offset, data.size(), data.data(), data.size());
  }
  absl::Status Sync(const absl::Status& fate) {
    if (!fate.ok()) inode_->writes_lost = !absl::IsResourceExhausted(fate);
    if (fate.ok() && !inode_->writes_lost) inode_->durable = inode_->bytes;
    return fate;
  }

  MemoryDisk& disk_;
  std::string path_;
  std::shared_ptr<MemoryInode> inode_;
};

inline absl::StatusOr<std::unique_ptr<runtime::File>> MemoryDisk::Open(Fiber& fiber,
                                                                       const std::string& path,
                                                                       runtime::OpenMode mode) {
  RETURN_IF_ERROR(Enter(fiber, mode == runtime::OpenMode::kCreate ? "create" : "open", path));
  const auto found = names.find(path);
  if (mode == runtime::OpenMode::kCreate) {
    if (found != names.end()) return absl::AlreadyExistsError(path);
    const auto inode = names[path] = std::make_shared<MemoryInode>();
    return std::make_unique<MemoryFile>(*this, path, inode);
  }
  if (found == names.end()) return absl::NotFoundError(path);
  return std::make_unique<MemoryFile>(*this, path, found->second);
}

}  // namespace lockstep::replica

#endif  // LOCKSTEP_TESTS_FRAMEWORK_REPLICA_MEMORY_DISK_H_
