#ifndef LOCKSTEP_BENCH_LOAD_REPORT_H_
#define LOCKSTEP_BENCH_LOAD_REPORT_H_

#include <cstdint>
#include <map>
#include <string>

#include "bench/histogram.h"
#include "bench/load_options.h"
#include "framework/base/time.h"

namespace lockstep::bench {

// What was measured, warm-up excluded. A value.
struct LoadReport final {
  Histogram reads;  // of what succeeded
  Histogram writes;
  std::map<std::string, uint64_t> failures;  // by code and message
  uint64_t failed = 0;
  Duration elapsed{0};

  uint64_t succeeded() const { return reads.count() + writes.count(); }
};

// One line of what the last `period` brought.
std::string FormatProgress(Duration since_start, Duration period, const LoadReport& last);
std::string FormatText(const LoadOptions& options, const LoadReport& report);
// One object on one line. Durations in microseconds.
std::string FormatJson(const LoadOptions& options, const LoadReport& report);

}  // namespace lockstep::bench

#endif  // LOCKSTEP_BENCH_LOAD_REPORT_H_
