#include "disk/posix_disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "disk/directories.h"
#include "disk/errno_status.h"
#include "disk/posix_file.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::disk {
namespace {

using runtime::Lane;
using runtime::OpenMode;

constexpr mode_t kFileMode = 0600;  // nobody else reads a node's data

int FlagsOf(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
    case OpenMode::kReadMedium:
      return O_RDONLY | O_CLOEXEC;
    case OpenMode::kReadWrite:
      return O_RDWR | O_CLOEXEC;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
  }
  CHECK(false) << "open mode " << static_cast<int>(mode);
  return 0;
}

// The path as the *at calls want it.
std::string Checked(const std::string& path) {
  if (path.empty()) return ".";
  CHECK_NE(path.front(), '/') << "absolute path " << path;
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    CHECK(part != "..") << "path leaves the data directory: " << path;
  }
  return path;
}

int ErrnoIf(bool failed) { return failed ? errno : 0; }

}  // namespace

absl::StatusOr<std::unique_ptr<PosixDisk>> PosixDisk::OpenBlocking(runtime::Offload& offload,
                                                                   const std::string& root,
                                                                   std::string log_directory) {
  const int fd = open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "open", root);
  return std::unique_ptr<PosixDisk>(new PosixDisk(offload, fd, root, std::move(log_directory)));
}

PosixDisk::PosixDisk(runtime::Offload& offload, int root_fd, std::string root,
                     std::string log_directory)
    : offload_(offload),
      root_fd_(root_fd),
      root_(std::move(root)),
      log_directory_(std::move(log_directory)) {}

PosixDisk::~PosixDisk() { close(root_fd_); }

absl::StatusOr<std::unique_ptr<runtime::File>> PosixDisk::Open(Fiber& fiber,
                                                               const std::string& path,
                                                               OpenMode mode) {
  const std::string at = Checked(path);
  const int flags = FlagsOf(mode);
  // Owns the descriptor if the fiber is unwound when the file is open already.
  struct Opened {
    int fd = -1;
    ~Opened() {
      if (fd >= 0) close(fd);
    }
  } opened;
  int error = 0;
  offload_.Run(fiber, Lane::kGeneral, [&] {
    opened.fd = openat(root_fd_, at.c_str(), flags, kFileMode);
    error = ErrnoIf(opened.fd < 0);
    // (A hint: pages that are not written yet stay.)
    if (mode == OpenMode::kReadMedium && error == 0) {
      (void)posix_fadvise(opened.fd, 0, 0, POSIX_FADV_DONTNEED);
    }
  });
  RETURN_IF_ERROR(StatusOf(error, mode == OpenMode::kCreate ? "create" : "open", path));
  return std::make_unique<PosixFile>(offload_, LaneOf(path), std::exchange(opened.fd, -1),
                                     FullPath(path));
}

absl::Status PosixDisk::Rename(Fiber& fiber, const std::string& from, const std::string& to) {
  const std::string at_from = Checked(from);
  const std::string at_to = Checked(to);
  int error = 0;
  offload_.Run(fiber, Lane::kGeneral, [&] {
    error = ErrnoIf(renameat(root_fd_, at_from.c_str(), root_fd_, at_to.c_str()) != 0);
  });
  return StatusOf(error, "rename", from);
}

absl::Status PosixDisk::Remove(Fiber& fiber, const std::string& path) {
  const std::string at = Checked(path);
  int error = 0;
  offload_.Run(fiber, Lane::kGeneral,
               [&] { error = ErrnoIf(unlinkat(root_fd_, at.c_str(), 0) != 0); });
  return StatusOf(error, "remove", path);
}

absl::Status PosixDisk::CreateDirectory(Fiber& fiber, const std::string& path) {
  const std::string at = Checked(path);
  int error = 0;
  offload_.Run(fiber, Lane::kGeneral, [&] { error = CreateDirectories(root_fd_, at); });
  return StatusOf(error, "create directory", path);
}

absl::Status PosixDisk::RemoveDirectory(Fiber& fiber, const std::string& path) {
  const std::string at = Checked(path);
  CHECK_NE(at, ".") << "the data directory itself stays";
  int error = 0;
  offload_.Run(fiber, Lane::kGeneral, [&] { error = RemoveTree(root_fd_, at); });
  return StatusOf(error, "remove directory", path);
}

absl::Status PosixDisk::SyncDirectory(Fiber& fiber, const std::string& path) {
  const std::string at = Checked(path);
  int error = 0;
  offload_.Run(fiber, Lane::kGeneral, [&] { error = SyncDirectoryAt(root_fd_, at); });
  return StatusOf(error, "sync directory", path);
}

absl::StatusOr<std::vector<std::string>> PosixDisk::List(Fiber& fiber, const std::string& path) {
  const std::string at = Checked(path);
  std::vector<std::string> names;
  int error = 0;
  offload_.Run(fiber, Lane::kGeneral, [&] {
    error = ListNames(root_fd_, at, names);
    std::sort(names.begin(), names.end());
  });
  RETURN_IF_ERROR(StatusOf(error, "list", path));
  return names;
}

absl::StatusOr<bool> PosixDisk::Exists(Fiber& fiber, const std::string& path) {
  const std::string at = Checked(path);
  int error = 0;
  offload_.Run(fiber, Lane::kGeneral, [&] {
    struct stat status {};
    error = ErrnoIf(fstatat(root_fd_, at.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0);
  });
  if (error == ENOENT || error == ENOTDIR) return false;
  RETURN_IF_ERROR(StatusOf(error, "stat", path));
  return true;
}

absl::StatusOr<runtime::Space> PosixDisk::FreeSpace(Fiber& fiber) {
  struct statvfs status {};
  int error = 0;
  offload_.Run(fiber, Lane::kGeneral, [&] { error = ErrnoIf(fstatvfs(root_fd_, &status) != 0); });
  RETURN_IF_ERROR(StatusOf(error, "statvfs", ""));
  return runtime::Space{.total_bytes = status.f_blocks * status.f_frsize,
                        .free_bytes = status.f_bavail * status.f_frsize};
}

Lane PosixDisk::LaneOf(const std::string& path) const {
  const bool is_log = !log_directory_.empty() &&
                      (path == log_directory_ || absl::StartsWith(path, log_directory_ + "/"));
  return is_log ? Lane::kLog : Lane::kGeneral;
}

std::string PosixDisk::FullPath(const std::string& path) const {
  return path.empty() ? root_ : absl::StrCat(root_, "/", path);
}

absl::Status PosixDisk::StatusOf(int error, const char* what, const std::string& path) const {
  return error == 0 ? absl::OkStatus() : ErrnoStatus(error, what, FullPath(path));
}

}  // namespace lockstep::disk
