// Minimal counterexamples: as little of a history as still cannot be explained.
#ifndef LOCKSTEP_CHECKERS_MINIMIZE_H_
#define LOCKSTEP_CHECKERS_MINIMIZE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "checkers/sequential_model.h"

namespace lockstep::checkers {

// Every step keeps the history impossible, and only ever asks less of it, so what is left was
// impossible before: reads are dropped; mutators lose their answer (they may take effect late or
// never). Then mutators that explain nothing are dropped: those without which what is left would
// still be possible if it were not for real time.
//
// A value: runs once, for one partition.
template <SequentialModel M>
class Minimizer final {
 public:
  using Op = Operation<typename M::Input, typename M::Output>;

  // `culprit`: where the search of these operations ended.
  Minimizer(const M& model, const Partition<M>& partition, size_t culprit) : model_(model) {
    const int64_t end = *partition.intervals()[culprit].returned;
    for (size_t op = 0; op < partition.intervals().size(); ++op) {
      const Op& o = partition.operation(op);
      if (o.call > end) continue;
      const bool returned = o.returned && *o.returned <= end;
      const bool reads = model.NeverMutates(o.input, o.returned ? &o.output : nullptr);
      if (reads && !returned) continue;
      kept_.push_back({o, op});
      if (!returned) kept_.back().op.returned.reset();
    }
  }

  // Places in the partition, in order of the calls.
  std::vector<size_t> Run() {
    Shrink([](std::vector<Kept>* kept, size_t begin, size_t end, const Minimizer& self) {
      Weaken(kept, begin, end, self);
    });
    work_ = 0;
    DropUnneeded();
    std::vector<size_t> places;
    std::sort(kept_.begin(), kept_.end(), [](const Kept& a, const Kept& b) {
      return std::pair(a.op.call, a.place) < std::pair(b.op.call, b.place);
    });
    for (const Kept& kept : kept_) places.push_back(kept.place);
    return places;
  }

 private:
  struct Kept {
    Op op;
    size_t place;
  };
  static constexpr size_t kConfigurationsMax = 20'000;  // of one search
  // Configurations and operations, in each half of the work. Large states make each dear.
  static constexpr size_t kWorkMax = sizeof(typename M::State) > 32 ? 5'000 : 100'000;

  Verdict Judge(const std::vector<Kept>& kept) {
    if (work_ > kWorkMax) return Verdict::kUnknown;
    Partition<M> partition(model_);
    partition.StopLookingAhead();
    for (const Kept& k : kept) partition.Add(k.op);
    LinearizabilityLimits limits;
    limits.configurations_max = kConfigurationsMax;
    const SearchResult result = SearchFrontier(partition, partition.intervals(), limits);
    work_ += result.configurations + kept.size();
    return result.verdict;
  }

  bool Reads(const Kept& kept) const {
    return model_.NeverMutates(kept.op.input, kept.op.returned ? &kept.op.output : nullptr);
  }

  // Asks less of the operations in [begin, end).
  static void Weaken(std::vector<Kept>* kept, size_t begin, size_t end, const Minimizer& self) {
    for (size_t i = begin; i < end; ++i) {
      if (!self.Reads((*kept)[i])) (*kept)[i].op.returned.reset();
    }
    const auto from = kept->begin() + static_cast<std::ptrdiff_t>(begin);
    const auto to = kept->begin() + static_cast<std::ptrdiff_t>(end);
    kept->erase(std::remove_if(from, to, [&](const Kept& k) { return self.Reads(k); }), to);
  }

  // Delta debugging: in pieces that become smaller while nothing can be had from larger ones.
  template <typename Change>
  void Shrink(Change change) {
    for (size_t piece = std::max<size_t>(kept_.size() / 2, 1); piece > 0; piece /= 2) {
      for (size_t end = kept_.size(); end > 0;) {
        const size_t begin = end > piece ? end - piece : 0;
        std::vector<Kept> less = kept_;
        change(&less, begin, end, *this);
        if (Judge(less) == Verdict::kViolation) kept_ = std::move(less);
        end = begin;
      }
    }
  }

  // Whether the operations could be explained if they all overlapped.
  bool PossibleWithoutTime(std::vector<Kept> kept) {
    for (Kept& k : kept) {
      k.op.call = 0;
      if (k.op.returned) k.op.returned = 1;
    }
    return Judge(kept) == Verdict::kOk;
  }

  void DropUnneeded() {
    const bool possible = PossibleWithoutTime(kept_);
    for (size_t piece = std::max<size_t>(kept_.size() / 2, 1); piece > 0; piece /= 2) {
      for (size_t end = kept_.size(); end > 0;) {
        const size_t begin = end > piece ? end - piece : 0;
        std::vector<Kept> less = kept_;
        const auto from = less.begin() + static_cast<std::ptrdiff_t>(begin);
        const auto to = less.begin() + static_cast<std::ptrdiff_t>(std::min(end, less.size()));
        less.erase(std::remove_if(from, to, [&](const Kept& k) { return !Reads(k); }), to);
        const bool changed = less.size() < kept_.size();
        if (changed && (!possible || PossibleWithoutTime(less)) &&
            Judge(less) == Verdict::kViolation) {
          kept_ = std::move(less);
        }
        end = begin;
      }
    }
  }

  const M& model_;
  std::vector<Kept> kept_;
  size_t work_ = 0;
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_MINIMIZE_H_
