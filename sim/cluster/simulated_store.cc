#include "sim/cluster/simulated_store.h"

#include <rocksdb/env.h>  // lint: allow(home) the composer owns the Env that it gives to the store

#include <memory>
#include <string>
#include <utility>

#include "framework/store/rocks_store.h"
#include "sim/rocks_env.h"

namespace lockstep::sim {
namespace {

// A store and the simulated world under it; the store goes first.
class SimulatedStore final : public machine::OrderedStore {
 public:
  SimulatedStore(std::unique_ptr<rocksdb::Env> env, std::unique_ptr<machine::OrderedStore> store)
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

replica::StoreOpener OpenSimulatedRocks(SimNode& node) {
  return [&node](Fiber& fiber, runtime::Environment& environment, const std::string& directory)
             -> absl::StatusOr<std::unique_ptr<machine::OrderedStore>> {
    std::unique_ptr<rocksdb::Env> env = MakeRocksEnv(node, environment.shard, directory);
    store::RocksStoreOptions options;
    options.env = env.get();
    options.path = "/db";
    options.trace = &environment.trace;
    // Both ways of reading, in one universe: on the spot, and through the pool.
    const bool offloads =
        node.disk().world().draws().Chance("shape.store_offload", node.id().value(), kMillion / 2);
    if (offloads) options.offload = &environment.offload;
    options.profile = store::RocksProfile::kLight;
    auto opened = store::RocksStore::Open(fiber, options);
    if (!opened.ok()) return opened.status();
    return std::make_unique<SimulatedStore>(std::move(env), *std::move(opened));
  };
}

}  // namespace lockstep::sim
