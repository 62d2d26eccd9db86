#include "docs-memory/hub/hub_change.h"

#include <algorithm>
#include <vector>

#include "docs-memory/hub/mutants.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

using machine::Column;

// A few more versions than wanted are kept for a while, so that not every change has to count.
constexpr uint64_t kVersionsSlack = 8;

// The time at which the document goes by itself; 0: never.
int64_t ExpiryOf(const Heads& heads) {
  const Head* const winner = heads.winner();
  return winner == nullptr || winner->deleted ? 0 : winner->expires_ms;
}

}  // namespace

bool IsGrave(const Heads& heads) {
  return !heads.all.empty() && std::all_of(heads.all.begin(), heads.all.end(),
                                           [](const Head& head) { return head.deleted; });
}

void HubChanges::List(std::string_view scope, const std::string& key, const HubDocument& document) {
  const Heads& heads = document.heads;
  store_.Put(Column::kIndex, ChangeKey(scope, heads.sequence), key);
  if (const int64_t expiry = ExpiryOf(heads); expiry != 0) {
    store_.Put(Column::kIndex, HubExpiryKey(expiry, key), "");
    NoteDue(expiry);
  }
  if (!IsGrave(heads)) return;
  store_.Put(Column::kIndex, GraveKey(scope, heads.sequence),
             BigEndian64(static_cast<uint64_t>(now_ms_)));
  NoteDue(now_ms_ + policy_.tombstones_ms);
}

void HubChanges::Unlist(std::string_view scope, const std::string& key,
                        const HubDocument& document) {
  const Heads& heads = document.heads;
  store_.Delete(Column::kIndex, ChangeKey(scope, heads.sequence));
  // Planted bug M192: the document's old time stays in the list.
  const int64_t expiry = ExpiryOf(heads);
  if (expiry != 0 && !mutant::Enabled(mutant::kM192ExpiryOfAnOldVersion))
    store_.Delete(Column::kIndex, HubExpiryKey(expiry, key));
  if (IsGrave(heads)) store_.Delete(Column::kIndex, GraveKey(scope, heads.sequence));
}

absl::Status HubChanges::Apply(Fiber& fiber, std::string_view scope, const std::string& key,
                               const Edit& edit, uint64_t sequence, HubDocument& document) {
  if (document.heads.sequence != 0) Unlist(scope, key, document);
  std::vector<Revision> replaced{edit.head.rev};
  for (const Head& head : document.heads.all) replaced.push_back(head.rev);
  document.heads.Apply(edit);
  // Planted bug M104: what was deleted never was.
  if (mutant::Enabled(mutant::kM104TombstoneForgotten)) {
    std::erase_if(document.heads.all, [](const Head& head) { return head.deleted; });
    if (document.heads.all.empty()) document.heads.all.push_back(edit.head);
  }
  document.heads.sequence = sequence;
  // Planted bug M193: the age of a version counts from when it came, not from when it went.
  const bool counts_from_birth = mutant::Enabled(mutant::kM193VersionsOfHeadsTrimmed);
  for (const Revision& rev : replaced) {
    if (document.heads.Find(rev) != nullptr && !counts_from_birth) continue;
    store_.Put(Column::kIndex, ReplacedKey(now_ms_, HubVersionKey(key, rev)), "");
    NoteDue(now_ms_ + policy_.history_ms);
  }
  store_.Put(Column::kHistory, HubVersionKey(key, edit.head.rev),
             EncodeHubVersion({sequence, now_ms_, edit.base, edit.resolves, edit.head}));
  if (++document.versions > policy_.versions_max + kVersionsSlack)
    RETURN_IF_ERROR(TrimVersions(fiber, key, document));
  List(scope, key, document);
  store_.Put(Column::kPrimary, key, EncodeHubDocument(document));
  return absl::OkStatus();
}

// The oldest that are no heads, until there are as many as wanted.
absl::Status HubChanges::TrimVersions(Fiber& fiber, const std::string& key, HubDocument& document) {
  const std::string prefix = HubVersionPrefix(key);
  std::vector<std::pair<uint64_t, Revision>> old;
  uint64_t met = 0;
  const auto iterator = store_.NewIterator(Column::kHistory);
  for (iterator->Seek(fiber, prefix); iterator->Valid(); iterator->Next(fiber)) {
    if (iterator->key().substr(0, prefix.size()) != prefix) break;
    ASSIGN_OR_RETURN(const HubVersion version, DecodeHubVersion(iterator->value()));
    ++met;
    if (document.heads.Find(version.head.rev) == nullptr)
      old.emplace_back(version.sequence, version.head.rev);
  }
  RETURN_IF_ERROR(iterator->status());
  std::sort(old.begin(), old.end());
  for (const auto& [sequence, rev] : old) {
    if (met <= policy_.versions_max) break;
    store_.Delete(Column::kHistory, HubVersionKey(key, rev));
    --met;
  }
  document.versions = met;
  return absl::OkStatus();
}

absl::Status HubChanges::Forget(Fiber& fiber, std::string_view scope, const std::string& key,
                                const HubDocument& document) {
  Unlist(scope, key, document);
  store_.Delete(Column::kPrimary, key);
  const std::string prefix = HubVersionPrefix(key);
  const auto iterator = store_.NewIterator(Column::kHistory);
  for (iterator->Seek(fiber, prefix); iterator->Valid(); iterator->Next(fiber)) {
    if (iterator->key().substr(0, prefix.size()) != prefix) break;
    store_.Delete(Column::kHistory, std::string(iterator->key()));
  }
  return iterator->status();
}

}  // namespace lockstep::docs
