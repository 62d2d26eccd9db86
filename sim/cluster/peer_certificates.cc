#include "sim/cluster/peer_certificates.h"

#include "sim/node_clock.h"

namespace lockstep::sim {
namespace {

constexpr Duration kYears = Seconds(int64_t{20} * 365 * 86'400);
constexpr Duration kReloadInterval = Seconds(1);

edge::TlsSubject Around(WallTime now, Duration lasts, const std::string& name) {
  return {name, {name}, now + -lasts, now + lasts};
}

}  // namespace

PeerCertificates::PeerCertificates(World& world)
    : world_(world),
      // From less than most steps of clocks to more than any.
      lasts_(Nanoseconds(static_cast<int64_t>(world.draws().LogUniform(
          "tls.lasts", 0, 4'000'000'000, 3'600'000'000'000, 3'600'000'000'000)))) {}

edge::TlsCredentials PeerCertificates::Issue(const std::string& host) {
  const WallTime now = TrueWallTime(world_);
  if (!issuer_) issuer_ = edge::TlsIssuer::Create(Around(now, kYears, "simulated authority"));
  return issuer_->Issue(Around(now, healed_ ? kYears : lasts_, host));
}

replica::NodeTls PeerCertificates::For(const std::string& host) {
  replica::NodeTls tls;
  tls.policy.requires_client_certificate = true;
  tls.reload_interval = kReloadInterval;
  tls.load = [this, host](Fiber&, runtime::Environment&) -> absl::StatusOr<edge::TlsCredentials> {
    return Issue(host);
  };
  return tls;
}

}  // namespace lockstep::sim
