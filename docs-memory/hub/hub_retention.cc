#include "docs-memory/hub/hub_retention.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "docs-memory/hub/mutants.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

using machine::Column;

// What one step does at most, of each kind.
constexpr uint64_t kStepMax = 500;

bool HasPrefix(const machine::Iterator& iterator, std::string_view prefix) {
  return iterator.Valid() && iterator.key().substr(0, prefix.size()) == prefix;
}

int64_t TimeIn(std::string_view bytes) { return static_cast<int64_t>(FromBigEndian(bytes)); }

// Of this hub, and greater than what it replaces.
Revision RevisionAfter(const Revision& base, int64_t now_ms) {
  const Revision now{static_cast<uint64_t>(std::max<int64_t>(now_ms, 0)), 0, 0};
  if (now > base) return now;
  Revision next = base;
  next.node = 0;
  if (++next.counter == 0) ++next.ms;
  return next;
}

}  // namespace

absl::StatusOr<RetentionOutcome> HubRetention::Run(Fiber& fiber) {
  RETURN_IF_ERROR(Expire(fiber));
  RETURN_IF_ERROR(TrimVersions(fiber));
  RETURN_IF_ERROR(Purge(fiber));
  RETURN_IF_ERROR(Finish(fiber));
  NoteDue(changes_.due_ms());
  return outcome_;
}

absl::StatusOr<HubScope*> HubRetention::ScopeAt(Fiber& fiber, const std::string& scope) {
  const auto found = scopes_.find(scope);
  if (found != scopes_.end()) return &found->second;
  ASSIGN_OR_RETURN(scopes_[scope], ReadScope(fiber, store_, scope));
  return &scopes_[scope];
}

absl::Status HubRetention::Expire(Fiber& fiber) {
  const auto iterator = store_.NewIterator(Column::kIndex);
  for (iterator->Seek(fiber, kHubExpiryPrefix); HasPrefix(*iterator, kHubExpiryPrefix);
       iterator->Next(fiber)) {
    const std::string row(iterator->key());
    const int64_t expiry = TimeIn(std::string_view(row).substr(1, 8));
    if (expiry > now_ms_) {
      NoteDue(expiry);
      break;
    }
    outcome_.more = outcome_.expired == kStepMax;
    if (outcome_.more) break;
    RETURN_IF_ERROR(ExpireOne(fiber, row.substr(9), expiry));
    store_.Delete(Column::kIndex, row);
  }
  return iterator->status();
}

absl::Status HubRetention::ExpireOne(Fiber& fiber, const std::string& key, int64_t expiry) {
  ASSIGN_OR_RETURN(const auto row, store_.Get(fiber, Column::kPrimary, key));
  if (!row) return absl::OkStatus();
  ASSIGN_OR_RETURN(HubDocument document, DecodeHubDocument(*row));
  const Head* const winner = document.heads.winner();
  if (winner == nullptr || winner->deleted) return absl::OkStatus();
  if (winner->expires_ms != expiry && !mutant::Enabled(mutant::kM192ExpiryOfAnOldVersion))
    return absl::OkStatus();
  // (Who has lost is older than the winner, and goes with it.)
  Edit edit;
  edit.head.rev = RevisionAfter(winner->rev, now_ms_);
  edit.head.deleted = true;
  edit.head.time_ms = now_ms_;
  edit.base = winner->rev;
  for (size_t i = 1; i < document.heads.all.size(); ++i)
    edit.resolves.push_back(document.heads.all[i].rev);
  const std::string scope = ScopeOfKey(key);
  ASSIGN_OR_RETURN(HubScope* const counts, ScopeAt(fiber, scope));
  RETURN_IF_ERROR(changes_.Apply(fiber, scope, key, edit, ++counts->last, document));
  audited_[scope].push_back({document.collection, document.id, edit.head.rev, "expire", "", ""});
  ++outcome_.expired;
  return absl::OkStatus();
}

absl::Status HubRetention::TrimVersions(Fiber& fiber) {
  const auto iterator = store_.NewIterator(Column::kIndex);
  for (iterator->Seek(fiber, kReplacedPrefix); HasPrefix(*iterator, kReplacedPrefix);
       iterator->Next(fiber)) {
    const std::string row(iterator->key());
    const int64_t due = TimeIn(std::string_view(row).substr(1, 8)) + policy_.history_ms;
    if (due > now_ms_) {
      NoteDue(due);
      break;
    }
    outcome_.more = outcome_.more || outcome_.trimmed == kStepMax;
    if (outcome_.trimmed == kStepMax) break;
    // (It may have gone with its document, or because there were too many.)
    store_.Delete(Column::kHistory, row.substr(9));
    store_.Delete(Column::kIndex, row);
    ++outcome_.trimmed;
  }
  return iterator->status();
}

absl::Status HubRetention::Purge(Fiber& fiber) {
  const auto iterator = store_.NewIterator(Column::kIndex);
  iterator->Seek(fiber, kGravePrefix);
  while (HasPrefix(*iterator, kGravePrefix)) {
    const std::string scope = ScopeOfKey(iterator->key());
    RETURN_IF_ERROR(PurgeScope(fiber, scope));
    iterator->Seek(fiber, KeyAfterPrefix(GravePrefixOf(scope)));
  }
  return iterator->status();
}

// Up to which sequence all stores have pulled that may still come back without starting anew.
absl::StatusOr<uint64_t> HubRetention::PulledByAll(Fiber& fiber, std::string_view scope) {
  uint64_t pulled = UINT64_MAX;
  const std::string prefix = NodePrefix(scope);
  const auto iterator = store_.NewIterator(Column::kPrimary);
  for (iterator->Seek(fiber, prefix); HasPrefix(*iterator, prefix); iterator->Next(fiber)) {
    ASSIGN_OR_RETURN(const HubNode node, DecodeHubNode(iterator->value()));
    if (now_ms_ - node.seen_ms <= policy_.node_ttl_ms) pulled = std::min(pulled, node.checkpoint);
  }
  RETURN_IF_ERROR(iterator->status());
  return pulled;
}

absl::Status HubRetention::PurgeScope(Fiber& fiber, const std::string& scope) {
  ASSIGN_OR_RETURN(const uint64_t pulled, PulledByAll(fiber, scope));
  ASSIGN_OR_RETURN(HubScope* const counts, ScopeAt(fiber, scope));
  const std::string prefix = GravePrefixOf(scope);
  const auto iterator = store_.NewIterator(Column::kIndex);
  for (iterator->Seek(fiber, prefix); HasPrefix(*iterator, prefix); iterator->Next(fiber)) {
    const uint64_t sequence = FromBigEndian(iterator->key().substr(prefix.size()));
    const int64_t due = TimeIn(iterator->value()) + policy_.tombstones_ms;
    if (due > now_ms_) {
      NoteDue(due);
      break;
    }
    if (sequence > pulled) {
      // Somebody will have pulled it, or be given up, some time.
      NoteDue(now_ms_ + policy_.node_ttl_ms / 16);
      break;
    }
    outcome_.more = outcome_.more || outcome_.purged == kStepMax;
    if (outcome_.purged == kStepMax) break;
    ASSIGN_OR_RETURN(const auto key, store_.Get(fiber, Column::kIndex, ChangeKey(scope, sequence)));
    if (!key) return absl::DataLossError("hub: a tombstone is not found under its sequence");
    ASSIGN_OR_RETURN(const auto row, store_.Get(fiber, Column::kPrimary, *key));
    if (!row) return absl::DataLossError("hub: a tombstone is not there");
    ASSIGN_OR_RETURN(const HubDocument document, DecodeHubDocument(*row));
    const Revision rev = document.heads.winner()->rev;
    RETURN_IF_ERROR(changes_.Forget(fiber, scope, *key, document));
    counts->floor = std::max(counts->floor, sequence);
    counts->grave = std::max(counts->grave, rev);
    audited_[scope].push_back({document.collection, document.id, rev, "purge", "", ""});
    ++outcome_.purged;
  }
  return iterator->status();
}

absl::Status HubRetention::Finish(Fiber& fiber) {
  for (const auto& [scope, counts] : scopes_)
    store_.Put(Column::kPrimary, ScopeKey(scope), EncodeHubScope(counts));
  for (const auto& [scope, changes] : audited_) {
    AuditedAct act;
    act.time_ms = now_ms_;
    act.actor = "hub";
    act.action = "retention";
    act.space = SpaceOf(scope);
    act.count = changes.size();
    act.changes = changes;
    RETURN_IF_ERROR(AppendAudit(fiber, store_, TenantOf(scope), act));
  }
  return absl::OkStatus();
}

}  // namespace lockstep::docs
