#ifndef LOCKSTEP_DISK_POSIX_FILE_H_
#define LOCKSTEP_DISK_POSIX_FILE_H_

#include <string>

#include "framework/runtime/disk.h"
#include "framework/runtime/offload.h"

namespace lockstep::disk {

// An open file of the operating system. Every call is one job: WriteAndSync on the file's lane, all
// others on Lane::kGeneral.
//
// Invariant: after a failed data sync every later one fails too. The kernel forgets a failure once
// it has told of it, and would call the next sync a success though the data is gone.
class PosixFile final : public runtime::File {
 public:
  // Takes over `fd`; `lane` is for WriteAndSync.
  PosixFile(runtime::Offload& offload, runtime::Lane lane, int fd, std::string path);
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;
  ~PosixFile() override;

  absl::StatusOr<size_t> Read(Fiber& fiber, uint64_t offset, absl::Span<char> into) override;
  absl::Status Write(Fiber& fiber, uint64_t offset, absl::string_view data) override;
  absl::Status DataSync(Fiber& fiber) override;
  absl::Status WriteAndSync(Fiber& fiber, uint64_t offset, absl::string_view data) override;
  absl::Status Truncate(Fiber& fiber, uint64_t bytes) override;
  absl::StatusOr<uint64_t> Size(Fiber& fiber) override;

 private:
  // These run on a thread of the lane and touch nothing but the descriptor. Zero or an errno.
  int WriteAll(uint64_t offset, absl::string_view data) const;
  int Sync() const;
  // Remembers a failed sync, on the shard's thread.
  absl::Status AfterSync(int error);

  runtime::Offload& offload_;
  runtime::Lane lane_;
  int fd_;
  std::string path_;
  absl::Status sync_failure_;
};

}  // namespace lockstep::disk

#endif  // LOCKSTEP_DISK_POSIX_FILE_H_
