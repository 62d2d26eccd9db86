// PeerCertificates: TLS between the simulated nodes, with certificates that never last.
#ifndef LOCKSTEP_SIM_CLUSTER_PEER_CERTIFICATES_H_
#define LOCKSTEP_SIM_CLUSTER_PEER_CERTIFICATES_H_

#include <optional>
#include <string>

#include "framework/edge/tls_issuer.h"
#include "framework/replica/node.h"
#include "sim/world.h"

namespace lockstep::sim {

// The cluster's authority. Each time that a shard loads its credentials it gets a fresh
// certificate, good for a while around the true time: a node that does not look for new ones, or
// whose clock is further off than that, is soon refused. Once healed they last for years. Outlives
// the nodes.
class PeerCertificates final {
 public:
  // Draws how long certificates last.
  explicit PeerCertificates(World& world);
  PeerCertificates(const PeerCertificates&) = delete;
  PeerCertificates& operator=(const PeerCertificates&) = delete;

  // For the node that is dialed as `host`.
  replica::NodeTls For(const std::string& host);
  void Heal() { healed_ = true; }

 private:
  edge::TlsCredentials Issue(const std::string& host);

  World& world_;
  // Made by the first node that asks: only then is OpenSSL's randomness the universe's.
  std::optional<edge::TlsIssuer> issuer_;
  Duration lasts_;
  bool healed_ = false;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_PEER_CERTIFICATES_H_
