// A configuration file as etcd's: YAML, one mapping of flag names to values.
#ifndef LOCKSTEP_CLI_CONFIG_FILE_H_
#define LOCKSTEP_CLI_CONFIG_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/serve_flags.h"

namespace lockstep::cli {

// Lists become comma separated; what is in the two *-transport-security mappings becomes the flags
// of the same meaning. The values are as they stand: whether a name is known is the caller's
// business. Errors name the line.
absl::StatusOr<std::vector<FlagValue>> ParseConfig(const std::string& yaml,
                                                   const std::string& file_name);

// Reads the file. NOT_FOUND, PERMISSION_DENIED, and what ParseConfig says.
absl::StatusOr<std::vector<FlagValue>> ReadConfig(const std::string& path);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_CONFIG_FILE_H_
