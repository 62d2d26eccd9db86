#ifndef LOCKSTEP_FRAMEWORK_RAFT_ENTRY_H_
#define LOCKSTEP_FRAMEWORK_RAFT_ENTRY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "framework/raft/types.h"

namespace lockstep::raft {

enum class EntryKind : uint8_t {
  kNoop = 0,           // a new leader's first entry [Raft 8]
  kCommand = 1,        // for the state machine
  kConfiguration = 2,  // `configuration`; effective when applied
};

// Payloads are immutable and shared between the log, messages in flight and the apply queue.
using Payload = std::shared_ptr<const std::string>;

// One log entry. `timestamp_ns` is the leader's wall clock when it appended the entry, made
// non-decreasing within the group: the only time that the state machine ever sees.
struct Entry final {
  Term term;
  Index index;
  EntryKind kind = EntryKind::kNoop;
  int64_t timestamp_ns = 0;
  Payload payload;                                     // null for kNoop
  std::shared_ptr<const Configuration> configuration;  // kConfiguration only, never null there

  // What the entry counts against byte limits.
  size_t bytes() const { return 48 + (payload ? payload->size() : 0); }
};

}  // namespace lockstep::raft

#endif  // LOCKSTEP_FRAMEWORK_RAFT_ENTRY_H_
