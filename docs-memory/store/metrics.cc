#include "docs-memory/store/metrics.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "docs-memory/store/store.h"
#include "docs-memory/store/sync_reader.h"

namespace lockstep::docs {
namespace {

void Add(std::string& text, const char* name, const char* type, uint64_t value) {
  absl::StrAppend(&text, "# TYPE ", name, " ", type, "\n", name, " ", value, "\n");
}

void AddLatency(std::string& text, const StoreCounters& counters) {
  const char* const name = "docs_write_latency_us";
  absl::StrAppend(&text, "# TYPE ", name, " histogram\n");
  uint64_t sum = 0;
  for (size_t i = 0; i < counters.latencies.size(); ++i) {
    sum += counters.latencies[i];
    absl::StrAppend(&text, name, "_bucket{le=\"",
                    i < kLatencyBoundsUs.size() ? std::to_string(kLatencyBoundsUs[i]) : "+Inf",
                    "\"} ", sum, "\n");
  }
  absl::StrAppend(&text, name, "_sum ", counters.latency_sum_us, "\n", name, "_count ", sum, "\n");
}

// Pending, dead letters, conflicts, and how far this store is behind its hub.
void AddSync(std::string& text, const SyncState& state, const SyncFacts& facts, int64_t now_ms) {
  Add(text, "docs_sync_pending", "gauge", state.queued);
  Add(text, "docs_sync_dead_letters_total", "counter", state.rejected);
  Add(text, "docs_sync_conflicts", "gauge", facts.conflicts);
  Add(text, "docs_sync_checkpoint", "gauge", state.checkpoint);
  Add(text, "docs_sync_reconciling", "gauge", state.reconciling ? 1 : 0);
  const int64_t waits = facts.oldest_queued_ms == 0 ? 0 : now_ms - facts.oldest_queued_ms;
  Add(text, "docs_sync_oldest_pending_ms", "gauge",
      static_cast<uint64_t>(std::max<int64_t>(waits, 0)));
  absl::StrAppend(&text, "# TYPE docs_sync_clock_offset_ms gauge\ndocs_sync_clock_offset_ms ",
                  state.clock_offset_ms, "\n");
}

}  // namespace

void StoreCounters::NoteLatency(Duration took) {
  const int64_t us = took.count() / 1000;
  size_t bucket = 0;
  while (bucket < kLatencyBoundsUs.size() && us > kLatencyBoundsUs[bucket]) ++bucket;
  ++latencies[bucket];
  latency_sum_us += us;
}

std::string MetricsText(const StoreStatus& status, const SyncFacts& sync, int64_t now_ms) {
  std::string text;
  Add(text, "docs_inserted_total", "counter", status.counters.inserted);
  Add(text, "docs_modified_total", "counter", status.counters.modified);
  Add(text, "docs_deleted_total", "counter", status.counters.deleted);
  Add(text, "docs_refused_total", "counter", status.counters.refused);
  Add(text, "docs_write_groups_total", "counter", status.counters.groups);
  Add(text, "docs_log_syncs_total", "counter", status.log_syncs);
  Add(text, "docs_sequence", "gauge", status.state.sequence);
  Add(text, "docs_history_from", "gauge", status.state.history_from);
  Add(text, "docs_audit_records", "gauge", status.state.audit.count);
  Add(text, "docs_queued_writes", "gauge", status.queued);
  Add(text, "docs_log_bytes", "gauge", status.log_bytes);
  Add(text, "docs_rows_bytes", "gauge", status.rows_bytes);
  Add(text, "docs_read_only", "gauge", status.health.ok() ? 0 : 1);
  AddLatency(text, status.counters);
  if (status.state.sync.scope != nullptr) AddSync(text, status.state.sync, sync, now_ms);
  return text;
}

}  // namespace lockstep::docs
