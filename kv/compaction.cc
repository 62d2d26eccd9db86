#include "kv/compaction.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "kv/key_codec.h"
#include "kv/record.h"

namespace lockstep::kv {
namespace {

using machine::Column;

// What one swept change leaves to remove.
struct Swept final {
  Revision revision;
  std::optional<Revision> previous;
  std::string block;  // the row's key; empty: none
  bool is_tombstone = false;
};

// Reads the changes first: the transaction is not changed under an iterator.
absl::StatusOr<std::vector<Swept>> NextChanges(Fiber& fiber, const machine::StoreView& view,
                                               Revision from, int64_t end) {
  std::vector<Swept> changes;
  auto rows = view.NewIterator(Column::kIndex);
  const std::string stop = RevisionKey({end, 0});
  for (rows->Seek(fiber, RevisionKey(from)); rows->Valid() && rows->key() < stop;
       rows->Next(fiber)) {
    if (changes.size() == kSweepChangesMax) return changes;
    ASSIGN_OR_RETURN(const Revision revision, DecodeRevisionKey(rows->key()));
    ASSIGN_OR_RETURN(const Change change, DecodeChange(rows->value(), revision));
    Swept& swept = changes.emplace_back();
    swept.revision = revision;
    swept.previous = change.previous;
    if (change.block.has_value()) swept.block = HistoryKey(change.key, *change.block);
    swept.is_tombstone = change.is_tombstone;
  }
  RETURN_IF_ERROR(rows->status());
  return changes;
}

}  // namespace

absl::StatusOr<Revision> SweepPosition(Fiber& fiber, const machine::StoreView& view) {
  ASSIGN_OR_RETURN(const auto row, view.Get(fiber, Column::kPrimary, kSweepKey));
  if (!row.has_value()) return Revision{};
  return DecodeRevisionKey(*row);
}

Verdict Compact(machine::StoreTransaction& store, int64_t revision, Head& head) {
  if (revision <= head.compacted) return &kCompacted;
  if (revision > head.revision) return &kFutureRevision;
  head.compacted = revision;
  WriteHead(head, store);
  return nullptr;
}

absl::StatusOr<bool> Sweep(Fiber& fiber, machine::StoreTransaction& store, const Head& head) {
  ASSIGN_OR_RETURN(const Revision from, SweepPosition(fiber, store));
  if (from.main >= head.compacted) return false;
  ASSIGN_OR_RETURN(const auto changes, NextChanges(fiber, store, from, head.compacted));
  for (const Swept& swept : changes) {
    CHECK_LT(swept.revision.main, head.compacted);
    if (swept.previous.has_value()) store.Delete(Column::kIndex, RevisionKey(*swept.previous));
    if (swept.is_tombstone) store.Delete(Column::kIndex, RevisionKey(swept.revision));
    if (!swept.block.empty()) store.Delete(Column::kHistory, swept.block);
  }
  const bool more = changes.size() == kSweepChangesMax;
  Revision position{head.compacted, 0};
  if (more) position = {changes.back().revision.main, changes.back().revision.sub + 1};
  store.Put(Column::kPrimary, kSweepKey, RevisionKey(position));
  return more;
}

}  // namespace lockstep::kv
