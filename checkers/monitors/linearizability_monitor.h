// LinearizabilityMonitor: the search for an order while the run goes on, for any sequential model.
//
// The frontier of a key moves over the return of an operation as soon as everything that was open
// at that time has finished: with a limit on how long operations take, a violation is found within
// that limit. Memory: open operations, and the configurations that explain them.
#ifndef LOCKSTEP_CHECKERS_MONITORS_LINEARIZABILITY_MONITOR_H_
#define LOCKSTEP_CHECKERS_MONITORS_LINEARIZABILITY_MONITOR_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "checkers/sequential_model.h"
#include "checkers/violation.h"
#include "framework/base/check.h"

namespace lockstep::checkers {

// One key. Gives up, for good and without a verdict, beyond 64 operations at once, 64 of unknown
// outcome, or too many configurations.
template <SequentialModel M>
class KeyMonitor final {
 public:
  using Op = Operation<typename M::Input, typename M::Output>;
  static constexpr size_t kSlots = 64;
  static constexpr size_t kConfigurationsMax = 20'000;

  explicit KeyMonitor(const M& model) : model_(model), states_(std::make_unique<States>(model)) {
    frontier_.push_back({states_->Intern(model.Initial()), 0, 0});
  }

  // Returns the operation's slot; absent: it has given up.
  std::optional<size_t> Call(Op op) {
    const size_t slot =
        static_cast<size_t>(std::find(used_.begin(), used_.end(), false) - used_.begin());
    if (has_given_up_ || slot == kSlots) {
      GiveUp();
      return std::nullopt;
    }
    used_[slot] = true;
    slots_[slot] = {std::move(op), false, false};
    events_.push_back({slot, false});
    return slot;
  }

  std::optional<Violation> Return(size_t slot, int64_t now, typename M::Output output) {
    if (has_given_up_) return std::nullopt;
    slots_[slot].op.returned = now;
    slots_[slot].op.output = std::move(output);
    slots_[slot].is_finished = true;
    events_.push_back({slot, true});
    return Drain();
  }

  std::optional<Violation> Unknown(size_t slot) {
    if (has_given_up_) return std::nullopt;
    if (optional_.size() == kSlots) {
      GiveUp();
      return std::nullopt;
    }
    // It may take effect from its call on; nothing behind that was judged yet.
    const bool matters = !model_.NeverMutates(slots_[slot].op.input, nullptr);
    if (matters) optional_.push_back({slots_[slot].op, !slots_[slot].is_placed});
    Free(slot, matters ? kSlots + optional_.size() - 1 : kNoMark);
    return Drain();
  }

  std::optional<Violation> Refused(size_t slot) {
    if (has_given_up_) return std::nullopt;
    Free(slot, kNoMark);
    return Drain();
  }

  bool has_given_up() const { return has_given_up_; }
  size_t held() const { return static_cast<size_t>(std::count(used_.begin(), used_.end(), true)); }

 private:
  using States = StateTable<M>;

  struct Configuration {
    uint32_t state;
    uint64_t done;      // slots that have taken effect
    uint64_t optional;  // operations of unknown outcome that have
    auto operator<=>(const Configuration&) const = default;
  };
  struct Slot {
    Op op;
    bool is_placed = false;    // its call is behind the frontier
    bool is_finished = false;  // its output is known
  };
  static constexpr size_t kNoMark = SIZE_MAX;
  struct Event {
    size_t slot;  // from kSlots on: the call of an operation of unknown outcome
    bool is_return;
  };
  struct OptionalOp {
    Op op;
    bool is_ahead;  // its call is not behind the frontier yet
  };

  void GiveUp() {
    has_given_up_ = true;
    events_.clear();
    frontier_.clear();
    optional_.clear();
  }

  // If its call is not behind the frontier yet, `mark` takes the place of that event.
  void Free(size_t slot, size_t mark) {
    const auto at = std::find_if(events_.begin(), events_.end(), [&](const Event& event) {
      return event.slot == slot && !event.is_return;
    });
    if (at != events_.end() && mark != kNoMark) at->slot = mark;
    if (at != events_.end() && mark == kNoMark) events_.erase(at);
    used_[slot] = false;
    slots_[slot] = Slot();
  }

  std::optional<Violation> Drain() {
    while (!events_.empty()) {
      const Event event = events_.front();
      if (event.slot >= kSlots) {
        optional_[event.slot - kSlots].is_ahead = false;
      } else if (!event.is_return) {
        slots_[event.slot].is_placed = true;
      } else {
        if (!IsDecided()) return std::nullopt;
        if (auto found = Advance(event.slot)) return found;
        if (has_given_up_) return std::nullopt;
      }
      events_.pop_front();
    }
    return std::nullopt;
  }

  // Everything that is open at this event has finished.
  bool IsDecided() const {
    for (size_t slot = 0; slot < kSlots; ++slot) {
      if (used_[slot] && slots_[slot].is_placed && !slots_[slot].is_finished) return false;
    }
    return true;
  }

  static uint64_t Bit(size_t slot) { return uint64_t{1} << slot; }

  std::optional<Violation> Advance(size_t returning) {
    absl::btree_set<Configuration> seen;
    std::vector<Configuration> next;
    std::vector<Configuration> stack(frontier_.rbegin(), frontier_.rend());
    while (!stack.empty()) {
      Configuration c = stack.back();
      stack.pop_back();
      if (!seen.insert(c).second) continue;
      if (seen.size() > kConfigurationsMax) {
        GiveUp();
        return std::nullopt;
      }
      if ((c.done & Bit(returning)) != 0) {
        c.done &= ~Bit(returning);
        next.push_back(c);
      } else {
        Extend(c, &stack);
      }
    }
    if (next.empty()) return Explain(returning);
    std::sort(next.begin(), next.end());
    next.erase(std::unique(next.begin(), next.end()), next.end());
    frontier_ = std::move(next);
    used_[returning] = false;
    slots_[returning] = Slot();
    ForgetStates();
    return std::nullopt;
  }

  void Extend(const Configuration& c, std::vector<Configuration>* stack) {
    for (size_t slot = 0; slot < kSlots; ++slot) {
      if (!used_[slot] || !slots_[slot].is_placed || (c.done & Bit(slot)) != 0) continue;
      const Op& op = slots_[slot].op;
      auto state = model_.Step(states_->Get(c.state), op.input, &op.output);
      if (!state) continue;
      stack->push_back({states_->Intern(*std::move(state)), c.done | Bit(slot), c.optional});
    }
    for (size_t i = 0; i < optional_.size(); ++i) {
      if (optional_[i].is_ahead || (c.optional & Bit(i)) != 0) continue;
      auto state = model_.Step(states_->Get(c.state), optional_[i].op.input, nullptr);
      if (!state) continue;
      const uint32_t id = states_->Intern(*std::move(state));
      if (id != c.state) stack->push_back({id, c.done, c.optional | Bit(i)});
    }
  }

  // Only states that some configuration is in are kept.
  void ForgetStates() {
    if (states_->size() < 256 + 8 * frontier_.size()) return;
    auto states = std::make_unique<States>(model_);
    for (Configuration& c : frontier_) c.state = states->Intern(states_->Get(c.state));
    states_ = std::move(states);
    std::sort(frontier_.begin(), frontier_.end());
  }

  std::string Describe(const Op& op) const {
    return DescribeInterval(op.client,
                            model_.Describe(op.input, op.returned ? &op.output : nullptr), op.call,
                            op.returned);
  }

  Violation Explain(size_t returning) const {
    std::string text =
        Describe(slots_[returning].op) + "; no order of the operations explains this";
    absl::btree_set<uint32_t> states;
    for (const Configuration& c : frontier_) {
      if (states.size() == 8 || !states.insert(c.state).second) continue;
      text += (states.size() == 1 ? ": before it only " : " or ") +
              model_.DescribeState(states_->Get(c.state));
    }
    text += " was possible";
    for (size_t slot = 0; slot < kSlots; ++slot) {
      if (slot != returning && used_[slot] && slots_[slot].is_placed) {
        text += "; " + Describe(slots_[slot].op);
      }
    }
    const std::string key = model_.Key(slots_[returning].op.input);
    return {"linearizability", text, key.empty() ? "" : "key " + key};
  }

  const M& model_;
  std::unique_ptr<States> states_;
  std::vector<Configuration> frontier_;  // sorted
  std::vector<Slot> slots_ = std::vector<Slot>(kSlots);
  std::vector<bool> used_ = std::vector<bool>(kSlots, false);
  std::deque<Event> events_;  // not yet behind the frontier
  std::vector<OptionalOp> optional_;
  bool has_given_up_ = false;
};

// All keys. Calls come in the order of time; borrows the model.
template <SequentialModel M>
class LinearizabilityMonitor final {
 public:
  explicit LinearizabilityMonitor(const M& model) : model_(model) {}

  void OnCall(uint64_t id, uint64_t client, int64_t now, typename M::Input input) {
    auto& key = keys_.try_emplace(model_.Key(input), nullptr).first->second;
    if (!key) key = std::make_unique<KeyMonitor<M>>(model_);
    typename KeyMonitor<M>::Op op;
    op.client = client;
    op.id = id;
    op.call = now;
    op.input = std::move(input);
    const bool is_new = open_.try_emplace(id, Place{key.get(), key->Call(std::move(op))}).second;
    CHECK(is_new) << "operation " << id << " is open";
  }
  std::optional<Violation> OnReturn(uint64_t id, int64_t now, typename M::Output output) {
    const Place place = Close(id);
    return place.slot ? place.key->Return(*place.slot, now, std::move(output)) : std::nullopt;
  }
  std::optional<Violation> OnUnknown(uint64_t id) {
    const Place place = Close(id);
    return place.slot ? place.key->Unknown(*place.slot) : std::nullopt;
  }
  // It had no effect and will have none.
  std::optional<Violation> OnRefused(uint64_t id) {
    const Place place = Close(id);
    return place.slot ? place.key->Refused(*place.slot) : std::nullopt;
  }

  // Some key was too hard: its history is neither proven nor refuted.
  bool has_given_up() const {
    return std::any_of(keys_.begin(), keys_.end(),
                       [](const auto& key) { return key.second->has_given_up(); });
  }
  size_t held() const {
    size_t held = 0;
    for (const auto& [name, key] : keys_) held += key->held();
    return held;
  }

 private:
  struct Place {
    KeyMonitor<M>* key;
    std::optional<size_t> slot;
  };

  Place Close(uint64_t id) {
    const auto at = open_.find(id);
    CHECK(at != open_.end()) << "operation " << id << " is not open";
    const Place place = at->second;
    open_.erase(at);
    return place;
  }

  const M& model_;
  absl::btree_map<std::string, std::unique_ptr<KeyMonitor<M>>> keys_;
  absl::btree_map<uint64_t, Place> open_;
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_MONITORS_LINEARIZABILITY_MONITOR_H_
