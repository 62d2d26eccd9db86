// EventLog: what a universe did, as one rolling hash with checkpoints.
#ifndef LOCKSTEP_SIM_EVENT_LOG_H_
#define LOCKSTEP_SIM_EVENT_LOG_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "framework/base/ids.h"
#include "framework/base/random.h"
#include "sim/virtual_time.h"

namespace lockstep::sim {

enum class EventKind : uint8_t {
  kFiber,    // a shard ran one fiber
  kTimer,    // a shard's earliest deadline came
  kDeliver,  // bytes, an end of stream or a reset arrived
  kConnect,  // a step of a handshake
  kDisk,     // a file operation changed something
  kStore,    // a background job of the store ran
  kOffload,
  kMailbox,
  kNode,     // boot, exit, kill, power loss, pause, resume
  kTrace,    // product code emitted an event
  kNemesis,  // a disaster was planned or struck
  kClient,   // a client invoked or completed an operation
};

std::string_view NameOf(EventKind kind);

struct EventRecord final {
  uint64_t sequence = 0;
  VirtualTime at;
  NodeId node;
  EventKind kind = EventKind::kFiber;
  uint64_t key = 0;      // whose: a shard, a link, a file
  uint64_t payload = 0;  // hash of what was moved
};

// Invariants: two runs have equal hashes if and only if (up to collisions) they had the same events
// in the same order; checkpoints()[i] is the hash after (i + 1) * kCheckpointEvents events, so the
// first difference of two runs is found by comparing checkpoints.
// Owned by a World.
class EventLog final {
 public:
  static constexpr uint64_t kCheckpointEvents = 4096;

  void Add(VirtualTime at, NodeId node, EventKind kind, uint64_t key, uint64_t payload) {
    const uint64_t what = (node.value() << 8) ^ static_cast<uint64_t>(kind);
    hash_ = base::Mix64(hash_ ^ static_cast<uint64_t>(at.ns)) + count_;
    hash_ = base::Mix64(hash_ ^ what * 0x9E3779B97F4A7C15ull);
    hash_ = base::Mix64(hash_ ^ key);
    hash_ = base::Mix64(hash_ + payload);
    if (observer_) observer_(EventRecord{count_, at, node, kind, key, payload});
    if (++count_ % kCheckpointEvents == 0) checkpoints_.push_back(hash_);
  }

  // Sees every event from now on: timelines, first-difference searches. Must not touch the world.
  void set_observer(absl::AnyInvocable<void(const EventRecord&)> observer) {
    observer_ = std::move(observer);
  }

  uint64_t hash() const { return hash_; }
  uint64_t count() const { return count_; }
  const std::vector<uint64_t>& checkpoints() const { return checkpoints_; }

 private:
  uint64_t hash_ = 0;
  uint64_t count_ = 0;
  std::vector<uint64_t> checkpoints_;
  absl::AnyInvocable<void(const EventRecord&)> observer_;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_EVENT_LOG_H_
