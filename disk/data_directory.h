#ifndef LOCKSTEP_DISK_DATA_DIRECTORY_H_
#define LOCKSTEP_DISK_DATA_DIRECTORY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace lockstep::disk {

// Holds a data directory for this process alone, by an flock on its file LOCK, which the kernel
// releases however the process ends.
class DataDirectory final {
 public:
  // Creates the directory, and its parents, if need be. FAILED_PRECONDITION: somebody else holds
  // it. Blocks: call it before the loop runs.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> LockBlocking(const std::string& path);
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;
  ~DataDirectory();

  const std::string& path() const { return path_; }

 private:
  DataDirectory(std::string path, int lock_fd);

  std::string path_;
  int lock_fd_;
};

}  // namespace lockstep::disk

#endif  // LOCKSTEP_DISK_DATA_DIRECTORY_H_
