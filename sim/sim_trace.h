// SimTrace: what product code says happened. Every event goes into the universe's hash.
#ifndef LOCKSTEP_SIM_SIM_TRACE_H_
#define LOCKSTEP_SIM_SIM_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "framework/runtime/trace.h"
#include "sim/process.h"

namespace lockstep::sim {

struct TraceEvent final {
  NodeId node;
  ShardId shard;
  runtime::TraceLevel level;
  std::string_view name;
  absl::Span<const runtime::TraceField> fields;
};

// The last events of one node as text, for when something fails, and who else listens. One per
// node, surviving its processes.
class TraceRing final {
 public:
  explicit TraceRing(size_t lines_max) : lines_max_(lines_max) {}

  // Sees every event after it was hashed. May kill the node (or any other): that is how faults are
  // triggered by events.
  void set_on_emit(absl::AnyInvocable<void(const TraceEvent&)> on_emit) {
    on_emit_ = std::move(on_emit);
  }

  void Add(VirtualTime at, const TraceEvent& event);
  // Oldest first: "12.345678s n1/0 raft.role term=7".
  std::vector<std::string> Lines() const;

 private:
  size_t lines_max_;
  std::vector<std::string> lines_;
  size_t next_ = 0;  // where the next line goes, once there are lines_max_
  absl::AnyInvocable<void(const TraceEvent&)> on_emit_;
};

// A dead process says nothing. One per shard.
class SimTrace final : public runtime::Trace {
 public:
  SimTrace(Process& process, ShardId shard, TraceRing& ring)
      : process_(process), shard_(shard), ring_(ring) {}

  bool enabled(runtime::TraceLevel) const override { return process_.alive(); }
  using runtime::Trace::Emit;
  void Emit(runtime::TraceLevel level, std::string_view name,
            absl::Span<const runtime::TraceField> fields) override;

 private:
  Process& process_;
  ShardId shard_;
  TraceRing& ring_;
};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_SIM_TRACE_H_
