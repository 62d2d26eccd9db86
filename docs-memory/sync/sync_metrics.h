// What a store's syncing has come to, for Prometheus.
#ifndef LOCKSTEP_DOCS_MEMORY_SYNC_SYNC_METRICS_H_
#define LOCKSTEP_DOCS_MEMORY_SYNC_SYNC_METRICS_H_

#include <string>

#include "docs-memory/sync/syncer.h"

namespace lockstep::docs {

// Beside MetricsText of the store, which tells what waits. The lag is the time since this store
// last knew to have everything that the hub had; there is none before it ever did.
std::string SyncMetricsText(const SyncStatus& status, MonoTime now);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_SYNC_SYNC_METRICS_H_
