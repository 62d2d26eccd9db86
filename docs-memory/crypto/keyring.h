// Keyring: the data keys of a store, wrapped by what a passphrase makes. (docs/formats.md, "Keys".)
#ifndef LOCKSTEP_DOCS_MEMORY_CRYPTO_KEYRING_H_
#define LOCKSTEP_DOCS_MEMORY_CRYPTO_KEYRING_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "docs-memory/crypto/primitives.h"
#include "framework/runtime/cipher.h"
#include "framework/runtime/environment.h"

namespace lockstep::docs {

// Data keys have numbers that rise; the newest seals what is new, older ones open what is old.
//
// Invariants:
//   1. The file is replaced in one step, so a power loss leaves the old or the new keys.
//   2. Every time it is written, salt and wrapping key are new: no nonce is used twice.
// Immutable: a rotation makes another one. Everything that takes a Fiber& suspends, and takes the
// time that the cost of the passphrase says, in the Offload.
class Keyring final : public runtime::Cipher {
 public:
  // ALREADY_EXISTS: there are keys.
  static absl::Status Create(Fiber& fiber, runtime::Environment& environment,
                             const std::string& path, std::string_view passphrase,
                             const ScryptCost& cost = {});
  // NOT_FOUND; E_BAD_PASSPHRASE (or the file was changed); DATA_LOSS: it is no such file.
  static absl::StatusOr<std::unique_ptr<const Keyring>> Open(Fiber& fiber,
                                                             runtime::Environment& environment,
                                                             const std::string& path,
                                                             std::string_view passphrase);
  // Of a store: null if it is not sealed and nobody asks for it. A new store (`exists` says) that
  // shall be sealed gets its keys. E_BAD_PASSPHRASE also: it is sealed, and no passphrase is given,
  // or the other way round.
  static absl::StatusOr<std::unique_ptr<const Keyring>> ForStore(
      Fiber& fiber, runtime::Environment& environment, const std::string& path,
      const std::optional<std::string>& passphrase, bool exists, const ScryptCost& cost = {});
  // The same keys behind another passphrase. Errors as Open.
  static absl::Status ChangePassphrase(Fiber& fiber, runtime::Environment& environment,
                                       const std::string& path, std::string_view old_passphrase,
                                       std::string_view new_passphrase);
  // A new data key for everything that is written from the next opening on. Errors as Open.
  static absl::Status AddKey(Fiber& fiber, runtime::Environment& environment,
                             const std::string& path, std::string_view passphrase);
  // Forgets the data keys that are not in use, but never the newest. Errors as Open.
  static absl::Status DropKeys(Fiber& fiber, runtime::Environment& environment,
                               const std::string& path, std::string_view passphrase,
                               const std::set<uint32_t>& in_use);

  uint32_t current_key() const override { return keys_.rbegin()->first; }
  std::unique_ptr<const runtime::StreamCipher> Stream(
      const runtime::SealedStreamId& id) const override;
  std::set<uint32_t> keys() const;

 private:
  explicit Keyring(const ScryptCost& cost) : cost_(cost) {}
  static absl::Status Save(Fiber& fiber, runtime::Environment& environment, const std::string& path,
                           std::string_view passphrase, const Keyring& keyring);
  static absl::StatusOr<std::unique_ptr<Keyring>> Load(Fiber& fiber,
                                                       runtime::Environment& environment,
                                                       const std::string& path,
                                                       std::string_view passphrase);
  void NewKey(uint32_t id, runtime::Random& random);

  ScryptCost cost_;
  std::map<uint32_t, SecretKey> keys_;  // not empty
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_CRYPTO_KEYRING_H_
