// What a store's syncing has come to, for Prometheus.
#ifndef LOCKSTEP_DOCS_MEMORY_SYNC_SYNC_METRICS_H_
#define LOCKSTEP_DOCS_MEMORY_SYNC_SYNC_METRICS_H_

#include <string>

#include "docs-memory/sync/syncer.h"
#include "framework/edge/http_types.h"

namespace lockstep::docs {

// Beside MetricsText of the store, which tells what waits. The lag is the time since this store
// last knew to have everything that the hub had; there is none before it ever did.
std::string SyncMetricsText(const SyncStatus& status, MonoTime now);

// GET /metrics, GET /health (200 while the store takes writes, else 503; a hub that is away is no
// ailment). Of the store's shard; borrows both.
class SyncMetrics final : public edge::HttpHandler {
 public:
  SyncMetrics(Store& store, const Syncer& syncer) : store_(store), syncer_(syncer) {}

  edge::HttpResponse Handle(Fiber& fiber, const edge::HttpRequest& request) override;
  edge::HttpResponse Refuse(const edge::HttpRefusal& refusal) override;

 private:
  Store& store_;
  const Syncer& syncer_;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_SYNC_SYNC_METRICS_H_
