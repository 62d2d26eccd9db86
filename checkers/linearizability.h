// Linearizability: is there one order of all operations, within their intervals, that a sequential
// model accepts?
//
// If the order in which a state machine applied the operations is known, it is tried first:
// checking one order takes linear time, and one that fits is a proof. Otherwise, and if it does not
// fit, an order is searched for (search.h), key by key.
//
// Deterministic: equal histories give equal verdicts, texts and step counts. Nothing suspends.
#ifndef LOCKSTEP_CHECKERS_LINEARIZABILITY_H_
#define LOCKSTEP_CHECKERS_LINEARIZABILITY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checkers/history.h"
#include "checkers/minimize.h"
#include "checkers/search.h"
#include "checkers/sequential_model.h"
#include "checkers/violation.h"

namespace lockstep::checkers {

struct LinearizabilityResult final {
  Verdict verdict = Verdict::kOk;
  std::optional<Violation> violation;  // set iff kViolation
  size_t configurations = 0;           // visited
  size_t peak_bytes = 0;               // of configurations and states
  // For kViolation, as places in the history: operations that cannot be explained together, of
  // which none can be left out, and the one whose return proves it.
  std::vector<size_t> counterexample;
  size_t culprit = 0;
};

// Whether `order` (places in `operations`; those of unknown outcome may be missing) explains the
// history: every operation once, within its interval, with the output that the model gives. Linear
// in the number of operations. Absent: it does; otherwise what does not fit.
template <SequentialModel M>
std::optional<std::string> CheckOrder(
    const M& model, const std::vector<Operation<typename M::Input, typename M::Output>>& operations,
    const std::vector<size_t>& order) {
  std::map<std::string, typename M::State> states;
  std::vector<bool> seen(operations.size(), false);
  int64_t now = INT64_MIN;  // the latest call so far: nothing may have returned before it
  for (const size_t place : order) {
    if (place >= operations.size() || seen[place]) return "an operation that is not or comes twice";
    seen[place] = true;
    const auto& op = operations[place];
    const auto* output = op.returned ? &op.output : nullptr;
    now = std::max(now, op.call);
    const auto describe = [&] {
      return DescribeInterval(op.client, model.Describe(op.input, output), op.call, op.returned);
    };
    if (op.returned && *op.returned < now) {
      return describe() + ", behind something that was called later";
    }
    auto state = states.try_emplace(model.Key(op.input), model.Initial()).first;
    std::optional<typename M::State> next = model.Step(state->second, op.input, output);
    if (!next) return describe() + ", where the state was " + model.DescribeState(state->second);
    state->second = *std::move(next);
  }
  for (size_t place = 0; place < operations.size(); ++place) {
    const auto& op = operations[place];
    if (seen[place] || !op.returned || model.NeverMutates(op.input, &op.output)) continue;
    return DescribeInterval(op.client, model.Describe(op.input, &op.output), op.call, op.returned) +
           ", which is not in it";
  }
  return std::nullopt;
}

// The search over all partitions of a history. Borrows model and operations.
template <SequentialModel M>
class LinearizabilityCheck final {
 public:
  using Ops = std::vector<Operation<typename M::Input, typename M::Output>>;

  LinearizabilityCheck(const M& model, const Ops& operations, const LinearizabilityLimits& limits)
      : model_(model), operations_(operations), limits_(limits) {}

  // In rounds of growing budgets, so that a key that is easily refuted is found before a hard key
  // eats the limit.
  LinearizabilityResult Run() {
    for (size_t place = 0; place < operations_.size(); ++place) {
      places_[model_.Key(operations_[place].input)].push_back(place);
    }
    for (SearchRound round; !places_.empty(); round = Next(round)) {
      RunRound(round);
      if (result_.verdict == Verdict::kViolation || places_.empty()) break;
      if (round.configurations >= limits_.configurations_max ||
          result_.configurations > limits_.configurations_max || (limits_.stop && limits_.stop())) {
        result_.verdict = Verdict::kUnknown;
        break;
      }
    }
    return std::move(result_);
  }

 private:
  using Places = std::map<std::string, std::vector<size_t>>;

  SearchRound Next(const SearchRound& round) const {
    const bool is_first = round.kind == SearchRound::Kind::kSmall;
    const size_t more = is_first ? 32'000 : round.configurations * 16;
    return {is_first ? SearchRound::Kind::kAttempt : SearchRound::Kind::kFrontier,
            std::min(more, limits_.configurations_max)};
  }

  void RunRound(const SearchRound& round) {
    for (auto at = places_.begin(); at != places_.end();) {
      Partition<M> partition(model_);
      for (const size_t place : at->second) partition.Add(operations_[place]);
      SearchResult found = SearchPartition(partition, partition.intervals(), round, limits_);
      result_.configurations += found.configurations;
      result_.peak_bytes = std::max(result_.peak_bytes, found.peak_bytes);
      if (found.verdict == Verdict::kViolation)
        return Explain(at->first, at->second, partition, std::move(found));
      at = found.verdict == Verdict::kOk ? places_.erase(at) : std::next(at);
    }
  }

  void Explain(const std::string& key, const std::vector<size_t>& places, Partition<M>& partition,
               SearchResult found) {
    if (partition.knows_extensions()) {
      partition.StopLookingAhead();
      SearchResult exact = SearchFrontier(partition, partition.intervals(), limits_);
      if (exact.verdict == Verdict::kViolation) found = std::move(exact);
    }
    std::string text =
        partition.Describe(found.culprit) + "; no order of the operations explains this: ";
    for (size_t i = 0; i < found.states.size(); ++i) {
      text += i == 0 ? "before it only " : " or ";
      text += partition.DescribeState(found.states[i]);
    }
    text += " was possible";
    const std::vector<size_t> shown =
        limits_.minimize ? Minimizer<M>(model_, partition, found.culprit).Run()
                         : OperationsAround(partition, partition.intervals(), found.culprit);
    for (const size_t op : shown) {
      if (op != found.culprit) text += "; " + partition.Describe(op);
      result_.counterexample.push_back(places[op]);
    }
    result_.culprit = places[found.culprit];
    result_.verdict = Verdict::kViolation;
    result_.violation = Violation{"linearizability", text, key.empty() ? "" : "key " + key};
  }

  const M& model_;
  const Ops& operations_;
  const LinearizabilityLimits limits_;
  Places places_;  // by key; those that are decided are gone
  LinearizabilityResult result_;
};

// `operations` may be in any order.
template <SequentialModel M>
LinearizabilityResult CheckLinearizability(
    const M& model, const std::vector<Operation<typename M::Input, typename M::Output>>& operations,
    const LinearizabilityLimits& limits = {}) {
  return LinearizabilityCheck<M>(model, operations, limits).Run();
}

// The same where the order in which the operations were applied is known.
template <SequentialModel M>
LinearizabilityResult CheckLinearizabilityByOrder(
    const M& model, const std::vector<Operation<typename M::Input, typename M::Output>>& operations,
    const std::vector<size_t>& order, const LinearizabilityLimits& limits = {}) {
  if (!CheckOrder(model, operations, order)) return {};
  return CheckLinearizability(model, operations, limits);
}

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_LINEARIZABILITY_H_
