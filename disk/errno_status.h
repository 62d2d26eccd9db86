#ifndef LOCKSTEP_DISK_ERRNO_STATUS_H_
#define LOCKSTEP_DISK_ERRNO_STATUS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lockstep::disk {

// The Status that runtime/disk.h promises for `error`, naming what was tried and the path.
absl::Status ErrnoStatus(int error, absl::string_view what, absl::string_view path);

}  // namespace lockstep::disk

#endif  // LOCKSTEP_DISK_ERRNO_STATUS_H_
