// What is taken from libcrypto: AES-256-GCM, HMAC-SHA-256, scrypt. Nothing here suspends or draws
// anything; all of it may run on any thread.
#ifndef LOCKSTEP_DOCS_MEMORY_CRYPTO_PRIMITIVES_H_
#define LOCKSTEP_DOCS_MEMORY_CRYPTO_PRIMITIVES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace lockstep::docs {

inline constexpr size_t kKeyBytes = 32;
inline constexpr size_t kTagBytes = 16;

// A secret; its bytes are overwritten when it goes.
class SecretKey final {
 public:
  // REQUIRES: kKeyBytes bytes.
  explicit SecretKey(std::string_view bytes);
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey();
  std::string_view bytes() const { return {bytes_, kKeyBytes}; }

 private:
  char bytes_[kKeyBytes];
};

// AES-256 in Galois/Counter mode with a number as the nonce. Immutable.
class AesGcm final {
 public:
  explicit AesGcm(SecretKey key);
  AesGcm(const AesGcm&) = delete;
  AesGcm& operator=(const AesGcm&) = delete;
  ~AesGcm();

  // Appends as many bytes as `plain` has and a tag of kTagBytes. REQUIRES: the nonce is new.
  void Seal(uint64_t nonce, std::string_view associated, std::string_view plain,
            std::string* out) const;
  // Appends what was sealed. False: it was not sealed like this.
  bool Open(uint64_t nonce, std::string_view associated, std::string_view sealed,
            std::string* out) const;

 private:
  struct Algorithm;
  const SecretKey key_;
  const std::unique_ptr<const Algorithm> algorithm_;
};

// 32 bytes.
std::string Sha256(std::string_view message);
SecretKey HmacSha256(const SecretKey& key, std::string_view message);

// How much work a guess of a passphrase is [RFC 7914].
struct ScryptCost final {
  uint64_t n = 32768;  // a power of two; memory is 128 n r bytes
  uint64_t r = 8;
  uint64_t p = 1;
  bool operator==(const ScryptCost&) const = default;
};
// Whether it makes sense and takes at most a gigabyte.
bool IsSane(const ScryptCost& cost);
// Takes its time. REQUIRES: IsSane(cost).
SecretKey Scrypt(std::string_view passphrase, std::string_view salt, const ScryptCost& cost);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_CRYPTO_PRIMITIVES_H_
