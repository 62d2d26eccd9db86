// Files of one node. Paths are relative to the node's data directory and use '/'.
#ifndef LOCKSTEP_FRAMEWORK_RUNTIME_DISK_H_
#define LOCKSTEP_FRAMEWORK_RUNTIME_DISK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "framework/fiber/scheduler.h"

namespace lockstep::runtime {

// An open file. Every operation may suspend. Errors: DATA_LOSS (the medium failed),
// RESOURCE_EXHAUSTED (no space), UNAVAILABLE (the device is gone). After a failed DataSync nothing
// written since the last good one can be trusted, whatever a later DataSync says.
class File {
 public:
  virtual ~File() = default;
  // Reads up to into.size() bytes at `offset`; fewer only at the end of the file.
  virtual absl::StatusOr<size_t> Read(Fiber& fiber, uint64_t offset, absl::Span<char> into) = 0;
  // Writes all of `data`, growing the file as needed. In memory only until DataSync.
  virtual absl::Status Write(Fiber& fiber, uint64_t offset, absl::string_view data) = 0;
  // Durable on return: all writes that had returned before the call, and the file's size.
  virtual absl::Status DataSync(Fiber& fiber) = 0;
  // Write, then DataSync, as one trip to the device.
  virtual absl::Status WriteAndSync(Fiber& fiber, uint64_t offset, absl::string_view data) = 0;
  virtual absl::Status Truncate(Fiber& fiber, uint64_t bytes) = 0;
  virtual absl::StatusOr<uint64_t> Size(Fiber& fiber) = 0;
};

enum class OpenMode {
  kRead,        // must exist
  kReadMedium,  // as kRead; what a cache of the system holds of it is not believed, if possible
  kReadWrite,   // must exist
  kCreate,      // must not exist; its name is durable after SyncDirectory of its directory
};

struct Space final {
  uint64_t total_bytes = 0;
  uint64_t free_bytes = 0;
};

// Changes of names (create, rename, remove, new directories) are durable after SyncDirectory of the
// directory that holds the name. Every operation may suspend. NOT_FOUND, ALREADY_EXISTS as named.
class Disk {
 public:
  virtual ~Disk() = default;
  virtual absl::StatusOr<std::unique_ptr<File>> Open(Fiber& fiber, const std::string& path,
                                                     OpenMode mode) = 0;
  // Replaces `to` if it exists. Atomic: after a crash either name stands for a whole file.
  virtual absl::Status Rename(Fiber& fiber, const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(Fiber& fiber, const std::string& path) = 0;
  // Creates the directory and its parents; fine if it exists.
  virtual absl::Status CreateDirectory(Fiber& fiber, const std::string& path) = 0;
  // Removes a directory with all that is in it; fine if there is none.
  virtual absl::Status RemoveDirectory(Fiber& fiber, const std::string& path) = 0;
  virtual absl::Status SyncDirectory(Fiber& fiber, const std::string& path) = 0;
  // Names (no paths) of the files and directories in it, sorted.
  virtual absl::StatusOr<std::vector<std::string>> List(Fiber& fiber, const std::string& path) = 0;
  virtual absl::StatusOr<bool> Exists(Fiber& fiber, const std::string& path) = 0;
  virtual absl::StatusOr<Space> FreeSpace(Fiber& fiber) = 0;
};

}  // namespace lockstep::runtime

#endif  // LOCKSTEP_FRAMEWORK_RUNTIME_DISK_H_
