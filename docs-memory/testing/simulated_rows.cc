#include "docs-memory/testing/simulated_rows.h"

#include <rocksdb/env.h>  // lint: allow(home) the composer owns the Env that it gives to the store

#include <utility>

#include "framework/base/status_macros.h"
#include "framework/store/rocks_store.h"
#include "sim/rocks_env.h"

namespace lockstep::docs {
namespace {

// A store and the simulated world under it; the store goes first.
class SimulatedRows final : public machine::OrderedStore {
 public:
  SimulatedRows(std::unique_ptr<rocksdb::Env> env, std::unique_ptr<machine::OrderedStore> store)
      : env_(std::move(env)), store_(std::move(store)) {}

  std::unique_ptr<machine::GroupStore> Group(GroupId group) override {
    return store_->Group(group);
  }
  absl::Status StartFlush() override { return store_->StartFlush(); }
  absl::Status Flush(Fiber& fiber) override { return store_->Flush(fiber); }
  absl::Status StartCompaction() override { return store_->StartCompaction(); }
  absl::StatusOr<uint64_t> VerifyNextFile(Fiber& fiber, std::string* after) override {
    return store_->VerifyNextFile(fiber, after);
  }
  uint64_t DiskBytes() const override { return store_->DiskBytes(); }
  absl::Status health() const override { return store_->health(); }

 private:
  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<machine::OrderedStore> store_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<machine::OrderedStore>> OpenSimulatedRows(
    Fiber& fiber, runtime::Environment& environment, sim::SimNode& node,
    const std::string& directory) {
  RETURN_IF_ERROR(environment.disk.CreateDirectory(fiber, directory));
  RETURN_IF_ERROR(environment.disk.SyncDirectory(fiber, ""));
  std::unique_ptr<rocksdb::Env> env = sim::MakeRocksEnv(node, environment.shard, directory);
  store::RocksStoreOptions options;
  options.env = env.get();
  options.path = "/db";
  options.trace = &environment.trace;
  options.profile = store::RocksProfile::kLight;
  ASSIGN_OR_RETURN(auto store, store::RocksStore::Open(fiber, options));
  return std::make_unique<SimulatedRows>(std::move(env), std::move(store));
}

}  // namespace lockstep::docs
