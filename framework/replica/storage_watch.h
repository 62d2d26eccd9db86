// StorageWatch: counts what the disk has done to a shard.
//
// Whoever meets damage, or a disk that is full or does not answer, says so in the node's log by an
// event of a stable name. The same events are counted here: what an operator reads and what is
// alarmed cannot differ.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_STORAGE_WATCH_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_STORAGE_WATCH_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framework/runtime/trace.h"

namespace lockstep::replica {

// Since the process began.
struct StorageCounts final {
  uint64_t log_rewritten = 0;      // a damaged segment was found; the log was written anew
  uint64_t log_mended = 0;         // found damaged at a start: it went back, and caught up again
  uint64_t log_failed = 0;         // a write or data sync failed: the node ends
  uint64_t log_full = 0;           // it began to wait for space
  uint64_t state_damaged = 0;      // a file of the store was found damaged by the scrubber
  uint64_t state_set_aside = 0;    // the store was given up, to come back from a peer
  uint64_t state_lost = 0;         // a replica started without the state that its log continues
  uint64_t state_full = 0;         // the store stopped for want of space
  uint64_t unreadable = 0;         // the device did not give back what it holds
  uint64_t snapshots_damaged = 0;  // one was received that does not match its checksums
  uint64_t snapshots_installed = 0;

  bool operator==(const StorageCounts&) const = default;
  void Add(const StorageCounts& other);
};

// One of the counters, for people and for Prometheus.
struct StorageCounter final {
  uint64_t StorageCounts::*count;
  std::string_view name;   // of the metric, without prefix and suffix
  std::string_view words;  // "damaged segments of the log, written anew"
  bool is_trouble = true;  // worth a line of `status`
};
const std::vector<StorageCounter>& StorageCounters();

// One line for each trouble that has been counted; none if all is well.
std::vector<std::string> DescribeTrouble(const StorageCounts& counts);

// Passes everything on. Both are borrowed. Owned by RunNode, on the shard's thread.
class StorageWatch final : public runtime::Trace {
 public:
  StorageWatch(runtime::Trace& trace, StorageCounts& counts) : trace_(trace), counts_(counts) {}
  StorageWatch(const StorageWatch&) = delete;
  StorageWatch& operator=(const StorageWatch&) = delete;

  // (What is counted is never of level debug.)
  bool enabled(runtime::TraceLevel level) const override {
    return level > runtime::TraceLevel::kDebug || trace_.enabled(level);
  }
  void Emit(runtime::TraceLevel level, std::string_view name,
            absl::Span<const runtime::TraceField> fields) override;

 private:
  void Count(std::string_view name, absl::Span<const runtime::TraceField> fields);

  runtime::Trace& trace_;
  StorageCounts& counts_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_STORAGE_WATCH_H_
