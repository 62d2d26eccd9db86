// NodeMetrics: a node's figures as Prometheus text, over HTTP/1.1, and whether it lives.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_NODE_METRICS_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_NODE_METRICS_H_

#include <string>

#include "framework/edge/http_types.h"
#include "framework/replica/group_client.h"
#include "framework/runtime/environment.h"

namespace lockstep::replica {

// GET /metrics, GET /health (200 while this node knows a leader, else 503). Of the node's main
// group and of all its shards. Handle suspends; both are borrowed.
class NodeMetrics final : public edge::HttpHandler {
 public:
  NodeMetrics(GroupClient& client, runtime::Environment& environment)
      : client_(client), environment_(environment) {}

  edge::HttpResponse Handle(Fiber& fiber, const edge::HttpRequest& request) override;
  edge::HttpResponse Refuse(const edge::HttpRefusal& refusal) override;

 private:
  std::string Text(Fiber& fiber);

  GroupClient& client_;
  runtime::Environment& environment_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_NODE_METRICS_H_
