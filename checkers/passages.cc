#include "checkers/passages.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lockstep::checkers {

int64_t Passages::ValueOf(size_t place) const {
  const QueueOperation& op = operations_[place];
  return op.input.is_put ? op.input.value : *op.output;
}

void Passages::Sort() {
  for (size_t place = 0; place < operations_.size(); ++place) {
    const QueueOperation& op = operations_[place];
    if (op.input.is_put) {
      puts_.push_back(place);
    } else if (!op.returned) {
      has_unknown_take_ = true;
    } else {
      (op.output ? takes_ : empties_).push_back(place);
    }
  }
  for (std::vector<size_t>* places : {&puts_, &takes_}) {
    std::sort(places->begin(), places->end(), [&](size_t a, size_t b) {
      return std::pair(ValueOf(a), a) < std::pair(ValueOf(b), b);
    });
  }
  std::sort(empties_.begin(), empties_.end(), [&](size_t a, size_t b) {
    return std::pair(operations_[a].call, a) < std::pair(operations_[b].call, b);
  });
  for (size_t i = 1; i < puts_.size(); ++i) {
    has_twins_ = has_twins_ || ValueOf(puts_[i]) == ValueOf(puts_[i - 1]);
  }
}

std::optional<LinearizabilityResult> Passages::Pair() {
  Sort();
  if (has_twins_) return std::nullopt;
  const QueueWords& words = model_.words();
  size_t next = 0;
  for (const size_t put : puts_) {
    if (next < takes_.size() && ValueOf(takes_[next]) < ValueOf(put)) {
      return OutOfNowhere(takes_[next]);
    }
    const QueueOperation& in = operations_[put];
    Passage passage{ValueOf(put), put, kNoPlace, in.call, in.returned.value_or(Passage::kNever)};
    if (next < takes_.size() && ValueOf(takes_[next]) == passage.value) {
      passage.take = takes_[next++];
      const QueueOperation& out = operations_[passage.take];
      passage.take_call = out.call;
      passage.take_return = *out.returned;
      const std::string name = model_.Name(passage.value);
      if (*out.returned < in.call) {
        return Refutation(
            model_, operations_, {put, passage.take},
            absl::StrCat(name, " was ", words.was_taken, " before it was ", words.was_put));
      }
      if (next < takes_.size() && ValueOf(takes_[next]) == passage.value) {
        return Refutation(model_, operations_, {passage.take, takes_[next]},
                          absl::StrCat(name, " was ", words.was_taken, " twice"));
      }
    } else if (!in.returned) {
      continue;  // it may not have happened
    }
    passages_.push_back(passage);
  }
  if (next < takes_.size()) return OutOfNowhere(takes_[next]);
  return std::nullopt;
}

LinearizabilityResult Passages::OutOfNowhere(size_t take) const {
  return Refutation(model_, operations_, {take},
                    absl::StrCat(model_.Name(ValueOf(take)), " was ", model_.words().was_taken,
                                 " and nobody ", model_.words().was_put, " it"));
}

}  // namespace lockstep::checkers
