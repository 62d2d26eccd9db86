// What a store does when it begins anew with its hub, or when the hub has.
#include <map>
#include <utility>

#include "docs-memory/bson/compare.h"
#include "docs-memory/store/sync_reader.h"
#include "docs-memory/sync/syncer.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

// Of the queue, at a time.
constexpr size_t kChunk = 500;
constexpr size_t kChunkBytes = size_t{1} << 20;

}  // namespace

absl::Status Syncer::Skip(Fiber& fiber, uint64_t from) {
  const ReadStateRef read = store_.state();
  ASSIGN_OR_RETURN(const auto queued, ReadQueue(fiber, *read, from, 1, 1));
  const uint64_t next = queued.empty() ? read->state.sync.next_number : queued[0].number;
  // (What the hub has said of this one is not true any more.)
  if (next == from) return StartReconciling(fiber);
  PushRequest request;
  request.tenant = options_.scope.tenant;
  request.space = options_.scope.space;
  request.node = read->state.node;
  request.epoch = KnownEpoch();
  for (uint64_t number = from; number < next; ++number) {
    if (request.changes.size() == options_.push_count) break;
    PushChange& change = request.changes.emplace_back();
    change.number = number;
    change.collection = "skipped";
    change.id = Value(static_cast<int64_t>(number));
    change.edit.head.rev = {0, 0, read->state.node};
    change.edit.head.deleted = true;
    change.is_skipped = true;
  }
  ++status_.requests;
  const auto answer = push_client_.Push(fiber, request, fiber.now() + options_.timeout);
  RETURN_IF_ERROR(answer.status());
  return answer->refusal.code.empty() ? absl::OkStatus()
                                      : Refused(answer->refusal, push_client_.address());
}

absl::Status Syncer::FindAbsent(Fiber& fiber, const ReadState& state, uint64_t checkpoint,
                                SyncInput& input) {
  const auto& met = reconciled_.met;
  std::map<std::pair<std::string, std::string>, PulledDocument> absent;
  const auto note = [&](const std::string& collection, Value id) -> PulledDocument& {
    PulledDocument& document = absent[{collection, KeyOf(id)}];
    document.kind = PulledDocument::Kind::kRemove;
    document.collection = collection;
    document.id = std::move(id);
    return document;
  };
  // Changes that the hub has applied, of documents that were deleted and purged since.
  for (const auto& [number, verdict] : verdicts_) {
    if (verdict.verdict == Verdict::kRejected || verdict.sequence > checkpoint) continue;
    ASSIGN_OR_RETURN(auto queued, ReadQueue(fiber, state, number, 1, SIZE_MAX));
    if (queued.empty() || queued[0].number != number) continue;
    const std::string& name = state.catalog->Find(queued[0].mutation.collection)->name;
    if (met.count({name, KeyOf(queued[0].mutation.id)}) != 0) continue;
    note(name, std::move(queued[0].mutation.id)).dropped.push_back(number);
  }
  // What is queued on top of them; and conflicts. (Their rows may say that they are deleted.)
  for (uint64_t from = 0;;) {
    ASSIGN_OR_RETURN(auto queued, ReadQueue(fiber, state, from, kChunk, kChunkBytes));
    if (queued.empty()) break;
    from = queued.back().number + 1;
    for (QueuedChange& one : queued) {
      const std::string& name = state.catalog->Find(one.mutation.collection)->name;
      if (met.count({name, KeyOf(one.mutation.id)}) == 0) note(name, std::move(one.mutation.id));
    }
  }
  ASSIGN_OR_RETURN(auto conflicted, ReadConflicts(fiber, state, SIZE_MAX));
  for (ConflictedDocument& one : conflicted) {
    if (options_.scope.Covers(one.collection) && met.count({one.collection, KeyOf(one.id)}) == 0)
      note(one.collection, std::move(one.id));
  }
  for (const auto& [name, info] : state.catalog->collections) {
    if (!options_.scope.Covers(name)) continue;
    const std::string& collection = name;
    RETURN_IF_ERROR(VisitRows(fiber, state, *info, [&](std::string_view id, const Record& record) {
      if (met.count({collection, std::string(id)}) != 0 || record.meta.deleted) return;
      note(collection, Value(*FindField(record.document, "_id")));
    }));
  }
  for (auto& [key, document] : absent) {
    // (Of what only this store knows, the hub has said nothing before, either.)
    ASSIGN_OR_RETURN(const auto known, ReadQueuedDocument(fiber, state, key.first, document.id));
    const bool is_new = known.base && known.base->all.empty() && !known.numbers.empty();
    if (!is_new || !document.dropped.empty()) input.documents.push_back(std::move(document));
  }
  return absl::OkStatus();
}

}  // namespace lockstep::docs
