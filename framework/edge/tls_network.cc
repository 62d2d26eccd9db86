#include "framework/edge/tls_network.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/status_macros.h"
#include "framework/edge/mutants.h"
#include "framework/edge/tls_stream.h"

namespace lockstep::edge {
namespace {

// When an operator hears that the certificate ends, and how often.
constexpr Duration kEndsSoon = Seconds(int64_t{14} * 86'400);

}  // namespace

// An accepted connection, which reports that its handshake failed.
class TlsNetwork::Accepted final : public runtime::Stream {
 public:
  Accepted(std::unique_ptr<TlsStream> stream, runtime::Trace& trace)
      : stream_(std::move(stream)), trace_(trace) {}

  absl::StatusOr<size_t> Read(Fiber& fiber, absl::Span<char> into) override {
    RETURN_IF_ERROR(Handshake(fiber));
    return stream_->Read(fiber, into);
  }
  absl::Status Write(Fiber& fiber, absl::string_view data) override {
    RETURN_IF_ERROR(Handshake(fiber));
    return stream_->Write(fiber, data);
  }
  void CloseWrite() override { stream_->CloseWrite(); }
  void Abort() override { stream_->Abort(); }
  void SetReadDeadline(MonoTime deadline) override { stream_->SetReadDeadline(deadline); }
  void SetWriteDeadline(MonoTime deadline) override { stream_->SetWriteDeadline(deadline); }
  const runtime::Address& peer() const override { return stream_->peer(); }

 private:
  absl::Status Handshake(Fiber& fiber) {
    absl::Status status = stream_->Handshake(fiber);
    if (!status.ok() && !is_reported_) {
      is_reported_ = true;
      trace_.Emit(runtime::TraceLevel::kWarning, "tls.refused",
                  {{"peer", stream_->peer()}, {"reason", std::string(status.message())}});
    }
    return status;
  }

  std::unique_ptr<TlsStream> stream_;
  runtime::Trace& trace_;
  bool is_reported_ = false;
};

class TlsNetwork::Listener final : public runtime::Listener {
 public:
  Listener(TlsNetwork& network, std::unique_ptr<runtime::Listener> below)
      : network_(network), below_(std::move(below)) {}

  absl::StatusOr<std::unique_ptr<runtime::Stream>> Accept(Fiber& fiber) override {
    ASSIGN_OR_RETURN(std::unique_ptr<runtime::Stream> below, below_->Accept(fiber));
    TlsStreamOptions options;
    options.side = TlsSide::kServer;
    options.handshake_deadline = fiber.now() + network_.options_.handshake_timeout;
    const TlsDevices& devices = network_.devices_;
    auto stream = std::make_unique<TlsStream>(std::move(below), network_.context_,
                                              devices.scheduler, devices.clock, options);
    return std::unique_ptr<runtime::Stream>(
        std::make_unique<Accepted>(std::move(stream), devices.trace));
  }
  const runtime::Address& address() const override { return below_->address(); }

 private:
  TlsNetwork& network_;
  std::unique_ptr<runtime::Listener> below_;
};

std::string HostOf(const runtime::Address& address) {
  std::string host = address.substr(0, address.rfind(':'));
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return host;
}

absl::StatusOr<std::unique_ptr<TlsNetwork>> TlsNetwork::Open(Fiber& fiber,
                                                             const TlsDevices& devices,
                                                             TlsOptions options) {
  std::unique_ptr<TlsNetwork> network(new TlsNetwork(devices, std::move(options)));
  RETURN_IF_ERROR(network->Load(fiber));
  network->WarnOfEnd();
  return network;
}

absl::Status TlsNetwork::Load(Fiber& fiber) {
  ASSIGN_OR_RETURN(TlsCredentials credentials, options_.load(fiber));
  if (context_ != nullptr && credentials == credentials_) return absl::OkStatus();
  // Planted bug M98: what was loaded first stays.
  if (context_ != nullptr && mutant::Enabled(mutant::kM98ReloadedCertificateUnused)) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(context_, TlsContext::Make(credentials, options_.policy));
  credentials_ = std::move(credentials);
  return absl::OkStatus();
}

void TlsNetwork::WarnOfEnd() {
  if (credentials_.certificate_chain.empty()) return;
  const Duration left = context_->valid_until() - devices_.clock.Wall();
  if (left > kEndsSoon) return;
  devices_.trace.Emit(runtime::TraceLevel::kWarning, "tls.certificate_ends",
                      {{"seconds_left", static_cast<int64_t>(left / Seconds(1))},
                       {"advice", "replace the files; they are read again without a restart"}});
}

void TlsNetwork::Run(Fiber& fiber) {
  for (;;) {
    fiber.SleepFor(options_.reload_interval);
    const std::shared_ptr<const TlsContext> before = context_;
    const absl::Status status = Load(fiber);
    if (!status.ok()) {
      devices_.trace.Emit(runtime::TraceLevel::kError, "tls.reload_failed",
                          {{"reason", std::string(status.message())}});
    } else if (context_ != before) {
      devices_.trace.Emit(runtime::TraceLevel::kInfo, "tls.reloaded", {});
      WarnOfEnd();
    }
  }
}

absl::StatusOr<std::unique_ptr<runtime::Stream>> TlsNetwork::Dial(Fiber& fiber,
                                                                  const runtime::Address& address,
                                                                  MonoTime deadline) {
  ASSIGN_OR_RETURN(std::unique_ptr<runtime::Stream> below,
                   devices_.network.Dial(fiber, address, deadline));
  TlsStreamOptions options;
  options.side = TlsSide::kClient;
  options.server_name = HostOf(address);
  options.handshake_deadline = std::min(deadline, fiber.now() + options_.handshake_timeout);
  auto stream = std::make_unique<TlsStream>(std::move(below), context_, devices_.scheduler,
                                            devices_.clock, options);
  const absl::Status status = stream->Handshake(fiber);
  if (!status.ok()) {
    devices_.trace.Emit(runtime::TraceLevel::kWarning, "tls.refused",
                        {{"peer", address}, {"reason", std::string(status.message())}});
    return status;
  }
  return std::unique_ptr<runtime::Stream>(std::move(stream));
}

absl::StatusOr<std::unique_ptr<runtime::Listener>> TlsNetwork::Listen(
    const runtime::Address& address) {
  ASSIGN_OR_RETURN(std::unique_ptr<runtime::Listener> below, devices_.network.Listen(address));
  return std::unique_ptr<runtime::Listener>(std::make_unique<Listener>(*this, std::move(below)));
}

}  // namespace lockstep::edge
