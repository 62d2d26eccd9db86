// The audit trail of the hub: who changed what, and what was refused, in a chain of hashes per
// tenant. (docs/formats.md, "Hub of documents".)
#ifndef LOCKSTEP_DOCS_MEMORY_HUB_HUB_AUDIT_H_
#define LOCKSTEP_DOCS_MEMORY_HUB_HUB_AUDIT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "docs-memory/bson/value.h"
#include "docs-memory/store/revision.h"
#include "framework/machine/ordered_store.h"

namespace lockstep::docs {

// What became of one document.
struct AuditedChange final {
  std::string collection;
  Value id;
  Revision rev;
  std::string what;     // put, delete, expire, purge
  std::string verdict;  // of a push: applied, rejected
  std::string code;
};

// What one command did, or was refused.
struct AuditedAct final {
  int64_t time_ms = 0;  // of the hub
  std::string actor;    // "node 1f...", "administrator", "hub"
  std::string token;    // the beginning of its hash
  std::string action;   // push, token, revoke, retention, epoch, filter
  std::string space;
  std::string code;    // why it was refused; empty: it was not
  uint64_t count = 0;  // documents

  std::vector<AuditedChange> changes;
};

// {time, actor, token, action, ns, decision, code?, count, changes: [{coll, id, rev, op, status?,
// code?}]}. `changes` are the first 100.
Document Describe(const AuditedAct& act);

// The next record of the tenant's chain. The tenant of what concerns all of them is "".
absl::Status AppendAudit(Fiber& fiber, machine::StoreTransaction& store, std::string_view tenant,
                         const AuditedAct& act);

// {records: [{n, hash, act}, ...], last}: those behind number `after`, at most so many.
absl::StatusOr<Document> ReadHubAudit(Fiber& fiber, const machine::StoreView& view,
                                      std::string_view tenant, uint64_t after, uint64_t count_max);
// Computes the chains anew. DATA_LOSS: a record was changed, removed or added.
absl::Status VerifyHubAudit(Fiber& fiber, const machine::StoreView& view);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_HUB_HUB_AUDIT_H_
