#include "bench/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "framework/base/random.h"

namespace lockstep::bench {
namespace {

TEST(Histogram, PercentilesAreWithinABucketOfTheSortedSamples) {
  base::SequentialRandom random(7);
  for (const uint64_t bound : {100ull, 10'000ull, 50'000'000ull, 1'000'000'000'000ull}) {
    Histogram histogram;
    std::vector<int64_t> samples;
    for (int i = 0; i < 5000; ++i) {
      samples.push_back(static_cast<int64_t>(random.Below(random.Below(bound) + 1)));
      histogram.Record(Duration(samples.back()));
    }
    std::sort(samples.begin(), samples.end());
    for (const double percent : {1.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
      const auto rank = static_cast<size_t>(std::ceil(5000 * percent / 100));
      const int64_t exact = samples[rank - 1];
      const int64_t found = histogram.Percentile(percent).count();
      EXPECT_GE(found, exact) << percent;
      EXPECT_LE(found, exact + exact / 64 + 1) << percent;
    }
    EXPECT_EQ(histogram.Percentile(100).count(), samples.back());
  }
}

TEST(Histogram, ExtremesFit) {
  Histogram histogram;
  histogram.Record(Duration(-5));
  histogram.Record(Duration(std::numeric_limits<int64_t>::max()));
  EXPECT_EQ(histogram.Percentile(0), Duration(0));
  EXPECT_EQ(histogram.Percentile(100).count(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(Histogram().Percentile(99), Duration(0));
}

TEST(Histogram, SumOfTwoIsTheHistogramOfBoth) {
  Histogram a;
  Histogram b;
  Histogram both;
  for (int i = 0; i < 1000; ++i) {
    (i % 3 == 0 ? a : b).Record(Microseconds(i));
    both.Record(Microseconds(i));
  }
  a.Add(b);
  EXPECT_EQ(a.count(), both.count());
  EXPECT_EQ(a.Mean(), both.Mean());
  EXPECT_EQ(a.Percentile(75), both.Percentile(75));
}

}  // namespace
}  // namespace lockstep::bench
