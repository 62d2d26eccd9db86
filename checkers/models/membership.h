// A set from which elements can be removed, asked for one element at a time.
#ifndef LOCKSTEP_CHECKERS_MODELS_MEMBERSHIP_H_
#define LOCKSTEP_CHECKERS_MODELS_MEMBERSHIP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "checkers/formats/recorded_history.h"
#include "checkers/history.h"
#include "checkers/models/names.h"

namespace lockstep::checkers {

struct MembershipInput final {
  enum class Kind : uint8_t { kAdd, kRemove, kContains };
  Kind kind = Kind::kContains;
  int64_t element = 0;
  bool operator==(const MembershipInput&) const = default;
};
// Whether the element was added, removed or there. Of an add or remove it may be absent: the answer
// did not tell.
using MembershipOutput = std::optional<bool>;
using MembershipOperation = Operation<MembershipInput, MembershipOutput>;

class MembershipModel final {
 public:
  using Input = MembershipInput;
  using Output = MembershipOutput;
  using State = uint8_t;  // of one element: 1 if it is there

  MembershipModel() = default;
  explicit MembershipModel(Names elements) : elements_(std::move(elements)) {}

  State Initial() const { return 0; }
  std::optional<State> Step(State state, const Input& in, const Output* out) const;
  uint64_t Hash(State state) const { return state; }
  std::string Key(const Input& in) const { return elements_.Name(in.element); }
  bool NeverMutates(const Input& in, const Output* out) const {
    return in.kind == Input::Kind::kContains || (out && *out == false);
  }
  std::string Describe(const Input& in, const Output* out) const;
  std::string DescribeState(State state) const { return state == 0 ? "not there" : "there"; }
  std::string Name(int64_t element) const { return elements_.Name(element); }

 private:
  Names elements_;
};

// Functions add, remove and contains; answers true, false, or anything else for "done".
absl::StatusOr<std::pair<MembershipModel, std::vector<MembershipOperation>>> MembershipHistoryOf(
    const RecordedHistory& recorded);

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_MODELS_MEMBERSHIP_H_
