// A counter that clients increment and read.
#ifndef LOCKSTEP_CHECKERS_MODELS_COUNTER_H_
#define LOCKSTEP_CHECKERS_MODELS_COUNTER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "checkers/formats/recorded_history.h"
#include "checkers/history.h"

namespace lockstep::checkers {

struct CounterInput final {
  bool is_read = false;
  int64_t delta = 0;  // of an increment
  bool operator==(const CounterInput&) const = default;
};
using CounterOutput = int64_t;  // of a read
using CounterOperation = Operation<CounterInput, CounterOutput>;

class CounterModel final {
 public:
  using Input = CounterInput;
  using Output = CounterOutput;
  using State = int64_t;

  State Initial() const { return 0; }
  std::optional<State> Step(State state, const Input& in, const Output* out) const {
    if (in.is_read) return !out || *out == state ? std::optional(state) : std::nullopt;
    // Wraps around, as a counter of 64 bits does.
    return static_cast<int64_t>(static_cast<uint64_t>(state) + static_cast<uint64_t>(in.delta));
  }
  uint64_t Hash(State state) const { return static_cast<uint64_t>(state); }
  std::string Key(const Input&) const { return ""; }
  bool NeverMutates(const Input& in, const Output*) const { return in.is_read || in.delta == 0; }
  std::string Describe(const Input& in, const Output* out) const {
    if (in.is_read) return absl::StrCat("read", out ? absl::StrCat(" of ", *out) : std::string());
    return absl::StrCat("increment by ", in.delta);
  }
  std::string DescribeState(State state) const { return absl::StrCat(state); }
};

// Functions increment and decrement, by 1 without a value, and read.
absl::StatusOr<std::pair<CounterModel, std::vector<CounterOperation>>> CounterHistoryOf(
    const RecordedHistory& recorded);

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_MODELS_COUNTER_H_
