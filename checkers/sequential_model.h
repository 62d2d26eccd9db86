// A sequential specification, and one partition of a history as the search sees it.
#ifndef LOCKSTEP_CHECKERS_SEQUENTIAL_MODEL_H_
#define LOCKSTEP_CHECKERS_SEQUENTIAL_MODEL_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checkers/history.h"
#include "checkers/search.h"
#include "framework/base/random.h"

namespace lockstep::checkers {

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

// Licences to prune, for models that have them; what they mean stands at SearchModel.
template <typename M>
concept ObservingModel = requires(const M& m, const typename M::Input& input,
                                  const typename M::Output& output) {
  { m.Observed(input, output) } -> std::same_as<std::optional<typename M::State>>;
  { m.Overwrites(input) } -> std::same_as<bool>;
};
template <typename M>
concept ExtendingModel = ObservingModel<M> && requires(const M& m, const typename M::State& state) {
  { m.Extends(state, state) } -> std::same_as<bool>;
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
    if constexpr (requires { model_.HeapBytes(state); }) heap_bytes_ += model_.HeapBytes(state);
    states_.push_back(std::move(state));
    hashes_.push_back(hash);
    return slots_[at];
  }

  const typename M::State& Get(uint32_t id) const { return states_[id]; }
  size_t size() const { return states_.size(); }
  size_t bytes() const {
    return heap_bytes_ + slots_.capacity() * sizeof(uint32_t) +
           states_.capacity() * (sizeof(typename M::State) + sizeof(uint64_t));
  }

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
  size_t heap_bytes_ = 0;
};

// Remembers what operations did in states, for models whose steps are dear. Probed, never iterated.
class StepMemo final {
 public:
  // The place of the answer; it is kUnset at first.
  static constexpr uint32_t kUnset = UINT32_MAX - 1;

  uint32_t& At(uint32_t state, size_t op) {
    if ((size_ + 1) * 2 > slots_.size()) Grow();
    Slot& slot = slots_[Find(uint64_t{state} << 32 | static_cast<uint32_t>(op))];
    if (slot.answer == kFree) {
      slot = {uint64_t{state} << 32 | static_cast<uint32_t>(op), kUnset};
      ++size_;
    }
    return slot.answer;
  }
  size_t bytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  static constexpr uint32_t kFree = UINT32_MAX - 2;
  struct Slot {
    uint64_t key = 0;
    uint32_t answer = kFree;
  };

  size_t Find(uint64_t key) const {
    size_t at = base::Mix64(key) & (slots_.size() - 1);
    while (slots_[at].answer != kFree && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
    return at;
  }
  void Grow() {
    std::vector<Slot> old(slots_.empty() ? 64 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.answer != kFree) slots_[Find(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;
  size_t size_ = 0;
};

// Borrows the model and the operations.
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
    if constexpr (kIsSmall) {
      if (state >= kRowStates || operations_.size() > kRowsMax) return StepNow(state, op);
      if (rows_.empty()) rows_.assign(operations_.size() * kRowStates, StepMemo::kUnset);
      StateId& known = rows_[op * kRowStates + state];
      if (known == StepMemo::kUnset) known = StepNow(state, op);
      return known;
    }
    if (const uint32_t known = memo_.At(state, op); known != StepMemo::kUnset) return known;
    const StateId next = StepNow(state, op);
    memo_.At(state, op) = next;
    return next;
  }
  bool NeverMutates(size_t op) const override {
    return model_.NeverMutates(operations_[op]->input, Output(op));
  }
  bool SameEffect(size_t a, size_t b) const override {
    return operations_[a]->input == operations_[b]->input;
  }
  bool has_cheap_steps() const override { return kIsSmall; }
  size_t bytes() const override {
    return states_.bytes() + memo_.bytes() + rows_.capacity() * sizeof(StateId);
  }

  StateId Observed(size_t op) override {
    if constexpr (ObservingModel<M>) {
      auto state = model_.Observed(operations_[op]->input, operations_[op]->output);
      if (state) return states_.Intern(*std::move(state));
    }
    return kRefused;
  }
  bool Overwrites(size_t op) const override {
    if constexpr (ObservingModel<M>) return model_.Overwrites(operations_[op]->input);
    return false;
  }
  bool knows_extensions() const override { return ExtendingModel<M> && looks_ahead_; }
  // Without, a violation is found at the operation that nothing explains, not before.
  void StopLookingAhead() { looks_ahead_ = false; }
  bool Extends(StateId state, StateId later) const override {
    if constexpr (ExtendingModel<M>) {
      return state == later || model_.Extends(states_.Get(state), states_.Get(later));
    }
    return true;
  }

  const std::vector<SearchOperation>& intervals() const { return intervals_; }
  const Op& operation(size_t op) const { return *operations_[op]; }
  std::string Describe(size_t op) const;
  std::string DescribeState(StateId state) const {
    return model_.DescribeState(states_.Get(state));
  }

 private:
  const typename M::Output* Output(size_t op) const {
    return operations_[op]->returned ? &operations_[op]->output : nullptr;
  }
  StateId StepNow(StateId state, size_t op) {
    std::optional<typename M::State> next =
        model_.Step(states_.Get(state), operations_[op]->input, Output(op));
    return next ? states_.Intern(*std::move(next)) : kRefused;
  }

  // Steps of small states are cheap; those of the first few are remembered in a table.
  static constexpr bool kIsSmall = sizeof(typename M::State) <= 2 * sizeof(uint64_t);
  static constexpr StateId kRowStates = 8;
  static constexpr size_t kRowsMax = 4096;

  const M& model_;
  StateTable<M> states_;
  StepMemo memo_;
  std::vector<StateId> rows_;  // by operation and state
  bool looks_ahead_ = true;
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

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_SEQUENTIAL_MODEL_H_
