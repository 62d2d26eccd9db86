// Models and histories that the checkers' tests share.
#ifndef LOCKSTEP_TESTS_CHECKERS_SUPPORT_H_
#define LOCKSTEP_TESTS_CHECKERS_SUPPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "checkers/linearizability.h"

namespace lockstep::checkers {

// A compare-and-set register that starts empty.
struct CellInput final {
  enum Kind { kRead, kWrite, kCas } kind = kRead;
  int from = 0;
  int to = 0;
  std::string key;
  bool operator==(const CellInput&) const = default;
};
struct CellOutput final {
  bool succeeded = true;     // of a cas
  std::optional<int> value;  // of a read
};

struct CellModel final {
  using Input = CellInput;
  using Output = CellOutput;
  using State = std::optional<int>;

  State Initial() const { return std::nullopt; }
  std::optional<State> Step(const State& state, const Input& in, const Output* out) const {
    if (in.kind == Input::kRead) {
      return !out || out->value == state ? std::optional<State>(state) : std::nullopt;
    }
    if (in.kind == Input::kWrite) return State(in.to);
    const bool applies = state == in.from;
    if (out && out->succeeded != applies) return std::nullopt;
    return applies ? State(in.to) : state;
  }
  uint64_t Hash(const State& state) const {
    return state ? static_cast<uint64_t>(*state) + 1 : uint64_t{0};
  }
  std::string Key(const Input& in) const { return in.key; }
  bool NeverMutates(const Input& in, const Output* out) const {
    return in.kind == Input::kRead || (in.kind == Input::kCas && out && !out->succeeded);
  }
  std::string Describe(const Input& in, const Output* out) const {
    if (in.kind == Input::kWrite) return absl::StrCat("write of ", in.to);
    if (in.kind == Input::kCas) return absl::StrCat("cas from ", in.from, " to ", in.to);
    return absl::StrCat("read", out ? " of " + DescribeState(out->value) : std::string());
  }
  std::string DescribeState(const State& state) const {
    return state ? absl::StrCat("the value ", *state) : std::string("no value");
  }
};
using CellOp = Operation<CellInput, CellOutput>;

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_TESTS_CHECKERS_SUPPORT_H_
