// A store that nobody has open, to be read and not to be touched.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_OFFLINE_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_OFFLINE_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "docs-memory/store/applier.h"
#include "docs-memory/store/options.h"
#include "docs-memory/store/reader.h"
#include "framework/machine/ordered_store.h"
#include "framework/runtime/environment.h"

namespace lockstep::docs {

// What one entry of the log does to the rows.
absl::Status ApplyEntry(Fiber& fiber, std::string_view payload, Applier& applier,
                        machine::StoreTransaction& transaction);

// Shows what Store::Open would: the rows and, in memory, what only the log holds so far.
class OfflineStore final {
 public:
  enum class Log { kReplayed, kIgnored };

  // `rows` may be open for reading alone; outlives it. Changes no file. Errors as Store::Open. With
  // Log::kIgnored it is the store of the last flush, for when the log is damaged.
  static absl::StatusOr<std::unique_ptr<OfflineStore>> Open(Fiber& fiber,
                                                            runtime::Environment& environment,
                                                            machine::OrderedStore& rows,
                                                            const StoreOptions& options,
                                                            Log from = Log::kReplayed);
  OfflineStore(const OfflineStore&) = delete;
  OfflineStore& operator=(const OfflineStore&) = delete;

  // For this fiber's thread alone.
  const ReadStateRef& state() const { return state_; }
  uint64_t log_bytes() const { return log_bytes_; }
  uint64_t entries_replayed() const { return entries_replayed_; }

 private:
  OfflineStore() = default;

  std::unique_ptr<machine::GroupStore> group_;
  Applier applier_;
  ReadStateRef state_;
  uint64_t log_bytes_ = 0;
  uint64_t entries_replayed_ = 0;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_OFFLINE_H_
