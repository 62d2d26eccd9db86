// The shard's state in RocksDB: one database per shard, one column family per machine::Column, keys
// behind their group's id.
//
// RocksDB's own log is off; the Raft log is the log. What a crash leaves is the last flush, all
// columns at one instant (atomic flush). Writes never wait: back-pressure is RESOURCE_EXHAUSTED.
#ifndef LOCKSTEP_FRAMEWORK_STORE_ROCKS_STORE_H_
#define LOCKSTEP_FRAMEWORK_STORE_ROCKS_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "framework/machine/ordered_store.h"
#include "framework/runtime/offload.h"
#include "framework/runtime/trace.h"
#include "framework/store/sealed_env.h"

namespace rocksdb {
class Env;
}

namespace lockstep::store {

enum class RocksProfile {
  kProduction,  // RocksDB's own threads do the background work
  kLight,       // opens in a fraction of a millisecond, starts no thread, never stalls: simulations
};

struct RocksStoreOptions final {
  // The world that RocksDB sees: real or simulated. Outlives the store. Required.
  rocksdb::Env* env = nullptr;
  // The database's directory; its parent exists.
  std::string path;
  // Where reads that miss the cache go; null: they block the caller's thread.
  runtime::Offload* offload = nullptr;
  runtime::Trace* trace = nullptr;
  RocksProfile profile = RocksProfile::kProduction;
  SealOptions seal;
  // For a store whose programs read single rows and keep much of the past: Column::kHistory is
  // written to be small, and what finds a row in a file stays in memory.
  bool embedded = false;
  // Zero: what the profile says.
  size_t cache_bytes = 0;         // blocks read from files
  size_t write_buffer_bytes = 0;  // changes in memory before a flush; at least 64 KiB
  // What only a large store comes to otherwise: many files, hardly any of them open.
  bool scattered = false;
  // Hears of the bytes of every file that was written, on the thread that writes; then there is no
  // such thread but the caller's.
  std::function<void(uint64_t)> file_written = {};
};

// Opens the database, or creates it. Suspends if there is an Offload, blocks if there is none.
//
// The store's destructor writes nothing; what was not flushed is lost, as in a crash. It may wait
// for a background job to notice that it has to stop; an owner that cannot wait destroys the store
// in an Offload.
class RocksStore final {
 public:
  static absl::StatusOr<std::unique_ptr<machine::OrderedStore>> Open(
      Fiber& fiber, const RocksStoreOptions& options);
  // For reading alone: no file is changed or made. NOT_FOUND: there is no store. Blocks.
  static absl::StatusOr<std::unique_ptr<machine::OrderedStore>> OpenReadOnly(
      const RocksStoreOptions& options);
  // Reads every block of every file and compares the checksums. DATA_LOSS: one is damaged. Blocks.
  static absl::Status VerifyFiles(const RocksStoreOptions& options);
  // Writes every file anew, sealed with the current key; `progress` hears now and then of so many
  // bytes of so many. REQUIRES: nobody has it open. Blocks.
  static absl::Status RewriteFiles(RocksStoreOptions options,
                                   const std::function<void(uint64_t, uint64_t)>& progress = {});
};

}  // namespace lockstep::store

#endif  // LOCKSTEP_FRAMEWORK_STORE_ROCKS_STORE_H_
