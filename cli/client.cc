#include "cli/client.h"

#include <google/protobuf/message_lite.h>

#include <CLI/CLI.hpp>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/command.h"
#include "cli/command_loop.h"
#include "cli/tls_files.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/edge/tls_network.h"

namespace lockstep::cli {

absl::StatusOr<Duration> ParseTimeout(const std::string& flag, const std::string& text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) && !absl::ParseDuration(text + "s", &duration)) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, " '", text, "' is not a duration such as 5s or 500ms"));
  }
  if (duration <= absl::ZeroDuration() || duration > absl::Hours(24)) {
    return absl::InvalidArgumentError(absl::StrCat(flag, " '", text, "' is out of range"));
  }
  return absl::ToChronoNanoseconds(duration);
}

namespace {

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";

bool HasScheme(const std::string& endpoint, std::string_view scheme) {
  return endpoint.compare(0, scheme.size(), scheme) == 0;
}

std::string AddressOf(const std::string& endpoint) {
  for (const std::string_view scheme : {kHttp, kHttps}) {
    if (HasScheme(endpoint, scheme)) return endpoint.substr(scheme.size());
  }
  return endpoint;
}

// As etcdctl: the scheme decides; without one, whether there are flags of TLS.
bool WantsTls(const std::string& endpoint, const ClientOptions& options) {
  return HasScheme(endpoint, kHttps) || (!HasScheme(endpoint, kHttp) && options.has_tls());
}

edge::TlsOptions TlsOptionsOf(const ClientOptions& options) {
  edge::TlsOptions tls;
  tls.policy.verifies_server = !options.skips_verification;
  tls.policy.protocols = {"h2"};
  tls.load = [options](Fiber&) {
    const std::string trusted =
        options.trusted_file.empty() ? std::string(kSystemTrust) : options.trusted_file;
    return ReadCredentialsBlocking(options.certificate_file, options.key_file,
                                   options.skips_verification ? "" : trusted);
  };
  return tls;
}

edge::GrpcChannelOptions ChannelOptions(Duration dial_timeout) {
  edge::GrpcChannelOptions options;
  options.dial_timeout = dial_timeout;
  return options;
}

// One for each endpoint; opens `tls` if any of them wants it.
absl::StatusOr<std::vector<runtime::Network*>> NetworksOf(Fiber& fiber,
                                                          const ClientOptions& options,
                                                          const edge::TlsDevices& devices,
                                                          std::unique_ptr<edge::TlsNetwork>& tls) {
  std::vector<runtime::Network*> networks;
  for (const std::string& endpoint : options.endpoints) {
    networks.push_back(&devices.network);
    if (!WantsTls(endpoint, options)) continue;
    if (tls == nullptr) {
      ASSIGN_OR_RETURN(tls, edge::TlsNetwork::Open(fiber, devices, TlsOptionsOf(options)));
    }
    networks.back() = tls.get();
  }
  return networks;
}

}  // namespace

void AddClientFlags(CLI::App& app, ClientOptions& options) {
  app.add_option("--endpoints", options.endpoints,
                 "host:port of the nodes to ask, in turn, separated by commas")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--dial-timeout", options.dial_timeout, "For a connection to one endpoint")
      ->capture_default_str();
  app.add_option("--command-timeout", options.command_timeout, "For the whole command")
      ->capture_default_str();
  app.add_option("--cacert", options.trusted_file,
                 "PEM: who signs the servers' certificates (the system's list)");
  app.add_option("--cert", options.certificate_file, "PEM: this client's certificate");
  app.add_option("--key", options.key_file, "PEM: its private key");
  app.add_flag("--insecure-skip-tls-verify", options.skips_verification,
               "Believe any server: for tests only");
}

Client::Client(fiber::Scheduler& scheduler, const std::vector<runtime::Network*>& networks,
               std::vector<std::string> endpoints, Duration dial_timeout, Duration command_timeout)
    : scheduler_(scheduler),
      endpoints_(std::move(endpoints)),
      deadline_(scheduler.now() + command_timeout) {
  CHECK_EQ(networks.size(), endpoints_.size());
  for (size_t i = 0; i < endpoints_.size(); ++i) {
    channels_.push_back(std::make_unique<edge::GrpcChannel>(
        scheduler, *networks[i], AddressOf(endpoints_[i]), ChannelOptions(dial_timeout)));
  }
}

edge::GrpcResult Client::CallOne(Fiber& fiber, size_t endpoint, std::string_view method,
                                 const google::protobuf::MessageLite& request) {
  std::string bytes;
  CHECK(request.SerializeToString(&bytes));
  return AskOne(fiber, endpoint, method, bytes);
}

edge::GrpcResult Client::AskOne(Fiber& fiber, size_t endpoint, std::string_view method,
                                const std::string& request) {
  edge::GrpcCallOptions options;
  options.deadline = deadline_;
  if (metadata_.size() > 0) options.metadata = &metadata_;
  return channels_.at(endpoint)->Call(fiber, {method.data(), method.size()}, request, options);
}

int Client::Call(Fiber& fiber, const std::string& what, std::string_view method,
                 const google::protobuf::MessageLite& request, Retry retry,
                 google::protobuf::MessageLite& response) {
  std::string bytes;
  CHECK(request.SerializeToString(&bytes));
  std::string answer;
  const int code = CallBytes(fiber, what, method, bytes, retry, &answer);
  if (code != kExitOk || response.ParseFromString(answer)) return code;
  PrintError(what, "the answer is malformed");
  return kExitFailed;
}

int Client::CallBytes(Fiber& fiber, const std::string& what, std::string_view method,
                      const std::string& request, Retry retry, std::string* response) {
  std::string failures;
  bool is_seen = false;
  for (size_t i = 0; i < channels_.size(); ++i) {
    edge::GrpcResult result = AskOne(fiber, i, method, request);
    if (result.ok()) {
      *response = std::move(result.response);
      return kExitOk;
    }
    absl::StrAppend(&failures, failures.empty() ? "" : "; ", endpoints_[i], ": ", result.message);
    const bool is_unseen = result.outcome == edge::GrpcOutcome::kNeverSent;
    is_seen = is_seen || !is_unseen;
    const bool is_passing =
        retry == Retry::kUntilAnswer && (result.outcome == edge::GrpcOutcome::kUnknown ||
                                         result.code == edge::GrpcCode::kUnavailable);
    if (!is_unseen && !is_passing) break;
  }
  PrintError(what, failures);
  return is_seen ? kExitFailed : kExitUnreachable;
}

int RunClient(const std::string& what, const ClientOptions& options,
              const std::function<int(Fiber&, Client&)>& work) {
  const auto dial = ParseTimeout("--dial-timeout", options.dial_timeout);
  const auto command = ParseTimeout("--command-timeout", options.command_timeout);
  if (!dial.ok() || !command.ok()) {
    PrintError(what, std::string((dial.ok() ? command : dial).status().message()));
    return kExitUsage;
  }
  for (const std::string& endpoint : options.endpoints) {
    if (!AddressOf(endpoint).empty()) continue;
    PrintError(what, absl::StrCat("--endpoints '", endpoint, "' is not host:port"));
    return kExitUsage;
  }
  CommandLoop loop;
  std::unique_ptr<edge::TlsNetwork> tls;
  std::unique_ptr<Client> client;
  int exit_code = kExitUsage;
  loop.Run("command", [&](Fiber& fiber) {
    const auto networks = NetworksOf(fiber, options, loop.devices(), tls);
    if (!networks.ok()) {
      PrintError(what, std::string(networks.status().message()));
      return;
    }
    client = std::make_unique<Client>(loop.devices().scheduler, *networks, options.endpoints, *dial,
                                      *command);
    exit_code = work(fiber, *client);
  });
  return exit_code;
}

}  // namespace lockstep::cli
