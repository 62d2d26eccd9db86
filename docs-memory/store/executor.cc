#include "docs-memory/store/executor.h"

#include <algorithm>
#include <utility>

#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/index/keys.h"
#include "framework/base/check.h"
#include "framework/base/mutant.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

using machine::Column;

constexpr size_t kSweepMax = 1000;

Document Named(std::string_view name) { return Document{{"name", Value(name)}}; }

// The document with its id first.
Document WithId(const Document& document, ValueRef id) {
  std::string bytes;
  Writer writer(bytes);
  writer.Append("_id", id);
  ElementReader reader(document.view());
  Element element;
  while (reader.Next(&element)) {
    if (element.name != "_id") writer.Append(element);
  }
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

absl::Status CheckRev(const WriteOptions& options, const Revision& rev) {
  if (!options.expect_rev || *options.expect_rev == rev) return absl::OkStatus();
  return Error(ErrorCode::kRevMismatch, "_rev", rev.none() ? "none" : rev.ToText(),
               "expected " + options.expect_rev->ToText());
}

}  // namespace

void UndoableTransaction::Put(Column column, std::string_view key, std::string_view value) {
  inner_.Put(column, key, value);
}
void UndoableTransaction::Delete(Column column, std::string_view key) {
  inner_.Delete(column, key);
}
void UndoableTransaction::DeleteRange(Column, std::string_view, std::string_view) {
  CHECK(false) << "a batch does not drop indexes";
}

absl::Status UndoableTransaction::Remember(Fiber& fiber, const Change& change, Sequence next) {
  const auto remember = [&](Column column, const std::string& key) -> absl::Status {
    ASSIGN_OR_RETURN(auto value, inner_.Get(fiber, column, key));
    old_.push_back({column, key, std::move(value)});
    return absl::OkStatus();
  };
  for (const Change::Write& write : change.writes)
    RETURN_IF_ERROR(remember(write.column, write.key));
  return remember(Column::kHistory, OplogKey(next));
}

void UndoableTransaction::Undo() {
  for (auto old = old_.rbegin(); old != old_.rend(); ++old) {
    if (old->value) {
      inner_.Put(old->column, old->key, *old->value);
    } else {
      inner_.Delete(old->column, old->key);
    }
  }
  old_.clear();
}

Executor::Outcome Executor::Execute(Fiber& fiber, const Operation& operation) {
  Outcome outcome;
  if (operation.options.resolves.size() >= kHeadsMax) {
    outcome.status =
        Error(ErrorCode::kBatch, "resolves", "", "a document has at most 10 conflicts");
    return outcome;
  }
  outcome.status = CheckPick(operation);
  if (!outcome.status.ok()) return outcome;
  switch (operation.kind) {
    case Operation::Kind::kInsert:
      outcome.status = Insert(fiber, operation, outcome.result);
      break;
    case Operation::Kind::kUpdate:
    case Operation::Kind::kReplace:
      outcome.status = Change(fiber, operation, outcome.result);
      break;
    case Operation::Kind::kDelete:
      outcome.status = Delete(fiber, operation, outcome.result);
      break;
    case Operation::Kind::kPurge:
      outcome.status = Purge(fiber, operation, outcome.result);
      break;
    case Operation::Kind::kSweep:
      outcome.status = Sweep(fiber, outcome.result);
      break;
    case Operation::Kind::kSetPolicy:
      outcome.status = SetPolicy(fiber, operation, outcome.result);
      break;
    case Operation::Kind::kTrim:
      outcome.status = Trim(fiber, outcome.result);
      break;
    case Operation::Kind::kSyncEnable:
    case Operation::Kind::kSyncEnqueue:
    case Operation::Kind::kSyncApply:
    case Operation::Kind::kSyncRestamp:
    case Operation::Kind::kSyncRejoin:
      outcome.status = Sync(fiber, operation, outcome.result);
      break;
    default:
      outcome.status = ChangeIndex(fiber, operation, outcome.result);
  }
  return outcome;
}

Executor::Outcome Executor::ExecuteBatch(Fiber& fiber, const std::vector<Operation>& operations) {
  Outcome all;
  UndoableTransaction undo(transaction_);
  undo_ = &undo;
  const StoreState state = applier_.state();
  const CatalogRef catalog = applier_.catalog();
  const size_t mutations = mutations_.size();
  for (const Operation& operation : operations) {
    if (operation.kind > Operation::Kind::kDelete) {
      all.status =
          Error(ErrorCode::kBatch, "", "", "a batch inserts, updates, replaces and deletes");
    } else {
      Outcome one = Execute(fiber, operation);
      all.status = one.status;
      all.result.inserted += one.result.inserted;
      all.result.matched += one.result.matched;
      all.result.modified += one.result.modified;
      all.result.deleted += one.result.deleted;
      all.result.ids.insert(all.result.ids.end(), one.result.ids.begin(), one.result.ids.end());
      if (one.result.document) all.result.document = std::move(one.result.document);
      if (one.result.sequence != 0) {
        all.result.rev = one.result.rev;
        all.result.sequence = one.result.sequence;
      }
    }
    if (all.status.ok()) continue;
    undo.Undo();
    applier_.Restore(state, catalog);
    mutations_.resize(mutations);
    all.result = WriteResult();
    break;
  }
  undo_ = nullptr;
  return all;
}

absl::Status Executor::Apply(Fiber& fiber, Mutation mutation, WriteResult& result) {
  mutation.rev = clock_.Next(stamp_ms());
  mutation.time_ms = now_ms_;
  ASSIGN_OR_RETURN(docs::Change change, applier_.Prepare(fiber, transaction_, std::move(mutation)));
  if (undo_ != nullptr) {
    RETURN_IF_ERROR(undo_->Remember(fiber, change, applier_.state().sequence + 1));
  }
  applier_.Commit(change, transaction_);
  result.rev = change.mutation.rev;
  result.sequence = applier_.state().sequence;
  mutations_.push_back(std::move(change.mutation));
  return absl::OkStatus();
}

absl::StatusOr<const CollectionInfo*> Executor::CollectionFor(Fiber& fiber,
                                                              const std::string& name) {
  if (const CollectionInfo* const info = applier_.catalog()->Find(name)) return info;
  RETURN_IF_ERROR(CheckCollectionName(name));
  Mutation create;
  create.op = MutationOp::kCreateCollection;
  create.document = Named(name).bytes();
  WriteResult ignored;
  RETURN_IF_ERROR(Apply(fiber, std::move(create), ignored));
  return applier_.catalog()->Find(name);
}

// UUIDv7 [RFC 9562]: ordered by time, then by what was drawn.
Value Executor::NewId() {
  const auto ms = static_cast<uint64_t>(std::max<int64_t>(now_ms_, 0));
  const uint64_t high = ms << 16 | 0x7000 | (environment_.random.Draw("docs.id") & 0xFFF);
  const uint64_t low = (environment_.random.Draw("docs.id") & ~(uint64_t{3} << 62)) | uint64_t{1}
                                                                                          << 63;
  return Value::Binary(4, BigEndian64(high) + BigEndian64(low));
}

absl::Status Executor::Insert(Fiber& fiber, const Operation& operation, WriteResult& result) {
  for (const Document& document : operation.documents) {
    RETURN_IF_ERROR(InsertDocument(fiber, operation, document, result));
  }
  return absl::OkStatus();
}

absl::Status Executor::InsertDocument(Fiber& fiber, const Operation& operation,
                                      const Document& document, WriteResult& result) {
  ASSIGN_OR_RETURN(Document stored, Canonicalize(document, options_.rules));
  auto id = stored.Find("_id");
  if (!id) {
    stored = WithId(stored, NewId());
    id = stored.Find("_id");
  }
  RETURN_IF_ERROR(CheckId(*id));
  ASSIGN_OR_RETURN(const CollectionInfo* info, CollectionFor(fiber, operation.collection));
  const std::string key = DocumentKey(info->id, KeyOf(*id));
  ASSIGN_OR_RETURN(const auto row, transaction_.Get(fiber, Column::kPrimary, key));
  Revision base;
  if (row) {
    ASSIGN_OR_RETURN(const Record old, DecodeRecord(*row));
    const int64_t expiry = old.meta.deleted ? 1 : ExpiryOf(*info, old);
    if (expiry == 0 || now_ms_ < expiry) {
      return Error(ErrorCode::kDuplicateId, "_id", ToText(*id), "a document has this id");
    }
    base = old.meta.rev;
  }
  RETURN_IF_ERROR(CheckRev(operation.options, Revision()));
  Mutation put;
  put.collection = info->id;
  put.base = base;
  put.expires_ms = ExpiryOfWrite(operation, *info, 0);
  put.id = *id;
  put.document = stored.bytes();
  put.resolves = operation.options.resolves;
  const Value inserted = put.id;
  RETURN_IF_ERROR(Apply(fiber, std::move(put), result));
  ++result.inserted;
  result.ids.push_back(inserted);
  return Tell(operation, nullptr, &stored, result);
}

absl::Status Executor::Change(Fiber& fiber, const Operation& operation, WriteResult& result) {
  ASSIGN_OR_RETURN(Filter filter, Filter::Parse(operation.filter.view()));
  std::optional<Update> update;
  if (operation.kind == Operation::Kind::kUpdate) {
    ASSIGN_OR_RETURN(update, Update::Parse(operation.update.view()));
  }
  const Update* const by = update ? &*update : nullptr;
  const CollectionInfo* const info = applier_.catalog()->Find(operation.collection);
  std::vector<Found> targets;
  if (info != nullptr) {
    ASSIGN_OR_RETURN(targets, Targets(fiber, *info, filter, operation));
  }
  if (targets.empty() && operation.options.upsert)
    return Upsert(fiber, operation, filter, by, result);
  if (targets.empty()) return CheckRev(operation.options, Revision());
  RETURN_IF_ERROR(CheckMayChange(operation, *info, targets));
  for (const Found& found : targets)
    RETURN_IF_ERROR(ChangeOne(fiber, operation, by, found, result));
  return absl::OkStatus();
}

absl::Status Executor::ChangeOne(Fiber& fiber, const Operation& operation, const Update* update,
                                 const Found& found, WriteResult& result) {
  RETURN_IF_ERROR(CheckRev(operation.options, found.meta.rev));
  const ValueRef id = *found.document.Find("_id");
  Document changed;
  if (update != nullptr) {
    ASSIGN_OR_RETURN(changed, update->Apply(found.document, {now_ms_, false}));
  } else {
    const auto given = operation.documents[0].Find("_id");
    if (given && !Equal(*given, id)) {
      return Error(ErrorCode::kIdImmutable, "_id", ToText(*given), "the document has another _id");
    }
    changed = WithId(operation.documents[0], id);
  }
  ASSIGN_OR_RETURN(changed, Canonicalize(changed, options_.rules));
  ++result.matched;
  RETURN_IF_ERROR(Tell(operation, &found.document, &changed, result));
  const bool expires_anew = operation.options.expires_at_ms != 0 &&
                            operation.options.expires_at_ms != found.meta.expires_ms;
  if (changed == found.document && !expires_anew && operation.options.resolves.empty())
    return absl::OkStatus();
  Mutation put;
  // (Not by the pointer of before: an upsert or a multikey index may have changed the catalog.)
  const CollectionInfo& info = *applier_.catalog()->Find(operation.collection);
  put.collection = info.id;
  put.base = found.meta.rev;
  put.expires_ms = ExpiryOfWrite(operation, info, found.meta.expires_ms);
  put.id = id;
  put.document = changed.bytes();
  put.resolves = operation.options.resolves;
  RETURN_IF_ERROR(Apply(fiber, std::move(put), result));
  ++result.modified;
  return TrimVersions(fiber, mutations_.back(), result);
}

absl::Status Executor::Upsert(Fiber& fiber, const Operation& operation, const Filter& filter,
                              const Update* update, WriteResult& result) {
  ASSIGN_OR_RETURN(const Document seed, UpsertSeed(filter));
  Operation insert;
  insert.collection = operation.collection;
  insert.options = operation.options;
  Document document;
  if (update != nullptr) {
    ASSIGN_OR_RETURN(document, update->Apply(seed, {now_ms_, true}));
  } else {
    document = operation.documents[0];
    const auto id = seed.Find("_id");
    const auto given = document.Find("_id");
    if (id && given && !Equal(*id, *given)) {
      return Error(ErrorCode::kIdImmutable, "_id", ToText(*given),
                   "the filter asks for another _id");
    }
    if (id && !given) document = WithId(document, *id);
  }
  RETURN_IF_ERROR(InsertDocument(fiber, insert, document, result));
  result.upserted = true;
  result.inserted = 0;
  return absl::OkStatus();
}

absl::Status Executor::Delete(Fiber& fiber, const Operation& operation, WriteResult& result) {
  ASSIGN_OR_RETURN(Filter filter, Filter::Parse(operation.filter.view()));
  const CollectionInfo* const info = applier_.catalog()->Find(operation.collection);
  std::vector<Found> targets;
  if (info != nullptr) {
    ASSIGN_OR_RETURN(targets, Targets(fiber, *info, filter, operation));
  }
  if (targets.empty()) return CheckRev(operation.options, Revision());
  RETURN_IF_ERROR(CheckMayChange(operation, *info, targets));
  const uint32_t collection = info->id;
  for (const Found& found : targets) {
    RETURN_IF_ERROR(CheckRev(operation.options, found.meta.rev));
    Mutation remove;
    remove.op = MutationOp::kDelete;
    remove.collection = collection;
    remove.base = found.meta.rev;
    remove.id = *found.document.Find("_id");
    remove.resolves = operation.options.resolves;
    RETURN_IF_ERROR(Apply(fiber, std::move(remove), result));
    ++result.deleted;
    RETURN_IF_ERROR(Tell(operation, &found.document, nullptr, result));
  }
  return absl::OkStatus();
}

absl::Status Executor::Purge(Fiber& fiber, const Operation& operation, WriteResult& result) {
  const auto id = operation.filter.Find("_id");
  if (!id) return Error(ErrorCode::kIdInvalid, "_id", "", "say whose document is erased");
  RETURN_IF_ERROR(CheckId(*id));
  const CollectionInfo* const info = applier_.catalog()->Find(operation.collection);
  if (info == nullptr) return absl::OkStatus();
  if (applier_.state().sync.Covers(info->name)) {
    return Error(ErrorCode::kSynced, "_id", ToText(*id),
                 "the collection is synced: the others and the hub have the document, too");
  }
  ASSIGN_OR_RETURN(const auto row,
                   transaction_.Get(fiber, Column::kPrimary, DocumentKey(info->id, KeyOf(*id))));
  if (!row) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Record record, DecodeRecord(*row));
  Mutation purge;
  purge.op = MutationOp::kPurge;
  purge.collection = info->id;
  purge.base = record.meta.rev;
  purge.id = *id;
  RETURN_IF_ERROR(Apply(fiber, std::move(purge), result));
  ++result.deleted;
  return absl::OkStatus();
}

absl::Status Executor::ChangeIndex(Fiber& fiber, const Operation& operation, WriteResult& result) {
  Mutation mutation;
  const bool creates = operation.kind == Operation::Kind::kCreateIndex;
  const CollectionInfo* info = applier_.catalog()->Find(operation.collection);
  if (creates) {
    ASSIGN_OR_RETURN(info, CollectionFor(fiber, operation.collection));
  }
  const IndexDefinition* const index = info == nullptr ? nullptr : info->Index(operation.index);
  if (creates) {
    const IndexDefinition wanted = IndexDefinition::FromDocument(operation.update.view());
    if (index != nullptr) {
      IndexDefinition same = wanted;
      same.id = index->id;
      same.state = index->state;
      same.multikey = index->multikey;
      same.build_cursor = index->build_cursor;
      if (same.Describe() == index->Describe() && index->state != IndexState::kFailed)
        return absl::OkStatus();
      return Error(ErrorCode::kIndex, "", operation.index, "another index has this name");
    }
    for (const IndexDefinition& other : info->indexes) {
      if (wanted.is_text && other.is_text)
        return Error(ErrorCode::kIndex, "", other.options.name, "a collection has one of words");
    }
    if (info->indexes.size() >= kIndexesMax)
      return Error(ErrorCode::kIndex, "", operation.index, "more than 64 indexes");
    mutation.document = operation.update.bytes();
  } else {
    if (index == nullptr)
      return Error(ErrorCode::kIndex, "", operation.index, "there is no such index");
    if (operation.kind == Operation::Kind::kBuildIndex && index->state != IndexState::kBuilding)
      return absl::OkStatus();
    mutation.document = Named(operation.index).bytes();
  }
  mutation.op = creates                                         ? MutationOp::kCreateIndex
                : operation.kind == Operation::Kind::kDropIndex ? MutationOp::kDropIndex
                                                                : MutationOp::kBuildIndex;
  mutation.collection = info->id;
  return Apply(fiber, std::move(mutation), result);
}

absl::Status Executor::SetPolicy(Fiber& fiber, const Operation& operation, WriteResult& result) {
  const CollectionPolicy policy = CollectionPolicy::FromDocument(operation.update.view());
  RETURN_IF_ERROR(policy.Check());
  ASSIGN_OR_RETURN(const CollectionInfo* info, CollectionFor(fiber, operation.collection));
  if (info->policy == policy) return absl::OkStatus();
  Mutation mutation;
  mutation.op = MutationOp::kSetPolicy;
  mutation.collection = info->id;
  mutation.document = operation.update.bytes();
  return Apply(fiber, std::move(mutation), result);
}

absl::Status Executor::CheckMayChange(const Operation& operation, const CollectionInfo& info,
                                      const std::vector<Found>& targets) const {
  if (!info.policy.append_only) return absl::OkStatus();
  return Error(ErrorCode::kAppendOnly, "_id", ToText(*targets[0].document.Find("_id")),
               "documents of " + operation.collection + " are added, never changed nor deleted");
}

// `before_ms`: of the version that is replaced.
int64_t Executor::ExpiryOfWrite(const Operation& operation, const CollectionInfo& info,
                                int64_t before_ms) const {
  if (operation.options.expires_at_ms != 0) return operation.options.expires_at_ms;
  return info.policy.expire_after_ms ? now_ms_ + *info.policy.expire_after_ms : before_ms;
}

absl::Status Executor::Expire(Fiber& fiber, uint32_t collection, std::string_view id,
                              WriteResult& result) {
  const CollectionInfo* const info = applier_.catalog()->Find(collection);
  if (info == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto row,
                   transaction_.Get(fiber, Column::kPrimary, DocumentKey(collection, id)));
  if (!row) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Record record, DecodeRecord(*row));
  const int64_t expiry = record.meta.deleted ? 0 : ExpiryOf(*info, record);
  if (expiry == 0 || now_ms_ < expiry) return absl::OkStatus();
  Mutation expire;
  expire.op = MutationOp::kExpire;
  expire.collection = collection;
  expire.base = record.meta.rev;
  expire.id = Value(*FindField(record.document, "_id"));
  RETURN_IF_ERROR(Apply(fiber, std::move(expire), result));
  ++result.deleted;
  return absl::OkStatus();
}

absl::Status Executor::SweepIndex(Fiber& fiber, const CollectionInfo& info,
                                  const IndexDefinition& index, WriteResult& result) {
  int64_t latest = 0;
  int64_t after = 0;
  if (__builtin_mul_overflow(*index.options.expire_after_seconds, int64_t{1000}, &after) ||
      __builtin_sub_overflow(now_ms_, after, &latest)) {
    return absl::OkStatus();
  }
  const Document bounds{{index.fields[0].field, Document{{"$lte", Value::Date(latest)}}}};
  ASSIGN_OR_RETURN(const Filter filter, Filter::Parse(bounds.view()));
  const SortSpec unsorted;
  const std::vector<IndexDefinition> only{index};
  ASSIGN_OR_RETURN(Plan plan, MakePlan({filter, unsorted, only, index.options.name, false}));
  // (As of the beginning of time, when nothing has expired.)
  Walk walk(transaction_, info, filter, std::move(plan), std::numeric_limits<int64_t>::min());
  std::vector<std::string> ids;
  while (ids.size() + result.deleted < kSweepMax) {
    ASSIGN_OR_RETURN(auto found, walk.Next(fiber));
    if (!found) break;
    ids.push_back(std::move(found->id));
  }
  const uint32_t collection = info.id;
  for (const std::string& id : ids) RETURN_IF_ERROR(Expire(fiber, collection, id, result));
  return absl::OkStatus();
}

// (Of what is synced, expired documents are hidden, and the hub deletes them: by its clock.)
absl::Status Executor::Sweep(Fiber& fiber, WriteResult& result) {
  if (applier_.state().sync.scope != nullptr) return absl::OkStatus();
  std::vector<std::pair<uint32_t, std::string>> ids;
  const std::string prefix = BigEndian32(0);
  const std::string end = ExpiryKey(now_ms_ + 1, 0, "");
  const auto iterator = transaction_.NewIterator(Column::kIndex);
  for (iterator->Seek(fiber, prefix); iterator->Valid() && ids.size() < kSweepMax;
       iterator->Next(fiber)) {
    if (iterator->key() >= end) break;
    const std::string_view rest = iterator->key().substr(12);
    ids.emplace_back(static_cast<uint32_t>(FromBigEndian(rest.substr(0, 4))),
                     std::string(rest.substr(4)));
  }
  RETURN_IF_ERROR(iterator->status());
  for (const auto& [collection, id] : ids) RETURN_IF_ERROR(Expire(fiber, collection, id, result));
  const CatalogRef catalog = applier_.catalog();
  for (const auto& [name, info] : catalog->collections) {
    for (const IndexDefinition& index : info->indexes) {
      if (index.state != IndexState::kReady || !index.options.expire_after_seconds) continue;
      RETURN_IF_ERROR(SweepIndex(fiber, *info, index, result));
    }
  }
  return absl::OkStatus();
}

// The name of the operation in the audit trail; empty: it leaves no record.
std::string_view ActionOf(const Operation& operation) {
  switch (operation.kind) {
    case Operation::Kind::kInsert:
      return "insert";
    case Operation::Kind::kUpdate:
      return "update";
    case Operation::Kind::kReplace:
      return "replace";
    case Operation::Kind::kDelete:
      return "delete";
    case Operation::Kind::kPurge:
      return "purge";
    case Operation::Kind::kCreateIndex:
      return "create_index";
    case Operation::Kind::kDropIndex:
      return "drop_index";
    case Operation::Kind::kSetPolicy:
      return "set_policy";
    case Operation::Kind::kSweep:
      return "expire";
    default:
      return "";
  }
}

absl::Status Executor::Audit(Fiber& fiber, const std::vector<Operation>& operations, size_t first,
                             const absl::Status& outcome) {
  if (!options_.audit || operations.empty()) return absl::OkStatus();
  const std::string_view action = operations.size() > 1 ? "batch" : ActionOf(operations[0]);
  const bool changed = mutations_.size() > first;
  if (action.empty() || (outcome.ok() && !changed)) return absl::OkStatus();
  Mutation record;
  record.op = MutationOp::kAudit;
  record.document = DescribeWrite(now_ms_, operations[0].options.actor, action,
                                  operations[0].collection, mutations_, first, outcome)
                        .bytes();
  WriteResult ignored;
  return Apply(fiber, std::move(record), ignored);
}

}  // namespace lockstep::docs
