// The machine on the real stores, with batches as a replica makes them, against the model.
#include <gtest/gtest.h>
#include <rocksdb/env.h>

#include <memory>
#include <string>
#include <utility>

#include "framework/store/memory_store.h"
#include "framework/store/rocks_store.h"
#include "kv/kv_machine.h"
#include "kv/testing/kv_workload.h"
#include "tests/framework/store/store_testing.h"

namespace lockstep::kv {
namespace {

constexpr int kBatchMax = 16;
constexpr int kRequests = 3000;

class BatchContext final : public machine::ApplyContext {
 public:
  explicit BatchContext(machine::StoreTransaction& store) : store_(store) {}
  machine::StoreTransaction& store() override { return store_; }
  uint64_t index() const override { return 1; }
  uint64_t term() const override { return 1; }
  WallTime time() const override { return {}; }
  void Publish(std::string) override {}

 private:
  machine::StoreTransaction& store_;
};

// A replica's part of the work: entries in batches, queries on what is committed.
class Subject final {
 public:
  Subject(Fiber& fiber, machine::OrderedStore& store)
      : store_(store), group_(store.Group(GroupId(7))) {
    Restart(fiber);
  }

  std::string Ask(Fiber& fiber, const WorkloadRequest& request) {
    const std::string command = EncodeCommand(request.kind, request.body);
    if (request.is_query) {
      Commit(fiber);
      return Checked(machine_->Query(fiber, command, *group_->Snapshot()));
    }
    if (batch_ == nullptr) batch_ = group_->Begin();
    BatchContext context(*batch_);
    std::string outcome = Checked(machine_->Apply(fiber, command, context));
    if (++batch_size_ == kBatchMax) Commit(fiber);
    return outcome;
  }
  void Restart(Fiber& fiber) {
    Commit(fiber);
    machine_ = std::make_unique<KvMachine>();
    CHECK_OK(machine_->Load(fiber, *group_->Snapshot()));
  }
  void Flush(Fiber& fiber) {
    Commit(fiber);
    CHECK_OK(store_.Flush(fiber));
  }
  absl::Status Check(Fiber& fiber) {
    Commit(fiber);
    return machine_->CheckInvariants(fiber, *group_->Snapshot());
  }

 private:
  static std::string Checked(absl::StatusOr<std::string> outcome) {
    CHECK_OK(outcome.status());
    return *std::move(outcome);
  }
  void Commit(Fiber& fiber) {
    batch_size_ = 0;
    if (batch_ != nullptr) CHECK_OK(group_->Commit(fiber, std::move(batch_)));
  }

  machine::OrderedStore& store_;
  std::unique_ptr<machine::GroupStore> group_;
  std::unique_ptr<KvMachine> machine_;
  std::unique_ptr<machine::StoreTransaction> batch_;
  int batch_size_ = 0;
};

void Compare(Fiber& fiber, machine::OrderedStore& store, uint64_t seed) {
  KvWorkload workload(seed, {});
  KvModel model;
  Subject subject(fiber, store);
  for (int i = 0; i < kRequests; ++i) {
    const WorkloadRequest request = workload.Next(model.revision());
    const ModelAnswer expected = Ask(model, request);
    const std::string actual = subject.Ask(fiber, request);
    ASSERT_EQ(static_cast<int>(actual[0]), expected.code) << "request " << i;
    ASSERT_EQ(actual.substr(1), expected.body) << "request " << i;
    if (i % 500 == 100) subject.Flush(fiber);
    if (i % 500 == 300) subject.Restart(fiber);
    if (i % 500 == 0) CHECK_OK(subject.Check(fiber));
  }
}

TEST(KvOnStores, MemoryStoreAnswersAsTheModel) {
  RunInFiber([](Fiber& fiber) {
    store::MemoryStore store;
    Compare(fiber, store, 1);
  });
}

TEST(KvOnStores, RocksStoreAnswersAsTheModel) {
  RunInFiber([](Fiber& fiber) {
    store::RocksStoreOptions options;
    options.env = rocksdb::Env::Default();
    options.path = store::FreshDirectory();
    options.profile = store::RocksProfile::kLight;
    auto opened = store::RocksStore::Open(fiber, options);
    CHECK_OK(opened.status());
    Compare(fiber, **opened, 2);
  });
}

}  // namespace
}  // namespace lockstep::kv
