#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/command.h"
#include "disk/text_file.h"
#include "framework/base/status_macros.h"
#include "framework/edge/tls_issuer.h"
#include "net/system_devices.h"

namespace lockstep::cli {
namespace {

constexpr Duration kDay = Seconds(86'400);
// Clocks of other machines may be behind.
constexpr Duration kBackdated = Seconds(3600);
constexpr size_t kNameBytesMax = 64;  // RFC 5280, ub-common-name

constexpr char kFooter[] = R"(
Examples:
  lockstep cert ca --out certs
  lockstep cert issue n1 --hosts 10.0.0.1,n1.example.org --out certs
  lockstep serve --peer-cert-file certs/n1.pem --peer-key-file certs/n1-key.pem \
      --peer-trusted-ca-file certs/ca.pem --peer-client-cert-auth ...

The key of the authority (ca-key.pem) signs anything: nodes do not need it, keep it away from them.)";

struct CertOptions final {
  std::string name;
  std::string authority_name = "lockstep authority";
  std::vector<std::string> hosts;
  std::string authority_dir;
  std::string out = ".";
  int64_t days = 0;
};

absl::StatusOr<edge::TlsSubject> SubjectOf(const CertOptions& options, const std::string& name) {
  if (name.empty() || name.size() > kNameBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("the name '", name, "' does not have 1 to ", kNameBytesMax, " bytes"));
  }
  constexpr int64_t kDaysMax = 36'500;
  if (options.days < 1 || options.days > kDaysMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("--days ", options.days, " is not between 1 and ", kDaysMax));
  }
  for (const std::string& host : options.hosts) {
    if (!host.empty() && host.find_first_of(" ,:/\n") == std::string::npos) continue;
    if (host.find(':') != std::string::npos && host.find_first_of(" ,/\n") == std::string::npos) {
      continue;  // an IPv6 address
    }
    return absl::InvalidArgumentError(
        absl::StrCat("--hosts: '", host, "' is neither a name nor an address"));
  }
  const WallTime now = net::SystemClock().Wall();
  return edge::TlsSubject{name, options.hosts, now + -kBackdated, now + options.days * kDay};
}

absl::Status Store(const std::string& directory, const std::string& name,
                   const std::string& certificate, const std::string& key) {
  const std::string key_path = absl::StrCat(directory, "/", name, "-key.pem");
  const std::string path = absl::StrCat(directory, "/", name, ".pem");
  RETURN_IF_ERROR(disk::CreateTextFileBlocking(key_path, key, disk::Secrecy::kSecret));
  RETURN_IF_ERROR(disk::CreateTextFileBlocking(path, certificate, disk::Secrecy::kPublic));
  std::printf("%s\n%s\n", path.c_str(), key_path.c_str());
  return absl::OkStatus();
}

absl::Status CreateAuthority(const CertOptions& options) {
  ASSIGN_OR_RETURN(const edge::TlsSubject subject, SubjectOf(options, options.authority_name));
  const edge::TlsIssuer issuer = edge::TlsIssuer::Create(subject);
  return Store(options.out, "ca", issuer.certificate(), issuer.private_key());
}

absl::Status IssueCertificate(const CertOptions& options) {
  ASSIGN_OR_RETURN(const edge::TlsSubject subject, SubjectOf(options, options.name));
  if (options.name.find('/') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("the name '", options.name, "' must not contain '/': it names the files"));
  }
  const std::string from = options.authority_dir.empty() ? options.out : options.authority_dir;
  ASSIGN_OR_RETURN(const std::string certificate, disk::ReadTextFileBlocking(from + "/ca.pem"));
  ASSIGN_OR_RETURN(const std::string key, disk::ReadTextFileBlocking(from + "/ca-key.pem"));
  ASSIGN_OR_RETURN(const edge::TlsIssuer issuer, edge::TlsIssuer::Load(certificate, key));
  const edge::TlsCredentials issued = issuer.Issue(subject);
  return Store(options.out, options.name, issued.certificate_chain, issued.private_key);
}

int Finish(const char* what, const absl::Status& status) {
  if (status.ok()) return kExitOk;
  PrintError(what, std::string(status.message()));
  return absl::IsInvalidArgument(status) ? kExitUsage : kExitFailed;
}

}  // namespace

std::vector<Command> AddCert(CLI::App& root) {
  CLI::App* const app =
      root.add_subcommand("cert", "Make certificates for TLS, where there is no authority yet");
  app->require_subcommand(1);
  app->footer(kFooter);
  auto options = std::make_shared<CertOptions>();
  constexpr int64_t kAuthorityDays = 3650;
  constexpr int64_t kMemberDays = 365;

  CLI::App* const ca = app->add_subcommand("ca", "Make an authority: ca.pem and ca-key.pem");
  ca->add_option("--out", options->out, "An existing directory")->capture_default_str();
  ca->add_option("--name", options->authority_name, "Its common name")->capture_default_str();
  ca->add_option("--days", options->days,
                 absl::StrCat("How long it is valid (", kAuthorityDays, ")"));

  CLI::App* const issue =
      app->add_subcommand("issue", "Make a certificate: NAME.pem and NAME-key.pem");
  issue->add_option("name", options->name, "The common name: of a node, or of a client")
      ->required();
  issue->add_option("--hosts", options->hosts, "Names and addresses that it is dialed by")
      ->delimiter(',');
  issue->add_option("--ca", options->authority_dir, "Where ca.pem and ca-key.pem are (as --out)");
  issue->add_option("--out", options->out, "An existing directory")->capture_default_str();
  issue->add_option("--days", options->days,
                    absl::StrCat("How long it is valid (", kMemberDays, ")"));

  const auto or_default = [](CertOptions given, int64_t days) {
    if (given.days == 0) given.days = days;
    return given;
  };
  return {
      {ca,
       [=] { return Finish("cert ca", CreateAuthority(or_default(*options, kAuthorityDays))); }},
      {issue,
       [=] { return Finish("cert issue", IssueCertificate(or_default(*options, kMemberDays))); }}};
}

}  // namespace lockstep::cli
