// TallyWorkload: what clients of a simulated cluster do, and whether they were told the truth.
#ifndef LOCKSTEP_EXAMPLES_OUT_OF_TREE_TALLY_WORKLOAD_H_
#define LOCKSTEP_EXAMPLES_OUT_OF_TREE_TALLY_WORKLOAD_H_

#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "checkers/linearizability.h"
#include "framework/edge/grpc_client.h"
#include "sim/cluster/workload.h"
#include "tally_machine.h"
#include "tally_model.h"

namespace tally {

namespace edge = lockstep::edge;
namespace sim = lockstep::sim;

class TallyWorkload final : public sim::Workload {
 public:
  explicit TallyWorkload(Bug bug) : bug_(bug) {}

  void Configure(lockstep::replica::NodeOptions& options) override {
    options.make_machine = [bug = bug_] { return std::make_unique<TallyMachine>(bug); };
  }

  // Asks one node until it does not answer, then the next. A turn is one operation: the simulator
  // says when, and a replay that leaves a turn out leaves the others as they were.
  void RunClient(Fiber& fiber, lockstep::runtime::Environment& environment,
                 const sim::ClientPlan& plan) override {
    size_t endpoint = plan.index;
    std::unique_ptr<edge::GrpcChannel> channel;
    while (plan.turns->Await(fiber, plan.think_time)) {
      if (channel == nullptr) {
        channel =
            std::make_unique<edge::GrpcChannel>(environment.scheduler, environment.network,
                                                plan.endpoints[endpoint % plan.endpoints.size()]);
      }
      if (RunOne(fiber, *channel, plan)) continue;
      channel.reset();
      ++endpoint;
    }
  }

  std::optional<lockstep::checkers::Violation> Check() override {
    return lockstep::checkers::CheckLinearizability(TallyModel(), history_.Take()).violation;
  }
  uint64_t invoked() const override { return invoked_; }
  uint64_t completed() const override { return completed_; }

 private:
  bool RunOne(Fiber& fiber, edge::GrpcChannel& channel, const sim::ClientPlan& plan) {
    auto random = plan.turns->Random();
    TallyInput input;
    input.name = random.Below(2) == 0 ? "apples" : "pears";
    if (random.Below(3) > 0) input.amount = 1 + static_cast<int64_t>(random.Below(5));
    ++invoked_;
    const uint64_t id = history_.Call(plan.index, plan.universe_ns(), input);
    const bool looks = input.amount == 0;
    const edge::GrpcResult result =
        channel.Call(fiber, looks ? "/lockstep.Group/Query" : "/lockstep.Group/Propose",
                     looks ? input.name : absl::StrCat("add ", input.name, " ", input.amount),
                     {fiber.now() + lockstep::Seconds(3), nullptr});
    int64_t total = 0;
    if (result.ok() && absl::SimpleAtoi(result.response, &total)) {
      ++completed_;
      history_.Return(id, plan.universe_ns(), total);
      return true;
    }
    // Without an answer the call stays open in the history: it may take effect at any time, or not
    // at all. Only what no server has seen surely did nothing.
    if (result.outcome == edge::GrpcOutcome::kNeverSent) history_.Refused(id);
    return false;
  }

  const Bug bug_;
  lockstep::checkers::Recorder<TallyInput, int64_t> history_;
  uint64_t invoked_ = 0;
  uint64_t completed_ = 0;
};

}  // namespace tally

#endif  // LOCKSTEP_EXAMPLES_OUT_OF_TREE_TALLY_WORKLOAD_H_
