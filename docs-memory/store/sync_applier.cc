// What sync changes in the rows of a store.
#include <algorithm>
#include <map>
#include <utility>

#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/store/applier.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

using machine::Column;

// Documents that one kSyncEnqueue takes in.
constexpr size_t kEnqueueChunk = 500;

absl::StatusOr<std::optional<Mutation>> QueuedAt(Fiber& fiber, const machine::StoreView& view,
                                                 uint64_t number) {
  ASSIGN_OR_RETURN(const auto row, view.Get(fiber, Column::kHistory, QueueKey(number)));
  if (!row) return std::optional<Mutation>();
  ASSIGN_OR_RETURN(Mutation mutation, DecodeMutation(*row));
  return std::optional<Mutation>(std::move(mutation));
}

void PutQueued(uint64_t number, const Mutation& mutation, Change& change) {
  std::string row;
  EncodeMutation(mutation, row);
  change.writes.push_back({Column::kHistory, QueueKey(number), std::move(row)});
  change.writes.push_back(
      {Column::kHistory, QueuedOfKey(mutation.collection, KeyOf(mutation.id), number), ""});
}

void DropQueued(uint64_t number, const Mutation& mutation, Change& change) {
  change.writes.push_back({Column::kHistory, QueueKey(number), std::nullopt});
  change.writes.push_back({Column::kHistory,
                           QueuedOfKey(mutation.collection, KeyOf(mutation.id), number),
                           std::nullopt});
}

// A document that was there before the store was synced, as a change.
Mutation VersionOf(const CollectionInfo& info, const Record& record) {
  Mutation put;
  put.collection = info.id;
  put.rev = record.meta.rev;
  put.time_ms = record.meta.updated_ms;
  put.expires_ms = record.meta.expires_ms;
  put.id = *FindField(record.document, "_id");
  put.document = record.document;
  return put;
}

// All that wait, in order.
absl::StatusOr<std::vector<QueuedChange>> AllQueued(Fiber& fiber, const machine::StoreView& view) {
  std::vector<QueuedChange> all;
  const auto iterator = view.NewIterator(Column::kHistory);
  for (iterator->Seek(fiber, kQueuePrefix); iterator->Valid(); iterator->Next(fiber)) {
    if (iterator->key().substr(0, kQueuePrefix.size()) != kQueuePrefix) break;
    QueuedChange& change = all.emplace_back();
    change.number = FromBigEndian(iterator->key().substr(kQueuePrefix.size()));
    ASSIGN_OR_RETURN(change.mutation, DecodeMutation(iterator->value()));
  }
  RETURN_IF_ERROR(iterator->status());
  return all;
}

}  // namespace

absl::Status Applier::PrepareSync(Fiber& fiber, const machine::StoreView& view,
                                  Change& change) const {
  switch (change.mutation.op) {
    case MutationOp::kSyncEnable: {
      SyncState sync = state_.sync;
      sync.scope =
          std::make_shared<const SyncScope>(SyncScope::FromDocument(change.mutation.document));
      change.sync = std::move(sync);
      return absl::OkStatus();
    }
    case MutationOp::kSyncProgress:
      return PrepareProgress(fiber, view, change);
    case MutationOp::kSyncEnqueue:
      return PrepareEnqueue(fiber, view, change);
    case MutationOp::kPull:
      return PreparePull(fiber, view, change);
    case MutationOp::kSyncReject:
      return PrepareReject(fiber, view, change);
    case MutationOp::kSyncRestamp:
      return PrepareRestamp(fiber, view, change);
    case MutationOp::kSyncRejoin:
      return PrepareRejoin(fiber, view, change);
    default:
      return absl::DataLossError("documents: a mutation of an unknown kind");
  }
}

absl::Status Applier::PrepareProgress(Fiber& fiber, const machine::StoreView& view,
                                      Change& change) const {
  const std::string_view document = change.mutation.document;
  SyncState sync = state_.sync;
  sync.epoch = static_cast<uint64_t>(FindField(document, "epoch")->int64());
  sync.checkpoint = static_cast<uint64_t>(FindField(document, "checkpoint")->int64());
  sync.reconciling = FindField(document, "reconciling")->boolean();
  sync.clock_offset_ms = FindField(document, "offset")->int64();
  change.sync = std::move(sync);
  if (!FindField(document, "restarts")->boolean()) return absl::OkStatus();
  const auto iterator = view.NewIterator(Column::kHistory);
  for (iterator->Seek(fiber, kBasePrefix); iterator->Valid(); iterator->Next(fiber)) {
    if (iterator->key().substr(0, kBasePrefix.size()) != kBasePrefix) break;
    ASSIGN_OR_RETURN(Heads heads, DecodeHeads(iterator->value()));
    heads.sequence = 0;
    std::string row;
    EncodeHeads(heads, row);
    change.writes.push_back({Column::kHistory, std::string(iterator->key()), std::move(row)});
  }
  return iterator->status();
}

// In the batch of the document itself: no crash can separate them.
absl::Status Applier::PrepareQueued(Fiber& fiber, const machine::StoreView& view,
                                    const CollectionInfo& info,
                                    const std::optional<std::string>& old_row,
                                    const Mutation& mutation, Change& change) const {
  const std::string base_key = BaseKey(info.id, KeyOf(mutation.id));
  ASSIGN_OR_RETURN(const auto base_row, view.Get(fiber, Column::kHistory, base_key));
  SyncState sync = change.sync ? *change.sync : state_.sync;
  if (!base_row) {
    Heads base;
    if (old_row) {
      ASSIGN_OR_RETURN(const Record old, DecodeRecord(*old_row));
      if (sync.enqueued) {
        base.all.push_back(HeadOf(old));
      } else if (!old.meta.deleted) {
        // Its turn to be queued had not come yet, and now would not.
        PutQueued(sync.next_number++, VersionOf(info, old), change);
        ++sync.queued;
      }
    }
    std::string row;
    EncodeHeads(base, row);
    change.writes.push_back({Column::kHistory, base_key, std::move(row)});
  }
  PutQueued(sync.next_number, mutation, change);
  ++sync.next_number;
  ++sync.queued;
  change.sync = std::move(sync);
  return absl::OkStatus();
}

// Documents that were there before the store was synced are changes, too. Tombstones are not, and
// go: nobody else has had those documents.
absl::Status Applier::PrepareEnqueue(Fiber& fiber, const machine::StoreView& view,
                                     Change& change) const {
  const auto iterator = view.NewIterator(Column::kPrimary);
  SyncState sync = state_.sync;
  sync.enqueued = true;
  size_t met = 0;
  std::string from = sync.enqueue_cursor;
  if (!from.empty()) from.push_back('\0');
  for (iterator->Seek(fiber, from); iterator->Valid(); iterator->Next(fiber)) {
    if (met++ == kEnqueueChunk) {
      sync.enqueued = false;
      break;
    }
    sync.enqueue_cursor = std::string(iterator->key());
    const auto collection = static_cast<uint32_t>(FromBigEndian(iterator->key().substr(0, 4)));
    const CollectionInfo* const info = catalog_->Find(collection);
    if (info == nullptr || !sync.Covers(info->name)) continue;
    const std::string base_key = BaseKey(collection, iterator->key().substr(4));
    ASSIGN_OR_RETURN(const auto base_row, view.Get(fiber, Column::kHistory, base_key));
    if (base_row) continue;  // it was changed since
    ASSIGN_OR_RETURN(const Record record, DecodeRecord(iterator->value()));
    if (record.meta.deleted) {
      change.writes.push_back({Column::kPrimary, std::string(iterator->key()), std::nullopt});
      continue;
    }
    change.sync = std::move(sync);
    RETURN_IF_ERROR(
        PrepareQueued(fiber, view, *info, std::nullopt, VersionOf(*info, record), change));
    sync = *std::move(change.sync);
  }
  RETURN_IF_ERROR(iterator->status());
  if (sync.enqueued) sync.enqueue_cursor.clear();
  change.sync = std::move(sync);
  return absl::OkStatus();
}

absl::Status Applier::PreparePull(Fiber& fiber, const machine::StoreView& view,
                                  Change& change) const {
  const CollectionInfo* const info = catalog_->Find(change.mutation.collection);
  if (info == nullptr) return absl::DataLossError("documents: a mutation of an unknown collection");
  ASSIGN_OR_RETURN(const PulledDocument pulled, DecodePulled(change.mutation.document));
  std::string document = std::move(change.mutation.document);
  change.mutation.document.clear();
  change.told = change.mutation;
  change.mutation.document = std::move(document);
  change.sync = state_.sync;
  for (const Head& head : pulled.heads.all)
    change.sync->seen = std::max(change.sync->seen, head.rev);
  return Rebase(fiber, view, *info, change.mutation.id, pulled.heads, pulled.dropped, change);
}

absl::Status Applier::Rebase(Fiber& fiber, const machine::StoreView& view,
                             const CollectionInfo& info, ValueRef id, const Heads& base,
                             const std::vector<uint64_t>& dropped, Change& change) const {
  const std::string key = KeyOf(id);
  const std::string base_key = BaseKey(info.id, key);
  ASSIGN_OR_RETURN(const auto old_base, view.Get(fiber, Column::kHistory, base_key));
  Heads heads = base;
  size_t left = 0;
  if (old_base) {
    const std::string prefix = QueuedOfPrefix(info.id, key);
    const auto iterator = view.NewIterator(Column::kHistory);
    for (iterator->Seek(fiber, prefix); iterator->Valid(); iterator->Next(fiber)) {
      if (iterator->key().substr(0, prefix.size()) != prefix) break;
      const uint64_t number = FromBigEndian(iterator->key().substr(prefix.size()));
      ASSIGN_OR_RETURN(auto mutation, QueuedAt(fiber, view, number));
      if (!mutation) return absl::DataLossError("documents: a queued change is missing");
      if (std::find(dropped.begin(), dropped.end(), number) != dropped.end()) {
        DropQueued(number, *mutation, change);
        --change.sync->queued;
      } else {
        heads.Apply(EditOf(*std::move(mutation)));
        ++left;
      }
    }
    RETURN_IF_ERROR(iterator->status());
  }
  if (left > 0 || base.all.size() > 1) {
    std::string row;
    EncodeHeads(base, row);
    change.writes.push_back({Column::kHistory, base_key, std::move(row)});
  } else if (old_base) {
    change.writes.push_back({Column::kHistory, base_key, std::nullopt});
  }
  ASSIGN_OR_RETURN(const auto old_row,
                   view.Get(fiber, Column::kPrimary, DocumentKey(info.id, key)));
  const Head* const winner = heads.winner();
  if (winner == nullptr)
    return old_row ? RemoveDocument(fiber, view, info, id, *old_row, change) : absl::OkStatus();
  if (old_row) {
    ASSIGN_OR_RETURN(const Record old, DecodeRecord(*old_row));
    if (old.meta.rev == winner->rev) return absl::OkStatus();
  }
  Mutation told;
  told.op = winner->deleted ? MutationOp::kDelete : MutationOp::kPut;
  told.collection = info.id;
  told.rev = winner->rev;
  told.time_ms = winner->time_ms;
  told.expires_ms = winner->expires_ms;
  told.id = id;
  told.document = winner->document;
  told.is_remote = true;
  change.told = std::move(told);
  return PrepareRows(fiber, view, info, *change.told, old_row, change);
}

// It has left the scope: there is no row and no tombstone, which would be a change.
absl::Status Applier::RemoveDocument(Fiber& fiber, const machine::StoreView& view,
                                     const CollectionInfo& info, ValueRef id,
                                     const std::string& old_row, Change& change) const {
  const std::string key = KeyOf(id);
  ASSIGN_OR_RETURN(const Record old, DecodeRecord(old_row));
  RETURN_IF_ERROR(PrepareEntries(fiber, view, info, key, old.document, "", true, change));
  if (old.meta.expires_ms != 0) {
    change.writes.push_back(
        {Column::kIndex, ExpiryKey(old.meta.expires_ms, info.id, key), std::nullopt});
  }
  change.writes.push_back({Column::kPrimary, DocumentKey(info.id, key), std::nullopt});
  change.writes.push_back({Column::kHistory, VersionKey(info.id, key, state_.sequence + 1), ""});
  Mutation told;
  told.op = MutationOp::kDelete;
  told.collection = info.id;
  told.rev = old.meta.rev;
  told.time_ms = change.mutation.time_ms;
  told.id = id;
  told.is_remote = true;
  change.told = std::move(told);
  return absl::OkStatus();
}

absl::Status Applier::PrepareReject(Fiber& fiber, const machine::StoreView& view,
                                    Change& change) const {
  const std::string_view document = change.mutation.document;
  RejectedChange rejected;
  rejected.why.number = static_cast<uint64_t>(FindField(document, "number")->int64());
  rejected.why.code = FindField(document, "code")->string();
  rejected.why.detail = FindField(document, "detail")->string();
  ASSIGN_OR_RETURN(const auto queued, QueuedAt(fiber, view, rejected.why.number));
  if (!queued) return absl::OkStatus();
  rejected.mutation = *queued;
  change.sync = state_.sync;
  change.writes.push_back(
      {Column::kHistory, RejectedKey(++change.sync->rejected), EncodeRejected(rejected)});
  const CollectionInfo* const info = catalog_->Find(queued->collection);
  CHECK(info != nullptr);
  ASSIGN_OR_RETURN(const auto base_row,
                   view.Get(fiber, Column::kHistory, BaseKey(info->id, KeyOf(queued->id))));
  if (!base_row) return absl::DataLossError("documents: a queued change has no base");
  ASSIGN_OR_RETURN(const Heads base, DecodeHeads(*base_row));
  return Rebase(fiber, view, *info, queued->id, base, {rejected.why.number}, change);
}

// Nobody has seen these revisions: they were ahead of the hub's clock, and refused for that.
absl::Status Applier::PrepareRestamp(Fiber& fiber, const machine::StoreView& view,
                                     Change& change) const {
  std::map<uint64_t, Revision> by_number;
  ElementReader reader(*FindField(change.mutation.document, "revs"));
  Element element;
  while (reader.Next(&element)) {
    const auto number = static_cast<uint64_t>(FindField(element.value, "number")->int64());
    by_number[number] = *Revision::FromText(FindField(element.value, "rev")->string());
  }
  std::map<Revision, Revision> renamed;
  ASSIGN_OR_RETURN(std::vector<QueuedChange> queued, AllQueued(fiber, view));
  const auto rename = [&](Revision& rev) {
    const auto found = renamed.find(rev);
    if (found != renamed.end()) rev = found->second;
  };
  for (QueuedChange& one : queued) {
    const auto found = by_number.find(one.number);
    if (found != by_number.end()) renamed[one.mutation.rev] = found->second;
    rename(one.mutation.rev);
    rename(one.mutation.base);
    for (Revision& rev : one.mutation.resolves) rename(rev);
    PutQueued(one.number, one.mutation, change);
  }
  // Documents that are nobody else's business may be ahead of time, too; the next change of such a
  // one must be later than it.
  const auto limit = static_cast<uint64_t>(FindField(change.mutation.document, "limit")->int64());
  const auto iterator = view.NewIterator(Column::kPrimary);
  for (iterator->Seek(fiber, ""); iterator->Valid(); iterator->Next(fiber)) {
    ASSIGN_OR_RETURN(Record record, DecodeRecord(iterator->value()));
    const auto found = renamed.find(record.meta.rev);
    if (found == renamed.end() && record.meta.rev.ms <= limit) continue;
    record.meta.rev = found == renamed.end() ? change.mutation.rev : found->second;
    change.writes.push_back({Column::kPrimary, std::string(iterator->key()),
                             EncodeRecord(record.meta, record.document)});
  }
  return iterator->status();
}

// Numbers begin again: the hub knows nothing of this node.
absl::Status Applier::PrepareRejoin(Fiber& fiber, const machine::StoreView& view,
                                    Change& change) const {
  ASSIGN_OR_RETURN(const std::vector<QueuedChange> queued, AllQueued(fiber, view));
  SyncState sync = state_.sync;
  sync.next_number = 1;
  for (const QueuedChange& one : queued) DropQueued(one.number, one.mutation, change);
  for (const QueuedChange& one : queued) PutQueued(sync.next_number++, one.mutation, change);
  sync.numbered_again = sync.next_number - 1;
  change.sync = std::move(sync);
  return absl::OkStatus();
}

}  // namespace lockstep::docs
