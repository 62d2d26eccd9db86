#include "tests/sim/store_universe.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/table.h>

#include <memory>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "sim/rocks_env.h"
#include "sim/sim_network.h"
#include "sim/sim_node.h"

namespace lockstep::sim {
namespace {

class SilentLogger final : public rocksdb::Logger {
 public:
  SilentLogger() : rocksdb::Logger(rocksdb::InfoLogLevel::FATAL_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::Options LightOptions(rocksdb::Env* env) {
  rocksdb::Options options;
  options.env = env;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.info_log = std::make_shared<SilentLogger>();
  options.atomic_flush = true;
  options.avoid_flush_during_shutdown = true;
  options.max_bgerror_resume_count = 0;
  options.allow_concurrent_memtable_write = false;
  options.enable_write_thread_adaptive_yield = false;
  options.max_file_opening_threads = 1;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.skip_stats_update_on_db_open = true;
  options.skip_checking_sst_file_sizes_on_db_open = true;
  options.write_dbid_to_manifest = true;
  options.db_host_id = "";
  options.max_write_buffer_number = 64;
  options.write_buffer_size = 64 << 10;
  options.arena_block_size = 8 << 10;
  options.level0_file_num_compaction_trigger = 3;
  options.level0_slowdown_writes_trigger = options.level0_stop_writes_trigger = 1 << 20;
  options.target_file_size_base = 64 << 10;
  options.compression = rocksdb::kNoCompression;
  options.max_manifest_file_size = 16 << 10;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(64 << 10, 0, false, 0.0);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// One process: a database with the batches 0 .. n-1, each writing "seq" and an entry of its own.
class StoreProcess final {
 public:
  StoreProcess(SimNode& node, StoreResult& result, uint64_t& persisted)
      : env_(MakeRocksEnv(node, ShardId(0), "data")), result_(result), persisted_(persisted) {}
  ~StoreProcess() { Close(); }

  bool Open() {
    const rocksdb::Options options = LightOptions(env_.get());
    rocksdb::DB* db = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(
        options, "db", {{"default", options}, {"entries", options}}, &handles_, &db);
    db_.reset(db);
    if (status.IsCorruption()) result_.damage = status.ToString();
    if (status.ok()) ++result_.opens;
    return status.ok();
  }

  // Every batch up to what "seq" says must be there, and none beyond.
  void Verify() {
    std::string seq;
    const rocksdb::Status status = db_->Get({}, handles_[0], "seq", &seq);
    if (!status.ok() && !status.IsNotFound()) return;
    next_ = 0;
    CHECK(seq.empty() || absl::SimpleAtoi(seq, &next_));
    if (next_ < persisted_) {
      result_.damage = absl::StrCat("flushed ", persisted_, ", found ", next_);
    }
    persisted_ = next_;
    result_.recovered = std::max(result_.recovered, next_);
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator({}, handles_[1]));
    uint64_t count = 0;
    for (at->SeekToFirst(); at->Valid(); at->Next()) ++count;
    if (at->status().IsCorruption() || (at->status().ok() && count != next_)) {
      result_.damage =
          absl::StrCat("seq ", next_, " but ", count, " entries; ", at->status().ToString());
    }
  }

  bool WriteOne(uint64_t random) {
    rocksdb::WriteBatch batch;
    batch.Put(handles_[0], "seq", absl::StrCat(next_ + 1));
    batch.Put(handles_[1], absl::StrCat("e", next_), std::string(random % 400, 'x'));
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    options.no_slowdown = true;
    if (!db_->Write(options, &batch).ok()) return false;
    ++next_;
    ++result_.written;
    return true;
  }

  void NotePersisted() {
    rocksdb::ReadOptions options;
    options.read_tier = rocksdb::kPersistedTier;
    std::string seq;
    if (db_->Get(options, handles_[0], "seq", &seq).ok()) CHECK(absl::SimpleAtoi(seq, &persisted_));
  }

  void Flush() {
    rocksdb::FlushOptions options;
    options.wait = false;
    options.allow_write_stall = true;
    db_->Flush(options, handles_).PermitUncheckedError();
  }

 private:
  void Close() {
    for (rocksdb::ColumnFamilyHandle* handle : handles_) delete handle;
    db_.reset();
  }

  std::unique_ptr<rocksdb::Env> env_;
  StoreResult& result_;
  uint64_t& persisted_;
  uint64_t next_ = 0;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
  std::unique_ptr<rocksdb::DB> db_;
};

class Universe final {
 public:
  Universe(uint64_t seed, const FaultProfile& profile)
      : world_(seed, profile), network_(world_), node_(world_, network_, {NodeId(1), "n1"}) {}

  StoreResult Run() {
    node_.set_on_exit([this] { Reboot(); });
    Boot();
    PlanDeath();
    world_.RunUntil({Seconds(3).count()});
    result_.hash = world_.log().hash();
    result_.faults = world_.faults();
    return result_;
  }

 private:
  void Boot() {
    node_.Boot([this](Fiber& fiber, runtime::Environment& env) { Main(fiber, env); });
  }
  void Reboot() {
    world_.After(Milliseconds(20), {node_.id(), EventKind::kNemesis, 0}, [this] {
      if (node_.state() == SimNode::State::kOff) Boot();
    });
  }

  void Main(Fiber& fiber, runtime::Environment& env) {
    if (!env.disk.CreateDirectory(fiber, "data").ok()) return;
    if (!env.disk.SyncDirectory(fiber, "").ok()) return;
    StoreProcess process(node_, result_, persisted_);
    bool opened = false;
    env.offload.Run(fiber, runtime::Lane::kGeneral, [&] {
      opened = process.Open();
      if (opened) process.Verify();
    });
    if (!opened) return;
    for (uint64_t i = 0;; ++i) {
      if (!process.WriteOne(env.random.Draw("test.size"))) return;
      process.NotePersisted();
      if (i % 50 == 49) process.Flush();
      fiber.SleepFor(Microseconds(500));
    }
  }

  void PlanDeath() {
    world_.After(world_.draws().Exponential("test.death", 0, Milliseconds(150)),
                 {node_.id(), EventKind::kNemesis, 1}, [this] {
                   node_.PowerLoss();
                   Reboot();
                   PlanDeath();
                 });
  }

  World world_;
  SimNetwork network_;
  SimNode node_;
  StoreResult result_;
  uint64_t persisted_ = 0;
};

}  // namespace

StoreResult RunStoreUniverse(uint64_t seed, const FaultProfile& profile) {
  return std::make_unique<Universe>(seed, profile)->Run();
}

}  // namespace lockstep::sim
