// The search for one linear order of one partition, over numbers: operations by their place, states
// by their id. Two ways: the frontier, which decides; and, where that grows, a short depth-first
// attempt, which finds an order where one is easy to find.
//
// The frontier walks the events in time and keeps all configurations (state, which open operations
// have taken effect) that explain what was seen so far [Wing & Gong 1993; Lowe, "Testing for
// linearizability", 2017: just-in-time linearization]. A configuration says nothing of the past, so
// memory does not grow with the length of a history. The frontier becomes empty at the exact event
// that proves the violation.
#ifndef LOCKSTEP_CHECKERS_SEARCH_H_
#define LOCKSTEP_CHECKERS_SEARCH_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace lockstep::checkers {

enum class Verdict {
  kOk,
  kViolation,
  kUnknown,  // the limits below were reached first: neither proven nor refuted
};

struct LinearizabilityLimits final {
  size_t configurations_max = 2'000'000;  // visited, over the whole check
  size_t frontier_max = 200'000;          // at any one event
  size_t bytes_max = size_t{512} << 20;   // of configurations and states, at any time
  bool minimize = true;                   // a counterexample, which costs more than to refute
  std::function<bool()> stop;             // asked now and then; true: give up
};

// What the search needs to know of one partition, as numbers. Equal states have equal ids; the
// initial state has id 0.
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
  // Steps cost little against what a search does around them.
  virtual bool has_cheap_steps() const { return false; }
  // Bytes of the states held.
  virtual size_t bytes() const { return 0; }

  // Licences to prune. The defaults give none.

  // The one state in which the operation is not refused, if it shows the state as a whole.
  virtual StateId Observed(size_t /*op*/) { return kRefused; }
  // The operation is never refused and leaves the same state behind, whatever was there.
  virtual bool Overwrites(size_t /*op*/) const { return false; }
  // Whether Extends says anything; and: false only if operations that do not overwrite can never
  // lead from `state` to `later`.
  virtual bool knows_extensions() const { return false; }
  virtual bool Extends(StateId /*state*/, StateId /*later*/) const { return true; }
};

struct SearchOperation final {
  int64_t call = 0;
  std::optional<int64_t> returned;
};

struct SearchResult final {
  Verdict verdict = Verdict::kOk;
  size_t configurations = 0;
  size_t peak_bytes = 0;
  // For kViolation: the operation whose return nothing explains, and the states that were possible
  // just before it, at most 8.
  size_t culprit = 0;
  std::vector<SearchModel::StateId> states;
};

// How much work a partition may cost now.
struct SearchRound final {
  enum class Kind {
    kSmall,     // the frontier alone, as long as it stays small: what is easy is decided at once
    kAttempt,   // first a depth-first attempt, whose steps are much cheaper
    kFrontier,  // the frontier
  };
  Kind kind = Kind::kSmall;
  size_t configurations = 0;  // but for kSmall
};

// Decides one partition, or gives it up for this round.
SearchResult SearchPartition(SearchModel& model, const std::vector<SearchOperation>& operations,
                             const SearchRound& round, const LinearizabilityLimits& limits);

// An order that explains everything, found depth first in at most `steps_max` steps: the operations
// that took effect. Absent: there is none, or it was not found.
std::optional<std::vector<size_t>> FindOrder(SearchModel& model,
                                             const std::vector<SearchOperation>& operations,
                                             size_t steps_max);

// The frontier alone.
SearchResult SearchFrontier(SearchModel& model, const std::vector<SearchOperation>& operations,
                            const LinearizabilityLimits& limits);

// The operations worth showing for a violation at `culprit`, in order of their calls: those that
// overlap it and the mutators that returned last before it.
std::vector<size_t> OperationsAround(const SearchModel& model,
                                     const std::vector<SearchOperation>& operations,
                                     size_t culprit);

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_SEARCH_H_
