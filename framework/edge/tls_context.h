// TlsContext: who this side is and whom it believes, for any number of TLS connections.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_TLS_CONTEXT_H_
#define LOCKSTEP_FRAMEWORK_EDGE_TLS_CONTEXT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/base/time.h"

struct ssl_ctx_st;

namespace lockstep::edge {

// PEM text, as it stands in the files of an operator.
struct TlsCredentials final {
  std::string certificate_chain;  // own certificate first; "": none (a client that needs none)
  std::string private_key;
  std::string trusted;  // certificates of the authorities whose signatures are believed

  bool operator==(const TlsCredentials&) const = default;
};

enum class TlsVersion { k12, k13 };

struct TlsPolicy final {
  // As a server: whoever connects shows a certificate that `trusted` signed (mutual TLS).
  bool requires_client_certificate = false;
  // As a client: the server's certificate is checked, also against the name that was dialed.
  bool verifies_server = true;
  // If not empty: the other side's certificate has one of these as its common name, or as a DNS
  // name or IP address among its alternative names. Of `requires_client_certificate` and dialing.
  std::vector<std::string> allowed_names;
  TlsVersion version_min = TlsVersion::k12;
  // Cipher suites, by IANA's names (as Go has them) or OpenSSL's; empty: OpenSSL's defaults.
  std::vector<std::string> cipher_suites;
  // Application protocols (RFC 7301) in order of preference; empty: not negotiated.
  std::vector<std::string> protocols;
};

// Immutable; belongs to one shard.
class TlsContext final {
 public:
  // INVALID_ARGUMENT says which of the texts is wrong and how: not PEM, no certificate, a key that
  // does not belong to the certificate, a policy that needs what is not there.
  static absl::StatusOr<std::shared_ptr<const TlsContext>> Make(const TlsCredentials& credentials,
                                                                TlsPolicy policy);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  const TlsPolicy& policy() const { return policy_; }
  // When the own certificate ends; without one, never.
  WallTime valid_until() const { return valid_until_; }
  // OpenSSL's object; counts its users.
  ssl_ctx_st* handle() const { return handle_; }

 private:
  explicit TlsContext(TlsPolicy policy);
  absl::Status Load(const TlsCredentials& credentials);
  absl::Status LoadOwn(const TlsCredentials& credentials);
  absl::Status LoadTrusted(const std::string& trusted);
  absl::Status ApplyPolicy();
  absl::Status ApplyCipherSuites();

  TlsPolicy policy_;
  std::string wire_protocols_;  // length-prefixed, as ALPN has them
  WallTime valid_until_{};
  ssl_ctx_st* handle_ = nullptr;
};

// The text of OpenSSL's last error of this thread, which it forgets. For use right after a call.
std::string TakeTlsError();

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_TLS_CONTEXT_H_
