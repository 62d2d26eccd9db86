// Changing the keys of a store that nobody has open.
#include <set>
#include <utility>

#include "docs-memory/blocking/opening.h"
#include "docs-memory/bson/error.h"
#include "framework/base/status_macros.h"
#include "framework/store/real_env.h"

namespace lockstep::docs {
namespace {

constexpr int kAttempts = 100;
constexpr Duration kPause = Milliseconds(20);

absl::Status CheckPassphrase(const BlockingOptions& options) {
  if (options.passphrase) return absl::OkStatus();
  return Error(ErrorCode::kBadPassphrase, "", "", "say the passphrase of the store");
}

// Until no file of the log needs another key; the log drops old files in the background.
absl::Status RenewLog(Fiber& fiber, runtime::Environment& environment, Store& store,
                      const StoreOptions& options, uint32_t key) {
  RETURN_IF_ERROR(store.RenewLog(fiber));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto keys = Store::KeysOfLog(fiber, environment, options);
    if (keys.ok() && *keys == std::set<uint32_t>{key}) break;
    fiber.SleepFor(kPause);
  }
  return absl::OkStatus();
}

absl::Status RekeyStore(Fiber& fiber, runtime::Environment& environment,
                        const std::string& rows_path, const BlockingOptions& options) {
  const std::string& passphrase = *options.passphrase;
  RETURN_IF_ERROR(Keyring::AddKey(fiber, environment, kKeysName, passphrase));
  ASSIGN_OR_RETURN(const auto keys, Keyring::Open(fiber, environment, kKeysName, passphrase));
  RETURN_IF_ERROR(
      store::RocksStore::RewriteFiles(RowsOf(rows_path, options, environment, keys.get())));
  {
    const StoreOptions log = LogOf(options, keys.get());
    ASSIGN_OR_RETURN(
        const auto rows,
        store::RocksStore::Open(fiber, RowsOf(rows_path, options, environment, keys.get())));
    ASSIGN_OR_RETURN(const auto store, Store::Open(fiber, environment, *rows, log));
    RETURN_IF_ERROR(RenewLog(fiber, environment, *store, log, keys->current_key()));
    RETURN_IF_ERROR(store->Close(fiber));
  }
  ASSIGN_OR_RETURN(std::set<uint32_t> in_use, store::KeysOfFiles(*store::RealEnv(), rows_path));
  ASSIGN_OR_RETURN(const std::set<uint32_t> of_log,
                   Store::KeysOfLog(fiber, environment, options.store));
  in_use.insert(of_log.begin(), of_log.end());
  return Keyring::DropKeys(fiber, environment, kKeysName, passphrase, in_use);
}

}  // namespace

absl::Status BlockingStore::Rekey(const std::string& directory, const BlockingOptions& options) {
  RETURN_IF_ERROR(CheckPassphrase(options));
  return RunInDirectory(directory, options, [&](Fiber& fiber, runtime::Environment& environment) {
    return RekeyStore(fiber, environment, directory + "/" + kRowsName, options);
  });
}

absl::Status BlockingStore::ChangePassphrase(const std::string& directory,
                                             const BlockingOptions& options,
                                             const std::string& new_passphrase) {
  RETURN_IF_ERROR(CheckPassphrase(options));
  return RunInDirectory(directory, options, [&](Fiber& fiber, runtime::Environment& environment) {
    return Keyring::ChangePassphrase(fiber, environment, kKeysName, *options.passphrase,
                                     new_passphrase);
  });
}

}  // namespace lockstep::docs
