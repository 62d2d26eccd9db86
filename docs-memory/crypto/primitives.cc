#include "docs-memory/crypto/primitives.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <bit>
#include <cstring>
#include <utility>

#include "framework/base/check.h"

namespace lockstep::docs {
namespace {

constexpr size_t kNonceBytes = 12;
constexpr uint64_t kScryptBytesMax = uint64_t{1} << 30;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(char* text) { return reinterpret_cast<unsigned char*>(text); }

struct FreeContext final {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

struct Nonce final {
  explicit Nonce(uint64_t number) {
    std::memset(bytes, 0, sizeof(bytes));
    std::memcpy(bytes + 4, &number, sizeof(number));
  }
  unsigned char bytes[kNonceBytes];
};

int IntOf(size_t size) {
  CHECK_LT(size, size_t{1} << 30);
  return static_cast<int>(size);
}

}  // namespace

SecretKey::SecretKey(std::string_view bytes) {
  CHECK_EQ(bytes.size(), kKeyBytes);
  std::memcpy(bytes_, bytes.data(), kKeyBytes);
}
SecretKey::~SecretKey() { OPENSSL_cleanse(bytes_, kKeyBytes); }

struct AesGcm::Algorithm final {
  Algorithm() : cipher(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)) {
    CHECK(cipher != nullptr) << "libcrypto lacks AES-256-GCM";
  }
  Algorithm(const Algorithm&) = delete;
  Algorithm& operator=(const Algorithm&) = delete;
  ~Algorithm() { EVP_CIPHER_free(cipher); }
  EVP_CIPHER* cipher;
};

AesGcm::AesGcm(SecretKey key) : key_(key), algorithm_(std::make_unique<Algorithm>()) {}
AesGcm::~AesGcm() = default;

void AesGcm::Seal(uint64_t nonce, std::string_view associated, std::string_view plain,
                  std::string* out) const {
  const Context context(EVP_CIPHER_CTX_new());
  const Nonce bytes(nonce);
  CHECK_EQ(EVP_EncryptInit_ex2(context.get(), algorithm_->cipher, Bytes(key_.bytes()), bytes.bytes,
                               nullptr),
           1);
  int taken = 0;
  CHECK_EQ(EVP_EncryptUpdate(context.get(), nullptr, &taken, Bytes(associated),
                             IntOf(associated.size())),
           1);
  const size_t start = out->size();
  out->resize(start + plain.size() + kTagBytes);
  char* const sealed = out->data() + start;
  CHECK_EQ(
      EVP_EncryptUpdate(context.get(), Bytes(sealed), &taken, Bytes(plain), IntOf(plain.size())),
      1);
  CHECK_EQ(static_cast<size_t>(taken), plain.size());
  CHECK_EQ(EVP_EncryptFinal_ex(context.get(), Bytes(sealed) + taken, &taken), 1);
  CHECK_EQ(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, IntOf(kTagBytes),
                               sealed + plain.size()),
           1);
}

bool AesGcm::Open(uint64_t nonce, std::string_view associated, std::string_view sealed,
                  std::string* out) const {
  if (sealed.size() < kTagBytes) return false;
  const std::string_view body = sealed.substr(0, sealed.size() - kTagBytes);
  std::string tag(sealed.substr(body.size()));
  const Context context(EVP_CIPHER_CTX_new());
  const Nonce bytes(nonce);
  CHECK_EQ(EVP_DecryptInit_ex2(context.get(), algorithm_->cipher, Bytes(key_.bytes()), bytes.bytes,
                               nullptr),
           1);
  int taken = 0;
  CHECK_EQ(EVP_DecryptUpdate(context.get(), nullptr, &taken, Bytes(associated),
                             IntOf(associated.size())),
           1);
  const size_t start = out->size();
  out->resize(start + body.size());
  char* const plain = out->data() + start;
  CHECK_EQ(EVP_DecryptUpdate(context.get(), Bytes(plain), &taken, Bytes(body), IntOf(body.size())),
           1);
  CHECK_EQ(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, IntOf(kTagBytes), tag.data()),
           1);
  const bool genuine = EVP_DecryptFinal_ex(context.get(), Bytes(plain) + taken, &taken) == 1;
  // Nobody may see what was not sealed by us.
  if (!genuine) out->resize(start);
  return genuine;
}

std::string Sha256(std::string_view message) {
  std::string digest(kKeyBytes, '\0');
  unsigned int size = 0;
  CHECK_EQ(EVP_Digest(message.data(), message.size(), Bytes(digest.data()), &size, EVP_sha256(),
                      nullptr),
           1);
  CHECK_EQ(size, kKeyBytes);
  return digest;
}

SecretKey HmacSha256(const SecretKey& key, std::string_view message) {
  char digest[kKeyBytes];
  unsigned int size = 0;
  CHECK(HMAC(EVP_sha256(), key.bytes().data(), IntOf(kKeyBytes), Bytes(message), message.size(),
             Bytes(digest), &size) != nullptr);
  CHECK_EQ(size, kKeyBytes);
  SecretKey made{std::string_view(digest, kKeyBytes)};
  OPENSSL_cleanse(digest, sizeof(digest));
  return made;
}

bool IsSane(const ScryptCost& cost) {
  return cost.n >= 2 && std::has_single_bit(cost.n) && cost.n <= uint64_t{1} << 22 && cost.r >= 1 &&
         cost.r <= 32 && cost.p >= 1 && cost.p <= 16 &&
         128 * cost.n * cost.r <= kScryptBytesMax / 2;
}

SecretKey Scrypt(std::string_view passphrase, std::string_view salt, const ScryptCost& cost) {
  CHECK(IsSane(cost));
  char derived[kKeyBytes];
  CHECK_EQ(EVP_PBE_scrypt(passphrase.data(), passphrase.size(), Bytes(salt), salt.size(), cost.n,
                          cost.r, cost.p, kScryptBytesMax, Bytes(derived), kKeyBytes),
           1);
  SecretKey made{std::string_view(derived, kKeyBytes)};
  OPENSSL_cleanse(derived, sizeof(derived));
  return made;
}

}  // namespace lockstep::docs
