// TlsSettings: etcd's TLS flags of one port, checked and turned into what the port runs with.
#ifndef LOCKSTEP_KV_TLS_SETTINGS_H_
#define LOCKSTEP_KV_TLS_SETTINGS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "framework/edge/tls_context.h"

namespace lockstep::kv {

// As typed.
struct TlsSettings final {
  std::string cert_file;
  std::string key_file;
  std::string trusted_ca_file;
  bool client_cert_auth = false;
  std::string allowed_cn;  // separated by commas, as the next
  std::string allowed_hostname;
};

// What both ports share, as typed.
struct TlsLimits final {
  std::string min_version;    // "", TLS1.2, TLS1.3
  std::string cipher_suites;  // IANA's names, separated by commas
};

// Whence a port's credentials come, and whom it believes. A value.
struct TlsPort final {
  std::string certificate_file;
  std::string key_file;
  std::string trusted_file;  // "": none
  edge::TlsPolicy policy;
};

// The names of the flags differ in `prefix`: "" for clients, "peer-" for peers. Nothing if the
// port's URLs are not https. INVALID_ARGUMENT names the flag that is missing or wrong.
absl::StatusOr<std::optional<TlsPort>> ParseTlsPort(absl::string_view prefix, bool is_https,
                                                    const TlsSettings& settings,
                                                    const TlsLimits& limits);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_TLS_SETTINGS_H_
