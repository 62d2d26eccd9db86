// Serve: one node, from its configuration to its end.
#ifndef LOCKSTEP_CLI_SERVE_H_
#define LOCKSTEP_CLI_SERVE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "framework/runtime/trace.h"
#include "kv/node_config.h"

namespace lockstep::cli {

struct ServePlan final {
  kv::NodeConfig config;
  std::string data_dir;
  runtime::TraceLevel log_level = runtime::TraceLevel::kInfo;
  std::vector<std::string> ignored;  // flags that were given and have no effect
  // What the node serves, if not etcd's API.
  std::function<void(replica::NodeOptions&)> configure;
};

// Blocks until SIGINT or SIGTERM (OK: leadership handed over, calls drained) or until the node
// cannot go on. A second signal ends it without draining.
absl::Status Serve(const ServePlan& plan);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SERVE_H_
