#include "kv/tls_settings.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "framework/base/status_macros.h"

namespace lockstep::kv {
namespace {

std::vector<std::string> NamesOf(const std::string& list) {
  std::vector<std::string> names;
  for (const auto part : absl::StrSplit(list, ',', absl::SkipWhitespace())) {
    names.emplace_back(absl::StripAsciiWhitespace(part));
  }
  return names;
}

absl::StatusOr<edge::TlsVersion> ParseVersion(const std::string& text) {
  if (text.empty() || text == "TLS1.2") return edge::TlsVersion::k12;
  if (text == "TLS1.3") return edge::TlsVersion::k13;
  return absl::InvalidArgumentError(
      absl::StrCat("--tls-min-version '", text, "' is unknown: use TLS1.2 or TLS1.3"));
}

absl::Status CheckFiles(absl::string_view prefix, const TlsSettings& settings) {
  const auto missing = [&](absl::string_view flag, absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("--", prefix, flag, " is missing: ", why));
  };
  const absl::string_view port = prefix.empty() ? "client" : "peer";
  if (settings.cert_file.empty()) {
    return missing("cert-file", absl::StrCat("the ", port, " URLs are https"));
  }
  if (settings.key_file.empty()) return missing("key-file", "a certificate needs its key");
  if (!settings.trusted_ca_file.empty()) return absl::OkStatus();
  if (!prefix.empty()) {
    return missing("trusted-ca-file", "members check each other's certificates against it");
  }
  if (settings.client_cert_auth || !settings.allowed_hostname.empty()) {
    return missing("trusted-ca-file", "clients' certificates are checked against it");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<TlsPort>> ParseTlsPort(absl::string_view prefix, bool is_https,
                                                    const TlsSettings& settings,
                                                    const TlsLimits& limits) {
  if (!is_https) return std::optional<TlsPort>();
  RETURN_IF_ERROR(CheckFiles(prefix, settings));
  TlsPort port;
  port.certificate_file = settings.cert_file;
  port.key_file = settings.key_file;
  port.trusted_file = settings.trusted_ca_file;
  port.policy.allowed_names = NamesOf(settings.allowed_cn);
  for (std::string& name : NamesOf(settings.allowed_hostname)) {
    port.policy.allowed_names.push_back(std::move(name));
  }
  // A list of names says nothing about whoever shows none.
  port.policy.requires_client_certificate =
      settings.client_cert_auth || !port.policy.allowed_names.empty();
  ASSIGN_OR_RETURN(port.policy.version_min, ParseVersion(limits.min_version));
  port.policy.cipher_suites = NamesOf(limits.cipher_suites);
  if (prefix.empty()) port.policy.protocols = {"h2"};
  return port;
}

}  // namespace lockstep::kv
