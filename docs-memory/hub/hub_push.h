// What a push does to the hub: each change of a node is processed once, in the node's order, and
// has a verdict for ever.
#ifndef LOCKSTEP_DOCS_MEMORY_HUB_HUB_PUSH_H_
#define LOCKSTEP_DOCS_MEMORY_HUB_HUB_PUSH_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "docs-memory/hub/hub_keys.h"
#include "docs-memory/sync/protocol.h"
#include "framework/machine/ordered_store.h"

namespace lockstep::docs {

// A refusal that changed nothing, or what was processed.
struct PushOutcome final {
  WireError refusal;  // no code: none
  PushAnswer answer;
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
  HubPush(machine::StoreTransaction& store, uint64_t epoch, int64_t now_ms)
      : store_(store), epoch_(epoch), now_ms_(now_ms) {}

  absl::StatusOr<PushOutcome> Run(Fiber& fiber, const PushRequest& request);

 private:
  absl::Status LoadNode(Fiber& fiber, const PushRequest& request);
  absl::Status Confirm(Fiber& fiber, uint64_t confirmed);
  absl::StatusOr<bool> Recall(Fiber& fiber, const PushChange& change, PushOutcome& outcome);
  absl::Status Process(Fiber& fiber, const PushChange& change, ChangeVerdict& verdict);
  absl::Status Apply(Fiber& fiber, const PushChange& change, ChangeVerdict& verdict);
  absl::StatusOr<std::string> RefusalOf(Fiber& fiber, const PushChange& change,
                                        std::string* detail);
  absl::Status Store(Fiber& fiber, const std::string& key, const PushChange& change,
                     HubDocument document, ChangeVerdict& verdict);
  // The winner, as it is now.
  absl::Status Complete(Fiber& fiber, const PushChange& change, ChangeVerdict& verdict);

  machine::StoreTransaction& store_;
  const uint64_t epoch_;
  const int64_t now_ms_;
  std::string scope_;
  uint64_t node_id_ = 0;
  HubNode node_;
  uint64_t sequence_ = 0;  // the scope's last
};

absl::StatusOr<uint64_t> SequenceOf(Fiber& fiber, const machine::StoreView& view,
                                    std::string_view scope);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_HUB_HUB_PUSH_H_
