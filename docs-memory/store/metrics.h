// Counters of a store, and their text for Prometheus.
#ifndef LOCKSTEP_DOCS_MEMORY_STORE_METRICS_H_
#define LOCKSTEP_DOCS_MEMORY_STORE_METRICS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "framework/base/time.h"

namespace lockstep::docs {

struct StoreStatus;
struct SyncFacts;

// Upper bounds of the latency's buckets; what is slower is in the last one.
inline constexpr std::array<int64_t, 6> kLatencyBoundsUs{100,     1000,      10'000,
                                                         100'000, 1'000'000, 10'000'000};

// Since the store was opened. Of the store's thread.
struct StoreCounters final {
  uint64_t inserted = 0;  // documents
  uint64_t modified = 0;
  uint64_t deleted = 0;
  uint64_t refused = 0;  // operations
  uint64_t groups = 0;   // runs of the writer
  // Operations of callers, from the queue to the answer.
  std::array<uint64_t, kLatencyBoundsUs.size() + 1> latencies{};
  int64_t latency_sum_us = 0;

  void NoteLatency(Duration took);
};

// "# TYPE docs_sequence gauge\ndocs_sequence 12\n...". `now_ms`: for ages.
std::string MetricsText(const StoreStatus& status, const SyncFacts& sync, int64_t now_ms);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_STORE_METRICS_H_
