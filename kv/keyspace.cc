#include "kv/keyspace.h"

#include <memory>
#include <utility>

#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::kv {
namespace {

using machine::Column;

// The rows of kPrimary in a range.
class NewestCursor final {
 public:
  NewestCursor(Fiber& fiber, const machine::StoreView& view, const KeyRange& range)
      : range_(range), rows_(view.NewIterator(Column::kPrimary)) {
    rows_->Seek(fiber, PrimaryKey(range.begin()));
  }

  bool Valid() const {
    return rows_->Valid() && rows_->key().front() == kUserKeyPrefix && range_.EndsAfter(key());
  }
  std::string_view key() const { return rows_->key().substr(1); }
  std::string_view row() const { return rows_->value(); }
  void Next(Fiber& fiber) { rows_->Next(fiber); }
  absl::Status status() const { return rows_->status(); }

 private:
  KeyRange range_;
  std::unique_ptr<machine::Iterator> rows_;
};

// The keys of a range that have rows in kHistory.
class HistoryCursor final {
 public:
  HistoryCursor(Fiber& fiber, const machine::StoreView& view, const KeyRange& range)
      : range_(range), rows_(view.NewIterator(Column::kHistory)) {
    rows_->Seek(fiber, HistoryPrefix(range.begin()));
    decoded_ = Decode();
  }

  bool Valid() const { return at_.has_value() && range_.EndsAfter(at_->key); }
  const std::string& key() const { return at_->key; }
  absl::Status status() const { return decoded_.ok() ? rows_->status() : decoded_; }

  // Moves to the key's block that names its version of `revision`: the one with the newest oldest
  // revision that is old enough. False, and the cursor stands on a later key or at the end, if it
  // has none.
  bool SeekBlock(Fiber& fiber, std::string_view key, int64_t revision) {
    rows_->Seek(fiber, HistoryKey(key, {revision, kSubRevisionMax}));
    decoded_ = Decode();
    return at_.has_value() && at_->key == key;
  }
  std::string_view block() const { return rows_->value(); }
  // Moves past all rows of the key.
  void SkipKey(Fiber& fiber, std::string_view key) {
    if (!at_.has_value() || at_->key != key) return;
    rows_->Seek(fiber, HistoryKey(key, {0, 0}));  // revision 0 never existed
    decoded_ = Decode();
  }

 private:
  absl::Status Decode() {
    at_.reset();
    if (!rows_->Valid()) return rows_->status();
    ASSIGN_OR_RETURN(at_, DecodeHistoryKey(rows_->key()));
    return absl::OkStatus();
  }

  KeyRange range_;
  std::unique_ptr<machine::Iterator> rows_;
  std::optional<HistoryPlace> at_;
  absl::Status decoded_;
};

// The first of them that is not after `revision`.
std::optional<Revision> NewestUpTo(const Revisions& newest_first, int64_t revision) {
  for (const Revision& one : newest_first) {
    if (one.main <= revision) return one;
  }
  return std::nullopt;
}

// One key at one revision: where its version is, and the visit.
class OldVersion final {
 public:
  OldVersion(const machine::StoreView& view, int64_t revision, VersionVisitor visitor)
      : view_(view), revision_(revision), visitor_(visitor) {}

  // `row`: the key's in kPrimary, if it has one. True: go on with the next key.
  absl::StatusOr<bool> Visit(Fiber& fiber, const std::string& key,
                             std::optional<std::string_view> row, HistoryCursor& history) const {
    if (row.has_value()) {
      ASSIGN_OR_RETURN(const Newest newest, DecodeNewest(*row));
      if (newest.record.mod.main <= revision_) return visitor_(key, newest.record);
      ASSIGN_OR_RETURN(const Revisions older, DecodeOlder(newest.record.mod, newest.older));
      if (const auto at = NewestUpTo(older, revision_)) return VisitChange(fiber, key, *at);
    }
    if (!history.Valid() || history.key() != key) return true;
    if (!history.SeekBlock(fiber, key, revision_)) return true;
    ASSIGN_OR_RETURN(const Revisions block, DecodeBlock(history.block()));
    const auto at = NewestUpTo(block, revision_);
    if (!at.has_value()) return absl::DataLossError("a block of revisions in the wrong place");
    return VisitChange(fiber, key, *at);
  }

 private:
  absl::StatusOr<bool> VisitChange(Fiber& fiber, const std::string& key, Revision at) const {
    ASSIGN_OR_RETURN(const auto row, view_.Get(fiber, Column::kIndex, RevisionKey(at)));
    if (!row.has_value()) return absl::DataLossError("a version of a key is missing");
    ASSIGN_OR_RETURN(const Change change, DecodeChange(*row, at));
    if (change.key != key) return absl::DataLossError("a version under another key's revision");
    if (change.is_tombstone) return true;
    return visitor_(key, change.record);
  }

  const machine::StoreView& view_;
  int64_t revision_;
  VersionVisitor visitor_;
};

}  // namespace

absl::StatusOr<std::optional<std::string>> GetNewestRow(Fiber& fiber,
                                                        const machine::StoreView& view,
                                                        std::string_view key) {
  return view.Get(fiber, Column::kPrimary, PrimaryKey(key));
}

absl::Status VisitNewestRows(Fiber& fiber, const machine::StoreView& view, const KeyRange& range,
                             RowVisitor visitor) {
  if (range.is_point()) {
    ASSIGN_OR_RETURN(const auto row, GetNewestRow(fiber, view, range.begin()));
    return row.has_value() ? visitor(range.begin(), *row).status() : absl::OkStatus();
  }
  NewestCursor newest(fiber, view, range);
  for (; newest.Valid(); newest.Next(fiber)) {
    ASSIGN_OR_RETURN(const bool more, visitor(newest.key(), newest.row()));
    if (!more) return absl::OkStatus();
  }
  return newest.status();
}

absl::Status VisitNewest(Fiber& fiber, const machine::StoreView& view, const KeyRange& range,
                         VersionVisitor visitor) {
  return VisitNewestRows(fiber, view, range,
                         [&](std::string_view key, std::string_view row) -> absl::StatusOr<bool> {
                           ASSIGN_OR_RETURN(const Newest newest, DecodeNewest(row));
                           return visitor(key, newest.record);
                         });
}

// Walks both columns in step: a key that does not exist any more has blocks only.
absl::Status VisitAt(Fiber& fiber, const machine::StoreView& view, const KeyRange& range,
                     int64_t revision, VersionVisitor visitor) {
  if (revision < 0) return absl::OkStatus();  // before everything
  NewestCursor newest(fiber, view, range);
  HistoryCursor history(fiber, view, range);
  const OldVersion old(view, revision, visitor);
  while (newest.Valid() || history.Valid()) {
    const bool in_newest =
        newest.Valid() && (!history.Valid() || newest.key() <= std::string_view(history.key()));
    const std::string key = in_newest ? std::string(newest.key()) : history.key();
    std::optional<std::string_view> row;
    if (in_newest) row = newest.row();
    ASSIGN_OR_RETURN(const bool more, old.Visit(fiber, key, row, history));
    if (!more) return absl::OkStatus();
    history.SkipKey(fiber, key);
    if (in_newest) newest.Next(fiber);
  }
  RETURN_IF_ERROR(newest.status());
  return history.status();
}

}  // namespace lockstep::kv
