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

// --- queues -----------------------------------------------------------------------------------

// One value's way through a queue.
struct Passage final {
  int64_t value = 0;
  size_t enqueue = kNone;
  size_t dequeue = kNone;
  int64_t enqueue_call = 0;
  int64_t enqueue_return = kNever;
  int64_t dequeue_call = kNever;  // kNever: it is still there
  int64_t dequeue_return = kNever;
};

class QueueCheck final {
 public:
  QueueCheck(const QueueModel& model, const std::vector<QueueOperation>& operations,
             const LinearizabilityLimits& limits)
      : model_(model), operations_(operations), limits_(limits) {}

  LinearizabilityResult Run() {
    for (size_t place = 0; place < operations_.size(); ++place) Sort(place);
    for (std::vector<size_t>* places : {&enqueues_, &dequeues_}) {
      std::sort(places->begin(), places->end(), [&](size_t a, size_t b) {
        return std::pair(ValueOf(a), a) < std::pair(ValueOf(b), b);
      });
    }
    for (size_t i = 1; i < enqueues_.size(); ++i) {
      if (ValueOf(enqueues_[i]) == ValueOf(enqueues_[i - 1])) return Search();
    }
    if (auto found = Pair()) return *found;
    if (auto found = CheckOrder()) return *found;
    if (auto found = CheckEmpty()) return *found;
    return Proof(operations_.size());
  }

 private:
  using Found = std::optional<LinearizabilityResult>;

  LinearizabilityResult Search() { return CheckLinearizability(model_, operations_, limits_); }

  int64_t ValueOf(size_t place) const {
    const QueueOperation& op = operations_[place];
    return op.input.is_enqueue ? op.input.value : *op.output;
  }

  void Sort(size_t place) {
    const QueueOperation& op = operations_[place];
    if (op.input.is_enqueue) {
      enqueues_.push_back(place);
    } else if (!op.returned) {
      has_unknown_dequeue_ = true;
    } else if (op.output) {
      dequeues_.push_back(place);
    } else {
      empties_.push_back(place);
    }
  }

  // Both lists are sorted by value.
  Found Pair() {
    size_t next = 0;
    for (const size_t enqueue : enqueues_) {
      for (; next < dequeues_.size() && ValueOf(dequeues_[next]) < ValueOf(enqueue); ++next) {
        return OutOfNowhere(dequeues_[next]);
      }
      const QueueOperation& in = operations_[enqueue];
      Passage passage{ValueOf(enqueue), enqueue, kNone, in.call, in.returned.value_or(kNever)};
      if (next < dequeues_.size() && ValueOf(dequeues_[next]) == passage.value) {
        passage.dequeue = dequeues_[next++];
        const QueueOperation& out = operations_[passage.dequeue];
        passage.dequeue_call = out.call;
        passage.dequeue_return = *out.returned;
        if (*out.returned < in.call) {
          return Refutation(
              model_, operations_, {enqueue, passage.dequeue},
              absl::StrCat(model_.Name(passage.value), " was dequeued before it was enqueued"));
        }
        if (next < dequeues_.size() && ValueOf(dequeues_[next]) == passage.value) {
          return Refutation(model_, operations_, {passage.dequeue, dequeues_[next]},
                            absl::StrCat(model_.Name(passage.value), " was dequeued twice"));
        }
      } else if (!in.returned) {
        continue;  // it may not have happened
      }
      passages_.push_back(passage);
    }
    if (next < dequeues_.size()) return OutOfNowhere(dequeues_[next]);
    return std::nullopt;
  }

  LinearizabilityResult OutOfNowhere(size_t dequeue) {
    return Refutation(
        model_, operations_, {dequeue},
        absl::StrCat(model_.Name(ValueOf(dequeue)), " was dequeued and nobody enqueued it"));
  }

  // a was enqueued before b, and b left before a.
  Found CheckOrder() {
    std::vector<size_t> by_call(passages_.size());
    for (size_t i = 0; i < by_call.size(); ++i) by_call[i] = i;
    std::vector<size_t> by_return = by_call;
    std::sort(by_call.begin(), by_call.end(), [&](size_t a, size_t b) {
      return std::pair(passages_[a].enqueue_call, a) < std::pair(passages_[b].enqueue_call, b);
    });
    std::sort(by_return.begin(), by_return.end(), [&](size_t a, size_t b) {
      return std::pair(passages_[a].enqueue_return, a) < std::pair(passages_[b].enqueue_return, b);
    });
    size_t next = 0;
    size_t latest = kNone;  // of those that were surely enqueued: the one that left last
    for (const size_t b : by_call) {
      for (; next < by_return.size() &&
             passages_[by_return[next]].enqueue_return < passages_[b].enqueue_call;
           ++next) {
        const size_t a = by_return[next];
        if (latest == kNone || passages_[a].dequeue_call > passages_[latest].dequeue_call) {
          latest = a;
        }
      }
      if (latest == kNone || passages_[b].dequeue_return >= passages_[latest].dequeue_call) {
        continue;
      }
      const Passage& a = passages_[latest];
      if (a.dequeue == kNone && has_unknown_dequeue_) return Search();
      return Refutation(
          model_, operations_, {a.enqueue, a.dequeue, passages_[b].enqueue, passages_[b].dequeue},
          absl::StrCat(model_.Name(a.value), " was enqueued before ",
                       model_.Name(passages_[b].value), ", which left the queue first"));
    }
    return std::nullopt;
  }

  // Somebody found it empty at a time at which at every instant some value was surely there.
  Found CheckEmpty() {
    std::vector<const Passage*> sure;
    for (const Passage& passage : passages_) {
      if (passage.enqueue_return < passage.dequeue_call) sure.push_back(&passage);
    }
    std::sort(sure.begin(), sure.end(), [](const Passage* a, const Passage* b) {
      return std::pair(a->enqueue_return, a->value) < std::pair(b->enqueue_return, b->value);
    });
    std::sort(empties_.begin(), empties_.end(), [&](size_t a, size_t b) {
      return std::pair(operations_[a].call, a) < std::pair(operations_[b].call, b);
    });
    size_t next = 0;
    std::vector<const Passage*> cover;  // links of the last chain
    int64_t end = INT64_MIN;            // of the chain
    for (const size_t empty : empties_) {
      const QueueOperation& op = operations_[empty];
      // The chain that holds just after the call; it may go on until the return.
      for (; next < sure.size() && sure[next]->enqueue_return < std::max(op.call, end); ++next) {
        if (sure[next]->enqueue_return >= end) cover.clear();
        if (sure[next]->dequeue_call <= end) continue;
        cover.push_back(sure[next]);
        end = sure[next]->dequeue_call;
      }
      if (end <= op.call || *op.returned >= end) continue;
      std::vector<size_t> places = {empty};
      for (const Passage* passage : cover) {
        if (passage->dequeue_call <= op.call) continue;
        if (passage->dequeue == kNone && has_unknown_dequeue_) return Search();
        places.push_back(passage->enqueue);
        places.push_back(passage->dequeue);
      }
      return Refutation(model_, operations_, places,
                        "the queue was never empty during the dequeue");
    }
    return std::nullopt;
  }

  const QueueModel& model_;
  const std::vector<QueueOperation>& operations_;
  const LinearizabilityLimits& limits_;
  std::vector<size_t> enqueues_;
  std::vector<size_t> dequeues_;
  std::vector<size_t> empties_;
  bool has_unknown_dequeue_ = false;
  std::vector<Passage> passages_;
};

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

LinearizabilityResult CheckQueue(const QueueModel& model,
                                 const std::vector<QueueOperation>& operations,
                                 const LinearizabilityLimits& limits) {
  return QueueCheck(model, operations, limits).Run();
}

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
