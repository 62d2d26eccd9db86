// Queues of three disciplines whose values are put once.
#include <algorithm>
#include <map>
#include <queue>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "checkers/collections.h"
#include "checkers/passages.h"

namespace lockstep::checkers {
namespace {

using Found = std::optional<LinearizabilityResult>;

// The times at which some value was surely there: open intervals that do not touch.
class Cover final {
 public:
  void Add(const Passage& passage) {
    int64_t from = passage.put_return;
    int64_t to = passage.take_call;
    auto at = intervals_.lower_bound(from);
    if (at != intervals_.begin() && std::prev(at)->second > from) --at;
    while (at != intervals_.end() && at->first < to) {
      from = std::min(from, at->first);
      to = std::max(to, at->second);
      at = intervals_.erase(at);
    }
    intervals_[from] = to;
  }
  // At every instant of [from, to].
  bool Holds(int64_t from, int64_t to) const {
    const auto after = intervals_.lower_bound(from);
    return after != intervals_.begin() && to < std::prev(after)->second;
  }

 private:
  std::map<int64_t, int64_t> intervals_;
};

class QueueCheck final {
 public:
  QueueCheck(const QueueModel& model, const std::vector<QueueOperation>& operations,
             const LinearizabilityLimits& limits)
      : model_(model), operations_(operations), limits_(limits), passages_(model, operations) {}

  LinearizabilityResult Run() {
    if (auto found = passages_.Pair()) return *std::move(found);
    if (passages_.has_twins()) return Search();
    if (auto found = CheckDiscipline()) return *std::move(found);
    if (auto found = CheckEmpty()) return *std::move(found);
    return Proof(operations_.size());
  }

 private:
  LinearizabilityResult Search() { return CheckLinearizability(model_, operations_, limits_); }

  Found CheckDiscipline() {
    switch (model_.discipline()) {
      case Discipline::kFifo:
        return CheckFifo();
      case Discipline::kLifo:
        return CheckLifo();
      case Discipline::kSmallestFirst:
        break;
    }
    return CheckSmallestFirst();
  }

  // Names a conflict; but a take of unknown outcome may have removed what is still there.
  Found Conflict(const std::vector<const Passage*>& involved, std::vector<size_t> places,
                 const std::string& why) {
    for (const Passage* passage : involved) {
      if (passage->take == kNoPlace && passages_.has_unknown_take()) return Search();
      places.push_back(passage->put);
      places.push_back(passage->take);
    }
    return Refutation(model_, operations_, std::move(places), why);
  }

  // Values below `limit` of which at every instant of [from, to] one was surely there.
  std::vector<const Passage*> Chain(int64_t from, int64_t to, int64_t limit) const {
    std::vector<const Passage*> chain;
    for (int64_t end = from; end <= to;) {
      const Passage* best = nullptr;
      for (const Passage& passage : passages_.all()) {
        if (!passage.is_sure() || passage.value >= limit || passage.put_return >= end) continue;
        if (best == nullptr || passage.take_call > best->take_call) best = &passage;
      }
      CHECK(best != nullptr && best->take_call > end) << "it is covered";
      chain.push_back(best);
      end = best->take_call;
    }
    return chain;
  }

  // Somebody found nothing at a time at which at every instant something was surely there.
  Found CheckEmpty() {
    Cover cover;
    for (const Passage& passage : passages_.all()) {
      if (passage.is_sure()) cover.Add(passage);
    }
    for (const size_t empty : passages_.empties()) {
      const QueueOperation& op = operations_[empty];
      if (!cover.Holds(op.call, *op.returned)) continue;
      return Conflict(Chain(op.call, *op.returned, INT64_MAX), {empty},
                      absl::StrCat("the ", model_.words().noun, " was never empty during the ",
                                   model_.words().take));
    }
    return std::nullopt;
  }

  // a was enqueued before b, and b left before a.
  Found CheckFifo() {
    std::vector<const Passage*> by_call;
    for (const Passage& passage : passages_.all()) by_call.push_back(&passage);
    std::vector<const Passage*> by_return = by_call;
    std::stable_sort(by_call.begin(), by_call.end(),
                     [](const Passage* a, const Passage* b) { return a->put_call < b->put_call; });
    std::stable_sort(by_return.begin(), by_return.end(), [](const Passage* a, const Passage* b) {
      return a->put_return < b->put_return;
    });
    size_t next = 0;
    const Passage* latest = nullptr;  // of those that were surely enqueued: the one that left last
    for (const Passage* b : by_call) {
      for (; next < by_return.size() && by_return[next]->put_return < b->put_call; ++next) {
        const Passage* a = by_return[next];
        if (latest == nullptr || a->take_call > latest->take_call) latest = a;
      }
      if (latest == nullptr || b->take_return >= latest->take_call) continue;
      return Conflict({latest, b}, {},
                      absl::StrCat(model_.Name(latest->value), " was enqueued before ",
                                   model_.Name(b->value), ", which left the queue first"));
    }
    return std::nullopt;
  }

  // A value was extracted at a time at which at every instant a smaller one was surely there.
  // Larger ones are in nobody's way, so going up from the smallest decides it [Lee & Mathur 2024:
  // values whose removal changes nothing].
  Found CheckSmallestFirst() {
    Cover smaller;
    for (const Passage& passage : passages_.all()) {
      const int64_t from = std::max(passage.take_call, passage.put_call);
      if (passage.take != kNoPlace && smaller.Holds(from, passage.take_return)) {
        std::vector<const Passage*> chain = Chain(from, passage.take_return, passage.value);
        return Conflict(chain, {passage.put, passage.take},
                        absl::StrCat(model_.Name(passage.value), " was extracted while ",
                                     model_.Name(chain[0]->value), " or smaller was there"));
      }
      if (passage.is_sure()) smaller.Add(passage);
    }
    return std::nullopt;
  }

  // Where at some instant no value was surely there, the stack may have been empty, and what comes
  // before has nothing to do with what comes behind. Otherwise some value lay at the bottom all the
  // time: it was pushed before any push had to be over and popped after every pop was called. Which
  // of those that could does not matter, and without it the rest is as possible as before.
  Found CheckLifo() {
    std::vector<const Passage*> all;
    for (const Passage& passage : passages_.all()) {
      if (passage.is_sure()) all.push_back(&passage);
    }
    std::stable_sort(all.begin(), all.end(), [](const Passage* a, const Passage* b) {
      return a->put_return < b->put_return;
    });
    std::vector<std::vector<const Passage*>> work = {std::move(all)};
    while (!work.empty()) {
      std::vector<const Passage*> part = std::move(work.back());
      work.pop_back();
      if (part.size() < 2) continue;
      std::vector<const Passage*> left = WithoutBottoms(part);
      if (left.empty()) continue;
      const size_t before = work.size();
      int64_t end = INT64_MIN;
      for (const Passage* passage : left) {
        if (passage->put_return >= end) work.emplace_back();
        work.back().push_back(passage);
        end = std::max(end, passage->take_call);
      }
      if (work.size() == before + 1) return NoBottom(left);
    }
    return std::nullopt;
  }

  // Takes away what can lie at the bottom, again and again. `part` is by the pushes' returns.
  static std::vector<const Passage*> WithoutBottoms(const std::vector<const Passage*>& part) {
    std::vector<size_t> by_call(part.size());
    for (size_t i = 0; i < part.size(); ++i) by_call[i] = i;
    std::vector<size_t> by_take = by_call;
    std::sort(by_call.begin(), by_call.end(), [&](size_t a, size_t b) {
      return std::pair(part[a]->put_call, a) < std::pair(part[b]->put_call, b);
    });
    std::sort(by_take.begin(), by_take.end(), [&](size_t a, size_t b) {
      return std::pair(part[a]->take_call, a) > std::pair(part[b]->take_call, b);
    });
    std::vector<bool> is_gone(part.size());
    std::priority_queue<std::pair<int64_t, size_t>> candidates;  // by the return of the pop
    size_t first = 0;
    size_t last = 0;
    size_t next = 0;
    while (true) {
      while (first < part.size() && is_gone[first]) ++first;
      while (last < part.size() && is_gone[by_take[last]]) ++last;
      if (first == part.size()) return {};
      for (; next < part.size() && part[by_call[next]]->put_call <= part[first]->put_return;
           ++next) {
        candidates.emplace(part[by_call[next]]->take_return, by_call[next]);
      }
      if (candidates.empty() || candidates.top().first < part[by_take[last]]->take_call) break;
      is_gone[candidates.top().second] = true;
      candidates.pop();
    }
    std::vector<const Passage*> left;
    for (size_t i = 0; i < part.size(); ++i) {
      if (!is_gone[i]) left.push_back(part[i]);
    }
    return left;
  }

  Found NoBottom(std::vector<const Passage*> part) {
    constexpr size_t kNamedMax = 6;
    const Passage* first = part.front();
    const Passage* last = *std::max_element(
        part.begin(), part.end(),
        [](const Passage* a, const Passage* b) { return a->take_call < b->take_call; });
    if (passages_.has_unknown_take()) return Search();
    const std::string why =
        absl::StrCat("no value can have lain below all others from the push of ",
                     model_.Name(first->value), " to the pop of ", model_.Name(last->value));
    if (part.size() > kNamedMax) part = {first, last};
    return Conflict(part, {}, why);
  }

  const QueueModel& model_;
  const std::vector<QueueOperation>& operations_;
  const LinearizabilityLimits& limits_;
  Passages passages_;
};

}  // namespace

LinearizabilityResult CheckQueue(const QueueModel& model,
                                 const std::vector<QueueOperation>& operations,
                                 const LinearizabilityLimits& limits) {
  return QueueCheck(model, operations, limits).Run();
}

}  // namespace lockstep::checkers
