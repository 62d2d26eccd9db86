#include "checkers/linearizability.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lockstep::checkers {
namespace {

using StateId = SearchModel::StateId;

// A set of up to 128 slots.
class SlotSet final {
 public:
  static constexpr int kSlots = 128;

  bool Has(int slot) const { return (words_[Word(slot)] & Bit(slot)) != 0; }
  void Add(int slot) { words_[Word(slot)] |= Bit(slot); }
  void Remove(int slot) { words_[Word(slot)] &= ~Bit(slot); }
  bool Contains(const SlotSet& other) const {
    return (other.words_[0] & ~words_[0]) == 0 && (other.words_[1] & ~words_[1]) == 0;
  }
  SlotSet Without(const SlotSet& other) const {
    SlotSet rest;
    rest.words_ = {words_[0] & ~other.words_[0], words_[1] & ~other.words_[1]};
    return rest;
  }
  // Calls visit(slot) in rising order.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (int word = 0; word < 2; ++word) {
      for (uint64_t bits = words_[static_cast<size_t>(word)]; bits != 0; bits &= bits - 1) {
        visit(word * 64 + std::countr_zero(bits));
      }
    }
  }
  uint64_t Hash() const { return base::Mix64(words_[0] ^ base::Mix64(words_[1] + 1)); }
  bool operator==(const SlotSet&) const = default;

 private:
  static size_t Word(int slot) { return static_cast<size_t>(slot) >> 6; }
  static uint64_t Bit(int slot) { return uint64_t{1} << (slot & 63); }

  std::array<uint64_t, 2> words_{};
};

// One explanation of everything seen so far.
struct Configuration final {
  StateId state = 0;
  SlotSet done;      // open operations that have taken effect
  SlotSet optional;  // operations of unknown outcome that have taken effect
};

// A set of configurations. Of two that differ only in `optional`, one containing the other's is
// dropped: whatever it can still do, the smaller one can do too (unknown operations may stay
// unused for ever).
class Frontier final {
 public:
  Frontier() : slots_(64, kNone) {}

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

// The search over one partition.
//
// Invariants:
//   1. Every configuration in frontier_ explains all events before the current one.
//   2. A slot is in readers_ or writers_ iff its operation is open.
class Search final {
 public:
  Search(SearchModel& model, const std::vector<SearchOperation>& operations,
         const LinearizabilityLimits& limits)
      : model_(model), operations_(operations), limits_(limits) {
    for (int slot = SlotSet::kSlots - 1; slot >= 0; --slot) free_slots_.push_back(slot);
  }

  SearchResult Run() {
    frontier_.Add(Configuration{});
    for (const Event& event : Events()) {
      if (event.is_return ? !OnReturn(event.op) : !OnCall(event.op)) {
        if (result_.verdict != Verdict::kOk) break;
      }
    }
    return std::move(result_);
  }

 private:
  struct Event {
    int64_t time;
    bool is_return;  // calls sort first: equal times overlap
    size_t op;
    auto operator<=>(const Event&) const = default;
  };

  std::vector<Event> Events() const {
    std::vector<Event> events;
    for (size_t op = 0; op < operations_.size(); ++op) {
      const SearchOperation& o = operations_[op];
      if (!o.returned && model_.NeverMutates(op)) continue;  // says nothing
      events.push_back({o.call, false, op});
      if (o.returned) events.push_back({*o.returned, true, op});
    }
    std::sort(events.begin(), events.end());
    return events;
  }

  bool GiveUp() {
    result_.verdict = Verdict::kUnknown;
    return false;
  }

  bool OnCall(size_t op) {
    if (!operations_[op].returned) return AddOptional(op);
    if (free_slots_.empty()) return GiveUp();
    const int slot = free_slots_.back();
    free_slots_.pop_back();
    open_[static_cast<size_t>(slot)] = op;
    (model_.NeverMutates(op) ? readers_ : writers_).Add(slot);
    return true;
  }

  bool AddOptional(size_t op) {
    if (optional_.size() == static_cast<size_t>(SlotSet::kSlots)) return GiveUp();
    SlotSet twins;
    for (size_t i = 0; i < optional_.size(); ++i) {
      if (model_.SameEffect(optional_[i].op, op)) twins.Add(static_cast<int>(i));
    }
    optional_.push_back({op, twins});
    return true;
  }

  int SlotOf(size_t op) const {
    int found = -1;
    const auto match = [&](int slot) {
      if (open_[static_cast<size_t>(slot)] == op) found = slot;
    };
    readers_.ForEach(match);
    writers_.ForEach(match);
    CHECK_GE(found, 0);
    return found;
  }

  // Operation `op` has returned: only configurations in which it took effect survive. Others are
  // extended by open operations until it does, just in time and no further.
  bool OnReturn(size_t op) {
    returning_ = SlotOf(op);
    next_.Clear();
    visited_.Clear();
    frontier_.ForEach([&](const Configuration& c) { Reach(c); });
    while (!stack_.empty()) {
      const Configuration c = stack_.back();
      stack_.pop_back();
      Expand(c);
      if (visited_.size() + next_.size() > limits_.frontier_max ||
          result_.configurations > limits_.configurations_max) {
        return GiveUp();
      }
    }
    if (next_.size() == 0) return Refute(op);
    std::swap(frontier_, next_);
    readers_.Remove(returning_);
    writers_.Remove(returning_);
    free_slots_.push_back(returning_);
    return true;
  }

  // A configuration was reached: keep it for after the return, or extend it later.
  void Reach(Configuration c) {
    if (!c.done.Has(returning_)) TakeReads(&c);
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
  void TakeReads(Configuration* c) {
    readers_.Without(c->done).ForEach([&](int slot) {
      if (model_.Step(c->state, open_[static_cast<size_t>(slot)]) != SearchModel::kRefused) {
        c->done.Add(slot);
      }
    });
  }

  void Expand(const Configuration& c) {
    writers_.Without(c.done).ForEach([&](int slot) {
      const StateId state = model_.Step(c.state, open_[static_cast<size_t>(slot)]);
      if (state == SearchModel::kRefused) return;
      Configuration extended = c;
      extended.state = state;
      extended.done.Add(slot);
      Reach(extended);
    });
    for (size_t i = 0; i < optional_.size(); ++i) {
      const int slot = static_cast<int>(i);
      if (c.optional.Has(slot)) continue;
      // Of equal unknown operations the oldest goes first: the others could do no more.
      if (!c.optional.Contains(optional_[i].twins)) continue;
      const StateId state = model_.Step(c.state, optional_[i].op);
      if (state == SearchModel::kRefused || state == c.state) continue;
      Configuration extended = c;
      extended.state = state;
      extended.optional.Add(slot);
      Reach(extended);
    }
  }

  bool Refute(size_t op) {
    result_.verdict = Verdict::kViolation;
    result_.culprit = op;
    frontier_.ForEach([&](const Configuration& c) {
      std::vector<StateId>& states = result_.states;
      if (states.size() < 8 && std::find(states.begin(), states.end(), c.state) == states.end()) {
        states.push_back(c.state);
      }
    });
    return false;
  }

  struct Optional {
    size_t op;
    SlotSet twins;  // earlier optional operations with the same effect
  };

  SearchModel& model_;
  const std::vector<SearchOperation>& operations_;
  const LinearizabilityLimits limits_;
  SearchResult result_;
  std::vector<int> free_slots_;
  std::array<size_t, SlotSet::kSlots> open_{};
  SlotSet readers_;
  SlotSet writers_;
  std::vector<Optional> optional_;
  int returning_ = -1;
  Frontier frontier_;
  Frontier next_;
  Frontier visited_;
  std::vector<Configuration> stack_;
};

}  // namespace

SearchResult SearchPartition(SearchModel& model, const std::vector<SearchOperation>& operations,
                             const LinearizabilityLimits& limits) {
  return Search(model, operations, limits).Run();
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

std::string DescribeInterval(uint64_t client, const std::string& what, int64_t call,
                             const std::optional<int64_t>& returned) {
  return absl::StrCat(
      "client ", client, " called ", what, " at ", call,
      returned ? absl::StrCat(", returned at ", *returned) : std::string(", outcome unknown"));
}

}  // namespace lockstep::checkers
