#include "docs-memory/sync/sync_metrics.h"

#include "absl/strings/str_cat.h"

namespace lockstep::docs {
namespace {

void Add(std::string& text, const char* name, const char* type, int64_t value) {
  absl::StrAppend(&text, "# TYPE ", name, " ", type, "\n", name, " ", value, "\n");
}
void Add(std::string& text, const char* name, uint64_t value) {
  Add(text, name, "counter", static_cast<int64_t>(value));
}

}  // namespace

std::string SyncMetricsText(const SyncStatus& status, MonoTime now) {
  std::string text;
  Add(text, "docs_sync_requests_total", status.requests);
  Add(text, "docs_sync_failures_total", status.failures);
  Add(text, "docs_sync_pushed_total", status.pushed);
  Add(text, "docs_sync_pulled_total", status.pulled);
  Add(text, "docs_sync_conflicts_pulled_total", status.conflicts);
  Add(text, "docs_sync_reconciled_total", status.reconciled);
  Add(text, "docs_sync_caught_up", "gauge", status.is_caught_up ? 1 : 0);
  if (status.caught_up_at != MonoTime())
    Add(text, "docs_sync_lag_seconds", "gauge", (now - status.caught_up_at) / Seconds(1));
  return text;
}

}  // namespace lockstep::docs
