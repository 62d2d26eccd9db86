#include "framework/replica/node_networks.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/status_macros.h"

namespace lockstep::replica {
namespace {

// Nothing if the port has no TLS.
absl::StatusOr<std::unique_ptr<edge::TlsNetwork>> OpenTls(Fiber& fiber,
                                                          runtime::Environment& environment,
                                                          const std::optional<NodeTls>& tls,
                                                          absl::string_view port) {
  if (!tls) return std::unique_ptr<edge::TlsNetwork>();
  edge::TlsOptions options;
  options.policy = tls->policy;
  options.reload_interval = tls->reload_interval;
  options.load = [&load = tls->load, &environment](Fiber& loading) {
    return load(loading, environment);
  };
  const edge::TlsDevices devices{environment.scheduler, environment.network, environment.clock,
                                 environment.trace};
  auto network = edge::TlsNetwork::Open(fiber, devices, std::move(options));
  if (network.ok()) return network;
  return absl::Status(network.status().code(),
                      absl::StrCat("TLS of the ", port, " port: ", network.status().message()));
}

}  // namespace

NodeNetworks::NodeNetworks(const runtime::Environment& environment,
                           std::unique_ptr<edge::TlsNetwork> peer_tls,
                           std::unique_ptr<edge::TlsNetwork> client_tls)
    : plain_(environment.network),
      peer_tls_(std::move(peer_tls)),
      client_tls_(std::move(client_tls)),
      environment_{environment.node,      environment.shard,
                   environment.scheduler, environment.clock,
                   environment.random,    peer_tls_ ? *peer_tls_ : environment.network,
                   environment.disk,      environment.offload,
                   environment.mailbox,   environment.fault_points,
                   environment.trace} {}

absl::StatusOr<std::unique_ptr<NodeNetworks>> NodeNetworks::Open(Fiber& fiber,
                                                                 runtime::Environment& environment,
                                                                 const NodeOptions& options) {
  ASSIGN_OR_RETURN(auto peers, OpenTls(fiber, environment, options.peer_tls, "peer"));
  ASSIGN_OR_RETURN(auto clients, OpenTls(fiber, environment, options.client_tls, "client"));
  return std::unique_ptr<NodeNetworks>(
      new NodeNetworks(environment, std::move(peers), std::move(clients)));
}

void NodeNetworks::Spawn(fiber::Scope& scope) {
  for (edge::TlsNetwork* network : {peer_tls_.get(), client_tls_.get()}) {
    if (network == nullptr) continue;
    scope.Spawn("node.tls", [network](Fiber& fiber) { network->Run(fiber); });
  }
}

}  // namespace lockstep::replica
