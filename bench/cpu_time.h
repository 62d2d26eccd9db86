// The processor time that this process has used.
#ifndef LOCKSTEP_BENCH_CPU_TIME_H_
#define LOCKSTEP_BENCH_CPU_TIME_H_

#include <sys/resource.h>

#include "framework/base/check.h"

namespace lockstep::bench {

// Of all of its threads, in user and in kernel mode.
inline double CpuSeconds() {
  rusage usage{};
  CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace lockstep::bench

#endif  // LOCKSTEP_BENCH_CPU_TIME_H_
