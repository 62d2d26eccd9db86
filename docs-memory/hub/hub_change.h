// HubChanges: the rows of one document at the hub, and everything that finds it.
#ifndef LOCKSTEP_DOCS_MEMORY_HUB_HUB_CHANGE_H_
#define LOCKSTEP_DOCS_MEMORY_HUB_HUB_CHANGE_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "docs-memory/hub/hub_keys.h"
#include "framework/machine/ordered_store.h"

namespace lockstep::docs {

// Nothing ever falls due.
inline constexpr int64_t kNeverMs = std::numeric_limits<int64_t>::max();

// In one transaction. Pure but for that.
//
// Invariants:
//   1. A document is found under its sequence, and under nothing that it was before: its time, if
//      its winner expires; among the graves, if all of its heads are tombstones.
//   2. A version that is a head is in the history; one that is none is listed with the time at
//      which it was replaced.
class HubChanges final {
 public:
  HubChanges(machine::StoreTransaction& store, const HubPolicy& policy, int64_t now_ms)
      : store_(store), policy_(policy), now_ms_(now_ms) {}

  // `document`: what is stored under `key`, or a new one; becomes what it is afterwards.
  absl::Status Apply(Fiber& fiber, std::string_view scope, const std::string& key, const Edit& edit,
                     uint64_t sequence, HubDocument& document);
  // The document and its history go without a trace.
  absl::Status Forget(Fiber& fiber, std::string_view scope, const std::string& key,
                      const HubDocument& document);

  // When the first of what this has listed falls due.
  int64_t due_ms() const { return due_ms_; }

 private:
  void List(std::string_view scope, const std::string& key, const HubDocument& document);
  void Unlist(std::string_view scope, const std::string& key, const HubDocument& document);
  absl::Status TrimVersions(Fiber& fiber, const std::string& key, HubDocument& document);
  void NoteDue(int64_t ms) { due_ms_ = std::min(due_ms_, ms); }

  machine::StoreTransaction& store_;
  const HubPolicy policy_;
  const int64_t now_ms_;
  int64_t due_ms_ = kNeverMs;
};

// Whether all that is left of the document is that it was deleted.
bool IsGrave(const Heads& heads);

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_HUB_HUB_CHANGE_H_
