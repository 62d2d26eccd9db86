// A counter service in simulated clusters: the smallest state machine, all of the framework.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "framework/base/mutant_on.h"
#include "framework/edge/grpc_client.h"
#include "framework/replica/mutants.h"
#include "framework/store/memory_store.h"
#include "sim/cluster/run.h"
#include "sim/profile_text.h"

namespace lockstep::sim {
namespace {

using machine::Column;

// "add" adds one and answers the new total; a query answers the total.
class CounterMachine final : public machine::StateMachine {
 public:
  absl::StatusOr<std::string> Apply(Fiber& fiber, std::string_view,
                                    machine::ApplyContext& context) override {
    auto total = context.store().Get(fiber, Column::kPrimary, "total");
    if (!total.ok()) return total.status();
    const std::string next = absl::StrCat(Value(*total) + 1);
    context.store().Put(Column::kPrimary, "total", next);
    return next;
  }
  absl::StatusOr<std::string> Query(Fiber& fiber, std::string_view,
                                    const machine::StoreView& view) override {
    auto total = view.Get(fiber, Column::kPrimary, "total");
    if (!total.ok()) return total.status();
    return absl::StrCat(Value(*total));
  }
  absl::Status Load(Fiber&, const machine::StoreView&) override { return absl::OkStatus(); }

 private:
  static int64_t Value(const std::optional<std::string>& text) {
    int64_t value = 0;
    if (text) (void)absl::SimpleAtoi(*text, &value);
    return value;
  }
};

// Totals are unique, and nobody is told a total below one that was known before it asked.
class CounterWorkload final : public Workload {
 public:
  void Configure(replica::NodeOptions& options) override {
    options.make_machine = [] { return std::make_unique<CounterMachine>(); };
    // The store does not survive its process: the log must stay whole.
    options.log_bytes_retained = uint64_t{1} << 40;
    options.compaction_interval = Seconds(1'000'000);
  }

  void RunClient(Fiber& fiber, runtime::Environment& environment, const ClientPlan& plan) override {
    size_t endpoint = plan.index % plan.endpoints.size();
    std::unique_ptr<edge::GrpcChannel> channel;
    Duration think = plan.think_time;
    while (plan.turns->Await(fiber, think)) {
      base::SequentialRandom random = plan.turns->Random();
      if (channel == nullptr) {
        channel = std::make_unique<edge::GrpcChannel>(environment.scheduler, environment.network,
                                                      plan.endpoints[endpoint]);
      }
      if (!CallOnce(fiber, *channel, plan, random.Below(3) == 0)) {
        channel.reset();
        endpoint = (endpoint + 1) % plan.endpoints.size();
      }
      think = Nanoseconds(
          static_cast<int64_t>(random.Below(2 * static_cast<uint64_t>(plan.think_time.count()))));
    }
  }

  std::optional<checkers::Violation> Check() override {
    std::sort(operations_.begin(), operations_.end(),
              [](const Done& a, const Done& b) { return a.returned < b.returned; });
    std::vector<int64_t> totals;
    for (const Done& one : operations_) {
      if (one.is_add) totals.push_back(one.total);
      for (const Done& earlier : operations_) {
        if (earlier.returned >= one.called) break;
        if (earlier.total > one.total - (one.is_add ? 1 : 0)) {
          return checkers::Violation{
              "counter", absl::StrCat("total ", one.total, " after ", earlier.total), "total"};
        }
      }
    }
    std::sort(totals.begin(), totals.end());
    if (std::adjacent_find(totals.begin(), totals.end()) != totals.end()) {
      return checkers::Violation{"counter", "two additions were told the same total", "total"};
    }
    if (!totals.empty() && totals.back() > static_cast<int64_t>(adds_)) {
      return checkers::Violation{"counter", absl::StrCat(adds_, " additions made ", totals.back()),
                                 "total"};
    }
    return std::nullopt;
  }

  uint64_t invoked() const override { return invoked_; }
  uint64_t completed() const override { return operations_.size(); }

 private:
  struct Done {
    int64_t called = 0;
    int64_t returned = 0;
    int64_t total = 0;
    bool is_add = false;
  };

  bool CallOnce(Fiber& fiber, edge::GrpcChannel& channel, const ClientPlan& plan, bool is_read) {
    ++invoked_;
    if (!is_read) ++adds_;
    const int64_t called = plan.universe_ns();
    const edge::GrpcResult result =
        channel.Call(fiber, is_read ? "/lockstep.Group/Query" : "/lockstep.Group/Propose", "add",
                     {fiber.now() + Seconds(5), nullptr});
    if (!result.ok()) return false;
    int64_t total = 0;
    EXPECT_TRUE(absl::SimpleAtoi(result.response, &total)) << result.response;
    operations_.push_back({called, plan.universe_ns(), total, !is_read});
    return true;
  }

  std::vector<Done> operations_;
  uint64_t invoked_ = 0;
  uint64_t adds_ = 0;
};

RunOptions CounterOptions() {
  RunOptions options;
  options.horizon = Seconds(15);
  options.make_workload = [](World&) { return std::make_unique<CounterWorkload>(); };
  options.open_stores = [](SimNode&) -> replica::StoreOpener {
    return [](Fiber&, runtime::Environment&, const std::string&) {
      return absl::StatusOr<std::unique_ptr<machine::OrderedStore>>(
          std::make_unique<store::MemoryStore>());
    };
  };
  return options;
}

TEST(Cluster, CalmClusterServesEverybody) {
  RunOptions options = CounterOptions();
  options.profile = CalmProfile();
  const RunResult result = RunSeed(1, options);
  EXPECT_FALSE(result.violation) << *result.violation << "\n" << result.last_events;
  EXPECT_GT(result.completed, 300u);
  EXPECT_EQ(result.process_failures, 0u);
}

TEST(Cluster, SurvivesTheDefaultProfile) {
  RunOptions options = CounterOptions();
  // Rare paths of the product compact a log that this store needs whole.
  options.profile.fault_point_site_percent.on_ppm = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    const RunResult result = RunSeed(seed, options);
    EXPECT_FALSE(result.violation) << "seed " << seed << ": " << *result.violation << "\n"
                                   << result.last_events;
  }
}

TEST(Cluster, AHealedCoreGoesOnWithoutTheRest) {
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    RunOptions options = CounterOptions();
    options.profile.core_only = {kMillion, 1, 1, 0};
    options.profile.lost_node_every_ns = {kMillion / 3, 5'000'000'000, 20'000'000'000, 0};
    const RunResult result = RunSeed(seed, options);
    EXPECT_FALSE(result.violation) << "seed " << seed << ": " << *result.violation << "\n"
                                   << result.last_events;
    EXPECT_EQ(result.faults.of(FaultClass::kCoreHealed), 1u);
  }
}

TEST(Cluster, BeyondTheBudgetAnswersAreStillTrue) {
  uint64_t lost = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    RunOptions options = CounterOptions();
    options.profile.beyond_budget = {kMillion, 1, 1, 0};
    options.profile.lost_node_every_ns = {kMillion, 10'000'000'000, 20'000'000'000, 0};
    const RunResult result = RunSeed(seed, options);
    EXPECT_FALSE(result.violation) << "seed " << seed << ": " << *result.violation;
    lost += result.faults.of(FaultClass::kNodeLost);
  }
  EXPECT_GT(lost, 15u);
}

// Knows after some answers that the rest need not be awaited.
class SoonWrong final : public Workload {
 public:
  explicit SoonWrong(std::unique_ptr<Workload> inner) : inner_(std::move(inner)) {}

  void Configure(replica::NodeOptions& options) override { inner_->Configure(options); }
  void RunClient(Fiber& fiber, runtime::Environment& environment, const ClientPlan& plan) override {
    inner_->RunClient(fiber, environment, plan);
  }
  bool HasFailed() const override { return inner_->completed() >= 50; }
  std::optional<checkers::Violation> Check() override {
    return checkers::Violation{"toy", "fifty answers", "client"};
  }
  uint64_t invoked() const override { return inner_->invoked(); }
  uint64_t completed() const override { return inner_->completed(); }

 private:
  std::unique_ptr<Workload> inner_;
};

TEST(Cluster, ARunEndsWhereItsHistoryIsCertainlyWrong) {
  RunOptions options = CounterOptions();
  options.profile = CalmProfile();
  options.make_workload = [make = options.make_workload](World& world) {
    return std::make_unique<SoonWrong>(make(world));
  };
  const RunResult result = RunSeed(1, options);
  ASSERT_TRUE(result.violation);
  EXPECT_EQ(result.violation->oracle, "toy");
  EXPECT_LT(result.completed, 70u);
  EXPECT_LT(result.virtual_time, options.horizon / 2);
}

TEST(Cluster, MarksThatWereExpectedAndReachedAreCounted) {
  RunOptions options = CounterOptions();
  options.marks = {"raft.vote_refused_by_log", "nobody.reaches_this"};
  std::map<std::string, uint64_t> marks;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    for (const auto& [mark, count] : RunSeed(seed, options).marks) marks[mark] += count;
  }
  EXPECT_GT(marks["raft.vote_refused_by_log"], 0u);
  EXPECT_GT(marks["raft.late_append"], 0u) << "counted, although nobody expected it";
  ASSERT_TRUE(marks.contains("nobody.reaches_this"));
  EXPECT_EQ(marks["nobody.reaches_this"], 0u);
}

TEST(Cluster, NodesWhoseDisksRotAreWholeInTheEnd) {
  RunOptions options = CounterOptions();
  options.profile = *ProfileNamed("rot");
  uint64_t rot = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const RunResult result = RunSeed(seed, options);
    ASSERT_FALSE(result.violation) << "seed " << seed << ": " << *result.violation;
    rot += result.faults.of(FaultClass::kBitRot) + result.faults.of(FaultClass::kLatentSector);
  }
  EXPECT_GT(rot, 0u);
}

TEST(Cluster, SameSeedSameUniverse) {
  const RunResult first = RunSeed(7, CounterOptions());
  const RunResult again = RunSeed(7, CounterOptions());
  EXPECT_EQ(first.hash, again.hash);
  EXPECT_EQ(first.events, again.events);
  EXPECT_NE(first.hash, RunSeed(8, CounterOptions()).hash);
}

TEST(Replay, OfAWholeTapeIsTheSameUniverse) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const RunResult first = RunSeed(seed, CounterOptions());
    const RunResult again = RunSeed(seed, CounterOptions(), &first.tape);
    EXPECT_EQ(first.hash, again.hash) << "seed " << seed;
    EXPECT_EQ(first.tape.entries.size(), again.tape.entries.size()) << "seed " << seed;
    EXPECT_EQ(again.unused_entries, 0u) << "seed " << seed;
  }
}

// The tape without the entries for which `drop` returns true.
template <typename Drop>
Tape Without(const Tape& tape, const Drop& drop) {
  Tape shorter = tape;
  std::erase_if(shorter.entries, drop);
  return shorter;
}

TEST(Replay, ATurnThatIsTakenAwayLeavesTheOthers) {
  // Calm: where disasters strike, what one call less changes may keep a client from its later
  // turns.
  RunOptions options = CounterOptions();
  options.profile = CalmProfile();
  const RunResult whole = RunSeed(3, options);
  const auto third = [](const TapeEntry& entry) {
    return entry.stream == StreamId("client.turn") && entry.key == 1 && entry.ordinal == 2;
  };
  const Tape shorter = Without(whole.tape, third);
  ASSERT_EQ(shorter.entries.size() + 1, whole.tape.entries.size());
  const RunResult result = RunSeed(3, options, &shorter);
  EXPECT_EQ(result.invoked + 1, whole.invoked);
}

TEST(Replay, WithoutTurnsClientsDoNothing) {
  const RunResult whole = RunSeed(3, CounterOptions());
  const Tape silent = Without(
      whole.tape, [](const TapeEntry& entry) { return entry.stream == StreamId("client.turn"); });
  EXPECT_EQ(RunSeed(3, CounterOptions(), &silent).invoked, 0u);
}

TEST(Replay, ATapeMaySayThatFewerWillDo) {
  Tape tape;
  tape.seed = 5;
  tape.entries = {{StreamId("shape.nodes"), 0, 0, 1},
                  {StreamId("shape.clients"), 0, 0, 1},
                  {StreamId("shape.horizon"), 0, 0, 2'000'000'000},
                  {StreamId("client.turn"), 0, 0, 1'500'000'000}};
  const RunResult result = RunSeed(5, CounterOptions(), &tape);
  EXPECT_FALSE(result.violation) << *result.violation;
  EXPECT_EQ(result.completed, 1u);
  EXPECT_LT(result.virtual_time, Seconds(3));
  EXPECT_EQ(result.unused_entries, 0u);
}

// The oracle that first complains within so many universes with the bug; "" if none does.
std::string WhoNotices(mutant::Id bug, uint64_t seeds) {
  mutant::Plant(bug);
  std::string oracle;
  for (uint64_t seed = 1; seed <= seeds && oracle.empty(); ++seed) {
    const RunResult result = RunSeed(seed, CounterOptions());
    if (result.violation) oracle = result.violation->oracle;
  }
  mutant::Plant(mutant::Id::kNone);
  return oracle;
}

TEST(Cluster, PlantedBugsAreNoticedByTheirOracles) {
  EXPECT_EQ(WhoNotices(mutant::kM16ApplyBeforeSync, 10), "durability ledger");
  EXPECT_EQ(WhoNotices(mutant::kM11PagingSkipsEntry, 60), "state machine safety");
  EXPECT_EQ(WhoNotices(mutant::kM71SessionResultForgotten, 60), "counter");
}

}  // namespace
}  // namespace lockstep::sim
