#include "docs-memory/store/walk.h"

#include <algorithm>
#include <utility>

#include "docs-memory/bson/compare.h"
#include "docs-memory/index/keys.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {

using machine::Column;

int64_t ExpiryOf(const CollectionInfo& info, const Record& record) {
  int64_t expiry = record.meta.expires_ms;
  for (const IndexDefinition& index : info.indexes) {
    const auto by_index = ExpiryOf(index, record.document);
    if (by_index && (expiry == 0 || *by_index < expiry)) expiry = *by_index;
  }
  return expiry;
}

std::string SortKeyOf(const SortSpec& sort, const Found& found) {
  std::string id = found.id;
  if (!sort.empty() && !sort.fields().back().ascending) Invert(id, 0);
  return sort.KeyOf(found.document.view(), id);
}

namespace {

// Documents that are read at a time; growing, while they are small.
constexpr size_t kAheadMin = 4;
constexpr size_t kAheadMax = 64;
constexpr size_t kAheadBytes = size_t{256} << 10;

bool Visible(const CollectionInfo& info, const Record& record, int64_t now_ms) {
  if (record.meta.deleted) return false;
  const int64_t expiry = ExpiryOf(info, record);
  return expiry == 0 || now_ms < expiry;
}

}  // namespace

absl::StatusOr<std::optional<Found>> GetDocument(Fiber& fiber, const machine::StoreView& view,
                                                 const CollectionInfo& info, std::string_view id,
                                                 int64_t now_ms) {
  ASSIGN_OR_RETURN(auto row, view.Get(fiber, Column::kPrimary, DocumentKey(info.id, id)));
  if (!row) return std::optional<Found>();
  ASSIGN_OR_RETURN(const Record record, DecodeRecord(*row));
  if (!Visible(info, record, now_ms)) return std::optional<Found>();
  // The row itself becomes the document.
  row->erase(0, row->size() - record.document.size());
  return std::optional<Found>(
      Found{std::string(id), record.meta, Document::FromBytes(*std::move(row))});
}

Walk::Walk(const machine::StoreView& view, const CollectionInfo& info, const Filter& filter,
           Plan plan, int64_t now_ms, size_t wanted)
    : view_(view),
      info_(info),
      filter_(filter),
      plan_(std::move(plan)),
      now_ms_(now_ms),
      chunk_(wanted == 0 ? kAheadMin : std::min(wanted, kAheadMax)) {}

bool Walk::EnterRange(Fiber& fiber, const IndexScan& scan) {
  if (range_ == scan.ranges.size()) return false;
  const size_t at = scan.reverse ? scan.ranges.size() - 1 - range_ : range_;
  const KeyRange& range = scan.ranges[at];
  ++range_;
  prefix_ = scan.index == nullptr ? BigEndian32(info_.id) : IndexPrefix(scan.index->id);
  if (iterator_ == nullptr) {
    iterator_ = view_.NewIterator(scan.index == nullptr ? Column::kPrimary : Column::kIndex);
  }
  const std::string begin = prefix_ + range.begin;
  const std::string end = range.end.empty() ? KeyAfterPrefix(prefix_) : prefix_ + range.end;
  end_ = scan.reverse ? begin : end;
  if (scan.reverse) {
    iterator_->SeekBefore(fiber, end);
  } else {
    iterator_->Seek(fiber, begin);
  }
  return true;
}

bool Walk::Advance(Fiber& fiber) {
  bool entered = iterator_ != nullptr && range_ > 0;
  if (entered && iterator_->Valid()) {
    plan_.scans[scan_].reverse ? iterator_->Previous(fiber) : iterator_->Next(fiber);
  }
  for (;;) {
    if (entered) {
      if (!iterator_->status().ok()) return false;
      const bool reverse = plan_.scans[scan_].reverse;
      if (iterator_->Valid() && (reverse ? iterator_->key() >= end_ : iterator_->key() < end_))
        return true;
    }
    if (scan_ == plan_.scans.size()) return false;
    entered = EnterRange(fiber, plan_.scans[scan_]);
    if (entered) continue;
    if (++scan_ == plan_.scans.size()) return false;
    range_ = 0;
    iterator_.reset();
    if (plan_.scans[scan_].points) return true;
  }
}

absl::StatusOr<bool> Walk::Take(std::string_view id, std::string_view row, std::string* whole,
                                Found* found) {
  ++stats_.documents_examined;
  ASSIGN_OR_RETURN(const Record record, DecodeRecord(row));
  if (!Visible(info_, record, now_ms_)) return false;
  if (!filter_.empty() && !filter_.Matches(record.document)) return false;
  if (plan_.may_repeat && !met_.emplace(id).second) return false;
  found->id = id;
  found->meta = record.meta;
  if (whole == nullptr) {
    found->document = Document::FromBytes(std::string(record.document));
  } else {
    whole->erase(0, whole->size() - record.document.size());
    found->document = Document::FromBytes(std::move(*whole));
  }
  return true;
}

absl::Status Walk::ReadRows(Fiber& fiber) {
  std::vector<std::string> keys;
  keys.reserve(ahead_.ids.size());
  for (const std::string& id : ahead_.ids) keys.push_back(DocumentKey(info_.id, id));
  ASSIGN_OR_RETURN(ahead_.rows, view_.GetMany(fiber, Column::kPrimary, keys));
  CHECK_EQ(ahead_.rows.size(), ahead_.ids.size());
  size_t bytes = 0;
  for (const auto& row : ahead_.rows) bytes += row ? row->size() : 0;
  if (bytes < kAheadBytes) chunk_ = std::min(2 * chunk_, kAheadMax);
  return absl::OkStatus();
}

absl::Status Walk::ReadByIndex(Fiber& fiber) {
  ahead_ = Ahead();
  ahead_.by_index = true;
  const size_t first = scan_;
  do {
    const IndexDefinition& index = *plan_.scans[scan_].index;
    ahead_.ids.push_back(IdOfEntry(index, iterator_->key(), iterator_->value()));
    if (ahead_.ids.size() == chunk_) break;
    stands_ = Advance(fiber) && !plan_.scans[scan_].points;
  } while (stands_ && scan_ == first);
  if (ahead_.ids.size() == chunk_) stands_ = false;
  return ReadRows(fiber);
}

absl::Status Walk::ReadPoints(Fiber& fiber, const IndexScan& scan) {
  ahead_ = Ahead();
  for (; range_ < scan.ranges.size() && ahead_.ids.size() < chunk_; ++range_) {
    const size_t at = scan.reverse ? scan.ranges.size() - 1 - range_ : range_;
    ahead_.ids.push_back(scan.ranges[at].begin);
    if (!scan.text_scores.empty()) ahead_.scores.push_back(scan.text_scores[at]);
  }
  return ReadRows(fiber);
}

absl::StatusOr<bool> Walk::TakeAhead(Found* found) {
  const size_t at = ahead_.next++;
  const std::string& id = ahead_.ids[at];
  ++stats_.keys_examined;
  if (plan_.may_repeat && met_.contains(id)) return false;
  std::optional<std::string>& row = ahead_.rows[at];
  if (!row && ahead_.by_index)
    return absl::DataLossError("documents: an index entry without a document");
  if (!row) return false;
  ASSIGN_OR_RETURN(const bool taken, Take(id, *row, &*row, found));
  if (taken && !ahead_.scores.empty()) found->text_score = ahead_.scores[at];
  return taken;
}

absl::StatusOr<std::optional<Found>> Walk::Next(Fiber& fiber) {
  Found found;
  for (;;) {
    while (!ahead_.empty()) {
      ASSIGN_OR_RETURN(const bool taken, TakeAhead(&found));
      if (taken) return std::optional<Found>(std::move(found));
    }
    if (scan_ == plan_.scans.size()) break;
    const IndexScan& scan = plan_.scans[scan_];
    if (scan.points) {
      if (range_ < scan.ranges.size()) {
        RETURN_IF_ERROR(ReadPoints(fiber, scan));
        continue;
      }
      ++scan_;
      range_ = 0;
      iterator_.reset();
      continue;
    }
    if (!std::exchange(stands_, false) && !Advance(fiber)) break;
    if (plan_.scans[scan_].points) continue;
    if (plan_.scans[scan_].index != nullptr) {
      RETURN_IF_ERROR(ReadByIndex(fiber));
      continue;
    }
    ++stats_.keys_examined;
    ASSIGN_OR_RETURN(const bool taken, Take(iterator_->key().substr(prefix_.size()),
                                            iterator_->value(), nullptr, &found));
    if (taken) return std::optional<Found>(std::move(found));
  }
  if (iterator_ != nullptr) RETURN_IF_ERROR(iterator_->status());
  return std::optional<Found>();
}

}  // namespace lockstep::docs
