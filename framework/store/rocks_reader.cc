#include "framework/store/rocks_reader.h"

#include <rocksdb/db.h>
#include <rocksdb/iterator.h>
#include <rocksdb/options.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/store/mutants.h"

namespace lockstep::store {
namespace {

// How many misses of a batch are read on the shard's thread before one goes to the Offload.
constexpr uint64_t kBatchMissesAtOnce = 16;

using machine::Column;

// Checksums are compared, and range tombstones are not looked for: there are none, and where
// RocksDB 7.8 looks for them it loses the error of a read that fails at a file's border (its
// merging iterator drops the child without asking for its status), goes on without the rows of that
// file and says OK. Kept as tests/sim/tapes/walk_over_a_failed_read.tape.
rocksdb::ReadOptions Options() {
  rocksdb::ReadOptions options;
  CHECK(options.verify_checksums);
  options.ignore_range_deletions = true;
  return options;
}

// Whether the cache's answer says nothing. If a file that may have the row is not open, RocksDB 7.8
// (TableCache::Get) has KeyMayExist in mind: it says OK, and leaves the value empty. So an empty
// row is read twice.
bool IsMiss(const rocksdb::Status& status, const rocksdb::PinnableSlice& value) {
  if (status.IsIncomplete()) return true;
  // Planted bug M188: the empty value is believed.
  return status.ok() && value.empty() && !mutant::Enabled(mutant::kM188ClosedFileHoldsNothing);
}

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

}  // namespace

absl::Status FromRocks(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat("rocksdb: ", status.ToString());
  if (status.IsCorruption()) return absl::DataLossError(text);
  if (status.IsNoSpace() || status.IsIncomplete() || status.IsBusy()) {
    return absl::ResourceExhaustedError(text);
  }
  if (status.IsInvalidArgument()) return absl::InvalidArgumentError(text);
  return absl::UnavailableError(text);
}

std::string GroupPrefix(GroupId group) {
  std::string prefix(kPrefixBytes, '\0');
  uint64_t rest = group.value();
  for (size_t i = kPrefixBytes; i-- > 0; rest >>= 8) prefix[i] = static_cast<char>(rest & 0xff);
  return prefix;
}

std::string PrefixEnd(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  CHECK(!prefix.empty()) << "no key can follow the last group";
  ++prefix.back();
  return prefix;
}

PrefixedKey::PrefixedKey(std::string_view prefix, std::string_view key) {
  bytes_.reserve(prefix.size() + key.size());
  bytes_.insert(bytes_.end(), prefix.begin(), prefix.end());
  bytes_.insert(bytes_.end(), key.begin(), key.end());
}

rocksdb::ColumnFamilyHandle* RocksReader::handle(Column column) const {
  const auto slot = static_cast<size_t>(column);
  CHECK_LT(slot, machine::kColumnCount);
  return handles_[slot];
}

void RocksReader::Note(const absl::Status& status) const {
  if (status.ok() || absl::IsDataLoss(failure_)) return;
  if (failure_.ok() || absl::IsDataLoss(status)) failure_ = status;
}

absl::StatusOr<std::optional<std::string>> RocksReader::ToResult(
    const rocksdb::Status& status, const rocksdb::PinnableSlice& value) const {
  if (status.ok()) return std::optional<std::string>(std::string(ToView(value)));
  if (status.IsNotFound()) return std::optional<std::string>();
  absl::Status failure = FromRocks(status);
  Note(failure);
  return failure;
}

absl::StatusOr<std::optional<std::string>> RocksReader::Get(
    Fiber& fiber, Column column, std::string_view key, const rocksdb::Snapshot* snapshot) const {
  rocksdb::ReadOptions options = Options();
  options.snapshot = snapshot;
  if (offload_ != nullptr) options.read_tier = rocksdb::kBlockCacheTier;
  rocksdb::PinnableSlice value;
  rocksdb::Status status = db_.Get(options, handle(column), ToSlice(key), &value);
  if (offload_ != nullptr && IsMiss(status, value)) {
    options.read_tier = rocksdb::kReadAllTier;
    value.Reset();
    const auto read = [&] { status = db_.Get(options, handle(column), ToSlice(key), &value); };
    // A batch reads one row after the other, and everybody waits for it: if each of its misses
    // stood in line behind clients' large reads, it would take a minute. Now and then others get a
    // turn.
    const bool is_of_batch = snapshot == nullptr;
    if (is_of_batch && batch_misses_++ % kBatchMissesAtOnce != 0) {
      read();
    } else {
      offload_->Run(fiber, runtime::Lane::kGeneral, read);
    }
  }
  return ToResult(status, value);
}

absl::StatusOr<std::vector<std::optional<std::string>>> RocksReader::GetMany(
    Fiber& fiber, Column column, std::string_view prefix, const std::vector<std::string>& keys,
    const rocksdb::Snapshot* snapshot) const {
  std::vector<PrefixedKey> whole;
  std::vector<rocksdb::Slice> slices;
  whole.reserve(keys.size());
  slices.reserve(keys.size());
  for (const std::string& key : keys)
    slices.push_back(ToSlice(whole.emplace_back(prefix, key).bytes()));
  rocksdb::ReadOptions options = Options();
  options.snapshot = snapshot;
  std::vector<rocksdb::PinnableSlice> found(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  const auto read = [&] {
    db_.MultiGet(options, handle(column), keys.size(), slices.data(), found.data(),
                 statuses.data());
  };
  if (offload_ != nullptr) options.read_tier = rocksdb::kBlockCacheTier;
  read();
  bool misses = false;
  for (size_t i = 0; i < keys.size(); ++i) misses |= IsMiss(statuses[i], found[i]);
  if (offload_ != nullptr && misses) {
    options.read_tier = rocksdb::kReadAllTier;
    for (rocksdb::PinnableSlice& value : found) value.Reset();
    offload_->Run(fiber, runtime::Lane::kGeneral, read);
  }
  std::vector<std::optional<std::string>> values;
  values.reserve(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    ASSIGN_OR_RETURN(values.emplace_back(), ToResult(statuses[i], found[i]));
  }
  return values;
}

absl::StatusOr<std::optional<std::string>> RocksReader::GetFlushed(Fiber& fiber, Column column,
                                                                   std::string_view key) const {
  rocksdb::ReadOptions options = Options();
  options.read_tier = rocksdb::kPersistedTier;
  rocksdb::PinnableSlice value;
  rocksdb::Status status;
  const auto read = [&] { status = db_.Get(options, handle(column), ToSlice(key), &value); };
  if (offload_ != nullptr) {
    offload_->Run(fiber, runtime::Lane::kGeneral, read);
  } else {
    read();
  }
  return ToResult(status, value);
}

absl::StatusOr<std::vector<machine::Row>> RocksReader::ReadRows(
    Fiber& fiber, Column column, std::string_view prefix, std::string_view from, size_t bytes_max,
    const rocksdb::Snapshot* snapshot) const {
  rocksdb::ReadOptions options = Options();
  options.snapshot = mutant::Enabled(mutant::kM210SnapshotNotPinned) ? nullptr : snapshot;
  options.fill_cache = false;
  const std::string end = PrefixEnd(std::string(prefix));
  const rocksdb::Slice upper(end);
  options.iterate_upper_bound = &upper;
  const PrefixedKey start(prefix, from);
  std::vector<machine::Row> rows;
  rocksdb::Status status;
  const auto read = [&] {
    const std::unique_ptr<rocksdb::Iterator> at(db_.NewIterator(options, handle(column)));
    size_t bytes = 0;
    for (at->Seek(ToSlice(start.bytes())); at->Valid() && (rows.empty() || bytes < bytes_max);
         at->Next()) {
      const std::string_view key = ToView(at->key()).substr(prefix.size());
      rows.push_back({std::string(key), at->value().ToString()});
      bytes += key.size() + at->value().size();
    }
    status = at->status();
  };
  if (offload_ != nullptr) {
    offload_->Run(fiber, runtime::Lane::kGeneral, read);
  } else {
    read();
  }
  absl::Status failure = FromRocks(status);
  Note(failure);
  if (!failure.ok()) return failure;
  return rows;
}

// RocksDB's iterators keep the addresses of the slices.
struct RocksCursor::Bounds final {
  explicit Bounds(std::string_view prefix)
      : end(PrefixEnd(std::string(prefix))), lower(ToSlice(prefix)), upper(end) {}

  const std::string end;
  const rocksdb::Slice lower;
  const rocksdb::Slice upper;
};

RocksCursor::RocksCursor(const RocksReader& reader, Column column, std::string_view prefix,
                         const rocksdb::Snapshot* snapshot)
    : reader_(reader),
      column_(column),
      prefix_(prefix),
      bounds_(std::make_unique<const Bounds>(prefix_)),
      snapshot_(snapshot) {}

RocksCursor::~RocksCursor() = default;

std::unique_ptr<rocksdb::Iterator> RocksCursor::NewIterator() const {
  rocksdb::ReadOptions options = Options();
  options.snapshot = snapshot_;
  options.iterate_lower_bound = &bounds_->lower;
  options.iterate_upper_bound = &bounds_->upper;
  return std::unique_ptr<rocksdb::Iterator>(
      reader_.db().NewIterator(options, reader_.handle(column_)));
}

void RocksCursor::Position(rocksdb::Iterator& at, Move move, std::string_view key) {
  const rocksdb::Slice target = ToSlice(key);
  switch (move) {
    case Move::kSeek:
      at.Seek(target);
      return;
    case Move::kSeekBefore:
      at.SeekForPrev(target);
      if (at.Valid() && at.key() == target) at.Prev();
      return;
  }
}

// A walk reads on the caller's thread, from the cache or not. Asking the cache alone and offloading
// what it misses, as Get does, would trust the iterator to report every miss.
void RocksCursor::Go(Fiber&, Move move, std::string_view key) {
  const PrefixedKey target(prefix_, key);
  if (at_ == nullptr) at_ = NewIterator();
  Position(*at_, move, target.bytes());
}

void RocksCursor::Next(Fiber&) {
  CHECK(Valid());
  at_->Next();
}

void RocksCursor::Previous(Fiber&) {
  CHECK(Valid());
  at_->Prev();
}

bool RocksCursor::Valid() const { return at_ != nullptr && at_->Valid(); }

std::string_view RocksCursor::key() const {
  CHECK(Valid());
  return ToView(at_->key()).substr(kPrefixBytes);
}

std::string_view RocksCursor::value() const {
  CHECK(Valid());
  return ToView(at_->value());
}

absl::Status RocksCursor::status() const {
  if (at_ == nullptr) return absl::OkStatus();
  absl::Status status = FromRocks(at_->status());
  reader_.Note(status);
  return status;
}

}  // namespace lockstep::store
