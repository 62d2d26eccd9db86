#include "disk/errno_status.h"

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace lockstep::disk {
namespace {

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::StatusCode::kResourceExhausted;
    case EIO:
    case EBADMSG:  // ext4 and xfs: a checksum of theirs does not match
    case EUCLEAN:
    case EILSEQ:
      return absl::StatusCode::kDataLoss;
    case EACCES:
    case EPERM:
      return absl::StatusCode::kPermissionDenied;
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
      return absl::StatusCode::kFailedPrecondition;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
      return absl::StatusCode::kInvalidArgument;
    default:  // EROFS, ENODEV, ENXIO, EMFILE, ENOMEM ...: the device does not serve us now
      return absl::StatusCode::kUnavailable;
  }
}

}  // namespace

absl::Status ErrnoStatus(int error, absl::string_view what, absl::string_view path) {
  return absl::Status(CodeOf(error),
                      absl::StrCat(what, " ", path, ": ", std::generic_category().message(error)));
}

}  // namespace lockstep::disk
