// TlsNetwork: any network, with TLS on every connection.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_TLS_NETWORK_H_
#define LOCKSTEP_FRAMEWORK_EDGE_TLS_NETWORK_H_

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/edge/tls_context.h"
#include "framework/fiber/scheduler.h"
#include "framework/runtime/clock.h"
#include "framework/runtime/network.h"
#include "framework/runtime/trace.h"

namespace lockstep::edge {

// What a TlsNetwork uses of the world; all outlive it.
struct TlsDevices final {
  fiber::Scheduler& scheduler;
  runtime::Network& network;
  runtime::Clock& clock;
  runtime::Trace& trace;
};

struct TlsOptions final {
  TlsPolicy policy;
  // The credentials as they are now. Called at the start and every `reload_interval`; may suspend.
  std::function<absl::StatusOr<TlsCredentials>(Fiber&)> load;
  Duration reload_interval = Seconds(10);
  Duration handshake_timeout = Seconds(5);
};

// Dialed connections have shaken hands when they are returned; accepted ones do so when they are
// first used, so that a client that stalls keeps nobody from connecting. Handshakes that failed are
// in the trace ("tls.refused"). Streams must not outlive the network. Belongs to one shard.
class TlsNetwork final : public runtime::Network {
 public:
  // Loads the credentials. INVALID_ARGUMENT or what `load` says. Suspends.
  static absl::StatusOr<std::unique_ptr<TlsNetwork>> Open(Fiber& fiber, const TlsDevices& devices,
                                                          TlsOptions options);

  absl::StatusOr<std::unique_ptr<runtime::Stream>> Dial(Fiber& fiber,
                                                        const runtime::Address& address,
                                                        MonoTime deadline) override;
  absl::StatusOr<std::unique_ptr<runtime::Listener>> Listen(
      const runtime::Address& address) override;

  // Looks for new credentials until unwound; connections from then on use them, those that exist go
  // on. Credentials that cannot be used are reported ("tls.reload_failed") and the old ones stay.
  void Run(Fiber& fiber);

 private:
  TlsNetwork(const TlsDevices& devices, TlsOptions options)
      : devices_(devices), options_(std::move(options)) {}
  class Listener;
  class Accepted;

  absl::Status Load(Fiber& fiber);
  void WarnOfEnd();

  TlsDevices devices_;
  TlsOptions options_;
  TlsCredentials credentials_;
  std::shared_ptr<const TlsContext> context_;
};

// The host of "host:port", without brackets.
std::string HostOf(const runtime::Address& address);

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_TLS_NETWORK_H_
