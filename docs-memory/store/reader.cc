#include "docs-memory/store/reader.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/index/keys.h"
#include "docs-memory/store/sync_reader.h"
#include "docs-memory/store/text_rows.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

using machine::Column;

constexpr size_t kSortBytesMax = size_t{32} << 20;
constexpr int64_t kReadAheadSkipMax = 1000;

// The last sequence whose revision is not later than that time.
absl::StatusOr<Sequence> SequenceAt(Fiber& fiber, const ReadState& state, int64_t ms) {
  Sequence low = state.state.history_from;  // everything before is known to be earlier
  Sequence high = state.state.sequence + 1;
  const auto iterator = state.view->NewIterator(Column::kHistory);
  while (low < high) {
    const Sequence middle = low + (high - low) / 2;
    iterator->Seek(fiber, OplogKey(middle));
    RETURN_IF_ERROR(iterator->status());
    if (!iterator->Valid() || iterator->key() >= OplogKey(high)) {
      high = middle;
      continue;
    }
    ASSIGN_OR_RETURN(const Mutation mutation, DecodeOplogRow(iterator->value()));
    const Sequence at = FromBigEndian(iterator->key().substr(1));
    if (static_cast<int64_t>(mutation.rev.ms) <= ms) {
      low = at + 1;
    } else {
      high = middle;
    }
  }
  return low - 1;
}

absl::Status CheckFloor(const ReadState& state, Sequence sequence) {
  if (sequence + 1 >= state.state.history_from) return absl::OkStatus();
  return Error(ErrorCode::kHistoryTruncated, "as_of", std::to_string(sequence),
               absl::StrCat("history begins at ", state.state.history_from - 1));
}

absl::Status VersionGone(Sequence sequence) {
  return Error(ErrorCode::kHistoryTruncated, "as_of", std::to_string(sequence),
               "that version of a document is not kept any more");
}

// The last version of a document up to `sequence`, if there is one; where only its mark is left,
// E_HISTORY_TRUNCATED.
absl::StatusOr<std::optional<Sequence>> VersionAt(Fiber& fiber, const ReadState& state,
                                                  uint32_t collection, std::string_view id,
                                                  Sequence sequence) {
  const std::string key = VersionKey(collection, id, sequence + 1);
  const size_t prefix = key.size() - 8;
  const auto iterator = state.view->NewIterator(Column::kHistory);
  const auto is_version = [&] {
    return iterator->Valid() && iterator->key().size() == key.size() &&
           iterator->key().substr(0, prefix) == std::string_view(key).substr(0, prefix);
  };
  iterator->SeekBefore(fiber, key);
  RETURN_IF_ERROR(iterator->status());
  if (is_version()) return std::optional<Sequence>(FromBigEndian(iterator->key().substr(prefix)));
  // Before the oldest that is kept: if that is a mark, there were others before it.
  iterator->Seek(fiber, key);
  RETURN_IF_ERROR(iterator->status());
  if (!is_version()) return std::optional<Sequence>();
  const Sequence oldest = FromBigEndian(iterator->key().substr(prefix));
  ASSIGN_OR_RETURN(const auto row, state.view->Get(fiber, Column::kHistory, OplogKey(oldest)));
  if (!row) return std::optional<Sequence>();
  ASSIGN_OR_RETURN(const Mutation mutation, DecodeOplogRow(*row));
  if (mutation.op == MutationOp::kTrimmed) return VersionGone(sequence);
  return std::optional<Sequence>();
}

// A document as of a sequence, which its current record is newer than.
absl::StatusOr<std::optional<Found>> PastVersion(Fiber& fiber, const ReadState& state,
                                                 uint32_t collection, std::string_view id,
                                                 Sequence sequence) {
  ASSIGN_OR_RETURN(const auto at, VersionAt(fiber, state, collection, id, sequence));
  if (!at) return std::optional<Found>();
  ASSIGN_OR_RETURN(const auto row, state.view->Get(fiber, Column::kHistory, OplogKey(*at)));
  if (!row) return absl::DataLossError(absl::StrCat("documents: sequence ", *at, " has no row"));
  ASSIGN_OR_RETURN(const Mutation mutation, DecodeOplogRow(*row));
  if (mutation.op == MutationOp::kTrimmed) return VersionGone(sequence);
  if (mutation.op != MutationOp::kPut) return std::optional<Found>();
  return std::optional<Found>(
      Found{std::string(id),
            {mutation.rev, *at, mutation.time_ms, mutation.expires_ms, false},
            Document::FromBytes(mutation.document)});
}

std::string Hex16(uint64_t value) { return Revision{0, 0, value}.ToText().substr(18); }

ChangeEvent EventOf(const ReadState& state, Sequence sequence, Mutation mutation) {
  ChangeEvent event;
  event.sequence = sequence;
  event.op = mutation.op;
  if (const CollectionInfo* const info = state.catalog->Find(mutation.collection))
    event.collection = info->name;
  event.id = std::move(mutation.id);
  event.rev = mutation.rev;
  event.base = mutation.base;
  event.time_ms = mutation.time_ms;
  if (mutation.op == MutationOp::kPut)
    event.document = Document::FromBytes(std::move(mutation.document));
  return event;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Cursor>> Cursor::Open(Fiber& fiber, ReadStateRef state,
                                                     std::string_view collection,
                                                     const Document& filter,
                                                     const FindOptions& options, int64_t now_ms) {
  auto cursor = std::unique_ptr<Cursor>(new Cursor());
  ASSIGN_OR_RETURN(cursor->filter_, Filter::Parse(filter.view()));
  ASSIGN_OR_RETURN(cursor->sort_, SortSpec::Parse(options.sort.view()));
  ASSIGN_OR_RETURN(cursor->projection_, Projection::Parse(options.projection.view()));
  if (options.skip < 0 || options.limit < 0) {
    return Error(ErrorCode::kQuery, options.skip < 0 ? "skip" : "limit", "", "may not be negative");
  }
  cursor->info_ = state->catalog->Find(collection);
  cursor->state_ = std::move(state);
  cursor->options_ = options;
  cursor->skip_ = options.skip;
  cursor->left_ = options.limit == 0 ? -1 : options.limit;
  if (cursor->info_ == nullptr) return cursor;
  cursor->by_text_ = cursor->filter_.text() != nullptr;
  if (options.as_of || options.as_of_ms) {
    RETURN_IF_ERROR(BindText(*cursor->info_, cursor->filter_));
    RETURN_IF_ERROR(cursor->OpenPast(fiber, now_ms));
    return cursor;
  }
  ASSIGN_OR_RETURN(Plan plan,
                   PlanFind(fiber, *cursor->state_->view, *cursor->info_, cursor->filter_,
                            cursor->sort_, options.hint, options.no_scan));
  cursor->in_memory_ = !plan.sorted;
  const bool bounded = !cursor->in_memory_ && options.limit > 0 && options.skip < kReadAheadSkipMax;
  cursor->walk_ = std::make_unique<Walk>(
      *cursor->state_->view, *cursor->info_, cursor->filter_, std::move(plan), now_ms,
      bounded ? static_cast<size_t>(options.skip + std::min(options.limit, kReadAheadSkipMax)) : 0);
  if (cursor->in_memory_) RETURN_IF_ERROR(cursor->Fill(fiber));
  return cursor;
}

void Cursor::Keep(Found found, size_t wanted, size_t* bytes) {
  std::string key = SortKeyOf(sort_, found);
  const auto less = [](const auto& a, const auto& b) { return a.first < b.first; };
  if (sorted_.size() == wanted) {
    if (!(key < sorted_.front().first)) return;
    std::pop_heap(sorted_.begin(), sorted_.end(), less);
    *bytes -= sorted_.back().first.size() + sorted_.back().second.document.bytes().size();
    sorted_.pop_back();
  }
  *bytes += key.size() + found.document.bytes().size();
  sorted_.emplace_back(std::move(key), std::move(found));
  std::push_heap(sorted_.begin(), sorted_.end(), less);
}

absl::Status Cursor::Fill(Fiber& fiber) {
  const bool bounded = left_ >= 0 && skip_ < (int64_t{1} << 40) && left_ < (int64_t{1} << 40);
  const size_t wanted = bounded ? static_cast<size_t>(skip_ + left_) : SIZE_MAX;
  size_t bytes = 0;
  for (;;) {
    ASSIGN_OR_RETURN(auto found, walk_->Next(fiber));
    if (!found) break;
    Keep(*std::move(found), wanted, &bytes);
    if (bytes > kSortBytesMax) {
      return Error(ErrorCode::kSortMemory, sort_.empty() ? "" : sort_.fields()[0].field, "",
                   "sorting needs more than 32 MiB; an index on the fields or a limit helps");
    }
  }
  std::sort(sorted_.begin(), sorted_.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  return absl::OkStatus();
}

absl::Status Cursor::OpenPast(Fiber& fiber, int64_t) {
  Sequence sequence = 0;
  if (options_.as_of) {
    sequence = *options_.as_of;
  } else {
    ASSIGN_OR_RETURN(sequence, SequenceAt(fiber, *state_, *options_.as_of_ms));
  }
  RETURN_IF_ERROR(CheckFloor(*state_, sequence));
  past_ = Document{{"stage", Value("history")}, {"as_of", Value(static_cast<int64_t>(sequence))}};
  in_memory_ = true;
  size_t bytes = 0;
  const std::string prefix = BigEndian32(info_->id);
  const auto iterator = state_->view->NewIterator(Column::kPrimary);
  for (iterator->Seek(fiber, prefix); iterator->Valid(); iterator->Next(fiber)) {
    if (iterator->key().substr(0, 4) != prefix) break;
    const std::string id(iterator->key().substr(4));
    ASSIGN_OR_RETURN(const Record record, DecodeRecord(iterator->value()));
    std::optional<Found> found;
    if (record.meta.sequence > sequence) {
      ASSIGN_OR_RETURN(found, PastVersion(fiber, *state_, info_->id, id, sequence));
    } else if (!record.meta.deleted) {
      found = Found{id, record.meta, Document::FromBytes(std::string(record.document))};
    }
    if (found && filter_.Matches(found->document.view())) Keep(*std::move(found), SIZE_MAX, &bytes);
    if (bytes > kSortBytesMax)
      return Error(ErrorCode::kSortMemory, "as_of", "", "the past needs more than 32 MiB");
  }
  std::sort(sorted_.begin(), sorted_.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  return iterator->status();
}

absl::StatusOr<std::optional<Found>> Cursor::Pull(Fiber& fiber) {
  if (!in_memory_) return walk_->Next(fiber);
  if (sorted_.empty()) return std::optional<Found>();
  std::optional<Found> found(std::move(sorted_.back().second));
  sorted_.pop_back();
  return found;
}

StoredDocument Cursor::Shape(Found found) const {
  StoredDocument shaped{
      projection_.keeps_all() ? std::move(found.document) : projection_.Apply(found.document),
      found.meta, found.text_score};
  if (!options_.with_meta) return shaped;
  std::string bytes;
  Writer writer(bytes);
  ElementReader reader(shaped.document.view());
  Element element;
  while (reader.Next(&element)) writer.Append(element);
  writer.AppendString("_rev", found.meta.rev.ToText());
  writer.Append("_updated_at", Value::Date(found.meta.updated_ms));
  writer.AppendString("_source_node", Hex16(found.meta.rev.node));
  if (by_text_) writer.AppendInt64("_score", found.text_score);
  writer.Finish();
  shaped.document = Document::FromBytes(std::move(bytes));
  return shaped;
}

absl::StatusOr<std::optional<StoredDocument>> Cursor::Next(Fiber& fiber) {
  if (info_ == nullptr) return std::optional<StoredDocument>();
  for (; left_ != 0; --skip_) {
    ASSIGN_OR_RETURN(auto found, Pull(fiber));
    if (!found) {
      left_ = 0;
      break;
    }
    if (skip_ > 0) continue;
    if (left_ > 0) --left_;
    return std::optional<StoredDocument>(Shape(*std::move(found)));
  }
  return std::optional<StoredDocument>();
}

Document Cursor::Explain() const {
  const WalkStats stats = walk_ == nullptr ? WalkStats() : walk_->stats();
  const Document took{{"keys_examined", Value(static_cast<int64_t>(stats.keys_examined))},
                      {"docs_examined", Value(static_cast<int64_t>(stats.documents_examined))}};
  Document plan{{"stage", Value("nothing")}};
  if (info_ != nullptr) plan = past_;
  if (walk_ != nullptr) plan = docs::Explain(walk_->plan(), !filter_.empty(), !sort_.empty());
  return Document{{"plan", plan}, {"stats", took}};
}

absl::StatusOr<std::optional<StoredDocument>> ReadById(Fiber& fiber, const ReadState& state,
                                                       std::string_view collection, ValueRef id,
                                                       int64_t now_ms) {
  const CollectionInfo* const info = state.catalog->Find(collection);
  if (info == nullptr) return std::optional<StoredDocument>();
  ASSIGN_OR_RETURN(auto found, GetDocument(fiber, *state.view, *info, KeyOf(id), now_ms));
  if (!found) return std::optional<StoredDocument>();
  return std::optional<StoredDocument>(StoredDocument{std::move(found->document), found->meta});
}

absl::StatusOr<uint64_t> CountDocuments(Fiber& fiber, ReadStateRef state,
                                        std::string_view collection, const Document& filter,
                                        int64_t now_ms) {
  ASSIGN_OR_RETURN(const auto cursor,
                   Cursor::Open(fiber, std::move(state), collection, filter, {}, now_ms));
  for (uint64_t count = 0;; ++count) {
    ASSIGN_OR_RETURN(const auto found, cursor->Next(fiber));
    if (!found) return count;
  }
}

absl::StatusOr<std::vector<Value>> DistinctValues(Fiber& fiber, ReadStateRef state,
                                                  std::string_view collection,
                                                  std::string_view field, const Document& filter,
                                                  int64_t now_ms) {
  ASSIGN_OR_RETURN(const Path path, ParsePath(field));
  ASSIGN_OR_RETURN(const auto cursor,
                   Cursor::Open(fiber, std::move(state), collection, filter, {}, now_ms));
  std::map<std::string, Value> values;
  for (;;) {
    ASSIGN_OR_RETURN(const auto found, cursor->Next(fiber));
    if (!found) break;
    VisitPath(found->document.view(), path, [&](const ValueRef* value) {
      if (value == nullptr) return false;
      if (!value->is(Type::kArray)) {
        values.emplace(KeyOf(*value), *value);
        return false;
      }
      ElementReader reader(*value);
      Element element;
      while (reader.Next(&element)) values.emplace(KeyOf(element.value), element.value);
      return false;
    });
  }
  std::vector<Value> all;
  for (auto& [key, value] : values) all.push_back(std::move(value));
  return all;
}

absl::StatusOr<std::optional<ChangeEvent>> NextChange(Fiber& fiber, const ReadState& state,
                                                      std::string_view collection,
                                                      Sequence* after) {
  RETURN_IF_ERROR(CheckFloor(state, *after));
  while (*after < state.state.sequence) {
    ASSIGN_OR_RETURN(const auto row,
                     state.view->Get(fiber, Column::kHistory, OplogKey(*after + 1)));
    ++*after;
    if (!row)
      return absl::DataLossError(absl::StrCat("documents: sequence ", *after, " has no row"));
    ASSIGN_OR_RETURN(Mutation mutation, DecodeOplogRow(*row));
    if (!mutation.of_document()) continue;
    ChangeEvent event = EventOf(state, *after, std::move(mutation));
    if (!collection.empty() && event.collection != collection) continue;
    return std::optional<ChangeEvent>(std::move(event));
  }
  return std::optional<ChangeEvent>();
}

absl::StatusOr<std::vector<ChangeEvent>> HistoryOf(Fiber& fiber, const ReadState& state,
                                                   std::string_view collection, ValueRef id) {
  std::vector<ChangeEvent> all;
  const CollectionInfo* const info = state.catalog->Find(collection);
  if (info == nullptr) return all;
  const std::string prefix = VersionPrefix(info->id) + KeyOf(id);
  const auto iterator = state.view->NewIterator(Column::kHistory);
  for (iterator->Seek(fiber, prefix); iterator->Valid(); iterator->Next(fiber)) {
    if (iterator->key().substr(0, prefix.size()) != prefix) break;
    const Sequence sequence = FromBigEndian(iterator->key().substr(prefix.size()));
    ASSIGN_OR_RETURN(const auto row, state.view->Get(fiber, Column::kHistory, OplogKey(sequence)));
    if (!row)
      return absl::DataLossError(absl::StrCat("documents: sequence ", sequence, " has no row"));
    ASSIGN_OR_RETURN(Mutation mutation, DecodeOplogRow(*row));
    if (mutation.op == MutationOp::kTrimmed) continue;
    all.push_back(EventOf(state, sequence, std::move(mutation)));
  }
  RETURN_IF_ERROR(iterator->status());
  return all;
}

namespace {

// Calls `visit` with every document of the collection and the key of its id.
absl::Status ForEachDocument(
    Fiber& fiber, const ReadState& state, uint32_t collection,
    absl::FunctionRef<absl::Status(std::string_view, std::string_view)> visit) {
  const std::string prefix = BigEndian32(collection);
  const auto documents = state.view->NewIterator(Column::kPrimary);
  for (documents->Seek(fiber, prefix); documents->Valid(); documents->Next(fiber)) {
    if (documents->key().substr(0, 4) != prefix) break;
    ASSIGN_OR_RETURN(const Record record, DecodeRecord(documents->value()));
    if (record.meta.deleted) continue;
    RETURN_IF_ERROR(visit(documents->key().substr(4), record.document));
  }
  return documents->status();
}

// Counts rows, and tells somebody.
class Looked final {
 public:
  explicit Looked(const std::function<void(uint64_t)>& tell) : tell_(tell) {}
  void One() {
    if (++rows_ % kRowsPerTelling == 0 && tell_) tell_(rows_);
  }

 private:
  static constexpr uint64_t kRowsPerTelling = 1000;
  const std::function<void(uint64_t)>& tell_;
  uint64_t rows_ = 0;
};

absl::Status VerifyText(Fiber& fiber, const ReadState& state, const CollectionInfo& info,
                        const IndexDefinition& index, Looked& looked) {
  TextRowsExpected expected(index);
  RETURN_IF_ERROR(
      ForEachDocument(fiber, state, info.id, [&](std::string_view id, std::string_view document) {
        looked.One();
        expected.Add(id, document);
        return absl::OkStatus();
      }));
  std::map<std::string, std::string> rows = expected.Rows();
  const std::string prefix = IndexPrefix(index.id);
  const auto entries = state.view->NewIterator(Column::kIndex);
  for (entries->Seek(fiber, prefix); entries->Valid(); entries->Next(fiber)) {
    if (entries->key().substr(0, 4) != prefix) break;
    const auto wanted = rows.find(std::string(entries->key().substr(4)));
    if (wanted == rows.end() || wanted->second != entries->value()) {
      return absl::DataLossError(
          absl::StrCat("index ", index.options.name, ": a row is not what the documents say"));
    }
    rows.erase(wanted);
  }
  RETURN_IF_ERROR(entries->status());
  if (rows.empty()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("index ", index.options.name, ": ", rows.size(), " rows are missing"));
}

absl::Status VerifyIndex(Fiber& fiber, const ReadState& state, const CollectionInfo& info,
                         const IndexDefinition& index, Looked& looked) {
  if (index.is_text) return VerifyText(fiber, state, info, index, looked);
  std::vector<std::string> wanted;
  RETURN_IF_ERROR(ForEachDocument(
      fiber, state, info.id, [&](std::string_view id, std::string_view document) -> absl::Status {
        looked.One();
        // (What no index can take may have been pulled.)
        const auto keys = KeysOf(index, document);
        for (const std::string& key : keys.ok() ? keys->keys : std::vector<std::string>())
          wanted.push_back(EntryOf(index, key, id));
        return absl::OkStatus();
      }));
  std::sort(wanted.begin(), wanted.end());
  size_t met = 0;
  const std::string prefix = IndexPrefix(index.id);
  const auto entries = state.view->NewIterator(Column::kIndex);
  for (entries->Seek(fiber, prefix); entries->Valid(); entries->Next(fiber), ++met) {
    if (entries->key().substr(0, 4) != prefix) break;
    if (met < wanted.size() && entries->key().substr(4) == wanted[met]) continue;
    return absl::DataLossError(absl::StrCat("index ", index.options.name, ": entry ", met,
                                            " is not what the documents say"));
  }
  RETURN_IF_ERROR(entries->status());
  if (met == wanted.size()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("index ", index.options.name, ": ", wanted.size() - met,
                                          " entries are missing"));
}

}  // namespace

absl::Status VerifyStore(Fiber& fiber, const ReadState& state,
                         const std::function<void(uint64_t)>& progress) {
  Looked looked(progress);
  for (const auto& [name, info] : state.catalog->collections) {
    for (const IndexDefinition& index : info->indexes) {
      if (index.state == IndexState::kReady)
        RETURN_IF_ERROR(VerifyIndex(fiber, state, *info, index, looked));
    }
  }
  RETURN_IF_ERROR(VerifyAudit(fiber, *state.view));
  Revision last;
  for (Sequence sequence = state.state.history_from; sequence <= state.state.sequence; ++sequence) {
    looked.One();
    ASSIGN_OR_RETURN(const auto row, state.view->Get(fiber, Column::kHistory, OplogKey(sequence)));
    if (!row) return absl::DataLossError(absl::StrCat("oplog: sequence ", sequence, " has no row"));
    ASSIGN_OR_RETURN(const Mutation mutation, DecodeOplogRow(*row));
    if (mutation.is_remote) continue;
    if (mutation.op == MutationOp::kSyncRestamp) last = Revision();
    if (!(last < mutation.rev) || mutation.rev <= mutation.base) {
      return absl::DataLossError(absl::StrCat("oplog: revision ", mutation.rev.ToText(),
                                              " of sequence ", sequence, " does not rise"));
    }
    last = mutation.rev;
  }
  return VerifySync(fiber, state);
}

}  // namespace lockstep::docs
