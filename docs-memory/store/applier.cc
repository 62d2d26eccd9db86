#include "docs-memory/store/applier.h"

#include <algorithm>
#include <utility>

#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/index/keys.h"
#include "docs-memory/store/mutants.h"
#include "docs-memory/store/text_rows.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

using machine::Column;

constexpr std::string_view kCollectionPrefix = "docs.collection.";

std::string CollectionKey(std::string_view name) {
  return std::string(kCollectionPrefix).append(name);
}

std::string DescribeCollection(const CollectionInfo& info) {
  std::string bytes;
  Writer writer(bytes);
  writer.AppendInt64("id", info.id);
  writer.AppendString("name", info.name);
  const size_t indexes = writer.Begin("indexes", Type::kArray);
  size_t i = 0;
  for (const IndexDefinition& index : info.indexes)
    writer.Append(std::to_string(i++), index.Describe().ref());
  writer.End(indexes);
  if (!(info.policy == CollectionPolicy())) writer.Append("policy", info.policy.Describe().ref());
  writer.Finish();
  return bytes;
}

std::shared_ptr<const CollectionInfo> ReadCollection(std::string_view row) {
  auto info = std::make_shared<CollectionInfo>();
  info->id = static_cast<uint32_t>(FindField(row, "id")->int64());
  info->name = FindField(row, "name")->string();
  ElementReader reader(*FindField(row, "indexes"));
  Element element;
  while (reader.Next(&element))
    info->indexes.push_back(IndexDefinition::FromDocument(element.value.bytes));
  if (const auto policy = FindField(row, "policy"))
    info->policy = CollectionPolicy::FromDocument(policy->bytes);
  return info;
}

std::string EncodeState(const StoreState& state) {
  std::string row = BigEndian64(state.applied) + BigEndian64(state.sequence);
  state.last_rev.AppendTo(row);
  return row + BigEndian64(state.node) + BigEndian64(state.history_from) +
         BigEndian32(state.next_id);
}

absl::StatusOr<StoreState> DecodeState(std::string_view row) {
  if (row.size() != 8 + 8 + kRevisionBytes + 8 + 8 + 4)
    return absl::DataLossError("documents: a damaged state row");
  StoreState state;
  state.applied = FromBigEndian(row.substr(0, 8));
  state.sequence = FromBigEndian(row.substr(8, 8));
  state.last_rev = Revision::FromBytes(row.substr(16, 16));
  state.node = FromBigEndian(row.substr(32, 8));
  state.history_from = FromBigEndian(row.substr(40, 8));
  state.next_id = static_cast<uint32_t>(FromBigEndian(row.substr(48)));
  return state;
}

// Of a state with the collection changed.
void SetCollection(std::shared_ptr<const CollectionInfo> info, Change& change, Catalog catalog) {
  change.writes.push_back({Column::kSystem, CollectionKey(info->name), DescribeCollection(*info)});
  catalog.collections[info->name] = std::move(info);
  change.catalog = std::make_shared<const Catalog>(std::move(catalog));
}

// One by one: RocksDB 7.8 mixes up its lists when a range is deleted in a column that remembers
// where the last row went, as Column::kIndex does.
absl::Status DeleteEntries(Fiber& fiber, const machine::StoreView& view, uint32_t index,
                           Change& change) {
  const std::string prefix = IndexPrefix(index);
  const auto iterator = view.NewIterator(Column::kIndex);
  for (iterator->Seek(fiber, prefix); iterator->Valid(); iterator->Next(fiber)) {
    if (iterator->key().substr(0, prefix.size()) != prefix) break;
    change.writes.push_back({Column::kIndex, std::string(iterator->key()), std::nullopt});
  }
  return iterator->status();
}

// The id of another document that has the key, if any does.
absl::StatusOr<std::optional<std::string>> Holder(Fiber& fiber, const machine::StoreView& view,
                                                  const IndexDefinition& index,
                                                  std::string_view key, std::string_view id) {
  const std::string prefix = IndexPrefix(index.id).append(key);
  const auto iterator = view.NewIterator(Column::kIndex);
  for (iterator->Seek(fiber, prefix); iterator->Valid(); iterator->Next(fiber)) {
    if (iterator->key().substr(0, prefix.size()) != prefix) break;
    std::string holder = IdOfEntry(index, iterator->key(), iterator->value());
    if (holder != id) return std::optional<std::string>(std::move(holder));
  }
  RETURN_IF_ERROR(iterator->status());
  return std::optional<std::string>();
}

}  // namespace

uint64_t AppliedOf(std::string_view state_row) { return FromBigEndian(state_row.substr(0, 8)); }

absl::Status Applier::Load(Fiber& fiber, const machine::StoreView& view) {
  ASSIGN_OR_RETURN(const auto row, view.Get(fiber, Column::kSystem, kStateKey));
  auto catalog = std::make_shared<Catalog>();
  if (row) {
    ASSIGN_OR_RETURN(state_, DecodeState(*row));
  }
  ASSIGN_OR_RETURN(const auto sync, view.Get(fiber, Column::kSystem, kSyncKey));
  if (sync) {
    ASSIGN_OR_RETURN(state_.sync, DecodeSyncState(*sync));
  }
  const auto iterator = view.NewIterator(Column::kSystem);
  for (iterator->Seek(fiber, kCollectionPrefix); iterator->Valid(); iterator->Next(fiber)) {
    if (iterator->key().substr(0, kCollectionPrefix.size()) != kCollectionPrefix) break;
    ASSIGN_OR_RETURN(const Document document, ParseDocument(iterator->value()));
    auto info = ReadCollection(document.view());
    catalog->collections[info->name] = std::move(info);
  }
  RETURN_IF_ERROR(iterator->status());
  ASSIGN_OR_RETURN(const auto audit, view.Get(fiber, Column::kSystem, kAuditHeadKey));
  if (audit) {
    ASSIGN_OR_RETURN(state_.audit, DecodeAuditHead(*audit));
  }
  catalog->next_id = state_.next_id;
  catalog_ = std::move(catalog);
  return absl::OkStatus();
}

absl::StatusOr<Change> Applier::Prepare(Fiber& fiber, const machine::StoreView& view,
                                        Mutation mutation) const {
  std::optional<std::string> old_row;
  if (mutation.of_document()) {
    ASSIGN_OR_RETURN(old_row, view.Get(fiber, Column::kPrimary,
                                       DocumentKey(mutation.collection, KeyOf(mutation.id))));
  }
  return Prepare(fiber, view, std::move(mutation), old_row);
}

absl::StatusOr<Change> Applier::Prepare(Fiber& fiber, const machine::StoreView& view,
                                        Mutation mutation,
                                        const std::optional<std::string>& old_row) const {
  Change change;
  change.mutation = std::move(mutation);
  switch (change.mutation.op) {
    case MutationOp::kPut:
    case MutationOp::kDelete:
    case MutationOp::kExpire:
      RETURN_IF_ERROR(PrepareDocument(fiber, view, old_row, change));
      break;
    case MutationOp::kCreateCollection:
    case MutationOp::kCreateIndex:
    case MutationOp::kDropIndex:
    case MutationOp::kSetPolicy:
      RETURN_IF_ERROR(PrepareCatalog(fiber, view, change));
      break;
    case MutationOp::kBuildIndex:
      RETURN_IF_ERROR(PrepareBuild(fiber, view, change));
      break;
    case MutationOp::kPurge:
      RETURN_IF_ERROR(PreparePurge(fiber, view, old_row, change));
      break;
    case MutationOp::kTrim:
      RETURN_IF_ERROR(PrepareTrim(fiber, view, change));
      break;
    case MutationOp::kTrimVersions:
      RETURN_IF_ERROR(PrepareTrimVersions(fiber, view, change));
      break;
    case MutationOp::kAudit: {
      AuditRow row = NextAuditRow(state_.audit, change.mutation.document);
      change.writes.push_back({Column::kHistory, std::move(row.key), std::move(row.value)});
      change.writes.push_back(
          {Column::kSystem, std::string(kAuditHeadKey), EncodeAuditHead(row.head)});
      change.audit = std::move(row.head);
      break;
    }
    default:
      RETURN_IF_ERROR(PrepareSync(fiber, view, change));
  }
  return change;
}

absl::Status Applier::PrepareDocument(Fiber& fiber, const machine::StoreView& view,
                                      const std::optional<std::string>& old_row,
                                      Change& change) const {
  const CollectionInfo* const info = catalog_->Find(change.mutation.collection);
  if (info == nullptr) return absl::DataLossError("documents: a mutation of an unknown collection");
  RETURN_IF_ERROR(PrepareRows(fiber, view, *info, change.mutation, old_row, change));
  if (!state_.sync.Covers(info->name)) return absl::OkStatus();
  return PrepareQueued(fiber, view, *info, old_row, change.mutation, change);
}

absl::Status Applier::PrepareRows(Fiber& fiber, const machine::StoreView& view,
                                  const CollectionInfo& info, const Mutation& mutation,
                                  const std::optional<std::string>& old_row, Change& change) const {
  const std::string id = KeyOf(mutation.id);
  std::string_view before;
  Record old;
  if (old_row) {
    ASSIGN_OR_RETURN(old, DecodeRecord(*old_row));
    before = old.document;
  }
  RETURN_IF_ERROR(
      PrepareEntries(fiber, view, info, id, before, mutation.document, mutation.is_remote, change));
  if (old.meta.expires_ms != 0) {
    change.writes.push_back(
        {Column::kIndex, ExpiryKey(old.meta.expires_ms, info.id, id), std::nullopt});
  }
  Meta meta;
  meta.rev = mutation.rev;
  meta.sequence = state_.sequence + 1;
  meta.updated_ms = mutation.time_ms;
  meta.expires_ms = mutation.expires_ms;
  meta.deleted = mutation.op != MutationOp::kPut;
  change.writes.push_back(
      {Column::kPrimary, DocumentKey(info.id, id), EncodeRecord(meta, mutation.document)});
  if (meta.expires_ms != 0) {
    change.writes.push_back({Column::kIndex, ExpiryKey(meta.expires_ms, info.id, id), ""});
  }
  change.writes.push_back({Column::kHistory, VersionKey(info.id, id, meta.sequence), ""});
  return absl::OkStatus();
}

// What others wrote is what it is, whatever indexes there are here: it may break the uniqueness of
// a key, and what no index can take is in none.
absl::Status Applier::PrepareEntries(Fiber& fiber, const machine::StoreView& view,
                                     const CollectionInfo& info, std::string_view id,
                                     std::string_view before, std::string_view after,
                                     bool is_remote, Change& change) const {
  std::vector<std::string> became_multikey;
  for (const IndexDefinition& index : info.indexes) {
    if (index.state == IndexState::kFailed) continue;
    if (index.is_text) {
      TextRows rows(view, index);
      RETURN_IF_ERROR(rows.Load(fiber));
      RETURN_IF_ERROR(rows.Change(fiber, id, before, after, change.writes));
      rows.Finish(change.writes);
      continue;
    }
    IndexKeys old_keys;
    IndexKeys new_keys;
    if (!before.empty()) {
      auto keys = KeysOf(index, before);
      if (keys.ok()) old_keys = *std::move(keys);
    }
    if (!after.empty()) {
      auto keys = KeysOf(index, after);
      if (!keys.ok() && !is_remote) return keys.status();
      if (keys.ok()) new_keys = *std::move(keys);
    }
    if (new_keys.multikey && !index.multikey) became_multikey.push_back(index.options.name);
    const std::string prefix = IndexPrefix(index.id);
    // Planted bug M80: the entries of the old version stay.
    const bool forgets = mutant::Enabled(mutant::kM80IndexEntryNotRemoved) && !after.empty();
    for (const std::string& key : old_keys.keys) {
      if (forgets || std::binary_search(new_keys.keys.begin(), new_keys.keys.end(), key)) continue;
      change.writes.push_back({Column::kIndex, prefix + EntryOf(index, key, id), std::nullopt});
    }
    for (const std::string& key : new_keys.keys) {
      if (std::binary_search(old_keys.keys.begin(), old_keys.keys.end(), key)) {
        // A building index may not have it yet.
        if (index.state == IndexState::kReady) continue;
      }
      if (index.options.unique && !is_remote) {
        ASSIGN_OR_RETURN(const auto holder, Holder(fiber, view, index, key, id));
        if (holder)
          return Error(ErrorCode::kUnique, index.fields[0].field, index.options.name,
                       "another document has the key");
      }
      change.writes.push_back({Column::kIndex, prefix + EntryOf(index, key, id), EntryValue(id)});
    }
  }
  if (became_multikey.empty()) return absl::OkStatus();
  auto changed = std::make_shared<CollectionInfo>(info);
  for (IndexDefinition& index : changed->indexes) {
    const auto found =
        std::find(became_multikey.begin(), became_multikey.end(), index.options.name);
    index.multikey = index.multikey || found != became_multikey.end();
  }
  SetCollection(std::move(changed), change, *catalog_);
  return absl::OkStatus();
}

absl::Status Applier::PrepareCatalog(Fiber& fiber, const machine::StoreView& view,
                                     Change& change) const {
  const Mutation& mutation = change.mutation;
  Catalog catalog = *catalog_;
  auto info = std::make_shared<CollectionInfo>();
  if (mutation.op == MutationOp::kCreateCollection) {
    info->id = catalog.next_id++;
    info->name = FindField(mutation.document, "name")->string();
    SetCollection(std::move(info), change, std::move(catalog));
    return absl::OkStatus();
  }
  const CollectionInfo* const old = catalog_->Find(mutation.collection);
  CHECK(old != nullptr);
  *info = *old;
  if (mutation.op == MutationOp::kSetPolicy) {
    info->policy = CollectionPolicy::FromDocument(mutation.document);
  } else if (mutation.op == MutationOp::kCreateIndex) {
    IndexDefinition index = IndexDefinition::FromDocument(mutation.document);
    index.id = catalog.next_id++;
    info->indexes.push_back(std::move(index));
    std::sort(info->indexes.begin(), info->indexes.end(),
              [](const auto& a, const auto& b) { return a.options.name < b.options.name; });
  } else {
    const std::string_view name = FindField(mutation.document, "name")->string();
    RETURN_IF_ERROR(DeleteEntries(fiber, view, info->Index(name)->id, change));
    std::erase_if(info->indexes,
                  [&](const IndexDefinition& index) { return index.options.name == name; });
  }
  SetCollection(std::move(info), change, std::move(catalog));
  return absl::OkStatus();
}

absl::Status Applier::PrepareBuild(Fiber& fiber, const machine::StoreView& view,
                                   Change& change) const {
  const CollectionInfo* const old = catalog_->Find(change.mutation.collection);
  CHECK(old != nullptr);
  auto info = std::make_shared<CollectionInfo>(*old);
  const std::string_view name = FindField(change.mutation.document, "name")->string();
  const auto index = std::find_if(info->indexes.begin(), info->indexes.end(),
                                  [&](const IndexDefinition& i) { return i.options.name == name; });
  CHECK(index != info->indexes.end());
  const std::string prefix = BigEndian32(info->id);
  const auto iterator = view.NewIterator(Column::kPrimary);
  std::vector<std::pair<std::string, std::string>> taken;  // keys of this chunk and their ids
  size_t count = 0;
  index->state = IndexState::kReady;
  TextRows text(view, *index);
  if (index->is_text) RETURN_IF_ERROR(text.Load(fiber));
  // (The id after the cursor: keys of ids never begin one another.)
  std::string from = prefix + index->build_cursor;
  if (!index->build_cursor.empty()) from.push_back('\0');
  for (iterator->Seek(fiber, from); iterator->Valid(); iterator->Next(fiber)) {
    if (iterator->key().substr(0, prefix.size()) != prefix) break;
    if (count++ == kBuildChunk) {
      index->state = IndexState::kBuilding;
      break;
    }
    const std::string id(iterator->key().substr(prefix.size()));
    index->build_cursor = id;
    ASSIGN_OR_RETURN(const Record record, DecodeRecord(iterator->value()));
    if (record.meta.deleted) continue;
    if (index->is_text) {
      RETURN_IF_ERROR(text.Change(fiber, id, record.document, record.document, change.writes));
      continue;
    }
    auto keys = KeysOf(*index, record.document);
    bool violated = !keys.ok();
    for (const std::string& key : keys.ok() ? keys->keys : std::vector<std::string>()) {
      if (index->options.unique) {
        ASSIGN_OR_RETURN(const auto holder, Holder(fiber, view, *index, key, id));
        violated = violated || holder.has_value();
        taken.emplace_back(key, id);
      }
      change.writes.push_back(
          {Column::kIndex, IndexPrefix(index->id) + EntryOf(*index, key, id), EntryValue(id)});
    }
    if (keys.ok()) index->multikey = index->multikey || keys->multikey;
    if (violated) {
      index->state = IndexState::kFailed;
      break;
    }
  }
  RETURN_IF_ERROR(iterator->status());
  if (index->is_text) text.Finish(change.writes);
  std::sort(taken.begin(), taken.end());
  for (size_t i = 1; i < taken.size(); ++i) {
    if (taken[i].first == taken[i - 1].first && taken[i].second != taken[i - 1].second) {
      index->state = IndexState::kFailed;
      index->build_cursor = taken[i].second;
    }
  }
  if (index->state == IndexState::kFailed) {
    change.writes.clear();
    RETURN_IF_ERROR(DeleteEntries(fiber, view, index->id, change));
  }
  SetCollection(std::move(info), change, *catalog_);
  return absl::OkStatus();
}

// What is left of the document: that there were so many changes, and when.
absl::Status Applier::PreparePurge(Fiber& fiber, const machine::StoreView& view,
                                   const std::optional<std::string>& old_row,
                                   Change& change) const {
  const CollectionInfo* const info = catalog_->Find(change.mutation.collection);
  if (info == nullptr) return absl::DataLossError("documents: a mutation of an unknown collection");
  const std::string id = KeyOf(change.mutation.id);
  if (old_row) {
    ASSIGN_OR_RETURN(const Record old, DecodeRecord(*old_row));
    RETURN_IF_ERROR(PrepareEntries(fiber, view, *info, id, old.document, "", false, change));
    if (old.meta.expires_ms != 0) {
      change.writes.push_back(
          {Column::kIndex, ExpiryKey(old.meta.expires_ms, info->id, id), std::nullopt});
    }
    change.writes.push_back({Column::kPrimary, DocumentKey(info->id, id), std::nullopt});
  }
  const std::string prefix = VersionPrefix(info->id) + id;
  const auto iterator = view.NewIterator(Column::kHistory);
  for (iterator->Seek(fiber, prefix); iterator->Valid(); iterator->Next(fiber)) {
    if (iterator->key().substr(0, prefix.size()) != prefix) break;
    const std::string key = OplogKey(FromBigEndian(iterator->key().substr(prefix.size())));
    change.writes.push_back({Column::kHistory, std::string(iterator->key()), std::nullopt});
    ASSIGN_OR_RETURN(const auto row, view.Get(fiber, Column::kHistory, key));
    if (!row) continue;
    ASSIGN_OR_RETURN(Mutation mutation, DecodeOplogRow(*row));
    mutation.op = MutationOp::kPurge;
    mutation.document.clear();
    change.writes.push_back({Column::kHistory, key, EncodeOplogRow(mutation)});
  }
  return iterator->status();
}

// All but the newest versions of one document lose what they held. The last one that does stays as
// a mark: what the document was then is not known any more.
absl::Status Applier::PrepareTrimVersions(Fiber& fiber, const machine::StoreView& view,
                                          Change& change) const {
  const uint32_t collection = change.mutation.collection;
  const std::string id = KeyOf(change.mutation.id);
  const auto keep = FindField(change.mutation.document, "keep")->int64();
  const std::string prefix = VersionPrefix(collection) + id;
  const auto iterator = view.NewIterator(Column::kHistory);
  int64_t met = 0;
  for (iterator->SeekBefore(fiber, KeyAfterPrefix(prefix)); iterator->Valid();
       iterator->Previous(fiber)) {
    if (iterator->key().substr(0, prefix.size()) != prefix) break;
    if (met++ < keep) continue;
    const Sequence sequence = FromBigEndian(iterator->key().substr(prefix.size()));
    ASSIGN_OR_RETURN(const auto row, view.Get(fiber, Column::kHistory, OplogKey(sequence)));
    if (!row) break;
    if (met > keep + 1)
      change.writes.push_back({Column::kHistory, std::string(iterator->key()), std::nullopt});
    ASSIGN_OR_RETURN(Mutation mutation, DecodeOplogRow(*row));
    if (mutation.op == MutationOp::kTrimmed) break;
    mutation.op = MutationOp::kTrimmed;
    mutation.document.clear();
    change.writes.push_back({Column::kHistory, OplogKey(sequence), EncodeOplogRow(mutation)});
  }
  return iterator->status();
}

// A version may go once a later one of its document is older than the floor, too, or if it is what
// the document is now: then the document's own row says the same. A tombstone goes with its
// history.
absl::Status Applier::PrepareTrim(Fiber& fiber, const machine::StoreView& view,
                                  Change& change) const {
  const auto before = static_cast<Sequence>(FindField(change.mutation.document, "before")->int64());
  for (Sequence sequence = state_.history_from; sequence < before; ++sequence) {
    ASSIGN_OR_RETURN(const auto row, view.Get(fiber, Column::kHistory, OplogKey(sequence)));
    if (!row) continue;
    ASSIGN_OR_RETURN(const Mutation mutation, DecodeOplogRow(*row));
    const bool is_version = mutation.of_document() || mutation.op == MutationOp::kTrimmed;
    if (!is_version || mutation.op == MutationOp::kPurge) {
      change.writes.push_back({Column::kHistory, OplogKey(sequence), std::nullopt});
      continue;
    }
    const std::string id = KeyOf(mutation.id);
    const auto drop = [&](Sequence version) {
      change.writes.push_back({Column::kHistory, OplogKey(version), std::nullopt});
      change.writes.push_back(
          {Column::kHistory, VersionKey(mutation.collection, id, version), std::nullopt});
    };
    const auto iterator = view.NewIterator(Column::kHistory);
    const std::string key = VersionKey(mutation.collection, id, sequence);
    iterator->SeekBefore(fiber, key);
    const size_t prefix = key.size() - 8;
    if (iterator->Valid() &&
        iterator->key().substr(0, prefix) == std::string_view(key).substr(0, prefix)) {
      drop(FromBigEndian(iterator->key().substr(prefix)));
    }
    RETURN_IF_ERROR(iterator->status());
    const std::string document_key = DocumentKey(mutation.collection, id);
    ASSIGN_OR_RETURN(const auto current, view.Get(fiber, Column::kPrimary, document_key));
    if (!current) continue;
    ASSIGN_OR_RETURN(const Record record, DecodeRecord(*current));
    if (record.meta.sequence != sequence) continue;
    drop(sequence);
    // (A synced store would forget that it has seen the delete.)
    if (record.meta.deleted && state_.sync.scope == nullptr)
      change.writes.push_back({Column::kPrimary, document_key, std::nullopt});
  }
  change.history_from = std::max(before, state_.history_from);
  return absl::OkStatus();
}

void Applier::Commit(const Change& change, machine::StoreTransaction& transaction) {
  for (const Change::Write& write : change.writes) {
    if (write.column == Column::kPrimary) touched_.push_back(write.key);
    if (write.value) {
      transaction.Put(write.column, write.key, *write.value);
    } else {
      transaction.Delete(write.column, write.key);
    }
  }
  ++state_.sequence;
  // (A clock that was far ahead of the hub's goes back.)
  CHECK(change.mutation.rev > state_.last_rev || change.mutation.op == MutationOp::kSyncRestamp ||
        mutant::Enabled(mutant::kM82RevisionsForgotten));
  state_.last_rev = change.mutation.rev;
  if (change.history_from) state_.history_from = *change.history_from;
  if (change.sync) state_.sync = *change.sync;
  if (change.mutation.op == MutationOp::kSyncRejoin) state_.node = change.mutation.rev.node;
  if (change.audit) state_.audit = *change.audit;
  if (change.catalog) {
    catalog_ = change.catalog;
    state_.next_id = catalog_->next_id;
  }
  // Planted bug M81: whoever commits the batch writes the oplog later.
  if (mutant::Enabled(mutant::kM81OplogOutsideBatch)) return;
  if (change.mutation.op != MutationOp::kAudit) {
    transaction.Put(Column::kHistory, OplogKey(state_.sequence),
                    EncodeOplogRow(change.told ? *change.told : change.mutation));
    return;
  }
  // What was audited is in the trail alone.
  Mutation bare = change.mutation;
  bare.document.clear();
  transaction.Put(Column::kHistory, OplogKey(state_.sequence), EncodeOplogRow(bare));
}

void Applier::Save(uint64_t applied, machine::StoreTransaction& transaction) {
  CHECK_GT(applied, state_.applied);
  state_.applied = applied;
  transaction.Put(Column::kSystem, kStateKey, EncodeState(state_));
  if (state_.sync.scope != nullptr)
    transaction.Put(Column::kSystem, kSyncKey, EncodeSyncState(state_.sync));
}

}  // namespace lockstep::docs
