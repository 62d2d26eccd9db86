// The hub as a replicated node: what a composer sets in replica::NodeOptions.
#ifndef LOCKSTEP_DOCS_MEMORY_HUB_HUB_NODE_H_
#define LOCKSTEP_DOCS_MEMORY_HUB_HUB_NODE_H_

#include "docs-memory/hub/hub_service.h"
#include "framework/replica/node.h"

namespace lockstep::docs {

// Sets make_machine and make_http.
void ConfigureHub(replica::NodeOptions& options, const HubServiceOptions& service);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_HUB_HUB_NODE_H_
