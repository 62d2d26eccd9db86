#include "disk/directories.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace lockstep::disk {
namespace {

constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
constexpr mode_t kDirectoryMode = 0700;  // nobody else reads a node's data

int MakeOne(int at_fd, const std::string& path) {
  if (mkdirat(at_fd, path.c_str(), kDirectoryMode) == 0) return 0;
  if (errno != EEXIST) return errno;
  struct stat status {};
  if (fstatat(at_fd, path.c_str(), &status, 0) != 0) return errno;
  return S_ISDIR(status.st_mode) ? 0 : ENOTDIR;
}

// Closes `fd`, also on failure.
int ReadNames(int fd, std::vector<std::string>& names) {
  DIR* const directory = fdopendir(fd);
  if (directory == nullptr) {
    const int error = errno;
    close(fd);
    return error;
  }
  errno = 0;
  while (const dirent* entry = readdir(directory)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  const int error = errno;
  closedir(directory);
  return error;
}

}  // namespace

int CreateDirectories(int at_fd, const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    if (const int error = MakeOne(at_fd, path.substr(0, slash)); error != 0) return error;
  }
  return MakeOne(at_fd, path);
}

int RemoveTree(int at_fd, const std::string& path) {
  const int fd = openat(at_fd, path.c_str(), kOpenDirectory | O_NOFOLLOW);
  if (fd < 0) return errno == ENOENT ? 0 : errno;
  std::vector<std::string> names;
  int error = ReadNames(dup(fd), names);
  for (const std::string& name : names) {
    if (error != 0) break;
    if (unlinkat(fd, name.c_str(), 0) == 0 || errno == ENOENT) continue;
    error = errno == EISDIR ? RemoveTree(fd, name) : errno;
  }
  close(fd);
  if (error != 0) return error;
  return unlinkat(at_fd, path.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : errno;
}

int SyncDirectoryAt(int at_fd, const std::string& path) {
  const int fd = openat(at_fd, path.c_str(), kOpenDirectory);
  if (fd < 0) return errno;
  const int error = fsync(fd) == 0 ? 0 : errno;
  close(fd);
  return error;
}

int ListNames(int at_fd, const std::string& path, std::vector<std::string>& names) {
  const int fd = openat(at_fd, path.c_str(), kOpenDirectory);
  return fd < 0 ? errno : ReadNames(fd, names);
}

}  // namespace lockstep::disk
