// What is where in a store's directory, and how its parts are opened in the real world.
#ifndef LOCKSTEP_DOCS_MEMORY_BLOCKING_OPENING_H_
#define LOCKSTEP_DOCS_MEMORY_BLOCKING_OPENING_H_

#include <functional>
#include <memory>
#include <string>

#include "docs-memory/blocking/blocking_store.h"
#include "framework/store/rocks_store.h"
#include "net/environment.h"

namespace lockstep::docs {

inline constexpr char kRowsName[] = "rows";
inline constexpr char kKeysName[] = "KEYS";

// An environment whose disk is `directory`, which exists.
absl::StatusOr<std::unique_ptr<net::NodeRuntime>> MakeRuntime(const std::string& directory,
                                                              const BlockingOptions& options);
store::RocksStoreOptions RowsOf(const std::string& path, const BlockingOptions& options,
                                runtime::Environment& environment, const runtime::Cipher* cipher);
StoreOptions LogOf(const BlockingOptions& options, const runtime::Cipher* cipher);

// Runs `work` in a fiber of such an environment, on a thread of its own, and waits.
absl::Status RunInDirectory(const std::string& directory, const BlockingOptions& options,
                            const std::function<absl::Status(Fiber&, runtime::Environment&)>& work);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_BLOCKING_OPENING_H_
