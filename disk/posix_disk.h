#ifndef LOCKSTEP_DISK_POSIX_DISK_H_
#define LOCKSTEP_DISK_POSIX_DISK_H_

#include <memory>
#include <string>
#include <vector>

#include "framework/runtime/disk.h"
#include "framework/runtime/offload.h"

namespace lockstep::disk {

// The operating system's files below one directory, through Offload; owns no thread.
//
// Paths are relative and have no ".." (CHECKed); "" and "." are the directory itself. Lane::kLog
// is for WriteAndSync of files below `log_directory` alone: the log's batches wait neither for the
// preparation of its next segment nor for changes of names.
// Owned by the composer; outlives its files.
class PosixDisk final : public runtime::Disk {
 public:
  // Opens an existing directory. Blocks: call it before the loop runs.
  static absl::StatusOr<std::unique_ptr<PosixDisk>> OpenBlocking(runtime::Offload& offload,
                                                                 const std::string& root,
                                                                 std::string log_directory);
  PosixDisk(const PosixDisk&) = delete;
  PosixDisk& operator=(const PosixDisk&) = delete;
  ~PosixDisk() override;

  absl::StatusOr<std::unique_ptr<runtime::File>> Open(Fiber& fiber, const std::string& path,
                                                      runtime::OpenMode mode) override;
  absl::Status Rename(Fiber& fiber, const std::string& from, const std::string& to) override;
  absl::Status Remove(Fiber& fiber, const std::string& path) override;
  absl::Status CreateDirectory(Fiber& fiber, const std::string& path) override;
  absl::Status RemoveDirectory(Fiber& fiber, const std::string& path) override;
  absl::Status SyncDirectory(Fiber& fiber, const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(Fiber& fiber, const std::string& path) override;
  absl::StatusOr<bool> Exists(Fiber& fiber, const std::string& path) override;
  absl::StatusOr<runtime::Space> FreeSpace(Fiber& fiber) override;

 private:
  PosixDisk(runtime::Offload& offload, int root_fd, std::string root, std::string log_directory);

  runtime::Lane LaneOf(const std::string& path) const;
  // For messages.
  std::string FullPath(const std::string& path) const;
  // Zero is OK.
  absl::Status StatusOf(int error, const char* what, const std::string& path) const;

  runtime::Offload& offload_;
  int root_fd_;
  std::string root_;
  std::string log_directory_;
};

}  // namespace lockstep::disk

#endif  // LOCKSTEP_DISK_POSIX_DISK_H_
