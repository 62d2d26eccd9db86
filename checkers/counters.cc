// Counters that are incremented by one amount, and sets from which elements are removed once.
#include <algorithm>
#include <bit>
#include <queue>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "checkers/collections.h"
#include "checkers/refutation.h"

namespace lockstep::checkers {
namespace {

constexpr int64_t kNever = INT64_MAX;

// --- counters ---------------------------------------------------------------------------------

// Increments that have not taken effect, by return: counts in a tree [Fenwick 1994].
class Returns final {
 public:
  using Increment = std::pair<int64_t, size_t>;  // return, place

  void Add(const Increment& increment) { all_.push_back(increment); }
  void Sort() {
    std::sort(all_.begin(), all_.end());
    counts_.assign(all_.size() + 1, 0);
    for (size_t i = 1; i <= all_.size(); ++i) counts_[i] = i & (~i + 1);
  }
  void Remove(const Increment& increment) {
    const auto at = std::lower_bound(all_.begin(), all_.end(), increment);
    for (size_t i = static_cast<size_t>(at - all_.begin()) + 1; i < counts_.size();
         i += i & (~i + 1)) {
      --counts_[i];
    }
  }
  // Of the one with `before` others before it; kNever: there are not so many.
  int64_t ReturnOf(size_t before) const {
    size_t at = 0;
    for (size_t step = std::bit_floor(counts_.size()); step > 0; step /= 2) {
      if (at + step >= counts_.size() || counts_[at + step] > before) continue;
      at += step;
      before -= counts_[at];
    }
    return at < all_.size() ? all_[at].first : kNever;
  }

 private:
  std::vector<Increment> all_;
  std::vector<size_t> counts_;
};

// Reads in order of what they show, in groups of one value. Before a group, as many increments have
// taken effect as it shows: those that had to be over soonest, of those that had been called.
class CounterCheck final {
 public:
  CounterCheck(const CounterModel& model, const std::vector<CounterOperation>& operations,
               const LinearizabilityLimits& limits)
      : model_(model), operations_(operations), limits_(limits) {}

  LinearizabilityResult Run() {
    if (!Sort()) return CheckLinearizability(model_, operations_, limits_);
    const int64_t step = increments_.empty() ? 1 : Op(increments_[0]).input.delta;
    for (const Group& group : groups_) {
      const int64_t count = group.value / step;
      if (group.value % step != 0 || count < 0 ||
          count > static_cast<int64_t>(increments_.size())) {
        return Refuse(group, "a read shows what no number of increments makes");
      }
      if (auto found = CheckGroup(group, static_cast<size_t>(count))) return *std::move(found);
    }
    return Proof(operations_.size());
  }

 private:
  using Found = std::optional<LinearizabilityResult>;

  // The reads of one value.
  struct Group {
    int64_t value;
    int64_t last_call;     // of this or an earlier group
    int64_t first_return;  // of this or a later group
    size_t called_last;    // places of those
    size_t returned_first;
  };

  const CounterOperation& Op(size_t place) const { return operations_[place]; }
  int64_t Returned(size_t place) const { return Op(place).returned.value_or(kNever); }

  // False: increments differ.
  bool Sort() {
    std::vector<size_t> reads;
    for (size_t place = 0; place < operations_.size(); ++place) {
      const CounterOperation& op = operations_[place];
      if (op.input.is_read && op.returned) reads.push_back(place);
      if (!op.input.is_read && op.input.delta != 0) increments_.push_back(place);
    }
    for (const size_t place : increments_) {
      if (Op(place).input.delta != Op(increments_[0]).input.delta) return false;
      has_unknown_ = has_unknown_ || !Op(place).returned;
    }
    const bool falls = !increments_.empty() && Op(increments_[0]).input.delta < 0;
    std::sort(reads.begin(), reads.end(), [&](size_t a, size_t b) {
      const int64_t x = Op(a).output;
      const int64_t y = Op(b).output;
      return x != y ? (x < y) != falls : a < b;
    });
    std::sort(increments_.begin(), increments_.end(), [&](size_t a, size_t b) {
      return std::pair(Op(a).call, a) < std::pair(Op(b).call, b);
    });
    for (const size_t place : increments_) left_.Add({Returned(place), place});
    left_.Sort();
    MakeGroups(reads);
    return true;
  }

  void MakeGroups(const std::vector<size_t>& reads) {
    for (const size_t place : reads) {
      const CounterOperation& op = Op(place);
      if (groups_.empty() || groups_.back().value != op.output) {
        Group group{op.output, op.call, *op.returned, place, place};
        if (!groups_.empty() && groups_.back().last_call > op.call) {
          group.last_call = groups_.back().last_call;
          group.called_last = groups_.back().called_last;
        }
        groups_.push_back(group);
        continue;
      }
      Group& group = groups_.back();
      if (op.call > group.last_call) {
        group.last_call = op.call;
        group.called_last = place;
      }
      if (*op.returned < group.first_return) {
        group.first_return = *op.returned;
        group.returned_first = place;
      }
    }
    for (size_t i = groups_.size(); i-- > 1;) {
      if (groups_[i].first_return >= groups_[i - 1].first_return) continue;
      groups_[i - 1].first_return = groups_[i].first_return;
      groups_[i - 1].returned_first = groups_[i].returned_first;
    }
  }

  // The group's first read takes effect at `first`, its last at `last`.
  Found CheckGroup(const Group& group, size_t count) {
    // So many increments must have been called.
    const int64_t enough = count == 0 ? INT64_MIN : Op(increments_[count - 1]).call;
    // As late as the reads and the increments that they do not show allow: the more increments
    // there are to choose from, and what comes behind is no worse for it.
    const int64_t too_late = left_.ReturnOf(count - taken_);
    const int64_t last =
        std::max({group.last_call, now_, enough, std::min(group.first_return, too_late)});
    const int64_t first = std::min(group.first_return, last);
    if (first < now_ || first < enough) {
      return Refuse(group, first < enough ? "a read shows more increments than were called"
                                          : "reads show the counter going back");
    }
    for (; called_ < increments_.size() && Op(increments_[called_]).call <= first; ++called_) {
      open_.emplace(Returned(increments_[called_]), increments_[called_]);
    }
    for (; taken_ < count; ++taken_) {
      CHECK(!open_.empty());
      left_.Remove(open_.top());
      open_.pop();
    }
    // An increment that was called after `first` has not returned by then either, but it may have
    // before `last`.
    for (; called_ < increments_.size() && Op(increments_[called_]).call < last; ++called_) {
      open_.emplace(Returned(increments_[called_]), increments_[called_]);
    }
    now_ = last;
    if (open_.empty() || open_.top().first >= last) return std::nullopt;
    // With others in the place of those that may not have happened, it might still fit.
    if (has_unknown_) return CheckLinearizability(model_, operations_, limits_);
    return Refuse(group, "a read misses an increment", open_.top().second);
  }

  LinearizabilityResult Refuse(const Group& group, const std::string& why,
                               size_t increment = kNoPlace) const {
    return Refutation(model_, operations_, {group.called_last, group.returned_first, increment},
                      why);
  }

  const CounterModel& model_;
  const std::vector<CounterOperation>& operations_;
  const LinearizabilityLimits& limits_;
  std::vector<size_t> increments_;  // by call
  Returns left_;                    // of increments that were not taken
  std::vector<Group> groups_;       // as the counter goes
  bool has_unknown_ = false;        // increments
  size_t called_ = 0;               // increments that were called
  size_t taken_ = 0;                // and took effect
  int64_t now_ = INT64_MIN;
  // Called and not taken, by return.
  std::priority_queue<std::pair<int64_t, size_t>, std::vector<std::pair<int64_t, size_t>>,
                      std::greater<>>
      open_;
};

// --- sets with removal ------------------------------------------------------------------------

// What was asked of one element that is added and removed at most once. It is there from an instant
// within [from_min, from_max] to one within [to_min, to_max].
class ElementCheck final {
 public:
  explicit ElementCheck(const std::vector<MembershipOperation>& operations)
      : operations_(operations) {}

  // False: it is added or removed more than once, or not known how often.
  bool Collect(const std::vector<size_t>& places) {
    using Kind = MembershipInput::Kind;
    for (const size_t place : places) {
      const MembershipOperation& op = operations_[place];
      const bool says_no = op.returned && op.output == false;
      if (op.input.kind == Kind::kContains) {
        if (op.returned) (says_no ? absent_ : present_).push_back(place);
      } else if (says_no) {
        // It was there already, or was not there to be removed.
        (op.input.kind == Kind::kAdd ? present_ : absent_).push_back(place);
      } else {
        size_t& change = op.input.kind == Kind::kAdd ? add_ : remove_;
        if (change != kNoPlace || !op.returned) return false;
        change = place;
      }
    }
    if (remove_ == kNoPlace) return true;
    // A removal that does not tell may have found nothing, unless it surely came later.
    const MembershipOperation& removal = operations_[remove_];
    return add_ != kNoPlace && (removal.output || removal.call > Returned(add_));
  }

  // Places that contradict each other; empty: there is an order.
  std::vector<size_t> Check() const {
    if (add_ == kNoPlace) {
      return present_.empty() ? std::vector<size_t>() : std::vector<size_t>{present_[0]};
    }
    size_t early = add_;  // whoever says so returned first
    for (const size_t place : present_) {
      if (Returned(place) < Returned(early)) early = place;
    }
    size_t late = remove_;  // whoever says so was called last
    int64_t to = remove_ == kNoPlace ? kNever : operations_[remove_].call;
    for (const size_t place : present_) {
      if (remove_ == kNoPlace || operations_[place].call <= to) continue;
      late = place;
      to = operations_[place].call;
    }
    if (Returned(early) < operations_[add_].call) return {add_, early};
    if (remove_ != kNoPlace && to > Returned(remove_)) return {remove_, late};
    if (remove_ != kNoPlace && operations_[add_].call > Returned(remove_)) return {add_, remove_};
    if (Returned(early) >= to) return {};  // it may have been there for an instant only
    for (const size_t place : absent_) {
      if (operations_[place].call <= Returned(early) || Returned(place) >= to) continue;
      return {add_, early, remove_, late, place};
    }
    return {};
  }

 private:
  int64_t Returned(size_t place) const { return *operations_[place].returned; }

  const std::vector<MembershipOperation>& operations_;
  size_t add_ = kNoPlace;
  size_t remove_ = kNoPlace;
  std::vector<size_t> present_;
  std::vector<size_t> absent_;
};

}  // namespace

LinearizabilityResult CheckCounter(const CounterModel& model,
                                   const std::vector<CounterOperation>& operations,
                                   const LinearizabilityLimits& limits) {
  return CounterCheck(model, operations, limits).Run();
}

LinearizabilityResult CheckMembership(const MembershipModel& model,
                                      const std::vector<MembershipOperation>& operations,
                                      const LinearizabilityLimits& limits) {
  std::vector<std::pair<int64_t, size_t>> by_element;
  for (size_t place = 0; place < operations.size(); ++place) {
    by_element.emplace_back(operations[place].input.element, place);
  }
  std::sort(by_element.begin(), by_element.end());
  std::vector<size_t> open;
  std::vector<size_t> places;
  for (size_t i = 0; i < by_element.size();) {
    const int64_t element = by_element[i].first;
    places.clear();
    for (; i < by_element.size() && by_element[i].first == element; ++i) {
      places.push_back(by_element[i].second);
    }
    ElementCheck check(operations);
    if (!check.Collect(places)) {
      open.insert(open.end(), places.begin(), places.end());
      continue;
    }
    std::vector<size_t> conflict = check.Check();
    if (conflict.empty()) continue;
    return Refutation(
        model, operations, std::move(conflict),
        absl::StrCat("what was answered about ", model.Name(element), " fits no order"));
  }
  if (open.empty()) return Proof(operations.size());
  return CheckPart(model, operations, std::move(open), limits);
}

}  // namespace lockstep::checkers
