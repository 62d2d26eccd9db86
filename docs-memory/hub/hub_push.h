// What a push does to the hub: each change of a node is processed once, in the node's order, and
// has a verdict for ever.
#ifndef LOCKSTEP_DOCS_MEMORY_HUB_HUB_PUSH_H_
#define LOCKSTEP_DOCS_MEMORY_HUB_HUB_PUSH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "docs-memory/hub/hub_audit.h"
#include "docs-memory/hub/hub_change.h"
#include "docs-memory/hub/hub_keys.h"
#include "docs-memory/sync/protocol.h"
#include "framework/machine/ordered_store.h"

namespace lockstep::docs {

// A refusal that changed nothing, or what was processed.
struct PushOutcome final {
  WireError refusal;  // no code: none
  PushAnswer answer;
  uint64_t processed = 0;              // changes, for the first time
  std::vector<AuditedChange> audited;  // the first of them
  int64_t due_ms = kNeverMs;           // when the first of what was written falls due
};

// One push, in one transaction. Pure but for the transaction.
//
// Invariants:
//   1. A number is processed once: again, it has the same verdict, or the node is not what it was.
//   2. A change that is refused has a number and a verdict, too: it never blocks those behind it.
//   3. A change that is applied has the next sequence of its scope; the document is found under
//      that sequence and under no earlier one.
class HubPush final {
 public:
  // `now_ms`: the leader's, from the entry.
  HubPush(machine::StoreTransaction& store, const HubPolicy& policy, uint64_t epoch, int64_t now_ms)
      : store_(store), epoch_(epoch), now_ms_(now_ms), changes_(store, policy, now_ms) {}

  absl::StatusOr<PushOutcome> Run(Fiber& fiber, const PushRequest& request);

 private:
  absl::Status LoadNode(Fiber& fiber, const PushRequest& request);
  absl::Status Confirm(Fiber& fiber, uint64_t confirmed);
  absl::StatusOr<bool> Recall(Fiber& fiber, const PushChange& change, PushOutcome& outcome);
  absl::Status Process(Fiber& fiber, const PushChange& change, ChangeVerdict& verdict);
  // Applies it, or finds out why not; `document` becomes what it is afterwards.
  absl::Status Apply(Fiber& fiber, const PushChange& change, const std::string& key,
                     HubDocument& document, ChangeVerdict& verdict);
  absl::StatusOr<std::string> RefusalOf(Fiber& fiber, const PushChange& change,
                                        std::string* detail);
  // What was processed before, if it was: under another number, or by another node.
  absl::StatusOr<bool> IsKnown(Fiber& fiber, const PushChange& change, const std::string& key,
                               const HubDocument& document, ChangeVerdict& verdict);
  bool MayBeDeleted(const PushChange& change, const HubDocument& document, bool is_new,
                    bool is_base_unknown) const;
  std::string KeyOfDocument(const PushChange& change) const;
  absl::StatusOr<HubDocument> Load(Fiber& fiber, const std::string& key);

  machine::StoreTransaction& store_;
  const uint64_t epoch_;
  const int64_t now_ms_;
  std::string scope_;
  uint64_t node_id_ = 0;
  HubNode node_;
  HubScope counts_;
  HubChanges changes_;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_HUB_HUB_PUSH_H_
