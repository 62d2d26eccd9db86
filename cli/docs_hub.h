// The commands below `lockstep docs` that have to do with a hub.
#ifndef LOCKSTEP_CLI_DOCS_HUB_H_
#define LOCKSTEP_CLI_DOCS_HUB_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "framework/edge/tls_network.h"
#include "framework/runtime/network.h"

namespace lockstep::cli {

// All of them.
std::vector<Command> AddDocsHub(CLI::App& docs);

// serve
Command AddDocsServe(CLI::App& docs);
// sync, conflicts, resolve, rejected
std::vector<Command> AddDocsSync(CLI::App& docs);
// token
Command AddDocsToken(CLI::App& docs);

// Where the hub is, as typed: URLs or host:port, and whom to believe.
struct HubFlags final {
  std::vector<std::string> urls = {"http://127.0.0.1:2379"};
  std::string trusted_file;
  std::string token_file;
  std::string format = "table";
};
void AddHubFlags(CLI::App& app, HubFlags& flags);
// "host:port" of each. INVALID_ARGUMENT: they are not all of one scheme, or malformed.
absl::StatusOr<std::vector<runtime::Address>> HubAddresses(const HubFlags& flags, bool* is_tls);
// TLS to the hub, as the flags say.
edge::TlsOptions HubTls(const HubFlags& flags);
// The first line of a file; "-": of standard input. INVALID_ARGUMENT.
absl::StatusOr<std::string> ReadToken(const std::string& file);
// Prints what went wrong and says with what to exit.
int FailDocs(const std::string& what, const absl::Status& status);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_DOCS_HUB_H_
