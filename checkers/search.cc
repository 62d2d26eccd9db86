#include "checkers/search.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "framework/base/check.h"
#include "framework/base/random.h"

namespace lockstep::checkers {
namespace {

using StateId = SearchModel::StateId;

// A set of up to 64 * kWords slots.
template <size_t kWords>
class SlotSet final {
 public:
  static constexpr size_t kSlots = 64 * kWords;

  bool Has(size_t slot) const { return (words_[slot >> 6] & Bit(slot)) != 0; }
  void Add(size_t slot) { words_[slot >> 6] |= Bit(slot); }
  void Remove(size_t slot) { words_[slot >> 6] &= ~Bit(slot); }
  void AddAll(const SlotSet& other) {
    for (size_t i = 0; i < kWords; ++i) words_[i] |= other.words_[i];
  }
  bool Contains(const SlotSet& other) const {
    for (size_t i = 0; i < kWords; ++i) {
      if ((other.words_[i] & ~words_[i]) != 0) return false;
    }
    return true;
  }
  SlotSet Without(const SlotSet& other) const {
    SlotSet rest;
    for (size_t i = 0; i < kWords; ++i) rest.words_[i] = words_[i] & ~other.words_[i];
    return rest;
  }
  // Calls visit(slot) in rising order.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (size_t i = 0; i < kWords; ++i) {
      for (uint64_t bits = words_[i]; bits != 0; bits &= bits - 1) {
        visit(i * 64 + static_cast<size_t>(std::countr_zero(bits)));
      }
    }
  }
  uint64_t Hash() const {
    uint64_t hash = 0;
    for (const uint64_t word : words_) hash = base::Mix64(word + hash + 1);
    return hash;
  }
  bool operator==(const SlotSet&) const = default;

 private:
  static uint64_t Bit(size_t slot) { return uint64_t{1} << (slot & 63); }

  std::array<uint64_t, kWords> words_{};
};

// One explanation of everything seen so far.
template <size_t kWords>
struct Configuration final {
  StateId state = 0;
  SlotSet<kWords> done;      // open operations that have taken effect
  SlotSet<kWords> optional;  // operations of unknown outcome that have taken effect
};

// A set of configurations. Of two that differ only in `optional`, one containing the other's is
// dropped: whatever it can still do, the smaller one can do too (unknown operations may stay
// unused for ever).
template <size_t kWords>
class Frontier final {
 public:
  using Configuration = checkers::Configuration<kWords>;

  Frontier() : slots_(64, kNone) {
    heads_.reserve(32);
    nodes_.reserve(32);
  }

  // False if the configuration, or a better one, is already in.
  bool Add(const Configuration& configuration) {
    if ((heads_.size() + 1) * 2 > slots_.size()) Grow();
    const size_t at = Find(configuration);
    if (slots_[at] == kNone) {
      slots_[at] = static_cast<uint32_t>(heads_.size());
      heads_.push_back({kNone, at});
    }
    Head& head = heads_[slots_[at]];
    for (uint32_t i = head.first; i != kNone; i = nodes_[i].next) {
      if (nodes_[i].alive && configuration.optional.Contains(nodes_[i].value.optional)) {
        return false;
      }
    }
    for (uint32_t i = head.first; i != kNone; i = nodes_[i].next) {
      if (nodes_[i].alive && nodes_[i].value.optional.Contains(configuration.optional)) {
        nodes_[i].alive = false;
        --size_;
      }
    }
    nodes_.push_back({configuration, head.first, true});
    head.first = static_cast<uint32_t>(nodes_.size() - 1);
    ++size_;
    return true;
  }

  void Clear() {
    for (const Head& head : heads_) slots_[head.slot] = kNone;
    heads_.clear();
    nodes_.clear();
    size_ = 0;
  }

  // In order of insertion.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const Node& node : nodes_) {
      if (node.alive) visit(node.value);
    }
  }

  size_t size() const { return size_; }
  size_t bytes() const {
    return slots_.capacity() * sizeof(uint32_t) + heads_.capacity() * sizeof(Head) +
           nodes_.capacity() * sizeof(Node);
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Node {
    Configuration value;
    uint32_t next;
    bool alive;
  };
  // The configurations with one state and one `done`, as a chain of nodes.
  struct Head {
    uint32_t first;
    size_t slot;
  };

  static uint64_t Hash(const Configuration& c) {
    return base::Mix64(c.done.Hash() + c.state * uint64_t{0x9E3779B97F4A7C15});
  }

  size_t Find(const Configuration& c) const {
    size_t at = Hash(c) & (slots_.size() - 1);
    while (slots_[at] != kNone) {
      const Configuration& other = nodes_[heads_[slots_[at]].first].value;
      if (other.state == c.state && other.done == c.done) break;
      at = (at + 1) & (slots_.size() - 1);
    }
    return at;
  }

  void Grow() {
    slots_.assign(slots_.size() * 2, kNone);
    for (uint32_t i = 0; i < heads_.size(); ++i) {
      heads_[i].slot = Find(nodes_[heads_[i].first].value);
      slots_[heads_[i].slot] = i;
    }
  }

  std::vector<uint32_t> slots_;  // open addressing into heads_; a power of two
  std::vector<Head> heads_;
  std::vector<Node> nodes_;
  size_t size_ = 0;
};

struct Event final {
  int64_t time;
  bool is_return;  // calls sort first: equal times overlap
  size_t op;
  auto operator<=>(const Event&) const = default;
};

std::vector<Event> EventsOf(const SearchModel& model,
                            const std::vector<SearchOperation>& operations) {
  std::vector<Event> events;
  events.reserve(operations.size() * 2);
  for (size_t op = 0; op < operations.size(); ++op) {
    const SearchOperation& o = operations[op];
    if (!o.returned && model.NeverMutates(op)) continue;  // says nothing
    events.push_back({o.call, false, op});
    if (o.returned) events.push_back({*o.returned, true, op});
  }
  std::sort(events.begin(), events.end());
  return events;
}

// What the reads of a partition will show, and when states are overwritten: what can still matter.
class Future final {
 public:
  Future(SearchModel& model, const std::vector<SearchOperation>& operations)
      : model_(model), operations_(operations) {
    observed_.resize(operations.size(), SearchModel::kRefused);
    all_overwrite_or_show_ = true;
    for (size_t op = 0; op < operations.size(); ++op) {
      const bool is_reader = model.NeverMutates(op);
      if (operations[op].returned) observed_[op] = model.Observed(op);
      if (model.Overwrites(op)) overwrites_.push_back(operations[op].call);
      if (is_reader && !operations[op].returned) continue;
      const bool shows = is_reader && observed_[op] != SearchModel::kRefused;
      if (!shows && !model.Overwrites(op)) all_overwrite_or_show_ = false;
      if (shows) Needs(observed_[op], operations[op].call);
      if (shows) shows_.emplace_back(*operations[op].returned, op);
    }
    std::sort(overwrites_.begin(), overwrites_.end());
    std::sort(shows_.begin(), shows_.end());
  }

  // Every operation overwrites or shows the whole state: a state that nobody will see again may be
  // passed through at any time.
  bool all_overwrite_or_show() const { return all_overwrite_or_show_; }
  StateId observed(size_t op) const { return observed_[op]; }
  // A read that shows the state is called at `time` or later.
  bool IsNeededFrom(StateId state, int64_t time) const {
    return state < last_need_.size() && last_need_[state] >= time;
  }
  bool IsEverNeeded(StateId state) const { return IsNeededFrom(state, INT64_MIN + 1); }

  // Looks at the time after an event. Times do not fall.
  void MoveTo(int64_t now) {
    while (next_overwrite_ < overwrites_.size() && overwrites_[next_overwrite_] <= now) {
      ++next_overwrite_;
    }
    while (next_show_ < shows_.size() && shows_[next_show_].first < now) ++next_show_;
    certain_ = SearchModel::kRefused;
    constexpr size_t kLookMax = 64;
    for (size_t i = next_show_; i < shows_.size() && i < next_show_ + kLookMax; ++i) {
      if (shows_[i].first >= OverwriteCall()) break;
      if (operations_[shows_[i].second].call <= now) continue;
      certain_ = observed_[shows_[i].second];
      break;
    }
  }
  // The next call that overwrites.
  int64_t OverwriteCall() const {
    return next_overwrite_ < overwrites_.size() ? overwrites_[next_overwrite_] : INT64_MAX;
  }
  // What a read that is not called yet will show before the next overwriting call, or kRefused.
  StateId certain() const { return certain_; }

 private:
  void Needs(StateId state, int64_t call) {
    if (state >= last_need_.size()) last_need_.resize(state + 1, INT64_MIN);
    last_need_[state] = std::max(last_need_[state], call);
  }

  SearchModel& model_;
  const std::vector<SearchOperation>& operations_;
  std::vector<StateId> observed_;   // by operation
  std::vector<int64_t> last_need_;  // by state: the last call of a read that shows it
  std::vector<int64_t> overwrites_;
  std::vector<std::pair<int64_t, size_t>> shows_;  // by return
  bool all_overwrite_or_show_ = false;
  size_t next_overwrite_ = 0;
  size_t next_show_ = 0;
  StateId certain_ = SearchModel::kRefused;
};

// The search over one partition.
//
// Invariants:
//   1. Every configuration in frontier_ explains all events before the current one.
//   2. A slot is in readers_ or writers_ iff its operation is open.
template <size_t kWords>
class Search final {
 public:
  using Set = SlotSet<kWords>;
  using Config = Configuration<kWords>;

  Search(SearchModel& model, const std::vector<SearchOperation>& operations,
         const LinearizabilityLimits& limits)
      : model_(model),
        operations_(operations),
        limits_(limits),
        future_(model, operations),
        slot_of_(operations.size(), 0) {
    for (size_t slot = Set::kSlots; slot-- > 0;) free_slots_.push_back(slot);
  }

  SearchResult Run(const std::vector<Event>& events) {
    frontier_.Add(Config{});
    for (const Event& event : events) {
      now_ = event.time;
      if (event.is_return ? !OnReturn(event.op) : !OnCall(event.op)) break;
    }
    return std::move(result_);
  }

 private:
  bool GiveUp() {
    result_.verdict = Verdict::kUnknown;
    return false;
  }

  bool OnCall(size_t op) {
    if (!operations_[op].returned) return AddOptional(op);
    if (free_slots_.empty()) return GiveUp();
    const size_t slot = free_slots_.back();
    free_slots_.pop_back();
    open_[slot] = op;
    slot_of_[op] = slot;
    (model_.NeverMutates(op) ? readers_ : writers_).Add(slot);
    if (model_.Overwrites(op)) overwriters_.Add(slot);
    return true;
  }

  bool AddOptional(size_t op) {
    // Nobody can tell whether a state that no read shows was there.
    if (future_.all_overwrite_or_show() && !future_.IsEverNeeded(model_.Step(0, op))) return true;
    if (optional_.size() == Set::kSlots) return GiveUp();
    Set twins;
    for (size_t i = 0; i < optional_.size(); ++i) {
      if (model_.SameEffect(optional_[i].op, op)) twins.Add(i);
    }
    optional_.push_back({op, twins});
    has_optional_overwriter_ = has_optional_overwriter_ || model_.Overwrites(op);
    return true;
  }

  // Operation `op` has returned: only configurations in which it took effect survive. Others are
  // extended by open operations until it does, just in time and no further.
  bool OnReturn(size_t op) {
    returning_ = slot_of_[op];
    next_.Clear();
    visited_.Clear();
    if (model_.knows_extensions()) future_.MoveTo(now_);
    frontier_.ForEach([&](const Config& c) { Reach(c); });
    while (!stack_.empty()) {
      const Config c = stack_.back();
      stack_.pop_back();
      Expand(c);
      if (IsBeyondLimits()) return GiveUp();
    }
    if (next_.size() == 0) return Refute(op);
    std::swap(frontier_, next_);
    readers_.Remove(returning_);
    writers_.Remove(returning_);
    overwriters_.Remove(returning_);
    free_slots_.push_back(returning_);
    return true;
  }

  bool IsBeyondLimits() {
    if (visited_.size() + next_.size() > limits_.frontier_max ||
        result_.configurations > limits_.configurations_max) {
      return true;
    }
    if ((++asked_ & 1023) != 0) return false;
    const size_t bytes = frontier_.bytes() + next_.bytes() + visited_.bytes() +
                         stack_.capacity() * sizeof(Config) + model_.bytes();
    result_.peak_bytes = std::max(result_.peak_bytes, bytes);
    return bytes > limits_.bytes_max || (limits_.stop && limits_.stop());
  }

  // A configuration was reached: keep it for after the return, or extend it later.
  void Reach(Config c) {
    if (!c.done.Has(returning_)) TakeReads(&c);
    if (model_.knows_extensions() && !IsViable(c)) return;
    if (c.done.Has(returning_)) {
      c.done.Remove(returning_);
      if (next_.Add(c)) ++result_.configurations;
    } else if (visited_.Add(c)) {
      ++result_.configurations;
      stack_.push_back(c);
    }
  }

  // Open reads that fit take effect at once: moving a read forward to where it fits changes
  // nothing for anybody else, so reads never branch.
  void TakeReads(Config* c) {
    readers_.Without(c->done).ForEach([&](size_t slot) {
      const StateId observed = future_.observed(open_[slot]);
      const bool fits = observed != SearchModel::kRefused
                            ? observed == c->state
                            : model_.Step(c->state, open_[slot]) != SearchModel::kRefused;
      if (fits) c->done.Add(slot);
    });
  }

  // Where nothing can overwrite the state before a read, the state must lead to what it shows.
  bool IsViable(const Config& c) {
    if (has_optional_overwriter_ || !c.done.Contains(overwriters_)) return true;
    const StateId certain = future_.certain();
    if (certain != SearchModel::kRefused && !model_.Extends(c.state, certain)) return false;
    bool viable = true;
    readers_.Without(c.done).ForEach([&](size_t slot) {
      const size_t op = open_[slot];
      const StateId observed = future_.observed(op);
      if (observed == SearchModel::kRefused) return;
      if (*operations_[op].returned >= future_.OverwriteCall()) return;
      viable = viable && model_.Extends(c.state, observed);
    });
    return viable;
  }

  // Open writes whose state no read will show any more. They may take effect just before any other
  // write does.
  Set DeadWriters(const Config& c) {
    Set dead;
    if (!future_.all_overwrite_or_show()) return dead;
    writers_.Without(c.done).ForEach([&](size_t slot) {
      const StateId state = model_.Step(c.state, open_[slot]);
      if (future_.IsNeededFrom(state, now_)) return;
      bool needed = false;
      readers_.Without(c.done).ForEach(
          [&](size_t reader) { needed = needed || future_.observed(open_[reader]) == state; });
      if (!needed) dead.Add(slot);
    });
    return dead;
  }

  void Expand(const Config& c) {
    const Set dead = DeadWriters(c);
    writers_.Without(c.done).ForEach([&](size_t slot) {
      if (dead.Has(slot) && slot != returning_) return;
      const StateId state = model_.Step(c.state, open_[slot]);
      if (state == SearchModel::kRefused) return;
      Config extended = c;
      extended.state = state;
      extended.done.AddAll(dead);
      extended.done.Add(slot);
      Reach(extended);
    });
    for (size_t i = 0; i < optional_.size(); ++i) {
      if (c.optional.Has(i)) continue;
      // Of equal unknown operations the oldest goes first: the others could do no more.
      if (!c.optional.Contains(optional_[i].twins)) continue;
      const StateId state = model_.Step(c.state, optional_[i].op);
      if (state == SearchModel::kRefused || state == c.state) continue;
      Config extended = c;
      extended.state = state;
      extended.done.AddAll(dead);
      extended.optional.Add(i);
      Reach(extended);
    }
  }

  bool Refute(size_t op) {
    result_.verdict = Verdict::kViolation;
    result_.culprit = op;
    frontier_.ForEach([&](const Config& c) {
      std::vector<StateId>& states = result_.states;
      if (states.size() < 8 && std::find(states.begin(), states.end(), c.state) == states.end()) {
        states.push_back(c.state);
      }
    });
    return false;
  }

  struct Optional {
    size_t op;
    Set twins;  // earlier optional operations with the same effect
  };

  SearchModel& model_;
  const std::vector<SearchOperation>& operations_;
  const LinearizabilityLimits& limits_;
  Future future_;
  SearchResult result_;
  int64_t now_ = 0;
  size_t asked_ = 0;
  std::vector<size_t> free_slots_;
  std::vector<size_t> slot_of_;  // by operation
  std::array<size_t, Set::kSlots> open_{};
  Set readers_;
  Set writers_;
  Set overwriters_;
  std::vector<Optional> optional_;
  bool has_optional_overwriter_ = false;
  size_t returning_ = 0;
  Frontier<kWords> frontier_;
  Frontier<kWords> next_;
  Frontier<kWords> visited_;
  std::vector<Config> stack_;
};

// How many slots a search needs: open at once, or of unknown outcome.
size_t SlotsNeeded(const std::vector<SearchOperation>& operations,
                   const std::vector<Event>& events) {
  size_t open = 0;
  size_t open_max = 0;
  size_t unknown = 0;
  for (const Event& event : events) {
    if (!operations[event.op].returned) {
      ++unknown;
    } else if (event.is_return) {
      --open;
    } else {
      open_max = std::max(open_max, ++open);
    }
  }
  return std::max(open_max, unknown);
}

}  // namespace

SearchResult SearchFrontier(SearchModel& model, const std::vector<SearchOperation>& operations,
                            const LinearizabilityLimits& limits) {
  const std::vector<Event> events = EventsOf(model, operations);
  const size_t slots = SlotsNeeded(operations, events);
  if (slots <= 64) return Search<1>(model, operations, limits).Run(events);
  if (slots <= 128) return Search<2>(model, operations, limits).Run(events);
  if (slots <= 256) return Search<4>(model, operations, limits).Run(events);
  return Search<16>(model, operations, limits).Run(events);
}

SearchResult SearchPartition(SearchModel& model, const std::vector<SearchOperation>& operations,
                             const SearchRound& round, const LinearizabilityLimits& limits) {
  const size_t small = operations.size() * 2 + 1'000;
  const bool is_small = round.kind == SearchRound::Kind::kSmall;
  LinearizabilityLimits now = limits;
  now.configurations_max =
      std::min(limits.configurations_max, is_small ? small : round.configurations);
  const size_t steps = small * (model.has_cheap_steps() ? 16 : 4);
  if (round.kind == SearchRound::Kind::kAttempt &&
      FindOrder(model, operations, std::min(limits.configurations_max, steps))) {
    SearchResult result;
    result.configurations = operations.size();
    return result;
  }
  return SearchFrontier(model, operations, now);
}

std::vector<size_t> OperationsAround(const SearchModel& model,
                                     const std::vector<SearchOperation>& operations,
                                     size_t culprit) {
  constexpr size_t kOverlappingMax = 8;
  constexpr size_t kBeforeMax = 3;
  const SearchOperation& center = operations[culprit];
  CHECK(center.returned.has_value());
  std::vector<size_t> chosen;
  std::vector<std::pair<int64_t, size_t>> before;
  for (size_t op = 0; op < operations.size(); ++op) {
    const SearchOperation& o = operations[op];
    if (op == culprit || o.call > *center.returned || model.NeverMutates(op)) continue;
    if (o.returned && *o.returned < center.call) {
      before.emplace_back(*o.returned, op);
    } else if (chosen.size() < kOverlappingMax) {
      chosen.push_back(op);
    }
  }
  std::sort(before.rbegin(), before.rend());
  for (size_t i = 0; i < before.size() && i < kBeforeMax; ++i) chosen.push_back(before[i].second);
  std::sort(chosen.begin(), chosen.end(), [&](size_t a, size_t b) {
    return std::pair(operations[a].call, a) < std::pair(operations[b].call, b);
  });
  return chosen;
}

}  // namespace lockstep::checkers
