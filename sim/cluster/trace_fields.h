// Reading what nodes trace.
#ifndef LOCKSTEP_SIM_CLUSTER_TRACE_FIELDS_H_
#define LOCKSTEP_SIM_CLUSTER_TRACE_FIELDS_H_

#include <cstdint>
#include <string_view>
#include <variant>

#include "sim/sim_trace.h"

namespace lockstep::sim {

// What the field says, whatever its width; 0 if there is none of that name.
inline uint64_t NumberOf(const TraceEvent& event, std::string_view key) {
  for (const runtime::TraceField& field : event.fields) {
    if (field.key != key) continue;
    if (const auto* number = std::get_if<uint64_t>(&field.value)) return *number;
    if (const auto* number = std::get_if<int64_t>(&field.value)) {
      return static_cast<uint64_t>(*number);
    }
  }
  return 0;
}

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_CLUSTER_TRACE_FIELDS_H_
