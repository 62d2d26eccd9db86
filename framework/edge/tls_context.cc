#include "framework/edge/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/edge/tls_handles.h"

namespace lockstep::edge {
namespace {

// A text that ends between two certificates is complete; anything else is damaged.
bool EndedCleanly() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

WallTime ValidUntil(const X509* certificate) {
  const std::unique_ptr<ASN1_TIME, void (*)(ASN1_TIME*)> epoch(ASN1_TIME_set(nullptr, 0),
                                                               &ASN1_TIME_free);
  int days = 0;
  int seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, epoch.get(), X509_get0_notAfter(certificate)) != 1) return {};
  constexpr int64_t kSecondsPerDay = 86'400;
  // The year 2262 is as far as nanoseconds reach.
  constexpr int64_t kSecondsMax = 9'000'000'000;
  const int64_t at = std::min(days * kSecondsPerDay + seconds, kSecondsMax);
  return WallTime{at * 1'000'000'000};
}

int ChooseProtocol(SSL*, const unsigned char** out, unsigned char* size,
                   const unsigned char* offered, unsigned offered_bytes, void* ours) {
  const auto& wire = *static_cast<const std::string*>(ours);
  unsigned char* chosen = nullptr;
  const int result =
      SSL_select_next_proto(&chosen, size, reinterpret_cast<const unsigned char*>(wire.data()),
                            static_cast<unsigned>(wire.size()), offered, offered_bytes);
  *out = chosen;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

std::string TakeTlsError() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  if (error == 0) return "no reason given";
  const char* reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : absl::StrCat("error ", error);
}

TlsContext::TlsContext(TlsPolicy policy) : policy_(std::move(policy)) {
  // A configuration file of the machine must not change what a node does.
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  handle_ = SSL_CTX_new(TLS_method());
  CHECK(handle_ != nullptr) << TakeTlsError();
}

TlsContext::~TlsContext() { SSL_CTX_free(handle_); }

absl::StatusOr<std::shared_ptr<const TlsContext>> TlsContext::Make(
    const TlsCredentials& credentials, TlsPolicy policy) {
  std::shared_ptr<TlsContext> context(new TlsContext(std::move(policy)));
  ERR_clear_error();
  RETURN_IF_ERROR(context->Load(credentials));
  RETURN_IF_ERROR(context->ApplyPolicy());
  return std::shared_ptr<const TlsContext>(std::move(context));
}

absl::Status TlsContext::Load(const TlsCredentials& credentials) {
  if (!credentials.certificate_chain.empty() || !credentials.private_key.empty()) {
    RETURN_IF_ERROR(LoadOwn(credentials));
  }
  if (!credentials.trusted.empty()) return LoadTrusted(credentials.trusted);
  if (policy_.requires_client_certificate) {
    return absl::InvalidArgumentError(
        "certificates of clients cannot be checked without trusted certificates");
  }
  return absl::OkStatus();
}

absl::Status TlsContext::LoadOwn(const TlsCredentials& credentials) {
  const TlsHandle<BIO> chain = ReadingBio(credentials.certificate_chain);
  TlsHandle<X509> own = ReadCertificate(chain.get());
  if (own == nullptr || SSL_CTX_use_certificate(handle_, own.get()) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("no certificate in PEM form: ", TakeTlsError()));
  }
  valid_until_ = ValidUntil(own.get());
  while (TlsHandle<X509> next = ReadCertificate(chain.get())) {
    CHECK_EQ(SSL_CTX_add1_chain_cert(handle_, next.get()), 1);
  }
  if (!EndedCleanly()) return absl::InvalidArgumentError("the chain of certificates is damaged");
  const TlsHandle<BIO> text = ReadingBio(credentials.private_key);
  const TlsHandle<EVP_PKEY> key = ReadPrivateKey(text.get());
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("no private key in PEM form, or one with a password: ", TakeTlsError()));
  }
  if (SSL_CTX_use_PrivateKey(handle_, key.get()) != 1 || SSL_CTX_check_private_key(handle_) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("the private key is not the certificate's: ", TakeTlsError()));
  }
  return absl::OkStatus();
}

absl::Status TlsContext::LoadTrusted(const std::string& trusted) {
  const TlsHandle<BIO> text = ReadingBio(trusted);
  X509_STORE* const store = SSL_CTX_get_cert_store(handle_);
  size_t count = 0;
  while (TlsHandle<X509> next = ReadCertificate(text.get())) {
    CHECK_EQ(X509_STORE_add_cert(store, next.get()), 1);
    ++count;
  }
  if (!EndedCleanly() || count == 0) {
    return absl::InvalidArgumentError(
        "the trusted certificates are damaged or not in PEM form (-----BEGIN CERTIFICATE-----)");
  }
  return absl::OkStatus();
}

absl::Status TlsContext::ApplyPolicy() {
  SSL_CTX_set_min_proto_version(
      handle_, policy_.version_min == TlsVersion::k13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  // Resumed sessions would outlive the certificates and the list of allowed names they began with.
  SSL_CTX_set_session_cache_mode(handle_, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(handle_, 0);
  SSL_CTX_set_options(handle_, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  // An idle connection keeps no buffers.
  SSL_CTX_set_mode(handle_, SSL_MODE_RELEASE_BUFFERS);
  RETURN_IF_ERROR(ApplyCipherSuites());
  for (const std::string& protocol : policy_.protocols) {
    CHECK_LT(protocol.size(), 256u);
    wire_protocols_ += static_cast<char>(protocol.size());
    wire_protocols_ += protocol;
  }
  if (wire_protocols_.empty()) return absl::OkStatus();
  SSL_CTX_set_alpn_protos(handle_, reinterpret_cast<const unsigned char*>(wire_protocols_.data()),
                          static_cast<unsigned>(wire_protocols_.size()));
  SSL_CTX_set_alpn_select_cb(handle_, &ChooseProtocol, &wire_protocols_);
  return absl::OkStatus();
}

absl::Status TlsContext::ApplyCipherSuites() {
  std::vector<std::string> suites_12;
  std::vector<std::string> suites_13;
  for (const std::string& name : policy_.cipher_suites) {
    // OpenSSL calls the suites of TLS 1.3 by IANA's names, those before by its own.
    const char* const standard = OPENSSL_cipher_name(name.c_str());
    const bool is_known_by_iana = std::string_view(standard) != "(NONE)";
    const bool is_13 = is_known_by_iana && name == standard;
    (is_13 ? suites_13 : suites_12).push_back(is_known_by_iana ? standard : name);
    const int taken = is_13 ? SSL_CTX_set_ciphersuites(handle_, name.c_str())
                            : SSL_CTX_set_cipher_list(handle_, suites_12.back().c_str());
    if (taken != 1) {
      ERR_clear_error();
      return absl::InvalidArgumentError(absl::StrCat("cipher suite ", name, " is unknown"));
    }
  }
  if (!suites_12.empty()) SSL_CTX_set_cipher_list(handle_, absl::StrJoin(suites_12, ":").c_str());
  if (!suites_13.empty()) SSL_CTX_set_ciphersuites(handle_, absl::StrJoin(suites_13, ":").c_str());
  return absl::OkStatus();
}

}  // namespace lockstep::edge
