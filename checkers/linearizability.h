// Linearizability: is there one order of all operations, within their intervals, that a sequential
// model accepts?
//
// The search walks the events in time and keeps the frontier of all configurations (state, which
// open operations have taken effect) that explain what was seen so far [Wing & Gong 1993; Lowe,
// "Testing for linearizability", 2017: just-in-time linearization]. A configuration says nothing of
// the past, so memory does not grow with the length of a history. The frontier becomes empty at the
// exact event that proves the violation.
//
// Deterministic: equal histories give equal verdicts, texts and step counts. Nothing suspends.
#ifndef LOCKSTEP_CHECKERS_LINEARIZABILITY_H_
#define LOCKSTEP_CHECKERS_LINEARIZABILITY_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "checkers/history.h"
#include "checkers/violation.h"
#include "framework/base/check.h"
#include "framework/base/random.h"

namespace lockstep::checkers {

enum class Verdict {
  kOk,
  kViolation,
  kUnknown,  // the limits below were reached first: neither proven nor refuted
};

struct LinearizabilityLimits final {
  size_t configurations_max = 2'000'000;  // visited, over the whole check
  size_t frontier_max = 200'000;          // at any one event
};

struct LinearizabilityResult final {
  Verdict verdict = Verdict::kOk;
  std::optional<Violation> violation;  // set iff kViolation
  size_t configurations = 0;           // visited
};

// What the search needs to know of one partition, as numbers. States are interned by the model's
// adapter below: equal states have equal ids.
class SearchModel {
 public:
  using StateId = uint32_t;
  static constexpr StateId kRefused = UINT32_MAX;

  virtual ~SearchModel() = default;
  // The state after operation `op` in `state`, or kRefused if it cannot give its output there.
  virtual StateId Step(StateId state, size_t op) = 0;
  // In every state, the operation is refused or leaves the state alone.
  virtual bool NeverMutates(size_t op) const = 0;
  // For two operations of unknown outcome: one has the effect of the other in every state.
  virtual bool SameEffect(size_t a, size_t b) const = 0;
};

struct SearchOperation final {
  int64_t call = 0;
  std::optional<int64_t> returned;
};

struct SearchResult final {
  Verdict verdict = Verdict::kOk;
  size_t configurations = 0;
  // For kViolation: the operation whose return nothing explains, and the states that were possible
  // just before it, at most 8.
  size_t culprit = 0;
  std::vector<SearchModel::StateId> states;
};

// Decides one partition; the initial state has id 0.
SearchResult SearchPartition(SearchModel& model, const std::vector<SearchOperation>& operations,
                             const LinearizabilityLimits& limits);

// The operations worth showing for a violation at `culprit`, in order of their calls: those that
// overlap it and the mutators that returned last before it.
std::vector<size_t> OperationsAround(const SearchModel& model,
                                     const std::vector<SearchOperation>& operations,
                                     size_t culprit);

// A sequential specification. `output` is null for an unknown outcome: the effect is wanted then.
template <typename M>
concept SequentialModel = requires(const M& m, const typename M::State& state,
                                   const typename M::Input& input,
                                   const typename M::Output* output) {
  { m.Initial() } -> std::same_as<typename M::State>;
  // Absent: the operation cannot give this output in this state.
  { m.Step(state, input, output) } -> std::same_as<std::optional<typename M::State>>;
  { m.Hash(state) } -> std::same_as<uint64_t>;
  { state == state } -> std::same_as<bool>;
  { input == input } -> std::same_as<bool>;
  // Operations with different keys do not influence each other.
  { m.Key(input) } -> std::same_as<std::string>;
  // A licence to prune: true only if no state is ever changed by this.
  { m.NeverMutates(input, output) } -> std::same_as<bool>;
  // In words: "put of k17 = v5", "the value v5".
  { m.Describe(input, output) } -> std::same_as<std::string>;
  { m.DescribeState(state) } -> std::same_as<std::string>;
};

// Gives equal states equal numbers. Probed, never iterated.
template <SequentialModel M>
class StateTable final {
 public:
  explicit StateTable(const M& model) : model_(model), slots_(64, kEmpty) {}

  uint32_t Intern(typename M::State state) {
    if ((states_.size() + 1) * 2 > slots_.size()) Grow();
    const uint64_t hash = base::Mix64(model_.Hash(state));
    size_t at = hash & (slots_.size() - 1);
    while (slots_[at] != kEmpty) {
      const uint32_t id = slots_[at];
      if (hashes_[id] == hash && states_[id] == state) return id;
      at = (at + 1) & (slots_.size() - 1);
    }
    slots_[at] = static_cast<uint32_t>(states_.size());
    states_.push_back(std::move(state));
    hashes_.push_back(hash);
    return slots_[at];
  }

  const typename M::State& Get(uint32_t id) const { return states_[id]; }

 private:
  static constexpr uint32_t kEmpty = UINT32_MAX;

  void Grow() {
    slots_.assign(slots_.size() * 2, kEmpty);
    for (uint32_t id = 0; id < states_.size(); ++id) {
      size_t at = hashes_[id] & (slots_.size() - 1);
      while (slots_[at] != kEmpty) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = id;
    }
  }

  const M& model_;
  std::vector<typename M::State> states_;
  std::vector<uint64_t> hashes_;
  std::vector<uint32_t> slots_;  // a power of two
};

// One partition of a typed history, as the search sees it.
template <SequentialModel M>
class Partition final : public SearchModel {
 public:
  using Op = Operation<typename M::Input, typename M::Output>;

  explicit Partition(const M& model) : model_(model), states_(model) {
    states_.Intern(model_.Initial());
  }

  void Add(const Op& op) {
    operations_.push_back(&op);
    intervals_.push_back({op.call, op.returned});
  }

  StateId Step(StateId state, size_t op) override {
    std::optional<typename M::State> next =
        model_.Step(states_.Get(state), operations_[op]->input, Output(op));
    return next ? states_.Intern(*std::move(next)) : kRefused;
  }
  bool NeverMutates(size_t op) const override {
    return model_.NeverMutates(operations_[op]->input, Output(op));
  }
  bool SameEffect(size_t a, size_t b) const override {
    return operations_[a]->input == operations_[b]->input;
  }

  const std::vector<SearchOperation>& intervals() const { return intervals_; }
  Violation Explain(const std::string& key, const SearchResult& result) const;

 private:
  const typename M::Output* Output(size_t op) const {
    return operations_[op]->returned ? &operations_[op]->output : nullptr;
  }
  std::string Describe(size_t op) const;

  const M& model_;
  StateTable<M> states_;
  std::vector<const Op*> operations_;
  std::vector<SearchOperation> intervals_;
};

// "client 3 called put of k17 = v5 at 100, returned at 120" and what else a violation's text needs.
std::string DescribeInterval(uint64_t client, const std::string& what, int64_t call,
                             const std::optional<int64_t>& returned);

template <SequentialModel M>
std::string Partition<M>::Describe(size_t op) const {
  const Op& o = *operations_[op];
  return DescribeInterval(o.client, model_.Describe(o.input, Output(op)), o.call, o.returned);
}

template <SequentialModel M>
Violation Partition<M>::Explain(const std::string& key, const SearchResult& result) const {
  std::string text = Describe(result.culprit) + "; no order of the operations explains this: ";
  for (size_t i = 0; i < result.states.size(); ++i) {
    text += i == 0 ? "before it only " : " or ";
    text += model_.DescribeState(states_.Get(result.states[i]));
  }
  text += " was possible";
  for (const size_t op : OperationsAround(*this, intervals_, result.culprit)) {
    text += "; " + Describe(op);
  }
  return {"linearizability", text, key.empty() ? "" : "key " + key};
}

// Checks every partition, in rounds of growing budgets, so that a key that is easily refuted is
// found before a hard key eats the limit. `operations` may be in any order.
template <SequentialModel M>
LinearizabilityResult CheckLinearizability(
    const M& model, const std::vector<Operation<typename M::Input, typename M::Output>>& operations,
    const LinearizabilityLimits& limits = {}) {
  std::map<std::string, Partition<M>> partitions;
  for (const auto& op : operations) {
    partitions.try_emplace(model.Key(op.input), model).first->second.Add(op);
  }
  LinearizabilityResult result;
  LinearizabilityLimits round = limits;
  round.configurations_max = 2'000;
  while (!partitions.empty()) {
    const bool last_round = round.configurations_max >= limits.configurations_max;
    for (auto at = partitions.begin(); at != partitions.end();) {
      const SearchResult found = SearchPartition(at->second, at->second.intervals(), round);
      result.configurations += found.configurations;
      if (found.verdict == Verdict::kViolation) {
        result.verdict = Verdict::kViolation;
        result.violation = at->second.Explain(at->first, found);
        return result;
      }
      at = found.verdict == Verdict::kOk ? partitions.erase(at) : std::next(at);
    }
    if (partitions.empty()) break;
    if (last_round || result.configurations > limits.configurations_max) {
      result.verdict = Verdict::kUnknown;
      break;
    }
    round.configurations_max = std::min(round.configurations_max * 16, limits.configurations_max);
  }
  return result;
}

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_LINEARIZABILITY_H_
