#include "docs-memory/blocking/offline_read.h"

#include <filesystem>
#include <utility>

#include "docs-memory/blocking/opening.h"
#include "docs-memory/bson/error.h"
#include "framework/base/status_macros.h"
#include "framework/store/real_env.h"

namespace lockstep::docs {
namespace {

using Work = std::function<absl::Status(Fiber&, runtime::Environment&, const Keyring*)>;

absl::Status CheckThere(const std::string& directory) {
  // (Which of its files is missing, opening it tells.)
  std::error_code error;
  for (std::filesystem::directory_iterator at(directory + "/" + kRowsName, error), end;
       !error && at != end; at.increment(error)) {
    if (at->path().filename() == "CURRENT" || at->path().extension() == ".sst")
      return absl::OkStatus();
  }
  return absl::NotFoundError(directory + " holds no store of documents");
}

// With the keys, and with the rows' lock held, so that nobody opens the store meanwhile.
absl::Status Hold(const std::string& directory, const BlockingOptions& options, const Work& work) {
  RETURN_IF_ERROR(CheckThere(directory));
  auto held = store::HoldFiles(directory + "/" + kRowsName);
  if (!held.ok())
    return Error(ErrorCode::kStoreInUse, "", directory, "somebody else has the store open");
  return RunInDirectory(directory, options, [&](Fiber& fiber, runtime::Environment& environment) {
    auto keys =
        Keyring::ForStore(fiber, environment, kKeysName, options.passphrase, /*exists=*/true);
    return keys.ok() ? work(fiber, environment, keys->get()) : keys.status();
  });
}

}  // namespace

absl::Status ReadOffline(
    const std::string& directory, const BlockingOptions& options,
    const std::function<absl::Status(Fiber&, const OfflineStore&, const OfflineFacts&)>& read) {
  return Hold(
      directory, options,
      [&](Fiber& fiber, runtime::Environment& environment, const Keyring* keys) -> absl::Status {
        const auto rows_options = RowsOf(directory + "/" + kRowsName, options, environment, keys);
        ASSIGN_OR_RETURN(const auto rows, store::RocksStore::OpenReadOnly(rows_options));
        ASSIGN_OR_RETURN(const auto store,
                         OfflineStore::Open(fiber, environment, *rows, LogOf(options, keys),
                                            options.ignores_log ? OfflineStore::Log::kIgnored
                                                                : OfflineStore::Log::kReplayed));
        return read(fiber, *store, {keys != nullptr, rows->DiskBytes()});
      });
}

absl::Status VerifyFiles(const std::string& directory, const BlockingOptions& options) {
  return Hold(directory, options,
              [&](Fiber&, runtime::Environment& environment, const Keyring* keys) {
                return store::RocksStore::VerifyFiles(
                    RowsOf(directory + "/" + kRowsName, options, environment, keys));
              });
}

}  // namespace lockstep::docs
