// Scrubber: reads everything that a shard has on its disk, over and over, before somebody needs it.
#ifndef LOCKSTEP_FRAMEWORK_REPLICA_SCRUBBER_H_
#define LOCKSTEP_FRAMEWORK_REPLICA_SCRUBBER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "framework/base/time.h"
#include "framework/fiber/sync.h"
#include "framework/machine/ordered_store.h"
#include "framework/replica/log.h"
#include "framework/replica/log_format.h"
#include "framework/replica/pace.h"
#include "framework/runtime/environment.h"

namespace lockstep::replica {

struct ScrubOptions final {
  uint64_t bytes_per_second = 8 * 1024 * 1024;  // 0: never
  // Between the beginnings of two passes, if they are not longer.
  Duration interval = Seconds(600);
};

struct ScrubStats final {
  uint64_t passes = 0;
  uint64_t bytes = 0;          // read
  uint64_t log_damages = 0;    // segments that were damaged; the log was written anew each time
  uint64_t store_damages = 0;  // the shard ended, and its state comes from a peer
};

// A damaged log is written anew from memory, where all of it is, and nothing is lost. A damaged
// store ends the shard, and whoever opened it mends it (StoreCare).
//
// Belongs to the Shard, which outlives it. Only Run suspends.
class Scrubber final {
 public:
  // `log_directory`, `identity`: of the log's files.
  Scrubber(runtime::Environment& environment, Log& log, std::string log_directory,
           const LogIdentity& identity, machine::OrderedStore& store, const ScrubOptions& options);
  Scrubber(const Scrubber&) = delete;
  Scrubber& operator=(const Scrubber&) = delete;

  // Until the store fails, and says how; until unwound, if nothing is to be read.
  absl::Status Run(Fiber& fiber);
  const ScrubStats& stats() const { return stats_; }

 private:
  void CheckLog(Fiber& fiber);
  absl::Status CheckStore(Fiber& fiber);
  bool IsKept(uint64_t sequence) const;
  void Tell(std::string_view what, const absl::Status& status) const;

  runtime::Environment& environment_;
  Log& log_;
  const std::string log_directory_;
  const LogIdentity identity_;
  machine::OrderedStore& store_;
  const ScrubOptions options_;
  Pace pace_;
  ScrubStats stats_;
};

}  // namespace lockstep::replica

#endif  // LOCKSTEP_FRAMEWORK_REPLICA_SCRUBBER_H_
