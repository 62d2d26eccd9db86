#include "framework/store/rocks_store.h"

#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/experimental.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/store/current_file.h"
#include "framework/store/mutants.h"
#include "framework/store/rocks_env.h"
#include "framework/store/rocks_options.h"
#include "framework/store/rocks_reader.h"
#include "framework/store/rocks_transaction.h"
#include "framework/store/table_footer.h"

namespace lockstep::store {
namespace {

using machine::Column;

constexpr Duration kFlushPollMin = Milliseconds(1);
constexpr Duration kFlushPollMax = Milliseconds(16);
constexpr int kVerifyAttempts = 5;
constexpr int kUnreadablePasses = 3;
constexpr int kUnreadableCalls = 6;

// Rows that are cleared in one write.
constexpr size_t kClearRows = 1000;

// A batch that grew beyond this is given back.
constexpr size_t kBatchBytesKept = size_t{8} << 20;

// In the order of machine::Column.
const std::vector<std::string>& ColumnNames() {
  static const std::vector<std::string> names{rocksdb::kDefaultColumnFamilyName, "primary",
                                              "history", "index"};
  return names;
}

// An open database and its handles, closed in the right order.
struct Database final {
  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() {
    if (db == nullptr) return;
    // Running jobs are told to stop; nothing is flushed.
    rocksdb::CancelAllBackgroundWork(db.get(), /*wait=*/false);
    for (rocksdb::ColumnFamilyHandle* handle : handles) {
      if (handle != nullptr) CHECK(db->DestroyColumnFamilyHandle(handle).ok());
    }
  }

  std::unique_ptr<rocksdb::Env> env;      // outlives what follows
  std::unique_ptr<rocksdb::Env> checked;  // outlives db
  std::unique_ptr<rocksdb::DB> db;
  RocksReader::Handles handles{};
};

// Blocks. Stores of early builds have range tombstones, which no read looks at any more
// (rocks_reader.cc says why). What they hide goes for good.
rocksdb::Status CompactRangeTombstones(const Database& database) {
  for (rocksdb::ColumnFamilyHandle* column : database.handles) {
    rocksdb::TablePropertiesCollection tables;
    rocksdb::Status status = database.db->GetPropertiesOfAllTables(column, &tables);
    if (!status.ok()) return status;
    const bool has_some = std::any_of(tables.begin(), tables.end(), [](const auto& table) {
      return table.second->num_range_deletions > 0;
    });
    if (!has_some) continue;
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    status = database.db->CompactRange(options, column, nullptr, nullptr);
    if (!status.ok()) return status;
  }
  return rocksdb::Status::OK();
}

// Files on `base` of which every byte is checked when it is read. (What is sealed is.)
rocksdb::Env* Checked(const RocksStoreOptions& options, rocksdb::Env* base, Database& database) {
  database.checked =
      options.seal.cipher == nullptr ? WithCheckedFooters(*base) : SealedEnv(*base, options.seal);
  return database.checked.get();
}

// What RocksDB makes of a damaged CURRENT is a manifest that nobody knows of.
absl::Status WhyNotOpen(const rocksdb::Status& status, rocksdb::Env& env,
                        const RocksStoreOptions& options) {
  const absl::Status current = CheckCurrentFile(env, options.path, options.seal.cipher != nullptr);
  return absl::IsDataLoss(current) ? current : FromRocks(status);
}

// Blocks. Creating all columns at once costs one attempt at an OPTIONS file; creating them as
// missing ones in Open costs one each. A crash in between leaves missing ones, which Open then
// creates. A simulated env refuses OPTIONS files itself, so the light profile needs no wrapper.
absl::Status OpenDatabase(const RocksStoreOptions& options, Database& database) {
  rocksdb::Options rocks = ToRocksOptions(options);
  if (options.profile == RocksProfile::kProduction) {
    database.env = WithoutOptionsFiles(*options.env);
    rocks.env = database.env.get();
  }
  rocks.env = Checked(options, rocks.env, database);
  const std::vector<std::string>& names = ColumnNames();
  const bool is_sealed = options.seal.cipher != nullptr;
  const bool exists = !options.env->FileExists(options.path + "/CURRENT").IsNotFound();
  if (!exists) RETURN_IF_ERROR(CheckCurrentFile(*rocks.env, options.path, is_sealed));
  std::vector<rocksdb::ColumnFamilyDescriptor> columns;
  for (size_t i = 0; i < (exists ? names.size() : 1); ++i) {
    columns.emplace_back(names[i],
                         ToColumnOptions(rocks, static_cast<Column>(i), options.embedded));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(rocks, options.path, columns, &handles, &db);
  if (!status.ok()) return WhyNotOpen(status, *rocks.env, options);
  database.db.reset(db);
  if (!exists) {
    for (size_t i = 1; i < names.size(); ++i) {
      columns.emplace_back(names[i],
                           ToColumnOptions(rocks, static_cast<Column>(i), options.embedded));
    }
    std::vector<rocksdb::ColumnFamilyHandle*> created;
    status = db->CreateColumnFamilies({columns.begin() + 1, columns.end()}, &created);
    handles.insert(handles.end(), created.begin(), created.end());
  }
  CHECK_LE(handles.size(), database.handles.size());
  std::copy(handles.begin(), handles.end(), database.handles.begin());
  return FromRocks(status.ok() && exists ? CompactRangeTombstones(database) : status);
}

// Blocks. Reads the whole file, and not from the cache of the operating system if that can be had.
rocksdb::Status VerifyFile(rocksdb::DB& db, const std::string& path) {
  // Planted bug M160: the file is not read.
  if (mutant::Enabled(mutant::kM160ScrubberSkipsChecksums)) return rocksdb::Status::OK();
  rocksdb::ReadOptions read;
  read.fill_cache = false;
  rocksdb::Options options = db.GetOptions();
  for (const bool is_direct : {true, false}) {
    options.use_direct_reads = is_direct;
    rocksdb::SstFileReader file(options);
    const rocksdb::Status opened = file.Open(path);
    // (Not every file system has direct reads.)
    const bool is_unable = opened.IsInvalidArgument() || opened.IsNotSupported();
    if (is_direct && is_unable) continue;
    return opened.ok() ? file.VerifyChecksum(read) : opened;
  }
  return rocksdb::Status::OK();
}

// Blocks. Changes nothing.
absl::StatusOr<std::unique_ptr<Database>> OpenToRead(const RocksStoreOptions& options) {
  auto database = std::make_unique<Database>();
  rocksdb::Options rocks = ToRocksOptions(options);
  rocks.env = Checked(options, rocks.env, *database);
  if (options.env->FileExists(options.path + "/CURRENT").IsNotFound()) {
    RETURN_IF_ERROR(CheckCurrentFile(*rocks.env, options.path, options.seal.cipher != nullptr));
    return absl::NotFoundError(absl::StrCat(options.path, ": there is no store"));
  }
  rocks.create_if_missing = false;
  rocks.create_missing_column_families = false;
  // A database that is open for reading alone has nobody to delete in the background.
  rocks.avoid_unnecessary_blocking_io = false;
  std::vector<rocksdb::ColumnFamilyDescriptor> columns;
  for (size_t i = 0; i < ColumnNames().size(); ++i) {
    columns.emplace_back(ColumnNames()[i],
                         ToColumnOptions(rocks, static_cast<Column>(i), options.embedded));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::OpenForReadOnly(rocks, options.path, columns, &handles, &db);
  if (!status.ok()) return WhyNotOpen(status, *rocks.env, options);
  database->db.reset(db);
  std::copy(handles.begin(), handles.end(), database->handles.begin());
  return database;
}

// Blocks, but waits for no other thread: simulated worlds have none.
rocksdb::Status RewriteColumn(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* column) {
  rocksdb::ColumnFamilyMetaData files;
  db.GetColumnFamilyMetaData(column, &files);
  std::vector<std::string> names;
  for (const rocksdb::LevelMetaData& level : files.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) names.push_back(file.name);
  }
  if (names.empty()) return rocksdb::Status::OK();
  const rocksdb::Options options = db.GetOptions(column);
  rocksdb::CompactionOptions compaction;
  compaction.compression = rocksdb::kDisableCompressionOption;  // what the column says
  compaction.output_file_size_limit = options.target_file_size_base;
  return db.CompactFiles(compaction, column, names, options.num_levels - 1);
}

class SnapshotView final : public machine::StoreView {
 public:
  SnapshotView(const RocksReader& reader, std::string_view prefix)
      : reader_(reader), prefix_(prefix), snapshot_(reader.db().GetSnapshot()) {
    CHECK(snapshot_ != nullptr);
  }
  SnapshotView(const SnapshotView&) = delete;
  SnapshotView& operator=(const SnapshotView&) = delete;
  ~SnapshotView() override { reader_.db().ReleaseSnapshot(snapshot_); }

  absl::StatusOr<std::optional<std::string>> Get(Fiber& fiber, Column column,
                                                 std::string_view key) const override {
    return reader_.Get(fiber, column, PrefixedKey(prefix_, key).bytes(), snapshot_);
  }
  absl::StatusOr<std::vector<std::optional<std::string>>> GetMany(
      Fiber& fiber, Column column, const std::vector<std::string>& keys) const override {
    return reader_.GetMany(fiber, column, prefix_, keys, snapshot_);
  }
  absl::StatusOr<std::vector<machine::Row>> ReadRows(Fiber& fiber, Column column,
                                                     std::string_view from,
                                                     size_t bytes_max) const override {
    return reader_.ReadRows(fiber, column, prefix_, from, bytes_max, snapshot_);
  }
  std::unique_ptr<machine::Iterator> NewIterator(Column column) const override;

 private:
  const RocksReader& reader_;
  const std::string prefix_;
  const rocksdb::Snapshot* const snapshot_;
};

class SnapshotIterator final : public machine::Iterator {
 public:
  SnapshotIterator(const RocksReader& reader, Column column, std::string_view prefix,
                   const rocksdb::Snapshot* snapshot)
      : cursor_(reader, column, prefix, snapshot) {}

  void Seek(Fiber& fiber, std::string_view key) override { cursor_.Seek(fiber, key); }
  void SeekBefore(Fiber& fiber, std::string_view key) override { cursor_.SeekBefore(fiber, key); }
  void Next(Fiber& fiber) override { cursor_.Next(fiber); }
  void Previous(Fiber& fiber) override { cursor_.Previous(fiber); }
  bool Valid() const override { return cursor_.Valid(); }
  std::string_view key() const override { return cursor_.key(); }
  std::string_view value() const override { return cursor_.value(); }
  absl::Status status() const override { return cursor_.status(); }

 private:
  RocksCursor cursor_;
};

std::unique_ptr<machine::Iterator> SnapshotView::NewIterator(Column column) const {
  return std::make_unique<SnapshotIterator>(reader_, column, prefix_, snapshot_);
}

// Invariants:
//   1. After the first failed write failed_ is set and nothing is written any more.
//   2. Everything up to flush_asked_ is in a file or in a memtable that waits for its flush.
class OpenStore final : public machine::OrderedStore {
 public:
  OpenStore(std::unique_ptr<Database> database, const RocksStoreOptions& options)
      : database_(std::move(database)),
        reader_(*database_->db, database_->handles, options.offload),
        trace_(options.trace) {}

  std::unique_ptr<machine::GroupStore> Group(GroupId group) override;
  absl::Status StartFlush() override;
  absl::Status Flush(Fiber& fiber) override;
  absl::Status StartCompaction() override;
  absl::StatusOr<uint64_t> VerifyNextFile(Fiber& fiber, std::string* after) override;
  absl::Status ReadAgain(Fiber& fiber) override;
  uint64_t DiskBytes() const override {
    // Not the total, which counts what a compaction reads and what it writes.
    return Property(rocksdb::DB::Properties::kLiveSstFilesSize) +
           Property(rocksdb::DB::Properties::kCurSizeAllMemTables);
  }
  absl::Status health() const override {
    if (!failed_.ok()) return failed_;
    return reader_.failure().ok() ? BackgroundError() : reader_.failure();
  }

  const RocksReader& reader() const { return reader_; }
  // Writes what `fill` puts into the batch, all or nothing. Never waits.
  absl::Status Write(absl::FunctionRef<absl::Status(rocksdb::WriteBatch&)> fill);

 private:
  // Reads a live file whole. OK also if it is gone. UNAVAILABLE: it cannot be read. DATA_LOSS: it
  // is damaged, or could not be read so many times in a row.
  absl::Status CheckFile(Fiber& fiber, const rocksdb::LiveFileMetaData& file, int attempts_max);
  // The sum over the columns.
  uint64_t Property(const std::string& name) const;
  absl::Status BackgroundError() const;
  // Never RESOURCE_EXHAUSTED, whatever the cause was: trying again is no use.
  absl::Status RefusalToWrite();
  void Fail(absl::Status status);

  const std::unique_ptr<Database> database_;
  const RocksReader reader_;
  runtime::Trace* const trace_;
  absl::Status failed_;
  rocksdb::WriteBatch batch_;  // reused: a fresh one costs page faults
  rocksdb::SequenceNumber flush_asked_ = 0;
  std::map<GroupId, bool> has_transaction_;  // nodes do not move
  std::map<std::string, int> unreadable_;    // files, and in how many passes by now
};

class RocksGroup final : public machine::GroupStore {
 public:
  RocksGroup(OpenStore& store, GroupId group, bool& has_transaction)
      : store_(store), prefix_(GroupPrefix(group)), has_transaction_(has_transaction) {}

  std::unique_ptr<machine::StoreView> Snapshot() override {
    return std::make_unique<SnapshotView>(store_.reader(), prefix_);
  }
  std::unique_ptr<machine::StoreTransaction> Begin() override {
    return std::make_unique<RocksTransaction>(store_.reader(), prefix_, has_transaction_);
  }
  absl::Status Commit(Fiber& fiber,
                      std::unique_ptr<machine::StoreTransaction>&& transaction) override {
    const auto* const ours = dynamic_cast<const RocksTransaction*>(transaction.get());
    CHECK(ours != nullptr);
    CHECK_EQ(ours->prefix(), prefix_);
    RETURN_IF_ERROR(
        store_.Write([&](rocksdb::WriteBatch& batch) { return ours->AppendTo(fiber, batch); }));
    transaction.reset();
    return absl::OkStatus();
  }
  absl::StatusOr<std::optional<std::string>> GetFlushed(Fiber& fiber,
                                                        std::string_view key) override {
    return store_.reader().GetFlushed(fiber, Column::kSystem, PrefixedKey(prefix_, key).bytes());
  }
  absl::Status Clear(Fiber& fiber) override;

 private:
  // Deletes some rows at and behind `from`, moves it behind them and returns how many; 0: there are
  // none.
  absl::StatusOr<size_t> ClearStep(Fiber& fiber, Column column, std::string& from);

  OpenStore& store_;
  const std::string prefix_;
  bool& has_transaction_;
};

// Row by row, in steps that let others run: no range tombstones (rocks_reader.cc says why), and
// files are not dropped either, since pinned views may still read them.
absl::Status RocksGroup::Clear(Fiber& fiber) {
  CHECK(!has_transaction_);
  for (size_t slot = 0; slot < machine::kColumnCount; ++slot) {
    std::string from;
    for (;;) {
      const absl::StatusOr<size_t> rows = ClearStep(fiber, static_cast<Column>(slot), from);
      if (absl::IsResourceExhausted(rows.status())) {
        fiber.SleepFor(kFlushPollMax);
        continue;
      }
      RETURN_IF_ERROR(rows.status());
      if (*rows == 0) break;
      fiber.Yield();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> RocksGroup::ClearStep(Fiber& fiber, Column column, std::string& from) {
  rocksdb::ColumnFamilyHandle* const handle = store_.reader().handle(column);
  size_t count = 0;
  std::string last;
  RETURN_IF_ERROR(store_.Write([&](rocksdb::WriteBatch& batch) {
    RocksCursor rows(store_.reader(), column, prefix_, nullptr);
    for (rows.Seek(fiber, from); rows.Valid() && count < kClearRows; rows.Next(fiber), ++count) {
      last = rows.key();
      CHECK(batch.Delete(handle, rocksdb::Slice(PrefixedKey(prefix_, last).bytes())).ok());
    }
    return rows.status();
  }));
  if (count > 0) from = last + '\0';
  return count;
}

std::unique_ptr<machine::GroupStore> OpenStore::Group(GroupId group) {
  return std::make_unique<RocksGroup>(*this, group, has_transaction_[group]);
}

absl::Status OpenStore::Write(absl::FunctionRef<absl::Status(rocksdb::WriteBatch&)> fill) {
  RETURN_IF_ERROR(RefusalToWrite());
  if (batch_.Data().capacity() > kBatchBytesKept) batch_ = rocksdb::WriteBatch();
  batch_.Clear();
  RETURN_IF_ERROR(fill(batch_));
  if (batch_.Count() == 0) return absl::OkStatus();
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  options.no_slowdown = true;
  const rocksdb::Status status = database_->db->Write(options, &batch_);
  if (status.ok() || status.IsIncomplete()) return FromRocks(status);
  Fail(FromRocks(status));
  return RefusalToWrite();
}

absl::Status OpenStore::StartFlush() {
  RETURN_IF_ERROR(RefusalToWrite());
  const rocksdb::SequenceNumber latest = database_->db->GetLatestSequenceNumber();
  if (latest == flush_asked_) return absl::OkStatus();
  // One after the other: RocksDB aborts if one fails that finds all of a column in another's hands.
  if (Property(rocksdb::DB::Properties::kNumImmutableMemTable) != 0) return absl::OkStatus();
  rocksdb::FlushOptions options;
  options.wait = false;
  options.allow_write_stall = true;
  const RocksReader::Handles& handles = database_->handles;
  const rocksdb::Status status = database_->db->Flush(options, {handles.begin(), handles.end()});
  // Flushes are behind, as after writes that were refused: whoever asks now asks again later.
  if (status.IsTryAgain()) return absl::OkStatus();
  if (!status.ok()) {
    Fail(FromRocks(status));
    return RefusalToWrite();
  }
  flush_asked_ = latest;
  return absl::OkStatus();
}

absl::Status OpenStore::Flush(Fiber& fiber) {
  const rocksdb::SequenceNumber wanted = database_->db->GetLatestSequenceNumber();
  for (;;) {
    RETURN_IF_ERROR(StartFlush());
    if (flush_asked_ >= wanted) break;
    fiber.SleepFor(kFlushPollMax);
  }
  // A memtable stops counting once its file is in the synced manifest. Later flushes may make this
  // wait longer, never shorter.
  Duration pause = kFlushPollMin;
  while (Property(rocksdb::DB::Properties::kNumImmutableMemTable) != 0) {
    RETURN_IF_ERROR(RefusalToWrite());
    fiber.SleepFor(pause);
    pause = std::min(2 * pause, kFlushPollMax);
  }
  return RefusalToWrite();
}

// Never the waiting CompactRange: files are marked, and the background takes them in its own time.
absl::Status OpenStore::StartCompaction() {
  RETURN_IF_ERROR(StartFlush());
  for (rocksdb::ColumnFamilyHandle* const column : database_->handles) {
    const rocksdb::Status status =
        rocksdb::experimental::SuggestCompactRange(database_->db.get(), column, nullptr, nullptr);
    if (!status.ok()) return FromRocks(status);
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> OpenStore::VerifyNextFile(Fiber& fiber, std::string* after) {
  std::vector<rocksdb::LiveFileMetaData> files;
  database_->db->GetLiveFilesMetaData(&files);
  const rocksdb::LiveFileMetaData* next = nullptr;
  for (const rocksdb::LiveFileMetaData& file : files) {
    if (file.name > *after && (next == nullptr || file.name < next->name)) next = &file;
  }
  *after = next == nullptr ? "" : next->name;
  if (next == nullptr) return uint64_t{0};
  const absl::Status status = CheckFile(fiber, *next, kUnreadablePasses);
  if (absl::IsDataLoss(status)) return status;
  // A device that does not answer now may do so in the next pass.
  return next->size;
}

absl::Status OpenStore::CheckFile(Fiber& fiber, const rocksdb::LiveFileMetaData& file,
                                  int attempts_max) {
  const std::string path = file.db_path + file.name;
  rocksdb::Status status;
  const auto verify = [&] {
    // What happens once, by mistake, is no damage.
    for (int attempt = 0; attempt < kVerifyAttempts; ++attempt) {
      status = VerifyFile(*database_->db, path);
      if (status.ok() || status.IsNotFound() || status.IsPathNotFound()) return;
    }
  };
  if (reader_.offload() != nullptr) {
    reader_.offload()->Run(fiber, runtime::Lane::kGeneral, verify);
  } else {
    verify();
  }
  // A compaction may have removed it meanwhile.
  const bool is_gone = !status.ok() && database_->db->GetEnv()->FileExists(path).IsNotFound();
  if (status.ok() || is_gone) {
    unreadable_.erase(file.name);
    return absl::OkStatus();
  }
  if (!status.IsCorruption() && ++unreadable_[file.name] < attempts_max) return FromRocks(status);
  const absl::Status damage = absl::DataLossError(
      absl::StrCat("the file ", path, " is damaged: ", FromRocks(status).message()));
  reader_.Note(damage);
  return damage;
}

absl::Status OpenStore::ReadAgain(Fiber& fiber) {
  const absl::Status failure = reader_.failure();
  if (failure.ok() || absl::IsDataLoss(failure)) return failure;
  std::vector<rocksdb::LiveFileMetaData> files;
  database_->db->GetLiveFilesMetaData(&files);
  // The failure mostly names its file.
  const auto is_named = [&](const rocksdb::LiveFileMetaData& file) {
    return absl::StrContains(failure.message(), file.name);
  };
  const bool knows = std::any_of(files.begin(), files.end(), is_named);
  absl::Status found;
  for (const rocksdb::LiveFileMetaData& file : files) {
    if (knows && !is_named(file)) continue;
    const absl::Status status = CheckFile(fiber, file, kUnreadableCalls);
    if (absl::IsDataLoss(status)) return status;
    if (!status.ok()) found = status;
  }
  if (found.ok()) reader_.Forget();
  return found;
}

uint64_t OpenStore::Property(const std::string& name) const {
  uint64_t sum = 0;
  CHECK(database_->db->GetAggregatedIntProperty(name, &sum)) << name;
  return sum;
}

absl::Status OpenStore::BackgroundError() const {
  uint64_t errors = 0;
  CHECK(database_->db->GetIntProperty(rocksdb::DB::Properties::kBackgroundErrors, &errors));
  if (errors == 0) return absl::OkStatus();
  // Writing nothing tells the cause.
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  options.no_slowdown = true;
  rocksdb::WriteBatch nothing;
  const rocksdb::Status cause = database_->db->Write(options, &nothing);
  if (cause.ok() || cause.IsIncomplete()) {
    return absl::UnavailableError(absl::StrCat("rocksdb: ", errors, " background errors"));
  }
  return FromRocks(cause);
}

absl::Status OpenStore::RefusalToWrite() {
  if (failed_.ok()) {
    if (absl::Status error = BackgroundError(); !error.ok()) Fail(std::move(error));
  }
  if (failed_.ok()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("store has failed and must be reopened: ", failed_.message()));
}

void OpenStore::Fail(absl::Status status) {
  CHECK(!status.ok());
  CHECK(failed_.ok());
  failed_ = std::move(status);
  if (trace_ != nullptr) {
    const std::string text = failed_.ToString();
    trace_->Emit(runtime::TraceLevel::kError, "store.failed", {{"error", std::string_view(text)}});
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<machine::OrderedStore>> RocksStore::Open(
    Fiber& fiber, const RocksStoreOptions& options) {
  CHECK(options.env != nullptr);
  auto database = std::make_unique<Database>();
  absl::Status status;
  const auto open = [&] { status = OpenDatabase(options, *database); };
  if (options.offload != nullptr) {
    options.offload->Run(fiber, runtime::Lane::kGeneral, open);
  } else {
    open();
  }
  if (!status.ok())
    return absl::Status(status.code(), absl::StrCat("open ", options.path, ": ", status.message()));
  if (options.trace != nullptr) {
    options.trace->Emit(runtime::TraceLevel::kInfo, "store.open",
                        {{"path", std::string_view(options.path)}});
  }
  return std::make_unique<OpenStore>(std::move(database), options);
}

absl::StatusOr<std::unique_ptr<machine::OrderedStore>> RocksStore::OpenReadOnly(
    const RocksStoreOptions& options) {
  ASSIGN_OR_RETURN(auto database, OpenToRead(options));
  return std::make_unique<OpenStore>(std::move(database), options);
}

absl::Status RocksStore::VerifyFiles(const RocksStoreOptions& options) {
  ASSIGN_OR_RETURN(const auto database, OpenToRead(options));
  return FromRocks(database->db->VerifyChecksum());
}

absl::Status RocksStore::RewriteFiles(RocksStoreOptions options,
                                      const std::function<void(uint64_t, uint64_t)>& progress) {
  uint64_t done = 0, all = 0;
  options.file_written = [&](uint64_t bytes) {
    if (progress && all > 0) progress(std::min(done += bytes, all), all);
  };
  // Written once, at first; opening makes it again out of the manifest.
  (void)options.env->DeleteFile(options.path + "/IDENTITY");
  Database database;
  RETURN_IF_ERROR(OpenDatabase(options, database));
  rocksdb::Status status;
  database.db->GetAggregatedIntProperty("rocksdb.live-sst-files-size", &all);
  for (rocksdb::ColumnFamilyHandle* const column : database.handles)
    if (status.ok()) status = RewriteColumn(*database.db, column);
  return FromRocks(status);
}

}  // namespace lockstep::store
