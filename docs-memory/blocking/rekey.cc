// Changing the keys of a store that nobody has open.
#include "docs-memory/store/rekey.h"

#include <functional>
#include <set>
#include <utility>

#include "docs-memory/blocking/opening.h"
#include "docs-memory/bson/error.h"
#include "framework/base/status_macros.h"
#include "framework/store/real_env.h"

namespace lockstep::docs {
namespace {

absl::Status CheckPassphrase(const BlockingOptions& options) {
  if (options.passphrase) return absl::OkStatus();
  return Error(ErrorCode::kBadPassphrase, "", "", "say the passphrase of the store");
}

class RealRowsFiles final : public RowsFiles {
 public:
  RealRowsFiles(std::string path, const BlockingOptions& options, runtime::Environment& environment,
                const std::function<void(uint64_t, uint64_t)>& progress)
      : path_(std::move(path)), options_(options), environment_(environment), progress_(progress) {}

  absl::StatusOr<std::unique_ptr<machine::OrderedStore>> Open(
      Fiber& fiber, const runtime::Cipher* cipher) override {
    return store::RocksStore::Open(fiber, RowsOf(path_, options_, environment_, cipher));
  }
  absl::Status Rewrite(const runtime::Cipher* cipher) override {
    return store::RocksStore::RewriteFiles(RowsOf(path_, options_, environment_, cipher),
                                           progress_);
  }
  absl::StatusOr<std::set<uint32_t>> Keys() override {
    return store::KeysOfFiles(*store::RealEnv(), path_);
  }

 private:
  const std::string path_;
  const BlockingOptions& options_;
  runtime::Environment& environment_;
  const std::function<void(uint64_t, uint64_t)>& progress_;
};

}  // namespace

absl::Status BlockingStore::Rekey(const std::string& directory, const BlockingOptions& options,
                                  const std::function<void(uint64_t, uint64_t)>& progress) {
  RETURN_IF_ERROR(CheckPassphrase(options));
  return RunInDirectory(directory, options, [&](Fiber& fiber, runtime::Environment& environment) {
    RealRowsFiles rows(directory + "/" + kRowsName, options, environment, progress);
    return RekeyStore(fiber, environment, rows, kKeysName, *options.passphrase, options.store);
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
