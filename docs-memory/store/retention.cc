// Executor: what is kept of the past, and what goes.
#include <algorithm>
#include <map>
#include <utility>

#include "docs-memory/bson/compare.h"
#include "docs-memory/store/executor.h"
#include "docs-memory/store/mutants.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

using machine::Column;

constexpr Sequence kTrimMax = 1000;
constexpr size_t kVersionsSlack = 8;

int64_t HistoryOf(const CollectionInfo& info, const StoreOptions& options) {
  return info.policy.history_ms.value_or(options.history_ms);
}

Document Keep(size_t versions) { return Document{{"keep", Value(static_cast<int64_t>(versions))}}; }

}  // namespace

// A few more than wanted are kept for a while, so that not every update has to trim.
absl::Status Executor::TrimVersions(Fiber& fiber, const Mutation& changed, WriteResult& result) {
  const CollectionInfo* const info = applier_.catalog()->Find(changed.collection);
  const auto keep = static_cast<size_t>(info->policy.versions_max.value_or(options_.versions_max));
  if (keep == 0 || changed.op != MutationOp::kPut || changed.base.none()) return absl::OkStatus();
  const std::string prefix = VersionPrefix(changed.collection) + KeyOf(changed.id);
  const auto iterator = transaction_.NewIterator(Column::kHistory);
  size_t met = 0;
  for (iterator->Seek(fiber, prefix); iterator->Valid(); iterator->Next(fiber), ++met) {
    if (iterator->key().substr(0, prefix.size()) != prefix) break;
  }
  RETURN_IF_ERROR(iterator->status());
  if (met <= keep + kVersionsSlack) return absl::OkStatus();
  Mutation trim;
  trim.op = MutationOp::kTrimVersions;
  trim.collection = changed.collection;
  trim.id = changed.id;
  trim.document = Keep(keep).bytes();
  WriteResult ignored;
  const Revision rev = result.rev;
  const Sequence sequence = result.sequence;
  RETURN_IF_ERROR(Apply(fiber, std::move(trim), ignored));
  result.rev = rev;
  result.sequence = sequence;
  return absl::OkStatus();
}

// The oplog begins with what the most patient collection keeps; the others lose versions one
// document at a time.
absl::Status Executor::Trim(Fiber& fiber, WriteResult& result) {
  const CatalogRef catalog = applier_.catalog();
  int64_t longest = options_.history_ms;
  for (const auto& [name, info] : catalog->collections)
    longest = std::max(longest, HistoryOf(*info, options_));
  RETURN_IF_ERROR(TrimOplog(fiber, now_ms_ - longest, result));
  for (const auto& [name, info] : catalog->collections) {
    const int64_t history = HistoryOf(*info, options_);
    if (history == longest) continue;
    // Planted bug M195: versions go however young they are.
    const bool hurries = mutant::Enabled(mutant::kM195YoungVersionsGo);
    RETURN_IF_ERROR(TrimCollection(fiber, info->id, now_ms_ - (hurries ? 0 : history), result));
  }
  return absl::OkStatus();
}

absl::Status Executor::TrimOplog(Fiber& fiber, int64_t until_ms, WriteResult& result) {
  const StoreState& state = applier_.state();
  Sequence before = state.history_from;
  const Sequence end = std::min(state.sequence, before + kTrimMax);
  for (; before < end; ++before) {
    ASSIGN_OR_RETURN(const auto row, transaction_.Get(fiber, Column::kHistory, OplogKey(before)));
    if (!row) continue;
    ASSIGN_OR_RETURN(const Mutation mutation, DecodeOplogRow(*row));
    if (mutation.time_ms > until_ms) break;
  }
  if (before == state.history_from) return absl::OkStatus();
  Mutation trim;
  trim.op = MutationOp::kTrim;
  trim.document = Document{{"before", Value(static_cast<int64_t>(before))}}.bytes();
  return Apply(fiber, std::move(trim), result);
}

absl::Status Executor::TrimCollection(Fiber& fiber, uint32_t collection, int64_t until_ms,
                                      WriteResult& result) {
  Sequence& walked = walked_[collection];
  walked = std::max(walked, applier_.state().history_from - 1);
  const Sequence end = std::min(applier_.state().sequence, walked + kTrimMax);
  std::map<std::string, std::pair<Sequence, Value>> old;  // the newest old version of each document
  for (; walked < end; ++walked) {
    ASSIGN_OR_RETURN(const auto row,
                     transaction_.Get(fiber, Column::kHistory, OplogKey(walked + 1)));
    if (!row) continue;
    ASSIGN_OR_RETURN(Mutation mutation, DecodeOplogRow(*row));
    if (mutation.time_ms > until_ms) break;
    const bool is_version = mutation.of_document() && mutation.op != MutationOp::kPurge;
    if (!is_version || mutation.collection != collection) continue;
    std::string key = KeyOf(mutation.id);
    old[std::move(key)] = {walked + 1, std::move(mutation.id)};
  }
  for (const auto& [key, version] : old) {
    RETURN_IF_ERROR(TrimBefore(fiber, collection, version.second, version.first, result));
  }
  return absl::OkStatus();
}

// What the document was before that version goes.
absl::Status Executor::TrimBefore(Fiber& fiber, uint32_t collection, const Value& id,
                                  Sequence sequence, WriteResult& result) {
  const std::string prefix = VersionPrefix(collection) + KeyOf(id);
  const auto iterator = transaction_.NewIterator(Column::kHistory);
  size_t keep = 0;
  std::optional<Sequence> before;
  for (iterator->SeekBefore(fiber, KeyAfterPrefix(prefix)); iterator->Valid() && !before;
       iterator->Previous(fiber)) {
    if (iterator->key().substr(0, prefix.size()) != prefix) break;
    const Sequence met = FromBigEndian(iterator->key().substr(prefix.size()));
    if (met >= sequence) ++keep;
    if (met < sequence) before = met;
  }
  RETURN_IF_ERROR(iterator->status());
  if (!before) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto row, transaction_.Get(fiber, Column::kHistory, OplogKey(*before)));
  if (!row) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Mutation mutation, DecodeOplogRow(*row));
  if (mutation.op == MutationOp::kTrimmed) return absl::OkStatus();
  Mutation trim;
  trim.op = MutationOp::kTrimVersions;
  trim.collection = collection;
  trim.id = id;
  trim.document = Keep(keep).bytes();
  return Apply(fiber, std::move(trim), result);
}

}  // namespace lockstep::docs
