// TlsIssuer: a certificate authority of one's own, for clusters that have none.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_TLS_ISSUER_H_
#define LOCKSTEP_FRAMEWORK_EDGE_TLS_ISSUER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/base/time.h"
#include "framework/edge/tls_context.h"

namespace lockstep::edge {

struct TlsSubject final {
  std::string common_name;
  std::vector<std::string> hosts;  // DNS names and IP addresses that it may be dialed by
  WallTime valid_from;
  WallTime valid_until;
};

// Keys are of the curve P-256, signatures ECDSA with SHA-256. Randomness is OpenSSL's.
class TlsIssuer final {
 public:
  // A new authority, which signs itself; only its name and times count.
  static TlsIssuer Create(const TlsSubject& subject);
  // An authority that was made before. INVALID_ARGUMENT: what is wrong with the texts.
  static absl::StatusOr<TlsIssuer> Load(const std::string& certificate,
                                        const std::string& private_key);
  TlsIssuer(TlsIssuer&&) noexcept;
  TlsIssuer& operator=(TlsIssuer&&) noexcept;
  ~TlsIssuer();

  // A new key and its certificate, good for servers and clients, that trusts this authority.
  TlsCredentials Issue(const TlsSubject& subject) const;

  // PEM. The key is the secret that everything hangs on.
  std::string certificate() const;
  std::string private_key() const;

 private:
  struct Keys;
  explicit TlsIssuer(std::unique_ptr<Keys> keys);

  std::unique_ptr<Keys> keys_;
};

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_TLS_ISSUER_H_
