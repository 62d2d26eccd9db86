// Small files that belong to the operator, not to the node's data: certificates and keys.
#ifndef LOCKSTEP_DISK_TEXT_FILE_H_
#define LOCKSTEP_DISK_TEXT_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lockstep::disk {

// The whole file. NOT_FOUND, PERMISSION_DENIED ...: the path and the system's reason. RESOURCE
// EXHAUSTED: more than a mebibyte. Blocks.
absl::StatusOr<std::string> ReadTextFileBlocking(const std::string& path);

enum class Secrecy { kPublic, kSecret };  // readable by everybody, by the owner only

// Creates the file, durably. ALREADY_EXISTS: it is there; nothing is overwritten. Blocks.
absl::Status CreateTextFileBlocking(const std::string& path, const std::string& text,
                                    Secrecy secrecy);

}  // namespace lockstep::disk

#endif  // LOCKSTEP_DISK_TEXT_FILE_H_
