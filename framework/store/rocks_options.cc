#include "framework/store/rocks_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "framework/base/check.h"
#include "framework/store/rocks_reader.h"
#include "framework/store/table_footer.h"

namespace lockstep::store {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kPackedBlockBytes = size_t{32} * 1024;
constexpr size_t kWriteBufferBytesMin = 64 * 1024;  // RocksDB's own
constexpr int kOpenFilesMin = 20;                   // RocksDB's own: ten of tables
constexpr int kScatteredFiles = 32;                 // per column

// What flushes and compactions together may write; applying waits when that is too little.
constexpr int64_t kBackgroundBytesPerSecond = int64_t{128} << 20;
constexpr int64_t kBackgroundRefillMicroseconds = 10'000;

// RocksDB's threads would write the log, so it cannot go to a Trace; errors surface in health().
class SilentLogger final : public rocksdb::Logger {
 public:
  SilentLogger() : rocksdb::Logger(rocksdb::InfoLogLevel::FATAL_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
  void Logv(const rocksdb::InfoLogLevel, const char*, va_list) override {}
};

class FileListener final : public rocksdb::EventListener {
 public:
  explicit FileListener(std::function<void(uint64_t)> tell) : tell_(std::move(tell)) {}
  void OnTableFileCreated(const rocksdb::TableFileCreationInfo& file) override {
    if (file.status.ok()) tell_(file.file_size);
  }

 private:
  const std::function<void(uint64_t)> tell_;
};

// What both profiles need: one writer, no waiting anywhere, the Raft log as the only log.
rocksdb::Options CommonOptions(const RocksStoreOptions& from) {
  rocksdb::Options to;
  to.env = from.env;
  to.create_if_missing = true;
  to.create_missing_column_families = true;
  to.info_log = std::make_shared<SilentLogger>();
  to.atomic_flush = true;
  to.avoid_flush_during_shutdown = true;
  // After an error the store is reopened; recovering by itself would take a thread and hide it.
  to.max_bgerror_resume_count = 0;
  to.allow_concurrent_memtable_write = false;
  to.enable_write_thread_adaptive_yield = false;
  to.max_subcompactions = 1;
  to.stats_dump_period_sec = 0;
  to.stats_persist_period_sec = 0;
  to.skip_stats_update_on_db_open = true;
  to.skip_checking_sst_file_sizes_on_db_open = true;
  to.write_dbid_to_manifest = true;
  to.db_host_id = "";
  // Writes are never slowed down, only refused; see the stop triggers of the profiles.
  to.delayed_write_rate = uint64_t{1} << 40;
  to.soft_pending_compaction_bytes_limit = 0;
  to.hard_pending_compaction_bytes_limit = 0;
  to.max_background_jobs = 2;
  return to;
}

rocksdb::BlockBasedTableOptions CommonTableOptions() {
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = kTableFormat;
  table.checksum = static_cast<rocksdb::ChecksumType>(kTableChecksum);
  return table;
}

rocksdb::CompressionType IfSupported(rocksdb::CompressionType wanted,
                                     rocksdb::CompressionType other) {
  const std::vector<rocksdb::CompressionType> supported = rocksdb::GetSupportedCompressions();
  const bool has = std::find(supported.begin(), supported.end(), wanted) != supported.end();
  return has ? wanted : other;
}
rocksdb::CompressionType FastestCompression() {
  return IfSupported(rocksdb::kLZ4Compression, rocksdb::kNoCompression);
}

rocksdb::Options ProductionOptions(const RocksStoreOptions& from) {
  rocksdb::Options to = CommonOptions(from);
  const size_t write_buffer =
      from.write_buffer_bytes != 0 ? from.write_buffer_bytes : size_t{24} * kMiB;
  const size_t cache = from.cache_bytes != 0 ? from.cache_bytes : size_t{16} * kMiB;
  // All columns flush together, so the sum is what counts.
  to.write_buffer_size = write_buffer;
  to.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(write_buffer);
  // A few memtables may wait for their flush before writes are refused.
  to.max_write_buffer_number = 4;
  to.arena_block_size = std::min(size_t{256} * 1024, write_buffer / 8);
  to.memtable_prefix_bloom_size_ratio = 0.02;
  to.memtable_whole_key_filtering = true;
  to.level0_file_num_compaction_trigger = 4;
  to.level0_slowdown_writes_trigger = 40;
  to.level0_stop_writes_trigger = 40;
  to.target_file_size_base = 16 * kMiB;
  to.max_bytes_for_level_base = 64 * kMiB;
  to.compression = FastestCompression();
  // Dropping the last reference to a memtable or a file is left to a background thread.
  to.avoid_unnecessary_blocking_io = true;
  to.max_open_files = 512;
  to.max_file_opening_threads = 2;
  to.bytes_per_sync = kMiB;
  // A flush at full speed would keep the device from the log's syncs for tens of milliseconds.
  to.rate_limiter.reset(
      rocksdb::NewGenericRateLimiter(kBackgroundBytesPerSecond, kBackgroundRefillMicroseconds));
  to.max_manifest_file_size = 4 * kMiB;
  rocksdb::BlockBasedTableOptions table = CommonTableOptions();
  table.block_cache = rocksdb::NewLRUCache(cache, /*num_shard_bits=*/2);
  table.block_size = 8 * 1024;
  // Counts everything that is held of a file against the cache's limit.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  if (from.embedded) {
    table.cache_index_and_filter_blocks = false;
    table.data_block_index_type =
        rocksdb::BlockBasedTableOptions::DataBlockIndexType::kDataBlockBinaryAndHash;
  }
  to.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return to;
}

// No thread and no stall: a stall would wait for a job that only this thread can run. One shard per
// cache, no compression and small arenas make an open cheap and equal everywhere.
rocksdb::Options LightOptions(const RocksStoreOptions& from) {
  rocksdb::Options to = CommonOptions(from);
  to.write_buffer_size = from.write_buffer_bytes != 0 ? from.write_buffer_bytes : kMiB;
  to.arena_block_size = std::min(size_t{32} * 1024, to.write_buffer_size / 8);
  to.max_write_buffer_number = 64;
  to.level0_file_num_compaction_trigger = 4;
  to.level0_slowdown_writes_trigger = 1 << 20;
  to.level0_stop_writes_trigger = 1 << 20;
  to.target_file_size_base = kMiB;
  to.max_bytes_for_level_base = 4 * kMiB;
  to.compression = rocksdb::kNoCompression;
  to.avoid_unnecessary_blocking_io = false;
  to.max_open_files = 256;
  to.max_file_opening_threads = 1;
  to.table_cache_numshardbits = 0;
  to.max_manifest_file_size = 256 * 1024;
  rocksdb::BlockBasedTableOptions table = CommonTableOptions();
  const size_t cache = from.cache_bytes != 0 ? from.cache_bytes : kMiB;
  table.block_cache = rocksdb::NewLRUCache(cache, /*num_shard_bits=*/0,
                                           /*strict_capacity_limit=*/false,
                                           /*high_pri_pool_ratio=*/0.0);
  to.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return to;
}

}  // namespace

rocksdb::Options ToRocksOptions(const RocksStoreOptions& options) {
  // An arena's block must be a small part of the buffer: a fresh memtable is never full.
  if (options.write_buffer_bytes != 0) CHECK_GE(options.write_buffer_bytes, kWriteBufferBytesMin);
  rocksdb::Options to = options.profile == RocksProfile::kProduction ? ProductionOptions(options)
                                                                     : LightOptions(options);
  if (options.scattered) {
    to.max_open_files = kOpenFilesMin;
    to.level0_file_num_compaction_trigger = kScatteredFiles;
  }
  if (options.file_written) {
    to.listeners.push_back(std::make_shared<FileListener>(options.file_written));
    to.disable_auto_compactions = true;
  }
  return to;
}

rocksdb::ColumnFamilyOptions ToColumnOptions(const rocksdb::Options& options,
                                             machine::Column column, bool embedded) {
  rocksdb::ColumnFamilyOptions to(options);
  if (column == machine::Column::kHistory && embedded) {
    to.compression = IfSupported(rocksdb::kZSTD, options.compression);
    rocksdb::BlockBasedTableOptions table =
        *options.table_factory->GetOptions<rocksdb::BlockBasedTableOptions>();
    table.block_size = kPackedBlockBytes;
    to.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  }
  if (column == machine::Column::kPrimary && embedded) {
    // Rows are large: every one is found by bisection, none by going through those before it.
    rocksdb::BlockBasedTableOptions table =
        *options.table_factory->GetOptions<rocksdb::BlockBasedTableOptions>();
    table.block_restart_interval = 1;
    table.data_block_index_type =
        rocksdb::BlockBasedTableOptions::DataBlockIndexType::kDataBlockBinarySearch;
    to.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  }
  if (column == machine::Column::kIndex && embedded) {
    // Small rows: merging files early costs little, and a walk looks into fewer of them.
    to.level0_file_num_compaction_trigger = 2;
  }
  if (column == machine::Column::kIndex) {
    // Secondary orders mostly grow at their end. Where the last row of a group's order went is
    // remembered, which spares the search from the top; other keys are merely searched for.
    to.memtable_insert_with_hint_prefix_extractor.reset(
        rocksdb::NewFixedPrefixTransform(kPrefixBytes + 1));
  }
  return to;
}

}  // namespace lockstep::store
