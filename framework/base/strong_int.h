// StrongInt: an integer that only mixes with its own kind.
//
// A Term is not an Index, and neither is a count. Arithmetic is what the uses need: comparison,
// adding and subtracting plain distances, the distance between two values.
#ifndef LOCKSTEP_FRAMEWORK_BASE_STRONG_INT_H_
#define LOCKSTEP_FRAMEWORK_BASE_STRONG_INT_H_

#include <compare>
#include <cstdint>
#include <ostream>

namespace lockstep::base {

template <typename Tag, typename T = uint64_t>
class StrongInt final {
 public:
  using Value = T;

  constexpr StrongInt() = default;
  constexpr explicit StrongInt(T value) : value_(value) {}

  constexpr T value() const { return value_; }

  constexpr auto operator<=>(const StrongInt&) const = default;

  constexpr StrongInt& operator++() {
    ++value_;
    return *this;
  }
  constexpr StrongInt& operator--() {
    --value_;
    return *this;
  }
  constexpr StrongInt& operator+=(T distance) {
    value_ = static_cast<T>(value_ + distance);
    return *this;
  }
  friend constexpr StrongInt operator+(StrongInt a, T distance) {
    return StrongInt(static_cast<T>(a.value_ + distance));
  }
  friend constexpr StrongInt operator-(StrongInt a, T distance) {
    return StrongInt(static_cast<T>(a.value_ - distance));
  }
  friend constexpr T operator-(StrongInt a, StrongInt b) {
    return static_cast<T>(a.value_ - b.value_);
  }
  friend std::ostream& operator<<(std::ostream& out, StrongInt a) { return out << +a.value_; }

  // For Abseil's hash-based probes (never iterated).
  template <typename H>
  friend H AbslHashValue(H h, StrongInt a) {
    return H::combine(std::move(h), a.value_);
  }

 private:
  T value_ = 0;
};

}  // namespace lockstep::base

#endif  // LOCKSTEP_FRAMEWORK_BASE_STRONG_INT_H_
