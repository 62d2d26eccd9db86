#include "framework/edge/tls_issuer.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "framework/base/check.h"
#include "framework/edge/tls_handles.h"

namespace lockstep::edge {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr long kX509Version3 = 2;

TlsHandle<EVP_PKEY> NewKey() {
  TlsHandle<EVP_PKEY> key(EVP_EC_gen("P-256"));
  CHECK(key != nullptr) << TakeTlsError();
  return key;
}

void SetSerialNumber(X509* certificate) {
  // RFC 5280 4.1.2.2: positive, at most 20 bytes; random, so that no list has to be kept.
  std::array<unsigned char, 16> bytes{};
  // lint: allow(entropy) OpenSSL's, as its keys; a universe replaces it (sim/interpose.cc)
  CHECK_EQ(RAND_bytes(bytes.data(), bytes.size()), 1) << TakeTlsError();
  bytes[0] = static_cast<unsigned char>(bytes[0] & 0x7f) | 1;
  const TlsHandle<BIGNUM> number(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  CHECK(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr);
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const TlsHandle<X509_EXTENSION> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  CHECK(extension != nullptr) << value << ": " << TakeTlsError();
  CHECK_EQ(X509_add_ext(certificate, extension.get(), -1), 1);
}

// A certificate for `key` that nobody has signed yet.
TlsHandle<X509> NewCertificate(const TlsSubject& subject, EVP_PKEY* key) {
  TlsHandle<X509> certificate(X509_new());
  X509_set_version(certificate.get(), kX509Version3);
  SetSerialNumber(certificate.get());
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()),
                subject.valid_from.ns / kNanosecondsPerSecond);
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()),
                subject.valid_until.ns / kNanosecondsPerSecond);
  CHECK_EQ(X509_set_pubkey(certificate.get(), key), 1);
  const auto* name = reinterpret_cast<const unsigned char*>(subject.common_name.c_str());
  CHECK_EQ(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                                      name, -1, -1, 0),
           1)
      << "a common name of at most 64 bytes: " << subject.common_name;
  return certificate;
}

void Sign(X509* certificate, X509* issuer, EVP_PKEY* key) {
  CHECK_EQ(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)), 1);
  CHECK_GT(X509_sign(certificate, key, EVP_sha256()), 0) << TakeTlsError();
}

std::string AlternativeNames(const std::vector<std::string>& hosts) {
  return absl::StrJoin(hosts, ",", [](std::string* out, const std::string& host) {
    const TlsHandle<ASN1_OCTET_STRING> address(a2i_IPADDRESS(host.c_str()));
    ERR_clear_error();
    absl::StrAppend(out, address != nullptr ? "IP:" : "DNS:", host);
  });
}

template <typename Write>
std::string ToPem(Write write) {
  const TlsHandle<BIO> bio(BIO_new(BIO_s_mem()));
  CHECK_EQ(write(bio.get()), 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(size)};
}

std::string ToPem(X509* certificate) {
  return ToPem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

std::string ToPem(EVP_PKEY* key) {
  return ToPem([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

}  // namespace

struct TlsIssuer::Keys final {
  TlsHandle<X509> certificate;
  TlsHandle<EVP_PKEY> key;
};

TlsIssuer::TlsIssuer(std::unique_ptr<Keys> keys) : keys_(std::move(keys)) {}
TlsIssuer::TlsIssuer(TlsIssuer&&) noexcept = default;
TlsIssuer& TlsIssuer::operator=(TlsIssuer&&) noexcept = default;
TlsIssuer::~TlsIssuer() = default;

TlsIssuer TlsIssuer::Create(const TlsSubject& subject) {
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  auto keys = std::make_unique<Keys>();
  keys->key = NewKey();
  keys->certificate = NewCertificate(subject, keys->key.get());
  X509* const own = keys->certificate.get();
  AddExtension(own, own, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(own, own, NID_key_usage, "critical,keyCertSign,cRLSign");
  AddExtension(own, own, NID_subject_key_identifier, "hash");
  Sign(own, own, keys->key.get());
  return TlsIssuer(std::move(keys));
}

absl::StatusOr<TlsIssuer> TlsIssuer::Load(const std::string& certificate,
                                          const std::string& private_key) {
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  auto keys = std::make_unique<Keys>();
  keys->certificate = ReadCertificate(ReadingBio(certificate).get());
  if (keys->certificate == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the authority's certificate is not PEM: ", TakeTlsError()));
  }
  keys->key = ReadPrivateKey(ReadingBio(private_key).get());
  if (keys->key == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the authority's key is not PEM, or has a password: ", TakeTlsError()));
  }
  if (X509_check_private_key(keys->certificate.get(), keys->key.get()) != 1) {
    return absl::InvalidArgumentError("the authority's key is not its certificate's");
  }
  if (X509_check_ca(keys->certificate.get()) == 0) {
    return absl::InvalidArgumentError("the certificate is not that of an authority");
  }
  return TlsIssuer(std::move(keys));
}

TlsCredentials TlsIssuer::Issue(const TlsSubject& subject) const {
  const TlsHandle<EVP_PKEY> key = NewKey();
  const TlsHandle<X509> leaf = NewCertificate(subject, key.get());
  X509* const issuer = keys_->certificate.get();
  AddExtension(leaf.get(), issuer, NID_basic_constraints, "critical,CA:FALSE");
  AddExtension(leaf.get(), issuer, NID_key_usage, "critical,digitalSignature");
  AddExtension(leaf.get(), issuer, NID_ext_key_usage, "serverAuth,clientAuth");
  AddExtension(leaf.get(), issuer, NID_authority_key_identifier, "keyid:always");
  if (!subject.hosts.empty()) {
    AddExtension(leaf.get(), issuer, NID_subject_alt_name, AlternativeNames(subject.hosts));
  }
  Sign(leaf.get(), issuer, keys_->key.get());
  return {ToPem(leaf.get()), ToPem(key.get()), certificate()};
}

std::string TlsIssuer::certificate() const { return ToPem(keys_->certificate.get()); }
std::string TlsIssuer::private_key() const { return ToPem(keys_->key.get()); }

}  // namespace lockstep::edge
