#include "cli/client.h"

#include <google/protobuf/message_lite.h>

#include <CLI/CLI.hpp>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/command.h"
#include "framework/base/check.h"
#include "net/loop.h"
#include "net/signals.h"
#include "net/tcp_network.h"
#include "net/thread_offload.h"

namespace lockstep::cli {
namespace {

// "5s", "500ms"; a number alone is seconds.
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

std::string AddressOf(const std::string& endpoint) {
  constexpr std::string_view kScheme = "http://";
  return absl::StartsWith(endpoint, "http://") ? endpoint.substr(kScheme.size()) : endpoint;
}

edge::GrpcChannelOptions ChannelOptions(Duration dial_timeout) {
  edge::GrpcChannelOptions options;
  options.dial_timeout = dial_timeout;
  return options;
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
}

Client::Client(fiber::Scheduler& scheduler, runtime::Network& network,
               std::vector<std::string> endpoints, Duration dial_timeout, Duration command_timeout)
    : scheduler_(scheduler),
      endpoints_(std::move(endpoints)),
      deadline_(scheduler.now() + command_timeout) {
  for (const std::string& endpoint : endpoints_) {
    channels_.push_back(std::make_unique<edge::GrpcChannel>(scheduler, network, AddressOf(endpoint),
                                                            ChannelOptions(dial_timeout)));
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
    if (!absl::StartsWith(endpoint, "https://") && !AddressOf(endpoint).empty()) continue;
    PrintError(what, absl::StrCat("--endpoints '", endpoint, "' is not host:port (no TLS yet)"));
    return kExitUsage;
  }
  net::IgnoreBrokenPipes();
  net::Loop loop;
  net::ThreadOffload offload(loop, {.general_threads = 1});
  net::TcpNetwork network(loop, offload);
  int exit_code = kExitFailed;
  {
    Client client(loop.scheduler(), network, options.endpoints, *dial, *command);
    fiber::Scope scope(loop.scheduler());
    scope.Spawn("command", [&](Fiber& fiber) {
      exit_code = work(fiber, client);
      loop.Stop();
    });
    loop.Run();
  }
  return exit_code;
}

}  // namespace lockstep::cli
