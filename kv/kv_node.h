// The key-value service as a replicated node: what a composer sets in replica::NodeOptions.
//
// Nothing here knows which world it runs in: production and the simulator configure alike.
#ifndef LOCKSTEP_KV_KV_NODE_H_
#define LOCKSTEP_KV_KV_NODE_H_

#include "framework/replica/node.h"
#include "kv/backend.h"
#include "kv/node_config.h"
#include "kv/service.h"

namespace lockstep::kv {

struct KvNodeOptions final {
  ClusterId cluster;
  KvService::Options service;
};

// Sets make_machine and add_services.
void Configure(replica::NodeOptions& options, KvNodeOptions kv);
// The same with what an operator configured.
void Configure(replica::NodeOptions& options, const NodeConfig& config);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_KV_NODE_H_
