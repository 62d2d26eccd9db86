// Virtual time: the one clock of a simulated universe. No node can see it; each sees its own
// NodeClock.
#ifndef LOCKSTEP_SIM_VIRTUAL_TIME_H_
#define LOCKSTEP_SIM_VIRTUAL_TIME_H_

#include <compare>
#include <cstdint>
#include <limits>
#include <ostream>

#include "framework/base/time.h"

namespace lockstep::sim {

// Nanoseconds since the universe began.
struct VirtualTime final {
  int64_t ns = 0;

  constexpr auto operator<=>(const VirtualTime&) const = default;
  friend constexpr VirtualTime operator+(VirtualTime t, Duration d) { return {t.ns + d.count()}; }
  friend constexpr Duration operator-(VirtualTime a, VirtualTime b) {
    return Duration(a.ns - b.ns);
  }
  friend std::ostream& operator<<(std::ostream& out, VirtualTime t) {
    return out << t.ns / 1'000'000'000 << "s+" << t.ns % 1'000'000'000 << "ns";
  }
};

inline constexpr VirtualTime kEndOfTime{std::numeric_limits<int64_t>::max()};

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_VIRTUAL_TIME_H_
