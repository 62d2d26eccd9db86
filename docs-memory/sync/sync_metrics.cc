#include "docs-memory/sync/sync_metrics.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "docs-memory/store/sync_reader.h"

namespace lockstep::docs {
namespace {

void Add(std::string& text, const char* name, const char* type, int64_t value) {
  absl::StrAppend(&text, "# TYPE ", name, " ", type, "\n", name, " ", value, "\n");
}
void Add(std::string& text, const char* name, uint64_t value) {
  Add(text, name, "counter", static_cast<int64_t>(value));
}

edge::HttpResponse PlainText(int status, std::string body) {
  edge::HttpResponse response;
  response.status = status;
  response.headers.Add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  response.body = std::move(body);
  return response;
}

}  // namespace

edge::HttpResponse SyncMetrics::Handle(Fiber& fiber, const edge::HttpRequest& request) {
  if (request.method != "GET") return PlainText(405, "only GET\n");
  if (request.path() == "/metrics") {
    // (What cannot be read is not counted.)
    const auto facts = ReadSyncFacts(fiber, *store_.state());
    return PlainText(
        200, MetricsText(store_.status(), facts.ok() ? *facts : SyncFacts(), store_.now_ms()) +
                 SyncMetricsText(syncer_.status(), fiber.now()));
  }
  if (request.path() != "/health") return PlainText(404, "there are /metrics and /health\n");
  const absl::Status health = store_.status().health;
  const Document answer{{"health", Value(health.ok() ? "true" : "false")},
                        {"reason", Value(std::string(health.message()))}};
  return PlainText(health.ok() ? 200 : 503, ToJson(answer));
}

edge::HttpResponse SyncMetrics::Refuse(const edge::HttpRefusal& refusal) {
  return PlainText(refusal.status, refusal.reason + "\n");
}

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
