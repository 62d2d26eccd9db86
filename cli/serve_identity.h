// Who a node is, when the flags alone do not say it.
#ifndef LOCKSTEP_CLI_SERVE_IDENTITY_H_
#define LOCKSTEP_CLI_SERVE_IDENTITY_H_

#include <string>

#include "absl/status/status.h"
#include "kv/node_config.h"

namespace lockstep::cli {

// A data directory that is claimed says who the node is, whatever the --initial flags say by now;
// but flags that name another new cluster than the one it was begun with are a mistake, and the ids
// are left for the node to refuse. A node without data that joins (--initial-cluster-state
// existing) asks the other members of --initial-cluster, which must have added it. Fills in
// cluster, self and members. Blocks.
absl::Status SettleIdentity(const std::string& data_dir, kv::NodeConfig& config);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SERVE_IDENTITY_H_
