// NodeNetworks: how a shard reaches its peers and is reached by clients, encrypted or not.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_NODE_NETWORKS_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_NODE_NETWORKS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "framework/edge/tls_network.h"
#include "framework/fiber/scheduler.h"
#include "framework/replica/node.h"
#include "framework/runtime/environment.h"

namespace lockstep::replica {

// Owned by RunNode; outlives everything that the shard opens.
class NodeNetworks final {
 public:
  // Loads the credentials that the options ask for. INVALID_ARGUMENT or what loading them says,
  // with whose they are. Suspends.
  static absl::StatusOr<std::unique_ptr<NodeNetworks>> Open(Fiber& fiber,
                                                            runtime::Environment& environment,
                                                            const NodeOptions& options);
  NodeNetworks(const NodeNetworks&) = delete;
  NodeNetworks& operator=(const NodeNetworks&) = delete;

  // The shard's environment, whose network is the one between peers.
  runtime::Environment& environment() { return environment_; }
  // In the clear.
  runtime::Network& plain() { return plain_; }
  runtime::Network& clients() { return client_tls_ ? *client_tls_ : plain_; }
  // Keeps the credentials fresh, in fibers of the scope.
  void Spawn(fiber::Scope& scope);

 private:
  NodeNetworks(const runtime::Environment& environment, std::unique_ptr<edge::TlsNetwork> peer_tls,
               std::unique_ptr<edge::TlsNetwork> client_tls);

  runtime::Network& plain_;
  std::unique_ptr<edge::TlsNetwork> peer_tls_;
  std::unique_ptr<edge::TlsNetwork> client_tls_;
  runtime::Environment environment_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_NODE_NETWORKS_H_
