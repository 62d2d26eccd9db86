#include "docs-memory/hub/hub_node.h"

#include <memory>

namespace lockstep::docs {

void ConfigureHub(replica::NodeOptions& options, const HubServiceOptions& service) {
  options.make_machine = [] { return std::make_unique<HubMachine>(); };
  options.make_http = [service](replica::GroupClient& client, runtime::Environment& environment) {
    return std::make_unique<HubService>(client, environment, service);
  };
}

}  // namespace lockstep::docs
