// What the hub tells: pages of changes, documents, histories. Reads of one instant.
#ifndef LOCKSTEP_DOCS_MEMORY_HUB_HUB_READ_H_
#define LOCKSTEP_DOCS_MEMORY_HUB_HUB_READ_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "docs-memory/hub/hub_keys.h"
#include "docs-memory/sync/protocol.h"
#include "framework/machine/ordered_store.h"

namespace lockstep::docs {

struct PullOutcome final {
  WireError refusal;  // no code: none
  PullAnswer answer;
};

// A page of document states in the hub's order, each document once, at its latest sequence.
//
// Invariant: every document whose sequence is at most the answer's checkpoint and above the
// request's is in the page, unless its collection was not asked for.
absl::StatusOr<PullOutcome> Pull(Fiber& fiber, const machine::StoreView& view, uint64_t epoch,
                                 const PullRequest& request);

// All heads of a document; no heads: there is none.
absl::StatusOr<Heads> ReadHubHeads(Fiber& fiber, const machine::StoreView& view,
                                   std::string_view scope, std::string_view collection,
                                   ValueRef id);
// {versions: [{seq, rev, base, resolves, deleted, doc, time}]}, oldest first.
absl::StatusOr<Document> ReadHubHistory(Fiber& fiber, const machine::StoreView& view,
                                        std::string_view scope, std::string_view collection,
                                        ValueRef id);
// {documents: [{coll, id, heads...}]}: documents with conflicts, after that sequence.
absl::StatusOr<Document> ReadHubConflicts(Fiber& fiber, const machine::StoreView& view,
                                          std::string_view scope, uint64_t count_max);

// What a hub holds, over all scopes: {scopes, nodes, sequence, lag, verdicts}. `lag`: how far the
// store that has pulled least is behind its scope, of those that were heard of since `seen_after`;
// `verdicts`: those that stores have not confirmed.
absl::StatusOr<Document> ReadHubStats(Fiber& fiber, const machine::StoreView& view,
                                      int64_t seen_after_ms);

// Whether every document is found under its sequence alone, where it has to be listed and nowhere
// else; its heads are in the history; no sequence is above the scope's last; and the audit trail is
// whole. DATA_LOSS says what is wrong.
absl::Status VerifyHub(Fiber& fiber, const machine::StoreView& view);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_HUB_HUB_READ_H_
