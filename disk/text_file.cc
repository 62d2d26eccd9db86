#include "disk/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "disk/directories.h"
#include "disk/errno_status.h"

namespace lockstep::disk {
namespace {

constexpr size_t kBytesMax = 1024 * 1024;

absl::Status WriteAll(int fd, const std::string& text, const std::string& path) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = write(fd, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "write", path);
    done += static_cast<size_t>(count);
  }
  return fsync(fd) == 0 ? absl::OkStatus() : ErrnoStatus(errno, "sync", path);
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

}  // namespace

absl::StatusOr<std::string> ReadTextFileBlocking(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "open", path);
  const absl::Cleanup closing = [fd] { close(fd); };
  std::string text;
  char part[4096];
  for (;;) {
    const ssize_t count = read(fd, part, sizeof(part));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "read", path);
    if (count == 0) return text;
    text.append(part, static_cast<size_t>(count));
    if (text.size() > kBytesMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat("read ", path, ": it has more than ", kBytesMax, " bytes"));
    }
  }
}

absl::Status CreateTextFileBlocking(const std::string& path, const std::string& text,
                                    Secrecy secrecy) {
  const mode_t mode = secrecy == Secrecy::kSecret ? 0600 : 0644;
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return ErrnoStatus(errno, "create", path);
  const absl::Cleanup closing = [fd] { close(fd); };
  const absl::Status written = WriteAll(fd, text, path);
  if (!written.ok()) {
    unlink(path.c_str());
    return written;
  }
  const int error = SyncDirectoryAt(AT_FDCWD, ParentOf(path));
  return error == 0 ? absl::OkStatus() : ErrnoStatus(error, "sync the directory of", path);
}

}  // namespace lockstep::disk
