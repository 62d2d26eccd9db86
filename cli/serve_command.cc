#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "cli/command.h"
#include "cli/serve.h"
#include "cli/serve_flags.h"

namespace lockstep::cli {
namespace {

constexpr char kFooter[] = R"(
Every flag of etcd's is accepted, also as the variable ETCD_UPPER_SNAKE; those that have no effect
here are named in one line of the log. Logs are JSON lines on standard error.

Examples:
  lockstep serve
  lockstep serve --name n1 --data-dir /var/lib/lockstep \
      --listen-client-urls http://0.0.0.0:2379 --advertise-client-urls http://10.0.0.1:2379 \
      --listen-peer-urls http://0.0.0.0:2380 --initial-advertise-peer-urls http://10.0.0.1:2380 \
      --initial-cluster n1=http://10.0.0.1:2380,n2=http://10.0.0.2:2380,n3=http://10.0.0.3:2380
  lockstep serve --config-file /etc/lockstep.yml --check-config
  lockstep serve --listen-client-urls https://0.0.0.0:2379 --advertise-client-urls https://10.0.0.1:2379 \
      --cert-file n1.pem --key-file n1-key.pem --trusted-ca-file ca.pem --client-cert-auth

Exit status: 0 stopped by SIGINT or SIGTERM; 1 the node cannot start or go on; 2 bad flags.)";

absl::StatusOr<runtime::TraceLevel> ParseLogLevel(const std::string& text) {
  static const std::map<std::string, runtime::TraceLevel> levels = {
      {"debug", runtime::TraceLevel::kDebug},  {"info", runtime::TraceLevel::kInfo},
      {"warn", runtime::TraceLevel::kWarning}, {"warning", runtime::TraceLevel::kWarning},
      {"error", runtime::TraceLevel::kError},  {"dpanic", runtime::TraceLevel::kError},
      {"panic", runtime::TraceLevel::kError},  {"fatal", runtime::TraceLevel::kError},
  };
  const auto found = levels.find(text);
  if (found != levels.end()) return found->second;
  return absl::InvalidArgumentError(
      absl::StrCat("--log-level '", text, "' is unknown: use debug, info, warn or error"));
}

absl::StatusOr<ServePlan> PlanOf(const ServeSettings& settings) {
  ServePlan plan;
  const auto level = ParseLogLevel(settings.log_level);
  if (!level.ok()) return level.status();
  plan.log_level = *level;
  auto config = kv::ParseNodeConfig(settings.node);
  if (!config.ok()) return config.status();
  plan.config = *std::move(config);
  plan.data_dir = settings.data_dir.empty() ? settings.node.name + ".lockstep" : settings.data_dir;
  plan.ignored = settings.ignored;
  const auto note_unused = [&plan](const char* flag, const std::string& value, bool is_used) {
    if (!value.empty() && !is_used) plan.ignored.push_back(absl::StrCat(flag, " (URLs are http)"));
  };
  note_unused("--cert-file", settings.node.client_tls.cert_file,
              plan.config.client_tls.has_value());
  note_unused("--peer-cert-file", settings.node.peer_tls.cert_file,
              plan.config.peer_tls.has_value());
  return plan;
}

int RunServe(ServeFlags& flags, const std::vector<std::string>& environment) {
  if (const absl::Status read = flags.Resolve(environment); !read.ok()) {
    PrintError("serve", std::string(read.message()));
    return kExitUsage;
  }
  const auto plan = PlanOf(flags.settings());
  if (!plan.ok()) {
    PrintError("serve", std::string(plan.status().message()));
    return kExitUsage;
  }
  if (flags.settings().check_config) {
    std::printf("the configuration is good: member %s of %zu, data in %s\n",
                flags.settings().node.name.c_str(), plan->config.members.size(),
                plan->data_dir.c_str());
    return kExitOk;
  }
  const absl::Status served = Serve(*plan);
  if (served.ok()) return kExitOk;
  PrintError("serve", std::string(served.message()));
  return kExitFailed;
}

}  // namespace

Command AddServe(CLI::App& root, const std::vector<std::string>& environment) {
  CLI::App* const app = root.add_subcommand("serve", "Run a node until it is told to stop");
  app->footer(kFooter);
  auto flags = std::make_shared<ServeFlags>();
  flags->AddTo(*app);
  return {app, [flags, environment] { return RunServe(*flags, environment); }};
}

}  // namespace lockstep::cli
