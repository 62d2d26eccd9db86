#include "cli/docs_hub.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/docs_command.h"
#include "cli/tls_files.h"
#include "framework/base/status_macros.h"

namespace lockstep::cli {
namespace {

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";

}  // namespace

std::vector<Command> AddDocsHub(CLI::App& docs) {
  std::vector<Command> commands = AddDocsSync(docs);
  commands.push_back(AddDocsToken(docs));
  commands.push_back(AddDocsServe(docs));
  return commands;
}

void AddHubFlags(CLI::App& app, HubFlags& flags) {
  app.add_option("--hub", flags.urls, "URLs of the hub's nodes, separated by commas")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--cacert", flags.trusted_file,
                 "PEM: who signs the hub's certificates (the system's list)");
  app.add_option("--token-file", flags.token_file,
                 "Its first line is the token (-: standard input)")
      ->required();
  app.add_option("-w,--write-out", flags.format, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
}

absl::StatusOr<std::vector<runtime::Address>> HubAddresses(const HubFlags& flags, bool* is_tls) {
  std::vector<runtime::Address> addresses;
  for (const std::string& url : flags.urls) {
    const bool secure = absl::StartsWith(url, std::string(kHttps));
    if (!addresses.empty() && secure != *is_tls)
      return absl::InvalidArgumentError("--hub: all https, or none");
    *is_tls = secure;
    std::string address = url;
    if (secure) address = url.substr(kHttps.size());
    if (absl::StartsWith(url, std::string(kHttp))) address = url.substr(kHttp.size());
    while (!address.empty() && address.back() == '/') address.pop_back();
    if (address.empty() || address.find(':') == std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("--hub '", url, "' is not http://HOST:PORT or https://HOST:PORT"));
    }
    addresses.push_back(std::move(address));
  }
  return addresses;
}

edge::TlsOptions HubTls(const HubFlags& flags) {
  edge::TlsOptions tls;
  tls.policy.verifies_server = true;
  tls.policy.protocols = {"http/1.1"};
  tls.load = [file = flags.trusted_file](Fiber&) {
    return ReadCredentialsBlocking("", "", file.empty() ? std::string(kSystemTrust) : file);
  };
  return tls;
}

absl::StatusOr<std::string> ReadToken(const std::string& file) {
  ASSIGN_OR_RETURN(std::string line, ReadFirstLine(file));
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  if (line.empty()) return absl::InvalidArgumentError(file + ": its first line is empty");
  return line;
}

int FailDocs(const std::string& what, const absl::Status& status) {
  PrintError(absl::StrCat("docs ", what), std::string(status.message()));
  if (absl::IsInvalidArgument(status)) return kExitUsage;
  const bool is_away = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  return is_away ? kExitUnreachable : kExitFailed;
}

}  // namespace lockstep::cli
