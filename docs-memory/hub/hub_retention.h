// What goes from the hub by itself: documents whose time is over, tombstones that everybody has
// seen, versions that are too old.
#ifndef LOCKSTEP_DOCS_MEMORY_HUB_HUB_RETENTION_H_
#define LOCKSTEP_DOCS_MEMORY_HUB_HUB_RETENTION_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/hub/hub_audit.h"
#include "docs-memory/hub/hub_change.h"
#include "docs-memory/hub/hub_keys.h"
#include "framework/machine/ordered_store.h"

namespace lockstep::docs {

struct RetentionOutcome final {
  uint64_t expired = 0;  // documents
  uint64_t trimmed = 0;  // versions
  uint64_t purged = 0;   // tombstones
  bool more = false;     // there is work left
  int64_t due_ms = kNeverMs;
};

// One step of it, in one transaction: so much work, in the order of time. Pure but for the
// transaction.
//
// Invariants:
//   1. A document is deleted only if its winner says that it ends at or before `now_ms`.
//   2. A tombstone is purged only if it is old enough, and every store that was heard of lately
//      enough has pulled it. Then nobody may pull from before it any more, nor change the document
//      on top of what it was.
//   3. Versions that are heads stay.
class HubRetention final {
 public:
  // `now_ms`: the leader's, from the entry.
  HubRetention(machine::StoreTransaction& store, const HubPolicy& policy, int64_t now_ms)
      : store_(store), policy_(policy), now_ms_(now_ms), changes_(store, policy, now_ms) {}

  absl::StatusOr<RetentionOutcome> Run(Fiber& fiber);

 private:
  absl::Status Expire(Fiber& fiber);
  absl::Status ExpireOne(Fiber& fiber, const std::string& key, int64_t expiry);
  absl::Status TrimVersions(Fiber& fiber);
  absl::Status Purge(Fiber& fiber);
  // The tombstones of one scope.
  absl::Status PurgeScope(Fiber& fiber, const std::string& scope);
  absl::StatusOr<uint64_t> PulledByAll(Fiber& fiber, std::string_view scope);
  absl::StatusOr<HubScope*> ScopeAt(Fiber& fiber, const std::string& scope);
  absl::Status Finish(Fiber& fiber);
  void NoteDue(int64_t ms) { outcome_.due_ms = std::min(outcome_.due_ms, ms); }

  machine::StoreTransaction& store_;
  const HubPolicy policy_;
  const int64_t now_ms_;
  HubChanges changes_;
  RetentionOutcome outcome_;
  std::map<std::string, HubScope> scopes_;                     // that were read
  std::map<std::string, std::vector<AuditedChange>> audited_;  // by scope
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_HUB_HUB_RETENTION_H_
