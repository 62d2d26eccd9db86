#include "docs-memory/store/rekey.h"

#include <utility>

#include "docs-memory/crypto/keyring.h"
#include "docs-memory/store/mutants.h"
#include "docs-memory/store/store.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

constexpr int kAttempts = 100;
constexpr Duration kPause = Milliseconds(20);

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

}  // namespace

absl::Status RekeyStore(Fiber& fiber, runtime::Environment& environment, RowsFiles& rows,
                        const std::string& keys_path, const std::string& passphrase,
                        const StoreOptions& options) {
  RETURN_IF_ERROR(Keyring::AddKey(fiber, environment, keys_path, passphrase));
  ASSIGN_OR_RETURN(const auto keys, Keyring::Open(fiber, environment, keys_path, passphrase));
  // Planted bug M196: the old keys go before the rows are sealed anew.
  if (mutant::Enabled(mutant::kM196KeysForgottenFirst)) {
    RETURN_IF_ERROR(Keyring::DropKeys(fiber, environment, keys_path, passphrase, {}));
  }
  RETURN_IF_ERROR(rows.Rewrite(keys.get()));
  StoreOptions log = options;
  log.cipher = keys.get();
  {
    ASSIGN_OR_RETURN(const auto opened, rows.Open(fiber, keys.get()));
    ASSIGN_OR_RETURN(const auto store, Store::Open(fiber, environment, *opened, log));
    RETURN_IF_ERROR(RenewLog(fiber, environment, *store, log, keys->current_key()));
    RETURN_IF_ERROR(store->Close(fiber));
  }
  ASSIGN_OR_RETURN(std::set<uint32_t> in_use, rows.Keys());
  ASSIGN_OR_RETURN(const std::set<uint32_t> of_log, Store::KeysOfLog(fiber, environment, options));
  in_use.insert(of_log.begin(), of_log.end());
  return Keyring::DropKeys(fiber, environment, keys_path, passphrase, in_use);
}

}  // namespace lockstep::docs
