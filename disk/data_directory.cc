#include "disk/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "disk/directories.h"
#include "disk/errno_status.h"
#include "framework/base/check.h"

namespace lockstep::disk {

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::LockBlocking(
    const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("the data directory has no name");
  if (access(path.c_str(), F_OK) != 0) {
    // The name of a fresh directory is durable before anything in it is promised to anybody.
    int error = CreateDirectories(AT_FDCWD, path);
    if (error == 0) error = SyncDirectoryAt(AT_FDCWD, path + "/..");
    if (error != 0) return ErrnoStatus(error, "create directory", path);
  }
  const std::string file = absl::StrCat(path, "/LOCK");
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoStatus(errno, "open", file);
  std::unique_ptr<DataDirectory> held(new DataDirectory(path, fd));
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return held;
  if (errno == EWOULDBLOCK) {
    return absl::FailedPreconditionError(
        absl::StrCat("data directory ", path, " is in use by another process"));
  }
  return ErrnoStatus(errno, "lock", file);
}

DataDirectory::DataDirectory(std::string path, int lock_fd)
    : path_(std::move(path)), lock_fd_(lock_fd) {
  CHECK_GE(lock_fd_, 0);
}

DataDirectory::~DataDirectory() { close(lock_fd_); }

}  // namespace lockstep::disk
