// Whole runs against a server over a network in memory, in virtual time.
#include "bench/load_generator.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "framework/edge/grpc_server.h"
#include "kv/proto/rpc.pb.h"
#include "tests/framework/edge/memory_network.h"

namespace lockstep::bench {
namespace {

using edge::GrpcRequest;
using edge::GrpcStatus;

class SchedulerClock final : public runtime::Clock {
 public:
  explicit SchedulerClock(fiber::Scheduler& scheduler) : scheduler_(scheduler) {}
  MonoTime Monotonic() override { return scheduler_.now(); }
  WallTime Wall() override { return {scheduler_.now().ns}; }

 private:
  fiber::Scheduler& scheduler_;
};

class LoadGeneratorTest : public testing::Test {
 protected:
  LoadGeneratorTest() {
    const auto answer = [this](Fiber& fiber, const GrpcRequest& request, std::string*) {
      ++calls_[std::string(request.method)];
      fiber.SleepUntil(std::max(stalled_until_, fiber.now() + service_time_));
      return status_;
    };
    for (const char* method : {"Put", "Range", "Txn"}) {
      registry_.AddUnary(std::string("/etcdserverpb.KV/") + method, answer);
    }
    listener_ = *network_.Listen("server:1");
    serving_.Spawn("serve", [this](Fiber& fiber) { server_.Serve(fiber, *listener_); });
    options_.endpoints = {"server:1"};
    options_.clients = 4;
    options_.connections = 2;
    options_.duration = Seconds(2);
    options_.warm_up = Seconds(0);
    options_.keys = 100;
  }

  absl::Status Run() {
    SchedulerClock clock(scheduler_);
    generator_ =
        std::make_unique<LoadGenerator>(LoadGenerator::Parts{scheduler_, clock, network_}, options_,
                                        [this](const std::string&) { ++progress_lines_; });
    absl::Status status;
    bool is_done = false;
    fiber::Scope scope(scheduler_);
    scope.Spawn("bench", [&](Fiber& fiber) {
      status = generator_->Run(fiber);
      is_done = true;
    });
    EXPECT_TRUE(edge::RunUntil(scheduler_, [&] { return is_done; }));
    return status;
  }
  const LoadReport& report() { return generator_->report(); }

  fiber::Scheduler scheduler_;
  edge::NoTrace trace_;
  edge::MemoryNetwork network_;
  edge::GrpcRegistry registry_;
  std::map<std::string, int> calls_;
  Duration service_time_ = Milliseconds(10);
  MonoTime stalled_until_;
  GrpcStatus status_;
  edge::GrpcServer server_{scheduler_, trace_, registry_};
  std::unique_ptr<runtime::Listener> listener_;
  fiber::Scope serving_{scheduler_};
  LoadOptions options_;
  std::unique_ptr<LoadGenerator> generator_;
  int progress_lines_ = 0;
};

TEST_F(LoadGeneratorTest, ClosedLoopKeepsEachClientBusy) {
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(report().writes.count(), 4u * 200u) << "4 clients, 10 ms each, 2 s";
  EXPECT_EQ(report().writes.Percentile(50), Milliseconds(10));
  EXPECT_EQ(network_.dials, 2);
  EXPECT_GE(progress_lines_, 1);
}

TEST_F(LoadGeneratorTest, OpenLoopKeepsItsRateAndAStallShowsInEveryOperationThatWasDue) {
  options_.rate = 200;
  stalled_until_ = MonoTime{0} + Seconds(1);
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(report().writes.count(), 400u);
  // During the first second 200 operations were due, though only 4 clients could be stuck in it.
  EXPECT_GE(report().writes.Percentile(60), Milliseconds(100));
  EXPECT_GE(report().writes.max(), Milliseconds(990));
}

TEST_F(LoadGeneratorTest, MixedWorkloadHasTheShareOfReadsThatWasAskedFor) {
  options_.workload = WorkloadKind::kMixed;
  options_.read_percent = 75;
  options_.count = 1000;
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(report().succeeded(), 1000u);
  EXPECT_NEAR(static_cast<double>(report().reads.count()), 750, 60);
}

TEST_F(LoadGeneratorTest, PreloadPutsEveryKeyOnce) {
  options_.workload = WorkloadKind::kRange;
  options_.preload = true;
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(calls_["/etcdserverpb.KV/Put"], 100);
  EXPECT_EQ(report().writes.count(), 0u);
}

TEST_F(LoadGeneratorTest, FailuresAreCountedByWhatTheySay) {
  status_ = GrpcStatus(edge::GrpcCode::kUnavailable, "etcdserver: no leader");
  options_.count = 10;
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(report().failed, 10u);
  EXPECT_EQ(report().failures.at("Unavailable: etcdserver: no leader"), 10u);
  const std::string json = FormatJson(options_, report());
  EXPECT_NE(json.find(R"("failures":{"Unavailable: etcdserver: no leader":10})"),
            std::string::npos);
}

TEST_F(LoadGeneratorTest, UnreachableEndpointIsAnError) {
  options_.endpoints = {"server:1", "nowhere:1"};
  EXPECT_TRUE(absl::IsUnavailable(Run()));
}

TEST(Workload, EqualSeedsChooseEqualOperations) {
  LoadOptions options;
  options.workload = WorkloadKind::kMixed;
  Workload a(options);
  Workload b(options);
  for (int i = 0; i < 100; ++i) {
    Operation one;
    Operation other;
    a.Next(&one);
    b.Next(&other);
    ASSERT_EQ(one.method, other.method);
    ASSERT_EQ(one.request, other.request);
  }
}

TEST(Workload, TransactionPutsAndReadsOneKey) {
  LoadOptions options;
  options.workload = WorkloadKind::kTxn;
  Workload workload(options);
  Operation operation;
  workload.Next(&operation);
  etcdserverpb::TxnRequest txn;
  ASSERT_TRUE(txn.ParseFromString(operation.request));
  ASSERT_EQ(txn.success_size(), 2);
  EXPECT_EQ(txn.success(0).request_put().key(), txn.success(1).request_range().key());
  EXPECT_EQ(txn.success(0).request_put().value().size(), 256u);
  EXPECT_EQ(txn.compare(0).key().size(), 16u);
}

}  // namespace
}  // namespace lockstep::bench
