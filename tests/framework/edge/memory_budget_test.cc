#include "framework/edge/memory_budget.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "framework/edge/grpc_budget.h"
#include "tests/framework/edge/memory_network.h"

namespace lockstep::edge {
namespace {

class MemoryBudgetTest : public testing::Test {
 protected:
  // A fiber that takes `bytes` and notes its name.
  std::unique_ptr<fiber::Scope> Want(const char* name, size_t bytes,
                                     MonoTime deadline = kNoDeadline) {
    auto scope = std::make_unique<fiber::Scope>(scheduler_);
    scope->Spawn("want", [=, this](Fiber& fiber) {
      served_ += budget_.Acquire(fiber, bytes, deadline) ? name : "-";
    });
    Settle();
    return scope;
  }
  void Settle() {
    while (scheduler_.ready_count() > 0) scheduler_.RunOne();
  }
  void Release(size_t bytes) {
    budget_.Release(bytes);
    Settle();
  }
  void TearDown() override { budget_.Release(budget_.used_bytes()); }

  fiber::Scheduler scheduler_;
  MemoryBudget budget_{100};
  std::string served_;
};

TEST_F(MemoryBudgetTest, SmallRequestsDoNotOvertakeALargeOne) {
  budget_.Charge(60);
  const auto a = Want("a", 60), b = Want("b", 10), c = Want("c", 20);
  EXPECT_EQ(served_, "");
  Release(40);
  EXPECT_EQ(served_, "ab");
  EXPECT_EQ(budget_.missing_bytes(), 10u);
  Release(60);
  EXPECT_EQ(served_, "abc");
}

TEST_F(MemoryBudgetTest, MoreThanEverythingIsServedAlone) {
  budget_.Charge(1);
  const auto a = Want("a", 1000), b = Want("b", 1);
  Release(1);
  EXPECT_EQ(served_, "a");
  Release(1000);
  EXPECT_EQ(served_, "ab");
}

TEST_F(MemoryBudgetTest, NothingIsRefusedOnlyBeyondTheMaximum) {
  budget_.Charge(100);
  const auto a = Want("a", 0);
  EXPECT_EQ(served_, "a");
  budget_.Charge(1);
  const auto b = Want("b", 0);
  EXPECT_EQ(served_, "a");
  Release(1);
  EXPECT_EQ(served_, "ab");
}

TEST_F(MemoryBudgetTest, WhoIsUnwoundGivesItsTurnAndItsBytesToTheNext) {
  budget_.Charge(100);
  auto large = Want("a", 100);
  const auto small = Want("b", 10);
  budget_.Release(50);
  large.reset();  // it waits
  Settle();
  EXPECT_EQ(served_, "b");
  auto granted = Want("c", 60);
  const auto last = Want("d", 30);
  budget_.Release(20);
  granted.reset();  // its bytes were granted; it has not run since
  Settle();
  EXPECT_EQ(served_, "bd");
  EXPECT_EQ(budget_.used_bytes(), 70u);
}

TEST_F(MemoryBudgetTest, WhoWaitsTooLongTakesNothing) {
  budget_.Charge(100);
  const auto a = Want("a", 50, scheduler_.now() + Seconds(1)), b = Want("b", 1);
  scheduler_.AdvanceTo(scheduler_.now() + Seconds(1));
  Settle();
  EXPECT_EQ(served_, "-");
  Release(1);
  EXPECT_EQ(served_, "-b");
}

TEST(GrpcBudget, OneClientsHugeResponseLeavesTheOthersTheirRoom) {
  fiber::Scheduler scheduler;
  GrpcBudget server(
      {.request_bytes_max = 100, .response_bytes_max = 100, .overflow_bytes_max = 1000});
  ConnectionBudget huge(server, 40), other(server, 40);
  huge.Settle(0, 900);
  EXPECT_EQ(server.responses.used_bytes(), 40u);
  EXPECT_EQ(server.overflow.used_bytes(), 860u);
  std::string served;
  fiber::Scope scope(scheduler);
  scope.Spawn("other", [&](Fiber& fiber) {
    served += other.Reserve(fiber, 40, kNoDeadline) ? "o" : "-";
    other.Unreserve(40);
  });
  scope.Spawn("huge", [&](Fiber& fiber) {
    served += huge.Reserve(fiber, 1, scheduler.now() + Seconds(1)) ? "h" : "-";
  });
  RunUntil(scheduler, [&] { return served.size() == 2; });
  EXPECT_EQ(served, "o-");
  huge.Settle(0, 1200);
  EXPECT_TRUE(server.overflow.free_bytes() == 0) << "several of them do not";
}

TEST(GrpcBudget, OneClientsCallsWaitForItAloneAndNotForTheServer) {
  fiber::Scheduler scheduler;
  GrpcBudget server({.request_bytes_max = 100, .response_bytes_max = 100});
  ConnectionBudget one(server, 40), other(server, 40);
  one.Settle(0, 30);
  int granted = 0;
  fiber::Scope scope(scheduler);
  for (int i = 0; i < 100; ++i) {
    scope.Spawn("one",
                [&](Fiber& fiber) { granted += one.Reserve(fiber, 10, kNoDeadline) ? 1 : 0; });
  }
  EXPECT_TRUE(RunUntil(scheduler, [&] { return scheduler.ready_count() == 0; }));
  EXPECT_EQ(granted, 1);
  EXPECT_FALSE(server.is_short());
  EXPECT_EQ(server.responses.used_bytes(), 40u);
  scope.Cancel();
  one.Unreserve(10);
}

}  // namespace
}  // namespace lockstep::edge
