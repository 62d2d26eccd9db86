// The bank in simulated clusters: what the author of a service writes to have it tested.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "examples/bank/bank_machine.h"
#include "framework/base/mutant_on.h"
#include "framework/edge/grpc_client.h"
#include "framework/replica/mutants.h"
#include "framework/store/memory_store.h"
#include "sim/cluster/run.h"

namespace lockstep::bank {
namespace {

// Each client has an account that nobody else touches, adds 1 to it, moves 1 from it to the common
// account "pot", and reads it. So it knows what the account must hold: what it was told, give or
// take the calls whose outcome it does not know, each of which happened once or not at all.
class BankWorkload final : public sim::Workload {
 public:
  void Configure(replica::NodeOptions& options) override {
    options.make_machine = [] { return std::make_unique<BankMachine>(); };
    // The store does not survive its process: the log must stay whole.
    options.log_bytes_retained = uint64_t{1} << 40;
    options.compaction_interval = Seconds(1'000'000);
  }

  void RunClient(Fiber& fiber, runtime::Environment& environment,
                 const sim::ClientPlan& plan) override {
    base::SequentialRandom random(plan.seed);
    Account own{absl::StrCat("own", plan.index), 0, 0, 0};
    size_t endpoint = plan.index % plan.endpoints.size();
    while (plan.go_on()) {
      edge::GrpcChannel channel(environment.scheduler, environment.network,
                                plan.endpoints[endpoint]);
      bool works = true;
      while (works && plan.go_on()) {
        fiber.SleepFor(Nanoseconds(static_cast<int64_t>(
            random.Below(2 * static_cast<uint64_t>(plan.think_time.count())))));
        ++invoked_;
        const uint64_t act = random.Below(4);
        works = act == 0   ? Read(fiber, channel, own)
                : act == 1 ? Transfer(fiber, channel, own)
                           : Deposit(fiber, channel, own);
        completed_ += works ? 1 : 0;
      }
      endpoint = (endpoint + 1) % plan.endpoints.size();
    }
  }

  // That no money appears or vanishes is the machine's own invariant, checked on every node.
  std::optional<checkers::Violation> Check() override {
    if (wrong_.empty()) return std::nullopt;
    return checkers::Violation{"bank", wrong_, "balance"};
  }
  uint64_t invoked() const override { return invoked_; }
  uint64_t completed() const override { return completed_; }

 private:
  struct Account {
    std::string name;
    int64_t balance;  // by the calls that were answered
    int64_t unknown_deposits;
    int64_t unknown_transfers;
  };

  static edge::GrpcResult Call(Fiber& fiber, edge::GrpcChannel& channel, const std::string& method,
                               const std::string& text) {
    return channel.Call(fiber, absl::StrCat("/lockstep.Group/", method), text,
                        {fiber.now() + Seconds(5), nullptr});
  }

  bool Read(Fiber& fiber, edge::GrpcChannel& channel, Account& own) {
    const edge::GrpcResult result = Call(fiber, channel, "Query", own.name);
    if (result.ok()) ExpectBalance(own, result.response, "read");
    return result.ok();
  }

  bool Deposit(Fiber& fiber, edge::GrpcChannel& channel, Account& own) {
    const edge::GrpcResult result =
        Call(fiber, channel, "Propose", absl::StrCat("deposit ", own.name, " 1"));
    (result.ok() ? own.balance : own.unknown_deposits) += 1;
    if (result.ok()) ExpectBalance(own, result.response, "deposit");
    return result.ok();
  }

  bool Transfer(Fiber& fiber, edge::GrpcChannel& channel, Account& own) {
    ++transfers_;
    const edge::GrpcResult result =
        Call(fiber, channel, "Propose", absl::StrCat("transfer ", own.name, " pot 1"));
    if (!result.ok()) {
      ++own.unknown_transfers;
      return false;
    }
    int64_t pot = 0;
    if (!absl::SimpleAtoi(result.response, &pot)) {
      Expect(own.balance - own.unknown_transfers <= 0, own, result.response, "transfer");
      return true;
    }
    own.balance -= 1;
    Expect(pot >= 1 && pot <= transfers_, own, result.response, "transfer");
    return true;
  }

  void ExpectBalance(const Account& own, const std::string& told, const std::string& act) {
    int64_t balance = 0;
    Expect(absl::SimpleAtoi(told, &balance) && balance >= own.balance - own.unknown_transfers &&
               balance <= own.balance + own.unknown_deposits,
           own, told, act);
  }

  void Expect(bool holds, const Account& own, const std::string& told, const std::string& act) {
    if (holds || !wrong_.empty()) return;
    wrong_ = absl::StrCat(own.name, ": a ", act, " was told ", told, " with ", own.balance, " +",
                          own.unknown_deposits, " -", own.unknown_transfers, " expected");
  }

  std::string wrong_;
  int64_t transfers_ = 0;  // begun by all clients
  uint64_t invoked_ = 0;
  uint64_t completed_ = 0;
};

sim::RunOptions BankOptions() {
  sim::RunOptions options;
  options.horizon = Seconds(15);
  options.make_workload = [](sim::World&) { return std::make_unique<BankWorkload>(); };
  options.open_stores = [](sim::SimNode&) -> replica::StoreOpener {
    return [](Fiber&, runtime::Environment&, const std::string&) {
      return absl::StatusOr<std::unique_ptr<machine::OrderedStore>>(
          std::make_unique<store::MemoryStore>());
    };
  };
  return options;
}

TEST(Bank, KeepsItsBooksThroughTwentyUniverses) {
  uint64_t completed = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const sim::RunResult result = sim::RunSeed(seed, BankOptions());
    EXPECT_FALSE(result.violation) << "seed " << seed << ": " << *result.violation << "\n"
                                   << result.last_events;
    completed += result.completed;
  }
  EXPECT_GT(completed, 2000u);
}

// Clients talk to shard 0, and the group lives on shard 1: every call crosses between them.
TEST(Bank, IsReachedFromTheOtherShard) {
  uint64_t completed = 0;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    sim::RunOptions options = BankOptions();
    options.shards = 2;
    const sim::RunResult result = sim::RunSeed(seed, options);
    EXPECT_FALSE(result.violation) << "seed " << seed << ": " << *result.violation;
    completed += result.completed;
  }
  // (A universe of its own may have nearly nothing but disasters.)
  EXPECT_GT(completed, 250u);
}

TEST(Bank, ARequestAppliedTwiceIsNoticed) {
  mutant::Plant(mutant::kM71SessionResultForgotten);
  bool noticed = false;
  for (uint64_t seed = 1; seed <= 60 && !noticed; ++seed) {
    const sim::RunResult result = sim::RunSeed(seed, BankOptions());
    noticed = result.violation && result.violation->oracle == "bank";
  }
  mutant::Plant(mutant::Id::kNone);
  EXPECT_TRUE(noticed);
}

}  // namespace
}  // namespace lockstep::bank
