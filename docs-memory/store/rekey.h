// New keys for a store that nobody has open.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_REKEY_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_REKEY_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "docs-memory/store/options.h"
#include "framework/machine/ordered_store.h"
#include "framework/runtime/environment.h"

namespace lockstep::docs {

// The files of a store's rows, wherever they are. Whatever takes a Fiber& may suspend.
class RowsFiles {
 public:
  virtual ~RowsFiles() = default;
  virtual absl::StatusOr<std::unique_ptr<machine::OrderedStore>> Open(
      Fiber& fiber, const runtime::Cipher* cipher) = 0;
  // Writes every file anew, sealed with the cipher's current key.
  virtual absl::Status Rewrite(const runtime::Cipher* cipher) = 0;
  // The data keys that sealed them.
  virtual absl::StatusOr<std::set<uint32_t>> Keys() = 0;
};

// What is written from now on is sealed with a new key, and what there is is written anew; keys
// that nothing needs any more are forgotten. Begun again, it ends what a power loss has broken off.
// E_BAD_PASSPHRASE. `options`: of the log; `keys_path`: of the file of keys.
absl::Status RekeyStore(Fiber& fiber, runtime::Environment& environment, RowsFiles& rows,
                        const std::string& keys_path, const std::string& passphrase,
                        const StoreOptions& options);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_REKEY_H_
