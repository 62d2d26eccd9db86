// Reading a store that nobody has open: for tools that must change nothing.
#ifndef LOCKSTEP_DOCS_MEMORY_BLOCKING_OFFLINE_READ_H_
#define LOCKSTEP_DOCS_MEMORY_BLOCKING_OFFLINE_READ_H_

#include <cstdint>
#include <functional>
#include <string>

#include "docs-memory/blocking/blocking_store.h"
#include "docs-memory/store/offline.h"

namespace lockstep::docs {

struct OfflineFacts final {
  bool sealed = false;
  uint64_t rows_bytes = 0;  // of the rows' files
};

// Calls `read` with the store as it is; no file is changed or made. NOT_FOUND: there is none.
// E_STORE_IN_USE, E_BAD_PASSPHRASE; DATA_LOSS: it does not open.
absl::Status ReadOffline(
    const std::string& directory, const BlockingOptions& options,
    const std::function<absl::Status(Fiber&, const OfflineStore&, const OfflineFacts&)>& read);
// Reads every block of the rows' files and compares what protects it. Errors as ReadOffline.
absl::Status VerifyFiles(const std::string& directory, const BlockingOptions& options);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_BLOCKING_OFFLINE_READ_H_
