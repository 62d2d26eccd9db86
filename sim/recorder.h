// Recorder: somebody who wants to know what a universe did, to show it to people.
//
// A universe has none unless a failure is being shown; everything below is then told as it happens.
// Nobody tells a recorder anything when there is none: a run that passes pays one comparison.
#ifndef LOCKSTEP_SIM_RECORDER_H_
#define LOCKSTEP_SIM_RECORDER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framework/base/ids.h"
#include "sim/fault_class.h"
#include "sim/sim_trace.h"
#include "sim/virtual_time.h"

namespace lockstep::sim {

// A disaster, its end, or a change in the life of a node.
struct Happening final {
  std::string_view what;   // "node.boot", "link.cut", "disk.hang", "clock.step"
  std::string_view where;  // a host: "n1"
  std::string_view peer;   // the other end of a link
  VirtualTime until;       // zero: a moment, or until something ends it
  int64_t amount = 0;      // ns of a clock's step; factor of a slow disk
};

// What a replica is after a step.
struct ReplicaFacts final {
  NodeId node;
  std::string_view role;  // "leader"
  uint64_t term = 0;
  uint64_t last_index = 0;
  uint64_t commit = 0;
  uint64_t applied = 0;
};

struct MessageFacts final {
  NodeId from;
  NodeId to;
  bool arrives = false;  // else it leaves
  std::string_view kind;
  uint64_t identity = 0;     // equal for what is sent and what arrives
  uint64_t first_index = 0;  // of the log entries in it; 0: none
  uint64_t last_index = 0;
  std::string words;
};

// What a client asks.
struct OperationFacts final {
  uint64_t id = 0;
  uint32_t client = 0;
  std::string endpoint;           // "n1:2379"
  std::string words;              // "put of k1 = c2-7"
  std::vector<std::string> keys;  // what it touches
  std::string token;              // bytes that its log entry has and no other; may be empty
};

// Must not touch the world. Nothing here suspends.
class Recorder {
 public:
  virtual ~Recorder() = default;

  virtual void OnTrace(VirtualTime at, const TraceEvent& event) = 0;
  virtual void OnFault(VirtualTime at, FaultClass fault, NodeId node) = 0;
  virtual void OnHappening(VirtualTime at, const Happening& happening) = 0;
  virtual void OnReplica(VirtualTime at, const ReplicaFacts& facts) = 0;
  virtual void OnMessage(VirtualTime at, const MessageFacts& facts) = 0;
  virtual void OnApplied(VirtualTime at, NodeId node, uint64_t index, std::string_view entry) = 0;
  virtual void OnInvoked(VirtualTime at, const OperationFacts& facts) = 0;
  // `answer` is empty if nobody knows whether it happened.
  virtual void OnReturned(VirtualTime at, uint64_t id, std::string_view answer) = 0;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_RECORDER_H_
