#include "bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "framework/base/check.h"

namespace lockstep::bench {

size_t Histogram::BucketOf(uint64_t ns) {
  const int width = static_cast<int>(std::bit_width(ns));
  const int shift = std::max(0, width - kLinearBits);
  return static_cast<size_t>(shift) * kHalf + static_cast<size_t>(ns >> shift);
}

uint64_t Histogram::LastOf(size_t bucket) {
  if (bucket < 2 * kHalf) return bucket;
  const size_t shift = bucket / kHalf - 1;
  const uint64_t top = bucket - shift * kHalf;
  return ((top + 1) << shift) - 1;
}

void Histogram::Record(Duration duration) {
  const int64_t ns = std::max<int64_t>(0, duration.count());
  ++buckets_[BucketOf(static_cast<uint64_t>(ns))];
  ++count_;
  sum_ns_ += static_cast<uint64_t>(ns);
  max_ns_ = std::max(max_ns_, ns);
}

void Histogram::Add(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

Duration Histogram::Mean() const {
  return Duration(count_ == 0 ? 0 : static_cast<int64_t>(sum_ns_ / count_));
}

Duration Histogram::Percentile(double percent) const {
  CHECK(percent >= 0 && percent <= 100);
  if (count_ == 0) return Duration(0);
  const double exact = std::ceil(static_cast<double>(count_) * percent / 100.0);
  const uint64_t wanted = std::clamp<uint64_t>(static_cast<uint64_t>(exact), 1, count_);
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen < wanted) continue;
    return Duration(std::min(max_ns_, static_cast<int64_t>(LastOf(i))));
  }
  CHECK(false) << "fewer in the buckets than counted";
  return max();
}

}  // namespace lockstep::bench
