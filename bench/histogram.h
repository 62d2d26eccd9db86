// Histogram: durations counted in buckets whose width is at most 1/64 of their value.
#ifndef LOCKSTEP_BENCH_HISTOGRAM_H_
#define LOCKSTEP_BENCH_HISTOGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "framework/base/time.h"

namespace lockstep::bench {

// Log-linear, as HdrHistogram: exact below 128 ns, then 64 buckets per power of two.
//
// Invariant: count_ is the sum of the buckets. A value of 29 kB that never allocates.
class Histogram final {
 public:
  // Negative durations count as zero.
  void Record(Duration duration);
  void Add(const Histogram& other);
  void Clear() { *this = Histogram(); }

  uint64_t count() const { return count_; }
  Duration max() const { return Duration(max_ns_); }
  Duration Mean() const;
  // The smallest duration that `percent` of all are not above, rounded up to its bucket's end; the
  // maximum is exact. Zero without any. REQUIRES: percent in [0, 100].
  Duration Percentile(double percent) const;

 private:
  static constexpr int kLinearBits = 7;
  static constexpr int kHalf = 1 << (kLinearBits - 1);
  static constexpr size_t kBuckets = static_cast<size_t>(64 - kLinearBits + 2) * kHalf;

  static size_t BucketOf(uint64_t ns);
  static uint64_t LastOf(size_t bucket);

  std::array<uint64_t, kBuckets> buckets_ = {};
  uint64_t count_ = 0;
  uint64_t sum_ns_ = 0;
  int64_t max_ns_ = 0;
};

}  // namespace lockstep::bench

#endif  // LOCKSTEP_BENCH_HISTOGRAM_H_
