#include "docs-memory/blocking/blocking_store.h"

#include <condition_variable>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "docs-memory/blocking/opening.h"
#include "docs-memory/blocking/row_cache.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/store/sync_reader.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/store/rocks_store.h"
#include "net/environment.h"

namespace lockstep::docs {
namespace {

constexpr size_t kReaderStackBytes = 256 * 1024;

// Runs one fiber at a time on whatever thread has it.
struct Reader final {
  Reader() : scheduler({kReaderStackBytes}, nullptr) {}
  fiber::Scheduler scheduler;
};

absl::Status StoreError(const absl::Status& status) {
  const std::string text(status.message());
  // (Of RocksDB's file of that name; other messages are of blocks, and of directories.)
  if (text.find("/LOCK: ") != std::string::npos) {
    return Error(ErrorCode::kStoreInUse, "", "",
                 "another process or another object has the store open: " + text);
  }
  return status;
}

}  // namespace

class BlockingStore::Core final : public StateObserver {
 public:
  explicit Core(BlockingOptions options)
      : options_(std::move(options)), row_cache_(options_.row_cache_bytes) {}
  ~Core() override {
    if (thread_.joinable()) {
      (void)Close();
      runtime_->Stop();
      thread_.join();
    }
  }

  absl::Status Open(const std::string& directory);
  absl::Status Close();
  absl::StatusOr<WriteResult> Submit(
      std::function<absl::StatusOr<WriteResult>(Fiber&, Store&)> call);
  void Read(absl::FunctionRef<void(Fiber&)> read);

  // The store's own fibers go on with the rows as they are; readers on threads see them through
  // what is kept for all.
  void OnState(const ReadStateRef& state, const std::vector<std::string>& touched) override {
    const uint64_t version = state->state.applied;
    row_cache_.Publish(version, touched);
    auto shown = std::make_shared<ReadState>(*state);
    shown->view = row_cache_.Over(state->view, version);
    const std::lock_guard<std::mutex> lock(mutex_);
    state_ = std::move(shown);
    changed_.notify_all();
  }
  ReadStateRef state() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return state_;
  }
  bool WaitForChange(Sequence sequence, std::chrono::milliseconds wait) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, wait, [&] { return state_->state.sequence > sequence; });
  }
  StoreStatus status();
  int64_t now_ms() const {
    return runtime_->shard(ShardId(0)).environment().clock.Wall().ns / 1'000'000;
  }

 private:
  absl::Status OpenStore(Fiber& fiber, runtime::Environment& environment);
  absl::Status OpenKeys(Fiber& fiber, runtime::Environment& environment);
  void RunShard(net::ShardRuntime& shard, std::promise<absl::Status>& opened);

  const BlockingOptions options_;
  RowCache row_cache_;  // outlives all states
  std::string rows_path_;
  std::unique_ptr<net::NodeRuntime> runtime_;
  std::thread thread_;

  // The store's thread alone.
  std::unique_ptr<const Keyring> keys_;  // null: nothing is sealed
  std::unique_ptr<machine::OrderedStore> rows_;
  std::unique_ptr<Store> store_;
  fiber::Scope* calls_ = nullptr;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  ReadStateRef state_;
  std::vector<std::unique_ptr<Reader>> idle_readers_;
  bool closed_ = false;
};

absl::Status BlockingStore::Core::Open(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return absl::UnavailableError("cannot create " + directory + ": " + error.message());
  rows_path_ = directory + "/" + kRowsName;
  ASSIGN_OR_RETURN(runtime_, MakeRuntime(directory, options_));
  std::promise<absl::Status> opened;
  std::future<absl::Status> result = opened.get_future();
  thread_ = std::thread([this, &opened] {
    runtime_->Run([&](net::ShardRuntime& shard) { RunShard(shard, opened); });
  });
  absl::Status status = result.get();
  if (!status.ok()) {
    runtime_->Stop();
    thread_.join();
  }
  return status;
}

absl::Status BlockingStore::Core::OpenKeys(Fiber& fiber, runtime::Environment& environment) {
  ASSIGN_OR_RETURN(const bool exists, environment.disk.Exists(fiber, kRowsName));
  ASSIGN_OR_RETURN(keys_, Keyring::ForStore(fiber, environment, kKeysName, options_.passphrase,
                                            exists, options_.passphrase_cost));
  return absl::OkStatus();
}

// The rows are opened first: whoever has them has the log, too.
absl::Status BlockingStore::Core::OpenStore(Fiber& fiber, runtime::Environment& environment) {
  RETURN_IF_ERROR(OpenKeys(fiber, environment));
  const store::RocksStoreOptions rows = RowsOf(rows_path_, options_, environment, keys_.get());
  auto opened = store::RocksStore::Open(fiber, rows);
  if (!opened.ok()) return StoreError(opened.status());
  rows_ = *std::move(opened);
  ASSIGN_OR_RETURN(store_,
                   Store::Open(fiber, environment, *rows_, LogOf(options_, keys_.get()), this));
  return absl::OkStatus();
}

void BlockingStore::Core::RunShard(net::ShardRuntime& shard, std::promise<absl::Status>& opened) {
  {
    fiber::Scope calls(shard.environment().scheduler);
    calls_ = &calls;
    calls.Spawn("docs.open",
                [&](Fiber& fiber) { opened.set_value(OpenStore(fiber, shard.environment())); });
    shard.Run();
    calls_ = nullptr;
  }
  store_.reset();
  {
    // Readers are gone; so is what they were shown, before the rows.
    const std::lock_guard<std::mutex> lock(mutex_);
    state_.reset();
  }
  rows_.reset();
}

absl::StatusOr<WriteResult> BlockingStore::Core::Submit(
    std::function<absl::StatusOr<WriteResult>(Fiber&, Store&)> call) {
  struct Pending final {
    std::function<absl::StatusOr<WriteResult>(Fiber&, Store&)> call;
    std::promise<absl::StatusOr<WriteResult>> promise;
  };
  auto pending = std::make_shared<Pending>();
  pending->call = std::move(call);
  std::future<absl::StatusOr<WriteResult>> result = pending->promise.get_future();
  runtime_->shard(ShardId(0)).loop().Post([this, pending] {
    calls_->Spawn("docs.call", [this, pending](Fiber& fiber) {
      pending->promise.set_value(pending->call(fiber, *store_));
    });
  });
  return result.get();
}

void BlockingStore::Core::Read(absl::FunctionRef<void(Fiber&)> read) {
  std::unique_ptr<Reader> reader;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!idle_readers_.empty()) {
      reader = std::move(idle_readers_.back());
      idle_readers_.pop_back();
    }
  }
  if (reader == nullptr) reader = std::make_unique<Reader>();
  {
    bool done = false;
    fiber::Scope scope(reader->scheduler);
    scope.Spawn("docs.read", [&](Fiber& fiber) {
      read(fiber);
      done = true;
    });
    reader->scheduler.RunReady();
    CHECK(done) << "a read suspended";
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  idle_readers_.push_back(std::move(reader));
}

absl::Status BlockingStore::Core::Close() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (std::exchange(closed_, true)) return absl::OkStatus();
  }
  return Submit([](Fiber& fiber, Store& store) -> absl::StatusOr<WriteResult> {
           RETURN_IF_ERROR(store.Close(fiber));
           return WriteResult();
         })
      .status();
}

StoreStatus BlockingStore::Core::status() {
  StoreStatus status;
  (void)Submit([&status](Fiber&, Store& store) -> absl::StatusOr<WriteResult> {
    status = store.status();
    return WriteResult();
  });
  return status;
}

absl::StatusOr<std::unique_ptr<BlockingStore>> BlockingStore::Open(const std::string& directory,
                                                                   const BlockingOptions& options) {
  auto core = std::make_unique<Core>(options);
  RETURN_IF_ERROR(core->Open(directory));
  return std::unique_ptr<BlockingStore>(new BlockingStore(std::move(core)));
}

BlockingStore::BlockingStore(std::unique_ptr<Core> core) : core_(std::move(core)) {}
BlockingStore::~BlockingStore() = default;

absl::StatusOr<WriteResult> BlockingStore::Write(Operation operation) {
  return core_->Submit([operation = std::move(operation)](Fiber& fiber, Store& store) {
    return store.Write(fiber, operation);
  });
}
absl::StatusOr<WriteResult> BlockingStore::OnStore(
    std::function<absl::StatusOr<WriteResult>(Fiber&, Store&)> call) {
  return core_->Submit(std::move(call));
}
absl::StatusOr<WriteResult> BlockingStore::WriteBatch(std::vector<Operation> operations,
                                                      Durability durability) {
  return core_->Submit(
      [operations = std::move(operations), durability](Fiber& fiber, Store& store) {
        return store.WriteBatch(fiber, operations, durability);
      });
}
absl::Status BlockingStore::Sync() {
  return core_
      ->Submit([](Fiber& fiber, Store& store) -> absl::StatusOr<WriteResult> {
        RETURN_IF_ERROR(store.Sync(fiber));
        return WriteResult();
      })
      .status();
}
std::string BlockingStore::Metrics() const {
  const ReadStateRef now = state();
  absl::StatusOr<SyncFacts> facts = SyncFacts();
  Read([&](Fiber& fiber) { facts = ReadSyncFacts(fiber, *now); });
  return MetricsText(status(), facts.ok() ? *facts : SyncFacts(), now_ms());
}
ReadStateRef BlockingStore::state() const { return core_->state(); }
int64_t BlockingStore::now_ms() const { return core_->now_ms(); }
void BlockingStore::Read(absl::FunctionRef<void(Fiber&)> read) const { core_->Read(read); }
bool BlockingStore::WaitForChange(Sequence sequence, std::chrono::milliseconds wait) const {
  return core_->WaitForChange(sequence, wait);
}
StoreStatus BlockingStore::status() const { return core_->status(); }
absl::Status BlockingStore::Close() { return core_->Close(); }

}  // namespace lockstep::docs
