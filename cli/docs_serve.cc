// lockstep docs serve: a node of the hub that stores of documents are synced with.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/docs_hub.h"
#include "cli/serve.h"
#include "cli/serve_flags.h"
#include "docs-memory/hub/hub_node.h"
#include "docs-memory/hub/token.h"

namespace lockstep::cli {
namespace {

constexpr char kFooter[] = R"(
A hub of one node, or of several that replicate everything. The flags of members, URLs and TLS are
those of `lockstep serve`. Stores reach any node by HTTP/1.1; with https:// in
--listen-client-urls, and --cert-file and --key-file, encrypted.

Nobody reaches anything without a token. The administrator's token, the first line of
--admin-token-file and the same on every node, makes the others: `lockstep docs token`.

Examples:
  head -c 32 /dev/urandom | base64 > admin.token
  lockstep docs serve --name hub --data-dir /var/lib/hub --admin-token-file admin.token
  lockstep docs serve --name h1 --data-dir /var/lib/h1 --admin-token-file admin.token \
      --listen-client-urls https://0.0.0.0:7700 --advertise-client-urls https://10.0.0.1:7700 \
      --cert-file h1.pem --key-file h1-key.pem \
      --listen-peer-urls http://10.0.0.1:7701 --initial-advertise-peer-urls http://10.0.0.1:7701 \
      --initial-cluster h1=http://10.0.0.1:7701,h2=http://10.0.0.2:7701,h3=http://10.0.0.3:7701

Exit status: 0 stopped by SIGINT or SIGTERM; 1 the node cannot start or go on; 2 bad flags.)";

struct Flags final {
  ServeFlags node;
  std::string admin_token_file;
  bool is_insecure = false;
};

bool IsLoopback(const runtime::Address& address) {
  return absl::StartsWith(address, "127.") || absl::StartsWith(address, "localhost:") ||
         absl::StartsWith(address, "[::1]:");
}

absl::StatusOr<ServePlan> PlanOf(Flags& flags) {
  // (The variables are etcd's, and this is not.)
  if (absl::Status read = flags.node.Resolve({}); !read.ok()) return read;
  const ServeSettings& settings = flags.node.settings();
  auto config = kv::ParseNodeConfig(settings.node);
  if (!config.ok()) return config.status();
  ServePlan plan;
  plan.config = *std::move(config);
  plan.data_dir = settings.data_dir.empty() ? settings.node.name + ".hub" : settings.data_dir;
  plan.ignored = settings.ignored;
  for (const runtime::Address& address : plan.config.client_listen) {
    if (plan.config.client_tls || flags.is_insecure || IsLoopback(address)) continue;
    return absl::InvalidArgumentError(absl::StrCat("--listen-client-urls '", address,
                                                   "': tokens would cross the network in the ",
                                                   "clear: use https, or say --insecure"));
  }
  docs::HubServiceOptions service;
  if (!flags.admin_token_file.empty()) {
    const auto token = ReadToken(flags.admin_token_file);
    if (!token.ok()) return token.status();
    service.admin_token_hash = docs::TokenHash(*token);
  }
  plan.configure = [service](replica::NodeOptions& options) {
    docs::ConfigureHub(options, service);
    if (options.client_tls) options.client_tls->policy.protocols = {"http/1.1"};
  };
  return plan;
}

int RunServe(Flags& flags) {
  const auto plan = PlanOf(flags);
  if (!plan.ok()) {
    PrintError("docs serve", std::string(plan.status().message()));
    return kExitUsage;
  }
  if (flags.node.settings().check_config) {
    std::printf("the configuration is good: member %s of %zu, data in %s\n",
                flags.node.settings().node.name.c_str(), plan->config.members.size(),
                plan->data_dir.c_str());
    return kExitOk;
  }
  const absl::Status served = Serve(*plan);
  if (served.ok()) return kExitOk;
  PrintError("docs serve", std::string(served.message()));
  return kExitFailed;
}

}  // namespace

Command AddDocsServe(CLI::App& docs) {
  CLI::App* const app =
      docs.add_subcommand("serve", "Run a node of the hub that stores are synced with");
  app->footer(kFooter);
  auto flags = std::make_shared<Flags>();
  flags->node.AddTo(*app);
  app->add_option("--admin-token-file", flags->admin_token_file,
                  "Its first line is the token that makes and revokes others");
  app->add_flag("--insecure", flags->is_insecure,
                "Listen in the clear where other machines can hear it");
  return {app, [flags] { return RunServe(*flags); }};
}

}  // namespace lockstep::cli
