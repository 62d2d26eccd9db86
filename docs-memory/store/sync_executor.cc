// Operations of sync become mutations.
#include <algorithm>
#include <utility>

#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/store/executor.h"
#include "docs-memory/store/mutants.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

using machine::Column;

Mutation Make(MutationOp op, const Document& document) {
  Mutation mutation;
  mutation.op = op;
  mutation.document = document.bytes();
  return mutation;
}

Document Describe(const SyncProgress& progress) {
  return Document{{"epoch", Value(static_cast<int64_t>(progress.epoch))},
                  {"checkpoint", Value(static_cast<int64_t>(progress.checkpoint))},
                  {"reconciling", Value(progress.reconciling)},
                  {"offset", Value(progress.clock_offset_ms)},
                  {"restarts", Value(progress.restarts)}};
}

Document Describe(const SyncRejection& rejection) {
  return Document{{"number", Value(static_cast<int64_t>(rejection.number))},
                  {"code", Value(rejection.code)},
                  {"detail", Value(rejection.detail)}};
}

}  // namespace

absl::Status Executor::Sync(Fiber& fiber, const Operation& operation, WriteResult& result) {
  if (operation.kind == Operation::Kind::kSyncEnable)
    return SyncEnable(fiber, *operation.sync_scope, result);
  const SyncState& sync = applier_.state().sync;
  if (sync.scope == nullptr)
    return Error(ErrorCode::kSynced, "", "", "the store is synced with nobody");
  switch (operation.kind) {
    case Operation::Kind::kSyncEnqueue:
      if (sync.enqueued) return absl::OkStatus();
      return Apply(fiber, Make(MutationOp::kSyncEnqueue, Document()), result);
    case Operation::Kind::kSyncApply:
      return SyncApply(fiber, *operation.sync_input, result);
    case Operation::Kind::kSyncRestamp:
      return SyncRestamp(fiber, operation.hub_ms, result);
    default:
      return SyncRejoin(fiber, result);
  }
}

// What is in the queue, and the checkpoint, are of one scope.
absl::Status Executor::SyncEnable(Fiber& fiber, const SyncScope& scope, WriteResult& result) {
  const auto& current = applier_.state().sync.scope;
  if (current != nullptr && *current == scope) return absl::OkStatus();
  if (current != nullptr) {
    return Error(ErrorCode::kSynced, "", current->tenant + "/" + current->space,
                 "the store is synced in this scope, and keeps it");
  }
  CHECK(std::is_sorted(scope.collections.begin(), scope.collections.end()));
  return Apply(fiber, Make(MutationOp::kSyncEnable, scope.Describe()), result);
}

absl::Status Executor::SyncPull(Fiber& fiber, const PulledDocument& pulled, WriteResult& result) {
  ASSIGN_OR_RETURN(const CollectionInfo* info, CollectionFor(fiber, pulled.collection));
  // Planted bug M109: what others have seen of the time does not count.
  if (!mutant::Enabled(mutant::kM109ClockIgnoresOthers)) {
    for (const Head& head : pulled.heads.all) clock_.Receive(head.rev, stamp_ms());
  }
  Mutation pull;
  pull.op = MutationOp::kPull;
  pull.collection = info->id;
  pull.id = pulled.id;
  pull.document = EncodePulled(pulled);
  return Apply(fiber, std::move(pull), result);
}

absl::Status Executor::SyncApply(Fiber& fiber, const SyncInput& input, WriteResult& result) {
  for (const PulledDocument& pulled : input.documents)
    RETURN_IF_ERROR(SyncPull(fiber, pulled, result));
  for (const SyncRejection& rejection : input.rejections)
    RETURN_IF_ERROR(Apply(fiber, Make(MutationOp::kSyncReject, Describe(rejection)), result));
  if (!input.progress) return absl::OkStatus();
  return Apply(fiber, Make(MutationOp::kSyncProgress, Describe(*input.progress)), result);
}

absl::Status Executor::SyncRestamp(Fiber& fiber, int64_t hub_ms, WriteResult& result) {
  const auto limit = static_cast<uint64_t>(std::max<int64_t>(hub_ms, 0)) + kClockSkewMsMax;
  Revision floor = applier_.state().sync.seen;
  std::vector<std::pair<uint64_t, Revision>> early;
  const auto iterator = transaction_.NewIterator(Column::kHistory);
  for (iterator->Seek(fiber, kQueuePrefix); iterator->Valid(); iterator->Next(fiber)) {
    if (iterator->key().substr(0, kQueuePrefix.size()) != kQueuePrefix) break;
    ASSIGN_OR_RETURN(const Mutation queued, DecodeMutation(iterator->value()));
    const uint64_t number = FromBigEndian(iterator->key().substr(kQueuePrefix.size()));
    for (const Revision& rev : {queued.base, queued.rev}) {
      if (rev.ms <= limit) floor = std::max(floor, rev);
    }
    if (queued.rev.ms > limit) early.emplace_back(number, queued.rev);
  }
  RETURN_IF_ERROR(iterator->status());
  if (early.empty()) return absl::OkStatus();
  clock_ = HybridClock(clock_.writer(), floor);
  std::string bytes;
  Writer writer(bytes);
  writer.AppendInt64("limit", static_cast<int64_t>(limit));
  const size_t list = writer.Begin("revs", Type::kArray);
  size_t i = 0;
  for (const auto& [number, rev] : early) {
    const Document one{{"number", Value(static_cast<int64_t>(number))},
                       {"rev", Value(clock_.Next(hub_ms).ToText())}};
    writer.Append(std::to_string(i++), one.ref());
  }
  writer.End(list);
  writer.Finish();
  return Apply(fiber, Make(MutationOp::kSyncRestamp, Document::FromBytes(std::move(bytes))),
               result);
}

absl::Status Executor::SyncRejoin(Fiber& fiber, WriteResult& result) {
  uint64_t node = 0;
  while (node == 0) node = environment_.random.Draw("docs.node");
  clock_ = HybridClock(node, applier_.state().last_rev);
  return Apply(fiber, Make(MutationOp::kSyncRejoin, Document()), result);
}

}  // namespace lockstep::docs
