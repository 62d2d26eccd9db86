#include "docs-memory/crypto/keyring.h"

#include <boost/json.hpp>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/crypto/mutants.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

constexpr int64_t kVersion = 1;
constexpr size_t kSaltBytes = 16;
constexpr uint64_t kFileBytesMax = 1 << 20;

std::string DrawBytes(size_t count, runtime::Random& random) {
  std::string bytes;
  while (bytes.size() < count) {
    const uint64_t drawn = random.Draw("docs.key");
    bytes.append(reinterpret_cast<const char*>(&drawn), sizeof(drawn));
  }
  bytes.resize(count);
  return bytes;
}

// What a wrapped key is bound to: number, and how it was wrapped.
std::string BindingOf(uint32_t id, const ScryptCost& cost) {
  return absl::StrCat("lockstep data key ", id, " scrypt ", cost.n, " ", cost.r, " ", cost.p);
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

SecretKey Derive(Fiber& fiber, runtime::Environment& environment, std::string_view passphrase,
                 std::string_view salt, const ScryptCost& cost) {
  std::optional<SecretKey> key;
  environment.offload.Run(fiber, runtime::Lane::kGeneral,
                          [&] { key.emplace(Scrypt(passphrase, salt, cost)); });
  return *key;
}

absl::StatusOr<std::string> ReadAll(Fiber& fiber, runtime::Disk& disk, const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, disk.Open(fiber, path, runtime::OpenMode::kRead));
  ASSIGN_OR_RETURN(const uint64_t size, file->Size(fiber));
  if (size > kFileBytesMax) return absl::DataLossError(path + ": not a file of keys");
  std::string bytes(size, '\0');
  ASSIGN_OR_RETURN(const size_t read, file->Read(fiber, 0, absl::MakeSpan(&bytes[0], size)));
  bytes.resize(read);
  return bytes;
}

// What a file of keys says, before anything of it is believed.
struct File final {
  ScryptCost cost;
  std::string salt;
  std::map<uint32_t, std::string> wrapped;
};

std::optional<uint64_t> Number(const boost::json::object& from, const char* name) {
  const boost::json::value* const value = from.if_contains(name);
  if (value == nullptr || !value->is_int64() || value->get_int64() < 0) return std::nullopt;
  return static_cast<uint64_t>(value->get_int64());
}

std::optional<std::string> HexBytes(const boost::json::object& from, const char* name) {
  const boost::json::value* const value = from.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  const std::string_view text = value->get_string();
  const bool is_hex =
      text.size() % 2 == 0 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return is_hex ? std::optional<std::string>(absl::HexStringToBytes(std::string(text)))
                : std::nullopt;
}

std::optional<File> ParseFile(const std::string& text) {
  boost::json::error_code error;
  const boost::json::value json = boost::json::parse(text, error);
  if (error || !json.is_object()) return std::nullopt;
  const boost::json::object& object = json.get_object();
  const auto version = Number(object, "version");
  const auto n = Number(object, "n");
  const auto r = Number(object, "r");
  const auto p = Number(object, "p");
  const auto salt = HexBytes(object, "salt");
  const boost::json::value* const kdf = object.if_contains("kdf");
  if (kdf == nullptr || *kdf != "scrypt") return std::nullopt;
  const boost::json::value* const keys = object.if_contains("keys");
  if (version != kVersion || !n || !r || !p || !salt || keys == nullptr || !keys->is_array())
    return std::nullopt;
  File file{{*n, *r, *p}, *salt, {}};
  for (const boost::json::value& one : keys->get_array()) {
    if (!one.is_object()) return std::nullopt;
    const auto id = Number(one.get_object(), "id");
    const auto wrapped = HexBytes(one.get_object(), "wrapped");
    if (!id || *id == 0 || *id > UINT32_MAX || !wrapped) return std::nullopt;
    file.wrapped[static_cast<uint32_t>(*id)] = *wrapped;
  }
  if (!IsSane(file.cost) || file.wrapped.empty()) return std::nullopt;
  return file;
}

std::string PrintFile(const File& file) {
  boost::json::array keys;
  for (const auto& [id, wrapped] : file.wrapped)
    keys.push_back({{"id", int64_t{id}}, {"wrapped", absl::BytesToHexString(wrapped)}});
  const boost::json::object object{{"version", kVersion},
                                   {"kdf", "scrypt"},
                                   {"n", static_cast<int64_t>(file.cost.n)},
                                   {"r", static_cast<int64_t>(file.cost.r)},
                                   {"p", static_cast<int64_t>(file.cost.p)},
                                   {"salt", absl::BytesToHexString(file.salt)},
                                   {"keys", std::move(keys)}};
  return boost::json::serialize(object) + "\n";
}

class KeyedStream final : public runtime::StreamCipher {
 public:
  explicit KeyedStream(const SecretKey& key) : cipher_(key) {}
  void Seal(uint64_t piece, std::string_view associated, std::string_view plain,
            std::string* out) const override {
    cipher_.Seal(piece, associated, plain, out);
  }
  bool Open(uint64_t piece, std::string_view associated, std::string_view sealed,
            std::string* out) const override {
    return cipher_.Open(piece, associated, sealed, out);
  }

 private:
  const AesGcm cipher_;
};
static_assert(kTagBytes == runtime::kSealBytes);

}  // namespace

void Keyring::NewKey(uint32_t id, runtime::Random& random) {
  keys_.emplace(id, SecretKey(DrawBytes(kKeyBytes, random)));
}

absl::Status Keyring::Create(Fiber& fiber, runtime::Environment& environment,
                             const std::string& path, std::string_view passphrase,
                             const ScryptCost& cost) {
  if (!IsSane(cost)) return absl::InvalidArgumentError("scrypt cannot have this cost");
  ASSIGN_OR_RETURN(const bool exists, environment.disk.Exists(fiber, path));
  if (exists) return absl::AlreadyExistsError(path + " exists");
  Keyring keyring(cost);
  keyring.NewKey(1, environment.random);
  return Save(fiber, environment, path, passphrase, keyring);
}

absl::StatusOr<std::unique_ptr<Keyring>> Keyring::Load(Fiber& fiber,
                                                       runtime::Environment& environment,
                                                       const std::string& path,
                                                       std::string_view passphrase) {
  ASSIGN_OR_RETURN(const std::string text, ReadAll(fiber, environment.disk, path));
  const std::optional<File> file = ParseFile(text);
  if (!file) return absl::DataLossError(path + ": not a file of keys, or damaged");
  const AesGcm wrapping(Derive(fiber, environment, passphrase, file->salt, file->cost));
  auto keyring = std::unique_ptr<Keyring>(new Keyring(file->cost));
  for (const auto& [id, wrapped] : file->wrapped) {
    std::string key;
    if (!wrapping.Open(id, BindingOf(id, file->cost), wrapped, &key) || key.size() != kKeyBytes) {
      return Error(ErrorCode::kBadPassphrase, "", path,
                   "the passphrase is wrong, or the file was changed");
    }
    keyring->keys_.emplace(id, SecretKey(key));
  }
  return keyring;
}

absl::Status Keyring::Save(Fiber& fiber, runtime::Environment& environment, const std::string& path,
                           std::string_view passphrase, const Keyring& keyring) {
  CHECK(!keyring.keys_.empty());
  File file{keyring.cost_, DrawBytes(kSaltBytes, environment.random), {}};
  const AesGcm wrapping(Derive(fiber, environment, passphrase, file.salt, file.cost));
  for (const auto& [id, key] : keyring.keys_)
    wrapping.Seal(id, BindingOf(id, file.cost), key.bytes(), &file.wrapped[id]);
  runtime::Disk& disk = environment.disk;
  const std::string copy_path = path + ".new";
  ASSIGN_OR_RETURN(const bool left_over, disk.Exists(fiber, copy_path));
  if (left_over) RETURN_IF_ERROR(disk.Remove(fiber, copy_path));
  {
    ASSIGN_OR_RETURN(const auto copy, disk.Open(fiber, copy_path, runtime::OpenMode::kCreate));
    RETURN_IF_ERROR(copy->WriteAndSync(fiber, 0, PrintFile(file)));
  }
  RETURN_IF_ERROR(disk.Rename(fiber, copy_path, path));
  return disk.SyncDirectory(fiber, DirectoryOf(path));
}

absl::StatusOr<std::unique_ptr<const Keyring>> Keyring::Open(Fiber& fiber,
                                                             runtime::Environment& environment,
                                                             const std::string& path,
                                                             std::string_view passphrase) {
  return Load(fiber, environment, path, passphrase);
}

absl::StatusOr<std::unique_ptr<const Keyring>> Keyring::ForStore(
    Fiber& fiber, runtime::Environment& environment, const std::string& path,
    const std::optional<std::string>& passphrase, bool exists, const ScryptCost& cost) {
  ASSIGN_OR_RETURN(const bool sealed, environment.disk.Exists(fiber, path));
  if (!sealed && !passphrase) return std::unique_ptr<const Keyring>();
  if (sealed && !passphrase)
    return Error(ErrorCode::kBadPassphrase, "", path, "the store is sealed: say its passphrase");
  if (!sealed && exists) {
    return Error(ErrorCode::kBadPassphrase, "", path,
                 "the store is not sealed; a sealed one is made by importing into a new one");
  }
  if (!sealed) RETURN_IF_ERROR(Create(fiber, environment, path, *passphrase, cost));
  return Open(fiber, environment, path, *passphrase);
}

absl::Status Keyring::ChangePassphrase(Fiber& fiber, runtime::Environment& environment,
                                       const std::string& path, std::string_view old_passphrase,
                                       std::string_view new_passphrase) {
  ASSIGN_OR_RETURN(const auto keyring, Load(fiber, environment, path, old_passphrase));
  return Save(fiber, environment, path, new_passphrase, *keyring);
}

absl::Status Keyring::AddKey(Fiber& fiber, runtime::Environment& environment,
                             const std::string& path, std::string_view passphrase) {
  ASSIGN_OR_RETURN(const auto keyring, Load(fiber, environment, path, passphrase));
  const uint32_t id = keyring->current_key() + 1;
  // Planted bug M123: what was sealed so far needs no key any more.
  if (mutant::Enabled(mutant::kM123OldKeyDroppedEarly)) keyring->keys_.clear();
  keyring->NewKey(id, environment.random);
  return Save(fiber, environment, path, passphrase, *keyring);
}

absl::Status Keyring::DropKeys(Fiber& fiber, runtime::Environment& environment,
                               const std::string& path, std::string_view passphrase,
                               const std::set<uint32_t>& in_use) {
  ASSIGN_OR_RETURN(const auto keyring, Load(fiber, environment, path, passphrase));
  const uint32_t newest = keyring->current_key();
  const size_t dropped = std::erase_if(keyring->keys_, [&](const auto& key) {
    return key.first != newest && !in_use.contains(key.first);
  });
  return dropped == 0 ? absl::OkStatus() : Save(fiber, environment, path, passphrase, *keyring);
}

std::unique_ptr<const runtime::StreamCipher> Keyring::Stream(
    const runtime::SealedStreamId& id) const {
  const auto key = keys_.find(id.key);
  if (key == keys_.end()) return nullptr;
  const uint64_t name[] = {id.key, id.high, id.low, id.number};
  std::string message = "lockstep stream";
  message.append(reinterpret_cast<const char*>(name), sizeof(name));
  return std::make_unique<KeyedStream>(HmacSha256(key->second, message));
}

std::set<uint32_t> Keyring::keys() const {
  std::set<uint32_t> ids;
  for (const auto& [id, key] : keys_) ids.insert(id);
  return ids;
}

}  // namespace lockstep::docs
