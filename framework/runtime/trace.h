// What happened, as structured events: logs in production, part of the event hash in a simulation.
#ifndef LOCKSTEP_FRAMEWORK_RUNTIME_TRACE_H_
#define LOCKSTEP_FRAMEWORK_RUNTIME_TRACE_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace lockstep::runtime {

enum class TraceLevel {
  kDebug,  // hot path: only simulations and tests listen
  kInfo,   // what an operator wants to read: roles, members, start, stop
  kWarning,
  kError,
};

struct TraceField final {
  std::string_view key;
  std::variant<int64_t, uint64_t, std::string_view> value;

  TraceField(std::string_view k, int64_t v) : key(k), value(v) {}
  TraceField(std::string_view k, uint64_t v) : key(k), value(v) {}
  TraceField(std::string_view k, int v) : key(k), value(int64_t{v}) {}
  TraceField(std::string_view k, uint32_t v) : key(k), value(uint64_t{v}) {}
  TraceField(std::string_view k, std::string_view v) : key(k), value(v) {}
  TraceField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  TraceField(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  // (Debian's absl::string_view is a type of its own.)
  TraceField(std::string_view k, absl::string_view v)
      : key(k), value(std::string_view(v.data(), v.size())) {}
};

// Where events go. Emitting one never suspends, but in a simulation it may be the moment at which
// the node is killed: the next suspension then unwinds.
class Trace {
 public:
  virtual ~Trace() = default;
  // Whether somebody listens; ask before computing costly fields.
  virtual bool enabled(TraceLevel level) const = 0;
  // `name` is stable and dotted: "raft.role", "log.open". Fields are copied if needed.
  virtual void Emit(TraceLevel level, std::string_view name,
                    absl::Span<const TraceField> fields) = 0;

  void Emit(TraceLevel level, std::string_view name, std::initializer_list<TraceField> fields) {
    if (enabled(level)) Emit(level, name, absl::MakeConstSpan(fields.begin(), fields.size()));
  }
};

}  // namespace lockstep::runtime

#endif  // LOCKSTEP_FRAMEWORK_RUNTIME_TRACE_H_
