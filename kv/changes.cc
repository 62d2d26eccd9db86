#include "kv/changes.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "kv/keyspace.h"
#include "kv/marks.h"
#include "kv/mutants.h"

namespace lockstep::kv {
namespace {

using machine::Column;

// Keys deleted between two looks at the range, so that a large range needs little memory.
constexpr size_t kDeleteChunk = 256;

struct FoundKey final {
  std::string key;
  std::string newest;  // encoded
};

// The version that a key that does not exist had last; for a planted bug.
absl::StatusOr<int64_t> DeletedVersion(Fiber& fiber, const machine::StoreView& view,
                                       std::string_view key) {
  auto rows = view.NewIterator(Column::kHistory);
  rows->Seek(fiber, HistoryPrefix(key));
  if (!rows->Valid()) return 0;
  ASSIGN_OR_RETURN(const HistoryPlace place, DecodeHistoryKey(rows->key()));
  if (place.key != key) return 0;
  ASSIGN_OR_RETURN(const Revisions block, DecodeBlock(rows->value()));
  // The newest is the tombstone.
  ASSIGN_OR_RETURN(const auto row, view.Get(fiber, Column::kIndex, RevisionKey(block.at(1))));
  if (!row.has_value()) return 0;
  ASSIGN_OR_RETURN(const Change change, DecodeChange(*row, block.at(1)));
  return change.record.version;
}

}  // namespace

Revision Changes::NextRevision() {
  if (count_ == 0) head_.revision = base_revision_ + 1;
  CHECK_EQ(head_.revision, base_revision_ + 1);
  const Revision revision{head_.revision, count_++};
  if (count_ == 1) WriteHead(head_, store_);
  return revision;
}

absl::StatusOr<Revision> Changes::StoreBlock(std::string_view key, Revision newest,
                                             std::string_view older) {
  ASSIGN_OR_RETURN(const Revisions revisions, DecodeOlder(newest, older));
  CHECK(!revisions.empty());
  const Revision oldest = revisions.back();
  store_.Put(Column::kHistory, HistoryKey(key, oldest), EncodeBlock(newest, older));
  return oldest;
}

absl::StatusOr<std::optional<Newest>> Changes::ReadNewest(Fiber& fiber, std::string_view key,
                                                          const NewValue& value, std::string& row) {
  if (!value.keep_value && !value.tell_previous) {
    if (const Newest* known = recent_.Find(key)) return std::optional<Newest>(*known);
  }
  ASSIGN_OR_RETURN(auto encoded, store_.Get(fiber, Column::kPrimary, PrimaryKey(key)));
  if (!encoded.has_value()) return std::optional<Newest>();
  row = *std::move(encoded);
  ASSIGN_OR_RETURN(const Newest newest, DecodeNewest(row));
  return std::optional<Newest>(newest);
}

absl::Status Changes::Put(Fiber& fiber, std::string_view key, const NewValue& value,
                          OnPrevious on_previous) {
  std::string row;
  ASSIGN_OR_RETURN(const auto previous, ReadNewest(fiber, key, value, row));
  if (previous.has_value() && value.tell_previous) {
    RETURN_IF_ERROR(on_previous(key, previous->record));
  }
  int64_t version = previous.has_value() ? previous->record.version : 0;
  if (!previous.has_value() && mutant::Enabled(mutant::kM73DeleteKeepsVersion)) {
    ASSIGN_OR_RETURN(version, DeletedVersion(fiber, store_, key));
  }

  Record record;
  record.mod = NextRevision();
  record.create = previous.has_value() ? previous->record.create : record.mod.main;
  record.version = version + 1;
  record.value = value.value;
  record.lease = value.lease;
  Change change;
  change.key = key;
  Newest newest;
  std::string older;
  if (previous.has_value()) {
    const Record& replaced = previous->record;
    if (value.keep_value) record.value = replaced.value;
    if (value.keep_lease) record.lease = replaced.lease;
    change.previous = replaced.mod;
    if (previous->older_count + 1 < kOlderMax) {
      older = PrependOlder(record.mod, replaced.mod, previous->older);
      newest.older = older;
      newest.older_count = previous->older_count + 1;
    } else if (!mutant::Enabled(mutant::kM76OlderVersionsForgotten)) {
      marks::Reach(kMarkOlderMoved);
      ASSIGN_OR_RETURN(change.block, StoreBlock(key, replaced.mod, previous->older));
    }
  }
  newest.record = record;
  change.record = record;
  store_.Put(Column::kPrimary, PrimaryKey(key), EncodeNewest(newest));
  store_.Put(Column::kIndex, RevisionKey(record.mod), EncodeChange(change, record.mod));
  recent_.Put(key, newest);
  return absl::OkStatus();
}

absl::Status Changes::DeleteOne(std::string_view key, const Newest& previous) {
  const Revision at = NextRevision();
  Change change;
  change.is_tombstone = true;
  change.previous = previous.record.mod;
  change.key = key;
  ASSIGN_OR_RETURN(change.block,
                   StoreBlock(key, at, PrependOlder(at, previous.record.mod, previous.older)));
  store_.Delete(Column::kPrimary, PrimaryKey(key));
  recent_.Erase(key);
  store_.Put(Column::kIndex, RevisionKey(at), EncodeChange(change, at));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Changes::Delete(Fiber& fiber, const KeyRange& range,
                                        OnPrevious on_previous) {
  int64_t deleted = 0;
  std::vector<FoundKey> found;
  do {
    // Keys that were deleted are gone from the transaction, so each look begins anew.
    found.clear();
    RETURN_IF_ERROR(
        VisitNewestRows(fiber, store_, range,
                        [&](std::string_view key, std::string_view row) -> absl::StatusOr<bool> {
                          found.push_back({std::string(key), std::string(row)});
                          return found.size() < kDeleteChunk;
                        }));
    for (const FoundKey& one : found) {
      ASSIGN_OR_RETURN(const Newest previous, DecodeNewest(one.newest));
      RETURN_IF_ERROR(on_previous(one.key, previous.record));
      RETURN_IF_ERROR(DeleteOne(one.key, previous));
      ++deleted;
    }
  } while (found.size() == kDeleteChunk);
  marks::Sometimes(deleted > 1, kMarkSeveralDeleted);
  return deleted;
}

}  // namespace lockstep::kv
