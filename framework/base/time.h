// Time, as values. Nothing here reads a clock: instants come from runtime::Clock.
#ifndef LOCKSTEP_FRAMEWORK_BASE_TIME_H_
#define LOCKSTEP_FRAMEWORK_BASE_TIME_H_

#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>
#include <ostream>

namespace lockstep {

using Duration = std::chrono::nanoseconds;

constexpr Duration Nanoseconds(int64_t n) { return Duration(n); }
constexpr Duration Microseconds(int64_t n) { return std::chrono::microseconds(n); }
constexpr Duration Milliseconds(int64_t n) { return std::chrono::milliseconds(n); }
constexpr Duration Seconds(int64_t n) { return std::chrono::seconds(n); }

// An instant of one node's monotonic clock, in ns since an arbitrary start. Never goes back; two
// nodes' instants have nothing to do with each other.
struct MonoTime final {
  int64_t ns = 0;

  constexpr auto operator<=>(const MonoTime&) const = default;
  friend constexpr MonoTime operator+(MonoTime t, Duration d) { return {t.ns + d.count()}; }
  friend constexpr MonoTime operator-(MonoTime t, Duration d) { return {t.ns - d.count()}; }
  friend constexpr Duration operator-(MonoTime a, MonoTime b) { return Duration(a.ns - b.ns); }
  friend std::ostream& operator<<(std::ostream& out, MonoTime t) { return out << t.ns << "ns"; }
};

// "Never", as a deadline. (operator+ must not be applied to it.)
inline constexpr MonoTime kNoDeadline{std::numeric_limits<int64_t>::max()};

// An instant of one node's wall clock, in ns since the Unix epoch. May jump in both directions;
// only for what people read and for TTLs that the leader stamps.
struct WallTime final {
  int64_t ns = 0;

  constexpr auto operator<=>(const WallTime&) const = default;
  friend constexpr WallTime operator+(WallTime t, Duration d) { return {t.ns + d.count()}; }
  friend constexpr Duration operator-(WallTime a, WallTime b) { return Duration(a.ns - b.ns); }
  friend std::ostream& operator<<(std::ostream& out, WallTime t) { return out << t.ns << "ns"; }
};

}  // namespace lockstep

#endif  // LOCKSTEP_FRAMEWORK_BASE_TIME_H_
