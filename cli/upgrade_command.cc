#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/command.h"
#include "framework/replica/agreement.h"

namespace lockstep::cli {
namespace {

constexpr char kFooter[] = R"(
Examples:
  lockstep upgrade finish --endpoints 10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379

When all members run the newer program and nobody is to be taken back: they agree on what it
speaks, for good. Programs that speak less are refused from then on. Every member has to be up;
name the endpoints of all.)";

struct UpgradeOptions final {
  ClientOptions client;
  uint32_t version = wire::kProtocolVersion;
};

// Only the leader knows what the others speak, so each endpoint is asked until one is it.
int Finish(Fiber& fiber, Client& client, uint32_t version) {
  std::string failure = "no endpoint was reached";
  for (size_t i = 0; i < client.endpoints().size(); ++i) {
    const edge::GrpcResult result =
        client.AskOne(fiber, i, "/lockstep.Group/Agree", replica::EncodeVersion(version));
    if (result.ok()) {
      std::printf("the members have agreed on protocol version %u\n", version);
      return kExitOk;
    }
    const bool asks_on = result.message == "this node does not lead" ||
                         result.outcome == edge::GrpcOutcome::kNeverSent;
    if (!asks_on || failure == "no endpoint was reached") {
      failure = absl::StrCat(client.endpoints()[i], ": ", result.message);
    }
    if (!asks_on) break;
  }
  PrintError("upgrade finish", failure);
  return kExitFailed;
}

}  // namespace

Command AddUpgrade(CLI::App& root) {
  CLI::App* const group = root.add_subcommand("upgrade", "Finish an upgrade of all members");
  group->require_subcommand(1);
  CLI::App* const app = group->add_subcommand("finish", "Agree on the newer version, for good");
  auto options = std::make_shared<UpgradeOptions>();
  AddClientFlags(*app, options->client);
  app->add_option("--protocol-version", options->version, "What to agree on")
      ->capture_default_str();
  app->footer(kFooter);
  return {app, [options] {
            return RunClient("upgrade finish", options->client, [&](Fiber& fiber, Client& client) {
              return Finish(fiber, client, options->version);
            });
          }};
}

}  // namespace lockstep::cli
