#include <algorithm>
#include <utility>

#include "checkers/search.h"
#include "framework/base/random.h"

namespace lockstep::checkers {
namespace {

using StateId = SearchModel::StateId;

// A set of 64-bit hashes. Two sets of operations with one hash are taken for the same: a branch may
// be missed, which makes this search incomplete but never wrong.
class HashSet final {
 public:
  HashSet() : slots_(256, 0) {}

  // False if it was in.
  bool Add(uint64_t hash) {
    if (hash == 0) hash = 1;
    if ((size_ + 1) * 2 > slots_.size()) Grow();
    size_t at = Find(hash);
    if (slots_[at] == hash) return false;
    slots_[at] = hash;
    ++size_;
    return true;
  }

 private:
  size_t Find(uint64_t hash) const {
    size_t at = hash & (slots_.size() - 1);
    while (slots_[at] != 0 && slots_[at] != hash) at = (at + 1) & (slots_.size() - 1);
    return at;
  }
  void Grow() {
    std::vector<uint64_t> old(slots_.size() * 2, 0);
    old.swap(slots_);
    for (const uint64_t hash : old) {
      if (hash != 0) slots_[Find(hash)] = hash;
    }
  }

  std::vector<uint64_t> slots_;
  size_t size_ = 0;
};

// Wing and Gong's search with Lowe's memory: take any operation that was called before the first
// return that is left.
class DepthFirst final {
 public:
  DepthFirst(SearchModel& model, const std::vector<SearchOperation>& operations)
      : model_(model), operations_(operations) {
    BuildEvents();
  }

  std::optional<std::vector<size_t>> Run(size_t steps_max) {
    uint32_t at = next_[0];
    for (size_t steps = 0; returns_left_ > 0; ++steps) {
      if (steps == steps_max) return std::nullopt;
      const Event& event = events_[at];
      if (!event.is_return) {
        at = TryToTake(at) ? next_[0] : next_[at];
      } else if (path_.empty()) {
        return std::nullopt;
      } else {
        at = next_[GiveBack()];
      }
    }
    std::vector<size_t> order;
    for (const Taken& taken : path_) order.push_back(events_[taken.event].op);
    return order;
  }

 private:
  // events_[0] is the head of the list.
  struct Event {
    int64_t time = 0;
    bool is_return = false;  // calls sort first: equal times overlap
    size_t op = 0;
    uint32_t partner = 0;  // of a call: its return, or 0
  };
  struct Taken {
    uint32_t event;
    StateId before;
  };

  void BuildEvents() {
    std::vector<Event> events;
    for (size_t op = 0; op < operations_.size(); ++op) {
      const SearchOperation& o = operations_[op];
      if (!o.returned && model_.NeverMutates(op)) continue;  // says nothing
      events.push_back({o.call, false, op, 0});
      if (o.returned) events.push_back({*o.returned, true, op, 0});
      returns_left_ += o.returned ? 1 : 0;
    }
    std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
      if (a.time != b.time) return a.time < b.time;
      if (a.is_return != b.is_return) return b.is_return;
      return a.op < b.op;
    });
    events_.push_back({});
    events_.insert(events_.end(), events.begin(), events.end());
    const auto count = static_cast<uint32_t>(events_.size());
    std::vector<uint32_t> call_of(operations_.size(), 0);
    for (uint32_t i = 0; i < count; ++i) {
      next_.push_back(i + 1);
      previous_.push_back(i == 0 ? 0 : i - 1);
      if (i == 0) continue;
      if (events_[i].is_return) {
        events_[call_of[events_[i].op]].partner = i;
      } else {
        call_of[events_[i].op] = i;
      }
    }
    previous_.push_back(count - 1);
  }

  void Unlink(uint32_t at) {
    next_[previous_[at]] = next_[at];
    previous_[next_[at]] = previous_[at];
  }
  void Relink(uint32_t at) {
    next_[previous_[at]] = at;
    previous_[next_[at]] = at;
  }

  bool TryToTake(uint32_t at) {
    const StateId state = model_.Step(state_, events_[at].op);
    if (state == SearchModel::kRefused) return false;
    const uint64_t taken = taken_ ^ base::Mix64(events_[at].op + 1);
    if (!seen_.Add(base::Mix64(taken + state * uint64_t{0x9E3779B97F4A7C15}))) return false;
    path_.push_back({at, state_});
    taken_ = taken;
    state_ = state;
    Unlink(at);
    if (events_[at].partner == 0) return true;
    Unlink(events_[at].partner);
    --returns_left_;
    return true;
  }

  uint32_t GiveBack() {
    const Taken taken = path_.back();
    path_.pop_back();
    const Event& event = events_[taken.event];
    if (event.partner != 0) {
      Relink(event.partner);
      ++returns_left_;
    }
    Relink(taken.event);
    taken_ ^= base::Mix64(event.op + 1);
    state_ = taken.before;
    return taken.event;
  }

  SearchModel& model_;
  const std::vector<SearchOperation>& operations_;
  std::vector<Event> events_;
  std::vector<uint32_t> next_;
  std::vector<uint32_t> previous_;
  size_t returns_left_ = 0;
  std::vector<Taken> path_;
  StateId state_ = 0;
  uint64_t taken_ = 0;  // hash of the set
  HashSet seen_;
};

}  // namespace

std::optional<std::vector<size_t>> FindOrder(SearchModel& model,
                                             const std::vector<SearchOperation>& operations,
                                             size_t steps_max) {
  return DepthFirst(model, operations).Run(steps_max);
}

}  // namespace lockstep::checkers
