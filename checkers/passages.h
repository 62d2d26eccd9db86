// Passages: the way of each value through a queue, if every value is put once.
#ifndef LOCKSTEP_CHECKERS_PASSAGES_H_
#define LOCKSTEP_CHECKERS_PASSAGES_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "checkers/models/collections.h"
#include "checkers/refutation.h"

namespace lockstep::checkers {

// Of one value. It was surely there between `put_return` and `take_call`, if that is later.
struct Passage final {
  static constexpr int64_t kNever = INT64_MAX;

  int64_t value = 0;
  size_t put = kNoPlace;
  size_t take = kNoPlace;  // kNoPlace: it is still there
  int64_t put_call = 0;
  int64_t put_return = kNever;
  int64_t take_call = kNever;
  int64_t take_return = kNever;

  bool is_sure() const { return put_return < take_call; }
};

// Borrows model and operations.
class Passages final {
 public:
  Passages(const QueueModel& model, const std::vector<QueueOperation>& operations)
      : model_(model), operations_(operations) {}

  // What is impossible whatever the discipline: a value out of nowhere, or taken twice. REQUIRES:
  // called once.
  std::optional<LinearizabilityResult> Pair();

  // A value is put twice: the rest says nothing.
  bool has_twins() const { return has_twins_; }
  // A take of unknown outcome may have removed any value that is still there.
  bool has_unknown_take() const { return has_unknown_take_; }
  // By value; without those whose put may not have happened.
  const std::vector<Passage>& all() const { return passages_; }
  // Takes that found nothing, by call.
  const std::vector<size_t>& empties() const { return empties_; }

 private:
  void Sort();
  int64_t ValueOf(size_t place) const;
  LinearizabilityResult OutOfNowhere(size_t take) const;

  const QueueModel& model_;
  const std::vector<QueueOperation>& operations_;
  bool has_twins_ = false;
  bool has_unknown_take_ = false;
  std::vector<size_t> puts_;   // by value
  std::vector<size_t> takes_;  // by value
  std::vector<size_t> empties_;
  std::vector<Passage> passages_;
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_PASSAGES_H_
