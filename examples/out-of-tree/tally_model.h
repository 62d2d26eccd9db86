// TallyModel: what one name's total does, one operation after the other. For the search for a
// linear order of what concurrent clients were told.
#ifndef LOCKSTEP_EXAMPLES_OUT_OF_TREE_TALLY_MODEL_H_
#define LOCKSTEP_EXAMPLES_OUT_OF_TREE_TALLY_MODEL_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"

namespace tally {

struct TallyInput {
  std::string name;
  int64_t amount = 0;  // 0: only look
  bool operator==(const TallyInput&) const = default;
};

class TallyModel {
 public:
  using Input = TallyInput;
  using Output = int64_t;  // the total that was answered
  using State = int64_t;

  State Initial() const { return 0; }
  // The total after the operation; nothing if it cannot have had this answer. No answer is known of
  // a call that timed out: it happened or not, and both are tried.
  std::optional<State> Step(State total, const Input& in, const Output* answered) const {
    const State after = total + in.amount;
    if (answered != nullptr && *answered != after) return std::nullopt;
    return after;
  }
  uint64_t Hash(State total) const { return static_cast<uint64_t>(total); }
  std::string Key(const Input& in) const { return in.name; }
  bool NeverMutates(const Input& in, const Output*) const { return in.amount == 0; }
  std::string Describe(const Input& in, const Output* answered) const {
    return absl::StrCat(in.amount == 0 ? "look at " : absl::StrCat("add ", in.amount, " to "),
                        in.name,
                        answered == nullptr ? std::string() : absl::StrCat(" = ", *answered));
  }
  std::string DescribeState(State total) const { return absl::StrCat("a total of ", total); }
};

}  // namespace tally

#endif  // LOCKSTEP_EXAMPLES_OUT_OF_TREE_TALLY_MODEL_H_
