#include "checkers/collections.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "checkers/refutation.h"

namespace lockstep::checkers {
namespace {

constexpr int64_t kNever = INT64_MAX;
constexpr size_t kNone = kNoPlace;

// --- locks ------------------------------------------------------------------------------------

// The time for which a client surely held the lock: from the return of its acquire to the call of
// its release.
struct Hold final {
  size_t acquire = kNone;
  size_t release = kNone;
  int64_t from = 0;
  int64_t to = kNever;
};

// --- sets -------------------------------------------------------------------------------------

// The reads must show larger and larger sets; so everything has a layer: what a read shows first,
// the reads that show it, what the next read shows first ... It remains to compare the layers with
// real time.
class SetCheck final {
 public:
  SetCheck(const SetModel& model, const std::vector<SetOperation>& operations,
           const LinearizabilityLimits& limits)
      : model_(model), operations_(operations), limits_(limits) {}

  LinearizabilityResult Run() {
    if (!Sort()) return CheckLinearizability(model_, operations_, limits_);
    for (size_t i = 0; i < reads_.size(); ++i) {
      if (auto found = PlaceRead(i)) return *found;
    }
    for (const Add& add : adds_) {
      const bool has_happened = operations_[add.place].returned.has_value();
      if (add.layer == kNone && has_happened) layers_.emplace_back(layer_ * 2 + 1, add.place);
    }
    std::sort(layers_.begin(), layers_.end());
    if (auto found = CheckRealTime()) return *found;
    return Proof(operations_.size());
  }

 private:
  using Found = std::optional<LinearizabilityResult>;
  struct Add {
    int64_t value;
    size_t place;
    size_t layer = kNone;  // the first read that shows it; kNone: none does
  };

  // False if a value is added twice.
  bool Sort() {
    for (size_t place = 0; place < operations_.size(); ++place) {
      const SetOperation& op = operations_[place];
      if (op.input.is_add) adds_.push_back({op.input.value, place});
      if (!op.input.is_add && op.returned) reads_.push_back(place);
    }
    std::sort(adds_.begin(), adds_.end(), [](const Add& a, const Add& b) {
      return std::pair(a.value, a.place) < std::pair(b.value, b.place);
    });
    for (size_t i = 1; i < adds_.size(); ++i) {
      if (adds_[i].value == adds_[i - 1].value) return false;
    }
    std::sort(reads_.begin(), reads_.end(), [&](size_t a, size_t b) {
      return std::pair(operations_[a].output.size(), a) <
             std::pair(operations_[b].output.size(), b);
    });
    return true;
  }

  Found PlaceRead(size_t i) {
    const SetOutput& seen = operations_[reads_[i]].output;
    const size_t before = i == 0 ? 0 : operations_[reads_[i - 1]].output.size();
    if (i == 0 || seen.size() > before) ++layer_;
    size_t known = 0;
    for (const int64_t value : seen) {
      const auto at = std::lower_bound(adds_.begin(), adds_.end(), value,
                                       [](const Add& add, int64_t v) { return add.value < v; });
      if (at == adds_.end() || at->value != value) {
        return Refutation(
            model_, operations_, {reads_[i]},
            absl::StrCat("a read shows ", model_.Name(value), ", which nobody added"));
      }
      if (at->layer != kNone) {
        ++known;
        continue;
      }
      at->layer = layer_;
      layers_.emplace_back(layer_ * 2 - 1, at->place);
    }
    layers_.emplace_back(layer_ * 2, reads_[i]);
    // What was placed before is what the read before shows.
    if (known >= before) return std::nullopt;
    return Refutation(model_, operations_, {reads_[i - 1], reads_[i]},
                      "each of two reads shows what the other does not");
  }

  Found CheckRealTime() const {
    size_t latest = kNone;  // of the layers before: what was called last
    for (size_t i = 0; i < layers_.size();) {
      size_t end = i;
      for (; end < layers_.size() && layers_[end].first == layers_[i].first; ++end) {
        const size_t place = layers_[end].second;
        if (latest == kNone) continue;
        if (operations_[place].returned.value_or(kNever) >= operations_[latest].call) continue;
        return Refutation(
            model_, operations_, {place, latest},
            "by what was read, one of two operations comes behind the other, which was "
            "called only after it had returned");
      }
      for (; i < end; ++i) {
        const size_t place = layers_[i].second;
        if (latest == kNone || operations_[place].call > operations_[latest].call) latest = place;
      }
    }
    return std::nullopt;
  }

  const SetModel& model_;
  const std::vector<SetOperation>& operations_;
  const LinearizabilityLimits& limits_;
  std::vector<Add> adds_;      // by value
  std::vector<size_t> reads_;  // by size
  size_t layer_ = 0;
  std::vector<std::pair<size_t, size_t>> layers_;  // layer, place
};

}  // namespace

LinearizabilityResult CheckLock(const std::vector<LockOperation>& operations,
                                const LinearizabilityLimits& limits) {
  const LockModel model;
  std::vector<size_t> by_call(operations.size());
  for (size_t i = 0; i < by_call.size(); ++i) by_call[i] = i;
  std::sort(by_call.begin(), by_call.end(), [&](size_t a, size_t b) {
    return std::pair(operations[a].call, a) < std::pair(operations[b].call, b);
  });
  std::map<uint64_t, Hold> open;
  std::vector<Hold> holds;
  for (const size_t place : by_call) {
    const LockOperation& op = operations[place];
    Hold& hold = open[op.input.client];
    if (op.input.is_acquire) {
      if (hold.acquire != kNone) return CheckLinearizability(model, operations, limits);
      hold = {place, kNone, op.returned.value_or(kNever), kNever};
      continue;
    }
    if (hold.acquire == kNone || hold.from > op.call) {
      return CheckLinearizability(model, operations, limits);
    }
    hold.release = place;
    hold.to = op.call;
    holds.push_back(hold);
    // After a release of unknown outcome the client may hold it still; it must not be heard again.
    if (op.returned) hold = Hold();
  }
  for (const auto& [client, hold] : open) {
    // An acquire of unknown outcome may not have happened.
    if (hold.acquire != kNone && hold.release == kNone && hold.from != kNever) {
      holds.push_back(hold);
    }
  }
  std::sort(holds.begin(), holds.end(), [](const Hold& a, const Hold& b) {
    return std::pair(a.from, a.acquire) < std::pair(b.from, b.acquire);
  });
  for (size_t i = 1; i < holds.size(); ++i) {
    if (holds[i].from >= holds[i - 1].to) continue;
    const Hold& a = holds[i - 1];
    const Hold& b = holds[i];
    return Refutation(model, operations, {a.acquire, a.release, b.acquire, b.release},
                      absl::StrCat("clients ", operations[a.acquire].client, " and ",
                                   operations[b.acquire].client, " both held the lock"));
  }
  return Proof(operations.size());
}

LinearizabilityResult CheckSet(const SetModel& model, const std::vector<SetOperation>& operations,
                               const LinearizabilityLimits& limits) {
  return SetCheck(model, operations, limits).Run();
}

}  // namespace lockstep::checkers
