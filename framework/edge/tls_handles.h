// Owners of OpenSSL's objects. For the .cc files of this folder only.
#ifndef LOCKSTEP_FRAMEWORK_EDGE_TLS_HANDLES_H_
#define LOCKSTEP_FRAMEWORK_EDGE_TLS_HANDLES_H_

#include <openssl/bio.h>     // lint: allow(heavy) for tls_*.cc
#include <openssl/bn.h>      // lint: allow(heavy) for tls_*.cc
#include <openssl/evp.h>     // lint: allow(heavy) for tls_*.cc
#include <openssl/pem.h>     // lint: allow(heavy) for tls_*.cc
#include <openssl/x509.h>    // lint: allow(heavy) for tls_*.cc
#include <openssl/x509v3.h>  // lint: allow(heavy) for tls_*.cc

#include <memory>
#include <string>

#include "framework/base/check.h"

namespace lockstep::edge {

struct TlsFree final {
  void operator()(ASN1_OCTET_STRING* p) const { ASN1_OCTET_STRING_free(p); }
  void operator()(BIGNUM* p) const { BN_free(p); }
  void operator()(BIO* p) const { BIO_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(X509_EXTENSION* p) const { X509_EXTENSION_free(p); }
};
template <typename T>
using TlsHandle = std::unique_ptr<T, TlsFree>;

// Reads `text`, which has to stay where it is.
inline TlsHandle<BIO> ReadingBio(const std::string& text) {
  TlsHandle<BIO> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  CHECK(bio != nullptr);
  return bio;
}

// OpenSSL would ask for a password at the terminal.
inline int NoPassword(char*, int, int, void*) { return -1; }

inline TlsHandle<X509> ReadCertificate(BIO* bio) {
  return TlsHandle<X509>(PEM_read_bio_X509(bio, nullptr, &NoPassword, nullptr));
}
inline TlsHandle<EVP_PKEY> ReadPrivateKey(BIO* bio) {
  return TlsHandle<EVP_PKEY>(PEM_read_bio_PrivateKey(bio, nullptr, &NoPassword, nullptr));
}

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_TLS_HANDLES_H_
