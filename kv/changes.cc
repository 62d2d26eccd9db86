#include "kv/changes.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framework/base/check.h"
#include "framework/base/mutant.h"
#include "framework/base/status_macros.h"
#include "kv/keyspace.h"

namespace lockstep::kv {
namespace {

using machine::Column;

// Keys deleted between two looks at the range, so that a large range needs little memory.
constexpr size_t kDeleteChunk = 256;

struct FoundKey final {
  std::string key;
  std::string record;
};

// The version that a key that does not exist had last; for a planted bug.
absl::StatusOr<int64_t> DeletedVersion(Fiber& fiber, const machine::StoreView& view,
                                       std::string_view key) {
  auto rows = view.NewIterator(Column::kHistory);
  for (rows->Seek(fiber, HistoryPrefix(key)); rows->Valid(); rows->Next(fiber)) {
    ASSIGN_OR_RETURN(const HistoryPlace place, DecodeHistoryKey(rows->key()));
    if (place.key != key) break;
    ASSIGN_OR_RETURN(const Record record, DecodeRecord(rows->value()));
    if (!record.is_tombstone) return record.version;
  }
  return 0;
}

}  // namespace

Revision Changes::NextRevision() {
  if (count_ == 0) head_.revision = base_revision_ + 1;
  CHECK_EQ(head_.revision, base_revision_ + 1);
  const Revision revision{head_.revision, count_++};
  if (count_ == 1) WriteHead(head_, store_);
  return revision;
}

void Changes::Retire(std::string_view key, Revision mod, std::string_view record) {
  store_.Put(Column::kHistory, HistoryKey(key, mod), record);
}

absl::Status Changes::Put(Fiber& fiber, std::string_view key, const NewValue& value,
                          OnPrevious on_previous) {
  const std::string row = PrimaryKey(key);
  ASSIGN_OR_RETURN(const auto encoded, store_.Get(fiber, Column::kPrimary, row));
  std::optional<Record> previous;
  if (encoded.has_value()) {
    ASSIGN_OR_RETURN(previous, DecodeRecord(*encoded));
    RETURN_IF_ERROR(on_previous(key, *previous));
  }
  int64_t version = previous.has_value() ? previous->version : 0;
  if (!previous.has_value() && mutant::Enabled(mutant::Id::kM73DeleteKeepsVersion)) {
    ASSIGN_OR_RETURN(version, DeletedVersion(fiber, store_, key));
  }

  Record record;
  record.mod = NextRevision();
  record.create = previous.has_value() ? previous->create : record.mod.main;
  record.version = version + 1;
  record.value = value.value;
  record.lease = value.lease;
  if (previous.has_value()) {
    if (value.keep_value) record.value = previous->value;
    if (value.keep_lease) record.lease = previous->lease;
    Retire(key, previous->mod, *encoded);
  }
  store_.Put(Column::kPrimary, row, EncodeRecord(record));
  Change change;
  change.key = key;
  if (previous.has_value()) change.previous = previous->mod;
  store_.Put(Column::kIndex, RevisionKey(record.mod), EncodeChange(change, record.mod));
  return absl::OkStatus();
}

void Changes::DeleteOne(std::string_view key, const Record& previous, std::string_view encoded) {
  Record tombstone;
  tombstone.is_tombstone = true;
  tombstone.mod = NextRevision();
  Retire(key, previous.mod, encoded);
  Retire(key, tombstone.mod, EncodeRecord(tombstone));
  store_.Delete(Column::kPrimary, PrimaryKey(key));
  const Change change{.is_tombstone = true, .previous = previous.mod, .key = key};
  store_.Put(Column::kIndex, RevisionKey(tombstone.mod), EncodeChange(change, tombstone.mod));
}

absl::StatusOr<int64_t> Changes::Delete(Fiber& fiber, const KeyRange& range,
                                        OnPrevious on_previous) {
  int64_t deleted = 0;
  std::vector<FoundKey> found;
  do {
    // Keys that were deleted are gone from the transaction, so each look begins anew.
    found.clear();
    RETURN_IF_ERROR(
        VisitNewest(fiber, store_, range,
                    [&](std::string_view key, std::string_view record) -> absl::StatusOr<bool> {
                      found.push_back({std::string(key), std::string(record)});
                      return found.size() < kDeleteChunk;
                    }));
    for (const FoundKey& one : found) {
      ASSIGN_OR_RETURN(const Record previous, DecodeRecord(one.record));
      RETURN_IF_ERROR(on_previous(one.key, previous));
      DeleteOne(one.key, previous, one.record);
      ++deleted;
    }
  } while (found.size() == kDeleteChunk);
  return deleted;
}

}  // namespace lockstep::kv
