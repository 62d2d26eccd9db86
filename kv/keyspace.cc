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
  std::string_view record() const { return rows_->value(); }
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
  std::string_view record() const { return rows_->value(); }
  absl::Status status() const { return decoded_.ok() ? rows_->status() : decoded_; }

  // Moves to the key's newest row of a main revision <= `revision`. False, and the cursor stands
  // on a later key or at the end, if it has none.
  bool SeekVersion(Fiber& fiber, std::string_view key, int64_t revision) {
    rows_->Seek(fiber, HistoryKey(key, {revision, kSubRevisionMax}));
    decoded_ = Decode();
    return at_.has_value() && at_->key == key;
  }
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

// Visits the key's version of `revision` if the history has it. True: go on.
absl::StatusOr<bool> VisitOld(Fiber& fiber, HistoryCursor& history, const std::string& key,
                              int64_t revision, VersionVisitor visitor) {
  if (!history.SeekVersion(fiber, key, revision)) return true;
  ASSIGN_OR_RETURN(const Record record, DecodeRecord(history.record()));
  if (record.mod.main > revision) return absl::DataLossError("a version under another's revision");
  if (record.is_tombstone) return true;
  return visitor(key, history.record());
}

}  // namespace

absl::StatusOr<std::optional<std::string>> GetNewest(Fiber& fiber, const machine::StoreView& view,
                                                     std::string_view key) {
  return view.Get(fiber, Column::kPrimary, PrimaryKey(key));
}

absl::Status VisitNewest(Fiber& fiber, const machine::StoreView& view, const KeyRange& range,
                         VersionVisitor visitor) {
  if (range.is_point()) {
    ASSIGN_OR_RETURN(const auto record, GetNewest(fiber, view, range.begin()));
    return record.has_value() ? visitor(range.begin(), *record).status() : absl::OkStatus();
  }
  NewestCursor newest(fiber, view, range);
  for (; newest.Valid(); newest.Next(fiber)) {
    ASSIGN_OR_RETURN(const bool more, visitor(newest.key(), newest.record()));
    if (!more) return absl::OkStatus();
  }
  return newest.status();
}

// Walks both columns in step. A key's version at the revision is its row in kPrimary if that is
// old enough, else the newest row in kHistory that is.
absl::Status VisitAt(Fiber& fiber, const machine::StoreView& view, const KeyRange& range,
                     int64_t revision, VersionVisitor visitor) {
  if (revision < 0) return absl::OkStatus();  // before everything
  NewestCursor newest(fiber, view, range);
  HistoryCursor history(fiber, view, range);
  while (newest.Valid() || history.Valid()) {
    const bool in_newest =
        newest.Valid() && (!history.Valid() || newest.key() <= std::string_view(history.key()));
    const std::string key = in_newest ? std::string(newest.key()) : history.key();
    bool is_newest = false;
    bool more = true;
    if (in_newest) {
      ASSIGN_OR_RETURN(const Record record, DecodeRecord(newest.record()));
      is_newest = record.mod.main <= revision;
    }
    if (is_newest) {
      ASSIGN_OR_RETURN(more, visitor(key, newest.record()));
    } else if (history.Valid() && history.key() == key) {
      ASSIGN_OR_RETURN(more, VisitOld(fiber, history, key, revision, visitor));
    }
    if (!more) return absl::OkStatus();
    history.SkipKey(fiber, key);
    if (in_newest) newest.Next(fiber);
  }
  RETURN_IF_ERROR(newest.status());
  return history.status();
}

}  // namespace lockstep::kv
