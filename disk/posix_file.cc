#include "disk/posix_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <utility>

#include "disk/errno_status.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::disk {
namespace {

bool Fits(uint64_t offset, size_t bytes) {
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<off_t>::max());
  return offset <= kMax && bytes <= kMax - offset;
}

// Reads until `into` is full or the file ends. Bytes read, or a negative errno.
ssize_t ReadAll(int fd, uint64_t offset, absl::Span<char> into) {
  size_t done = 0;
  while (done < into.size()) {
    const ssize_t n =
        pread(fd, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (n == 0) break;
    if (n > 0) {
      done += static_cast<size_t>(n);
    } else if (errno != EINTR) {
      return -errno;
    }
  }
  return static_cast<ssize_t>(done);
}

}  // namespace

PosixFile::PosixFile(runtime::Offload& offload, runtime::Lane lane, int fd, std::string path)
    : offload_(offload), lane_(lane), fd_(fd), path_(std::move(path)) {
  CHECK_GE(fd_, 0);
}

PosixFile::~PosixFile() { close(fd_); }

absl::StatusOr<size_t> PosixFile::Read(Fiber& fiber, uint64_t offset, absl::Span<char> into) {
  CHECK(Fits(offset, into.size())) << path_;
  ssize_t result = 0;
  offload_.Run(fiber, runtime::Lane::kGeneral, [&] { result = ReadAll(fd_, offset, into); });
  if (result < 0) return ErrnoStatus(static_cast<int>(-result), "read", path_);
  return static_cast<size_t>(result);
}

absl::Status PosixFile::Write(Fiber& fiber, uint64_t offset, absl::string_view data) {
  CHECK(Fits(offset, data.size())) << path_;
  int error = 0;
  offload_.Run(fiber, runtime::Lane::kGeneral, [&] { error = WriteAll(offset, data); });
  return error == 0 ? absl::OkStatus() : ErrnoStatus(error, "write", path_);
}

absl::Status PosixFile::DataSync(Fiber& fiber) {
  RETURN_IF_ERROR(sync_failure_);
  int error = 0;
  offload_.Run(fiber, runtime::Lane::kGeneral, [&] { error = Sync(); });
  return AfterSync(error);
}

absl::Status PosixFile::WriteAndSync(Fiber& fiber, uint64_t offset, absl::string_view data) {
  CHECK(Fits(offset, data.size())) << path_;
  RETURN_IF_ERROR(sync_failure_);
  int write_error = 0;
  int sync_error = 0;
  offload_.Run(fiber, lane_, [&] {
    write_error = WriteAll(offset, data);
    if (write_error == 0) sync_error = Sync();
  });
  if (write_error != 0) return ErrnoStatus(write_error, "write", path_);
  return AfterSync(sync_error);
}

absl::Status PosixFile::Truncate(Fiber& fiber, uint64_t bytes) {
  CHECK(Fits(bytes, 0)) << path_;
  int error = 0;
  offload_.Run(fiber, runtime::Lane::kGeneral, [&] {
    while (ftruncate(fd_, static_cast<off_t>(bytes)) != 0) {
      error = errno;
      if (error != EINTR) return;
    }
    error = 0;
  });
  return error == 0 ? absl::OkStatus() : ErrnoStatus(error, "truncate", path_);
}

absl::StatusOr<uint64_t> PosixFile::Size(Fiber& fiber) {
  struct stat status {};
  int error = 0;
  offload_.Run(fiber, runtime::Lane::kGeneral,
               [&] { error = fstat(fd_, &status) == 0 ? 0 : errno; });
  if (error != 0) return ErrnoStatus(error, "stat", path_);
  return static_cast<uint64_t>(status.st_size);
}

int PosixFile::WriteAll(uint64_t offset, absl::string_view data) const {
  while (!data.empty()) {
    const ssize_t n = pwrite(fd_, data.data(), data.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return ENOSPC;
    offset += static_cast<uint64_t>(n);
    data.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

// Not repeated after EINTR: a sync that did not succeed once has failed.
int PosixFile::Sync() const { return fdatasync(fd_) == 0 ? 0 : errno; }

absl::Status PosixFile::AfterSync(int error) {
  if (error != 0 && sync_failure_.ok()) sync_failure_ = ErrnoStatus(error, "data sync", path_);
  return sync_failure_;
}

}  // namespace lockstep::disk
