// lockstep docs token: makes and revokes tokens of a hub.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/command_loop.h"
#include "cli/docs_hub.h"
#include "docs-memory/hub/token.h"
#include "docs-memory/sync/protocol.h"
#include "framework/base/status_macros.h"
#include "framework/edge/http_client.h"

namespace lockstep::cli {
namespace {

constexpr Duration kTimeout = Seconds(10);

struct Flags final {
  HubFlags hub;
  docs::Claims claims;
  std::vector<std::string> permissions = {"push", "pull", "read"};
  std::string revoked_file;
};

docs::Document RequestOf(const Flags& flags, const std::string& revoked) {
  if (!revoked.empty()) return docs::Document{{"token", docs::Value(revoked)}};
  std::string bytes;
  docs::Writer writer(bytes);
  writer.AppendString("tenant", flags.claims.tenant);
  const auto list = [&](const char* name, const std::vector<std::string>& items) {
    const size_t inner = writer.Begin(name, docs::Type::kArray);
    for (size_t i = 0; i < items.size(); ++i) writer.AppendString(std::to_string(i), items[i]);
    writer.End(inner);
  };
  list("ns", flags.claims.spaces);
  list("perms", flags.permissions);
  writer.AppendInt64("not_after", flags.claims.not_after_ms);
  writer.AppendInt64("rate", flags.claims.rate);
  writer.Finish();
  return docs::Document::FromBytes(std::move(bytes));
}

absl::StatusOr<std::string> Ask(Fiber& fiber, runtime::Network& network,
                                const std::vector<runtime::Address>& hub,
                                const edge::HttpRequest& request) {
  absl::Status last;
  for (const runtime::Address& address : hub) {
    edge::HttpClient client(network, address);
    const auto response = client.Send(fiber, request, fiber.now() + kTimeout);
    last = response.status();
    if (!response.ok()) continue;
    ASSIGN_OR_RETURN(const docs::Document body,
                     docs::ParseEnvelope(response->body, docs::kJsonType));
    if (response->status != 200) {
      ASSIGN_OR_RETURN(const docs::WireError error,
                       docs::DecodeError(body.view(), response->status));
      last = absl::FailedPreconditionError(absl::StrCat(error.code, ": ", error.message));
      if (error.retryable) continue;
      return last;
    }
    const auto token = body.Find("token");
    return token ? std::string(token->string()) : std::string();
  }
  return last;
}

int Run(const Flags& flags) {
  bool is_tls = false;
  const auto hub = HubAddresses(flags.hub, &is_tls);
  const auto admin = ReadToken(flags.hub.token_file);
  auto revoked = absl::StatusOr<std::string>(std::string());
  if (!flags.revoked_file.empty()) revoked = ReadToken(flags.revoked_file);
  for (const absl::Status& status : {hub.status(), admin.status(), revoked.status()}) {
    if (!status.ok()) return FailDocs("token", status);
  }
  edge::HttpRequest request;
  request.method = "POST";
  request.target = revoked->empty() ? "/v1/tokens" : "/v1/tokens/revoke";
  request.headers.Add(docs::kProtocolHeader, docs::kProtocolVersion);
  request.headers.Add("Authorization", absl::StrCat("Bearer ", *admin));
  request.headers.Add("Content-Type", docs::kBsonType);
  request.body = RequestOf(flags, *revoked).bytes();
  CommandLoop loop;
  std::unique_ptr<edge::TlsNetwork> tls;
  absl::StatusOr<std::string> token;
  loop.Run("token", [&](Fiber& fiber) {
    if (is_tls) {
      auto opened = edge::TlsNetwork::Open(fiber, loop.devices(), HubTls(flags.hub));
      if (!opened.ok()) {
        token = opened.status();
        return;
      }
      tls = *std::move(opened);
    }
    runtime::Network& plain = loop.devices().network;
    token = Ask(fiber, tls != nullptr ? *tls : plain, *hub, request);
  });
  if (!token.ok()) return FailDocs("token", token.status());
  if (!token->empty()) std::printf("%s\n", token->c_str());
  return kExitOk;
}

}  // namespace

Command AddDocsToken(CLI::App& docs) {
  CLI::App* const app = docs.add_subcommand("token", "Make or revoke a token of a hub");
  app->footer(R"(
Examples:
  lockstep docs token --hub http://127.0.0.1:2379 --token-file admin.token --tenant acme > laptop.token
  lockstep docs token --token-file admin.token --tenant acme --ns notes --perms pull
  lockstep docs token --token-file admin.token --revoke laptop.token

The token is told once; the hub keeps its hash.)");
  auto flags = std::make_shared<Flags>();
  flags->claims.spaces = {"*"};
  AddHubFlags(*app, flags->hub);
  app->add_option("--tenant", flags->claims.tenant, "Whose documents it reaches");
  app->add_option("--ns", flags->claims.spaces, "Namespaces; *: all of the tenant's")
      ->delimiter(',')
      ->capture_default_str();
  app->add_option("--perms", flags->permissions, "push, pull, read")
      ->delimiter(',')
      ->capture_default_str();
  app->add_option("--not-after", flags->claims.not_after_ms, "ms since 1970; 0: good for ever");
  app->add_option("--rate", flags->claims.rate, "Requests a second; 0: no limit");
  app->add_option("--revoke", flags->revoked_file,
                  "A file whose first line is the token that goes");
  return {app, [flags] { return Run(*flags); }};
}

}  // namespace lockstep::cli
