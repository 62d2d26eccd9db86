#include "sim/cluster/durable_image.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "framework/fiber/scheduler.h"
#include "framework/replica/log_recovery.h"
#include "framework/runtime/disk.h"

namespace lockstep::sim {
namespace {

using Files = std::map<std::string, std::string>;

// A file of the copy. Nothing waits and nothing fails.
class ImageFile final : public runtime::File {
 public:
  explicit ImageFile(std::string& bytes) : bytes_(bytes) {}

  absl::StatusOr<size_t> Read(Fiber&, uint64_t offset, absl::Span<char> into) override {
    if (offset >= bytes_.size()) return size_t{0};
    const size_t n = std::min<size_t>(into.size(), bytes_.size() - offset);
    bytes_.copy(into.data(), n, offset);
    return n;
  }
  absl::Status Write(Fiber&, uint64_t offset, absl::string_view data) override {
    if (bytes_.size() < offset + data.size()) bytes_.resize(offset + data.size());
    bytes_.replace(offset, data.size(), data.data(), data.size());
    return absl::OkStatus();
  }
  absl::Status DataSync(Fiber&) override { return absl::OkStatus(); }
  absl::Status WriteAndSync(Fiber& fiber, uint64_t offset, absl::string_view data) override {
    return Write(fiber, offset, data);
  }
  absl::Status Truncate(Fiber&, uint64_t bytes) override {
    bytes_.resize(bytes);
    return absl::OkStatus();
  }
  absl::StatusOr<uint64_t> Size(Fiber&) override { return uint64_t{bytes_.size()}; }

 private:
  std::string& bytes_;
};

// One directory of files.
class ImageDisk final : public runtime::Disk {
 public:
  explicit ImageDisk(Files files) : files_(std::move(files)) {}

  absl::StatusOr<std::unique_ptr<runtime::File>> Open(Fiber&, const std::string& path,
                                                      runtime::OpenMode mode) override {
    if (mode != runtime::OpenMode::kCreate && !files_.contains(path)) {
      return absl::NotFoundError(path);
    }
    return std::make_unique<ImageFile>(files_[path]);
  }
  absl::Status Rename(Fiber&, const std::string& from, const std::string& to) override {
    files_[to] = std::move(files_[from]);
    files_.erase(from);
    return absl::OkStatus();
  }
  absl::Status Remove(Fiber&, const std::string& path) override {
    files_.erase(path);
    return absl::OkStatus();
  }
  absl::Status CreateDirectory(Fiber&, const std::string&) override { return absl::OkStatus(); }
  absl::Status RemoveDirectory(Fiber&, const std::string&) override { return absl::OkStatus(); }
  absl::Status SyncDirectory(Fiber&, const std::string&) override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<std::string>> List(Fiber&, const std::string& directory) override {
    std::vector<std::string> names;
    for (const auto& [path, bytes] : files_) names.push_back(path.substr(directory.size() + 1));
    return names;
  }
  absl::StatusOr<bool> Exists(Fiber&, const std::string& path) override {
    return files_.contains(path);
  }
  absl::StatusOr<runtime::Space> FreeSpace(Fiber&) override {
    return runtime::Space{uint64_t{1} << 40, uint64_t{1} << 40};
  }

 private:
  Files files_;
};

}  // namespace

std::optional<checkers::RecoveredState> LogImage::Read(NodeId node, GroupId group) {
  const Place place = place_(node, group);
  Files files;
  const auto names = place.disk->List(place.directory);
  if (!names.ok()) return checkers::RecoveredState{};  // nothing was ever logged
  for (const std::string& name : *names) {
    const std::string path = absl::StrCat(place.directory, "/", name);
    if (auto image = place.disk->SyncedImage(path)) files[path] = *std::move(image);
  }
  ImageDisk disk(std::move(files));
  fiber::Scheduler scheduler;
  fiber::Scope scope(scheduler);
  std::optional<checkers::RecoveredState> state;
  scope.Spawn("image.recover", [&](Fiber& fiber) {
    auto recovered = replica::RecoverLog(fiber, disk, place.directory,
                                         replica::LogIdentity{place.cluster, node, place.shard});
    if (!recovered.ok()) return;
    replica::RecoveredGroup& found = recovered->groups[group];
    state = checkers::RecoveredState{found.hard_state, std::move(found.snapshot),
                                     std::move(found.entries)};
  });
  scheduler.RunReady();
  return state;
}

}  // namespace lockstep::sim
