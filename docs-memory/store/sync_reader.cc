#include "docs-memory/store/sync_reader.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/store/mutants.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

constexpr size_t kConflictsCounted = 10'000;

using machine::Column;

bool HasPrefix(const machine::Iterator& iterator, std::string_view prefix) {
  return iterator.Valid() && iterator.key().substr(0, prefix.size()) == prefix;
}

// Of the document whose base row is `base_row`.
absl::StatusOr<Heads> WithQueue(Fiber& fiber, const machine::StoreView& view, uint32_t collection,
                                std::string_view id, std::string_view base_row) {
  ASSIGN_OR_RETURN(Heads heads, DecodeHeads(base_row));
  const std::string prefix = QueuedOfPrefix(collection, id);
  const auto iterator = view.NewIterator(Column::kHistory);
  for (iterator->Seek(fiber, prefix); HasPrefix(*iterator, prefix); iterator->Next(fiber)) {
    const uint64_t number = FromBigEndian(iterator->key().substr(prefix.size()));
    ASSIGN_OR_RETURN(const auto row, view.Get(fiber, Column::kHistory, QueueKey(number)));
    if (!row) return absl::DataLossError("documents: a queued change is missing");
    ASSIGN_OR_RETURN(const Mutation mutation, DecodeMutation(*row));
    heads.Apply(EditOf(mutation));
  }
  RETURN_IF_ERROR(iterator->status());
  return heads;
}

// Why a walk has ended. Planted bug M218: it is over, whatever the reason.
absl::Status EndOf(const machine::Iterator& iterator) {
  if (mutant::Enabled(mutant::kM218UnreadablePassedOver)) return absl::OkStatus();
  return iterator.status();
}

// The id of a head; nothing if all are tombstones.
std::optional<Value> IdIn(const Heads& heads) {
  for (const Head& head : heads.all) {
    if (!head.deleted) return Value(*FindField(head.document, "_id"));
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<std::vector<QueuedChange>> ReadQueue(Fiber& fiber, const ReadState& state,
                                                    uint64_t from, size_t count_max,
                                                    size_t bytes_max) {
  std::vector<QueuedChange> changes;
  size_t bytes = 0;
  const auto iterator = state.view->NewIterator(Column::kHistory);
  for (iterator->Seek(fiber, QueueKey(from)); HasPrefix(*iterator, kQueuePrefix);
       iterator->Next(fiber)) {
    if (changes.size() == count_max || (!changes.empty() && bytes > bytes_max)) break;
    QueuedChange& change = changes.emplace_back();
    change.number = FromBigEndian(iterator->key().substr(kQueuePrefix.size()));
    ASSIGN_OR_RETURN(change.mutation, DecodeMutation(iterator->value()));
    bytes += iterator->value().size();
  }
  RETURN_IF_ERROR(EndOf(*iterator));
  return changes;
}

absl::StatusOr<uint64_t> FirstQueued(Fiber& fiber, const ReadState& state, uint64_t from) {
  const auto iterator = state.view->NewIterator(Column::kHistory);
  iterator->Seek(fiber, QueueKey(from));
  RETURN_IF_ERROR(EndOf(*iterator));
  if (!HasPrefix(*iterator, kQueuePrefix)) return state.state.sync.next_number;
  return FromBigEndian(iterator->key().substr(kQueuePrefix.size()));
}

absl::StatusOr<std::optional<Mutation>> ReadQueuedChange(Fiber& fiber, const ReadState& state,
                                                         uint64_t number) {
  ASSIGN_OR_RETURN(const auto row, state.view->Get(fiber, Column::kHistory, QueueKey(number)));
  if (!row) return std::optional<Mutation>();
  ASSIGN_OR_RETURN(Mutation mutation, DecodeMutation(*row));
  return std::optional<Mutation>(std::move(mutation));
}

absl::StatusOr<std::vector<uint64_t>> QueuedNumbers::Of(Fiber& fiber, std::string_view collection,
                                                        ValueRef id) {
  std::vector<uint64_t> numbers;
  const CollectionInfo* const info = state_.catalog->Find(collection);
  if (info == nullptr) return numbers;
  if (iterator_ == nullptr) iterator_ = state_.view->NewIterator(Column::kHistory);
  const std::string prefix = QueuedOfPrefix(info->id, KeyOf(id));
  for (iterator_->Seek(fiber, prefix); HasPrefix(*iterator_, prefix); iterator_->Next(fiber))
    numbers.push_back(FromBigEndian(iterator_->key().substr(prefix.size())));
  RETURN_IF_ERROR(EndOf(*iterator_));
  return numbers;
}

absl::StatusOr<QueuedDocument> ReadQueuedDocument(Fiber& fiber, const ReadState& state,
                                                  std::string_view collection, ValueRef id) {
  QueuedDocument document;
  const CollectionInfo* const info = state.catalog->Find(collection);
  if (info == nullptr) return document;
  const std::string key = KeyOf(id);
  ASSIGN_OR_RETURN(const auto base,
                   state.view->Get(fiber, Column::kHistory, BaseKey(info->id, key)));
  if (!base) return document;
  ASSIGN_OR_RETURN(document.base, DecodeHeads(*base));
  ASSIGN_OR_RETURN(document.numbers, QueuedNumbers(state).Of(fiber, collection, id));
  return document;
}

absl::StatusOr<Heads> ReadHeads(Fiber& fiber, const ReadState& state, std::string_view collection,
                                ValueRef id) {
  Heads heads;
  const CollectionInfo* const info = state.catalog->Find(collection);
  if (info == nullptr) return heads;
  const std::string key = KeyOf(id);
  ASSIGN_OR_RETURN(const auto base,
                   state.view->Get(fiber, Column::kHistory, BaseKey(info->id, key)));
  if (base) return WithQueue(fiber, *state.view, info->id, key, *base);
  ASSIGN_OR_RETURN(const auto row,
                   state.view->Get(fiber, Column::kPrimary, DocumentKey(info->id, key)));
  if (!row) return heads;
  ASSIGN_OR_RETURN(const Record record, DecodeRecord(*row));
  heads.all.push_back(HeadOf(record));
  return heads;
}

absl::StatusOr<std::vector<ConflictedDocument>> ReadConflicts(Fiber& fiber, const ReadState& state,
                                                              size_t count_max) {
  std::vector<ConflictedDocument> all;
  const std::string_view prefix = kBasePrefix;
  const auto iterator = state.view->NewIterator(Column::kHistory);
  for (iterator->Seek(fiber, prefix); HasPrefix(*iterator, prefix) && all.size() < count_max;
       iterator->Next(fiber)) {
    const auto collection = static_cast<uint32_t>(FromBigEndian(iterator->key().substr(2, 4)));
    const CollectionInfo* const info = state.catalog->Find(collection);
    if (info == nullptr) continue;
    ASSIGN_OR_RETURN(Heads heads, WithQueue(fiber, *state.view, collection,
                                            iterator->key().substr(6), iterator->value()));
    const auto id = IdIn(heads);
    if (heads.all.size() < 2 || !id) continue;
    all.push_back({info->name, *id, std::move(heads)});
  }
  RETURN_IF_ERROR(EndOf(*iterator));
  return all;
}

absl::StatusOr<std::vector<RejectedChange>> ReadRejected(Fiber& fiber, const ReadState& state,
                                                         size_t count_max) {
  std::vector<RejectedChange> all;
  const auto iterator = state.view->NewIterator(Column::kHistory);
  for (iterator->Seek(fiber, kRejectedPrefix);
       HasPrefix(*iterator, kRejectedPrefix) && all.size() < count_max; iterator->Next(fiber)) {
    ASSIGN_OR_RETURN(RejectedChange rejected, DecodeRejected(iterator->value()));
    all.push_back(std::move(rejected));
  }
  RETURN_IF_ERROR(EndOf(*iterator));
  return all;
}

absl::StatusOr<SyncFacts> ReadSyncFacts(Fiber& fiber, const ReadState& state) {
  SyncFacts facts;
  if (state.state.sync.scope == nullptr) return facts;
  ASSIGN_OR_RETURN(const auto conflicted, ReadConflicts(fiber, state, kConflictsCounted));
  facts.conflicts = conflicted.size();
  if (state.state.sync.queued == 0) return facts;
  ASSIGN_OR_RETURN(const uint64_t first, FirstQueued(fiber, state));
  ASSIGN_OR_RETURN(const auto queued, ReadQueue(fiber, state, first, 1, 1));
  if (!queued.empty()) facts.oldest_queued_ms = queued[0].mutation.time_ms;
  return facts;
}

absl::Status VisitRows(Fiber& fiber, const ReadState& state, const CollectionInfo& info,
                       absl::FunctionRef<void(std::string_view id, const Record& record)> visit) {
  const std::string prefix = BigEndian32(info.id);
  const auto iterator = state.view->NewIterator(Column::kPrimary);
  for (iterator->Seek(fiber, prefix); HasPrefix(*iterator, prefix); iterator->Next(fiber)) {
    ASSIGN_OR_RETURN(const Record record, DecodeRecord(iterator->value()));
    visit(iterator->key().substr(prefix.size()), record);
  }
  return EndOf(*iterator);
}

absl::Status VerifySync(Fiber& fiber, const ReadState& state) {
  const SyncState& sync = state.state.sync;
  if (sync.scope == nullptr) return absl::OkStatus();
  uint64_t queued = 0;
  uint64_t next = 0;
  const auto changes = state.view->NewIterator(Column::kHistory);
  for (changes->Seek(fiber, kQueuePrefix); HasPrefix(*changes, kQueuePrefix);
       changes->Next(fiber), ++queued) {
    next = FromBigEndian(changes->key().substr(kQueuePrefix.size())) + 1;
    ASSIGN_OR_RETURN(const Mutation mutation, DecodeMutation(changes->value()));
    const std::string id = KeyOf(mutation.id);
    ASSIGN_OR_RETURN(
        const auto index,
        state.view->Get(fiber, Column::kHistory, QueuedOfKey(mutation.collection, id, next - 1)));
    ASSIGN_OR_RETURN(const auto base,
                     state.view->Get(fiber, Column::kHistory, BaseKey(mutation.collection, id)));
    if (!index || !base) {
      return absl::DataLossError(
          absl::StrCat("sync: the queued change ", next - 1, " hangs in the air"));
    }
  }
  RETURN_IF_ERROR(changes->status());
  if (queued != sync.queued || next > sync.next_number) {
    return absl::DataLossError(absl::StrCat("sync: ", queued, " changes are queued, the last ",
                                            next - 1, "; said are ", sync.queued, " before ",
                                            sync.next_number));
  }
  const auto bases = state.view->NewIterator(Column::kHistory);
  for (bases->Seek(fiber, kBasePrefix); HasPrefix(*bases, kBasePrefix); bases->Next(fiber)) {
    const auto collection = static_cast<uint32_t>(FromBigEndian(bases->key().substr(2, 4)));
    const std::string id(bases->key().substr(6));
    ASSIGN_OR_RETURN(const Heads heads,
                     WithQueue(fiber, *state.view, collection, id, bases->value()));
    ASSIGN_OR_RETURN(const auto row,
                     state.view->Get(fiber, Column::kPrimary, DocumentKey(collection, id)));
    Record record;
    if (row) {
      ASSIGN_OR_RETURN(record, DecodeRecord(*row));
    }
    const Head* const winner = heads.winner();
    if (winner == nullptr ? row.has_value() : !row || HeadOf(record) != *winner) {
      return absl::DataLossError(
          absl::StrCat("sync: a document is not what the hub said with the queue on top: ",
                       winner == nullptr ? "none" : winner->rev.ToText(), " against ",
                       row ? record.meta.rev.ToText() : "none"));
    }
  }
  return bases->status();
}

}  // namespace lockstep::docs
