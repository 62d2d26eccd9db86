#include "sim/cluster/simulated_store.h"

#include <rocksdb/env.h>  // lint: allow(home) the composer owns the Env that it gives to the store

#include <utility>

#include "framework/base/status_macros.h"
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
  absl::Status ReadAgain(Fiber& fiber) override { return store_->ReadAgain(fiber); }
  uint64_t DiskBytes() const override { return store_->DiskBytes(); }
  absl::Status health() const override { return store_->health(); }

 private:
  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<machine::OrderedStore> store_;
};

store::RocksStoreOptions OptionsOn(rocksdb::Env& env, runtime::Environment& environment,
                                   const runtime::Cipher* cipher) {
  store::RocksStoreOptions options;
  options.env = &env;
  options.path = "/db";
  options.trace = &environment.trace;
  options.profile = store::RocksProfile::kLight;
  if (cipher != nullptr) {
    options.seal = {cipher, environment.random.Draw("rows.seal"),
                    environment.random.Draw("rows.seal")};
  }
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<machine::OrderedStore>> OpenRocksOn(
    Fiber& fiber, SimNode& node, runtime::Environment& environment, const std::string& directory,
    runtime::Offload* offload, const runtime::Cipher* cipher) {
  std::unique_ptr<rocksdb::Env> env = MakeRocksEnv(node, environment.shard, directory);
  store::RocksStoreOptions options = OptionsOn(*env, environment, cipher);
  options.offload = offload;
  options.scattered =
      node.disk().world().draws().Chance("shape.store_scattered", node.id().value(), kMillion / 3);
  ASSIGN_OR_RETURN(auto store, store::RocksStore::Open(fiber, options));
  return std::make_unique<SimulatedStore>(std::move(env), std::move(store));
}

absl::StatusOr<std::set<uint32_t>> KeysOfRocksOn(SimNode& node, runtime::Environment& environment,
                                                 const std::string& directory) {
  const std::unique_ptr<rocksdb::Env> env = MakeRocksEnv(node, environment.shard, directory);
  return store::KeysOfFiles(*env, "/db");
}

absl::Status RewriteRocksOn(SimNode& node, runtime::Environment& environment,
                            const std::string& directory, const runtime::Cipher* cipher) {
  const std::unique_ptr<rocksdb::Env> env = MakeRocksEnv(node, environment.shard, directory);
  return store::RocksStore::RewriteFiles(OptionsOn(*env, environment, cipher));
}

replica::StoreOpener OpenSimulatedRocks(SimNode& node) {
  return [&node](Fiber& fiber, runtime::Environment& environment, const std::string& directory) {
    // Both ways of reading, in one universe: on the spot, and through the pool.
    const bool offloads =
        node.disk().world().draws().Chance("shape.store_offload", node.id().value(), kMillion / 2);
    return OpenRocksOn(fiber, node, environment, directory,
                       offloads ? &environment.offload : nullptr);
  };
}

}  // namespace lockstep::sim
