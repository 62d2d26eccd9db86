// Store: durable documents in one directory, on one shard.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_STORE_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_STORE_H_

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "docs-memory/store/metrics.h"
#include "docs-memory/store/options.h"
#include "docs-memory/store/reader.h"
#include "framework/machine/ordered_store.h"
#include "framework/runtime/environment.h"

namespace lockstep::docs {

// Hears of every state that readers may see from now on. Must not suspend.
class StateObserver {
 public:
  virtual ~StateObserver() = default;
  // `touched`: keys of documents' rows that may not be what they were in the state before.
  virtual void OnState(const ReadStateRef& state, const std::vector<std::string>& touched) = 0;
};

struct StoreStatus final {
  StoreState state;
  size_t queued = 0;       // operations that wait for the writer
  uint64_t log_bytes = 0;  // kept for a restart
  uint64_t log_syncs = 0;
  uint64_t rows_bytes = 0;  // of files and memory
  StoreCounters counters;
  absl::Status health;  // not OK: read-only until it is reopened
};

// Writes are queued; one writer makes them mutations, puts them into the log as one entry, and into
// the rows as one transaction; many share a data sync. Readers work on immutable states.
//
// Invariants:
//   1. A write is acknowledged (Durability::kSync) only after its log entry is durable.
//   2. Readers see a write once it is durable, or at once if it, or one after it, is kAsync.
//   3. The log is never cut beyond what is flushed.
//   4. After a failed sync or a failed store nothing is written any more; reads go on.
// Owned by whoever runs the shard; outlives its cursors and watches. Whatever takes a Fiber& may
// suspend, nothing else does.
class Store final {
 public:
  // Recovers what is there. `rows` is this store's alone. DATA_LOSS: acknowledged bytes are
  // damaged.
  static absl::StatusOr<std::unique_ptr<Store>> Open(Fiber& fiber,
                                                     runtime::Environment& environment,
                                                     machine::OrderedStore& rows,
                                                     const StoreOptions& options,
                                                     StateObserver* observer = nullptr);
  // The data keys that sealed what is in the log's files. REQUIRES: nobody has the store open.
  static absl::StatusOr<std::set<uint32_t>> KeysOfLog(Fiber& fiber,
                                                      runtime::Environment& environment,
                                                      const StoreOptions& options);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  // Unwinds its fibers: as a crash, for what was not acknowledged.
  ~Store();

  // E_READ_ONLY, E_OVERLOADED and what the operation itself may be refused with.
  absl::StatusOr<WriteResult> Write(Fiber& fiber, Operation operation);
  absl::StatusOr<WriteResult> WriteBatch(Fiber& fiber, std::vector<Operation> operations,
                                         Durability durability);

  const ReadStateRef& state() const;
  // Until readers may see more than `sequence`, or the deadline.
  void WaitForChange(Fiber& fiber, Sequence sequence, MonoTime deadline);
  // Everything that was written is durable.
  absl::Status Sync(Fiber& fiber);
  // Everything is in the rows, and the log begins anew behind it: in a new file, sealed with the
  // current key.
  absl::Status RenewLog(Fiber& fiber);
  // Refuses new writes, and makes the next Open fast.
  absl::Status Close(Fiber& fiber);

  int64_t now_ms() const;
  StoreStatus status() const;
  runtime::Environment& environment();

 private:
  class Core;
  explicit Store(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_STORE_H_
