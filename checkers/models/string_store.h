// Strings under keys, with get, put and append. They start empty.
#ifndef LOCKSTEP_CHECKERS_MODELS_STRING_STORE_H_
#define LOCKSTEP_CHECKERS_MODELS_STRING_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "checkers/formats/recorded_history.h"
#include "checkers/history.h"

namespace lockstep::checkers {

struct StringInput final {
  enum class Kind : uint8_t { kGet, kPut, kAppend };
  Kind kind = Kind::kGet;
  std::string key;
  std::string value;  // put, append
  bool operator==(const StringInput&) const = default;
};

using StringOperation = Operation<StringInput, std::string>;

class StringModel final {
 public:
  using Input = StringInput;
  using Output = std::string;  // get: the value
  using State = std::string;

  State Initial() const { return ""; }
  std::optional<State> Step(const State& state, const Input& in, const Output* out) const;
  uint64_t Hash(const State& state) const;
  std::string Key(const Input& in) const { return in.key; }
  bool NeverMutates(const Input& in, const Output*) const { return in.kind == Input::Kind::kGet; }
  std::string Describe(const Input& in, const Output* out) const;
  std::string DescribeState(const State& state) const;
  size_t HeapBytes(const State& state) const { return state.size(); }

  // What ObservingModel asks.
  std::optional<State> Observed(const Input& in, const Output& out) const;
  bool Overwrites(const Input& in) const { return in.kind == Input::Kind::kPut; }
  bool Extends(const State& state, const State& later) const { return later.starts_with(state); }
};

// Functions get, put and append, with a :key beside the value.
absl::StatusOr<std::vector<StringOperation>> StringHistoryOf(const RecordedHistory& recorded);

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_MODELS_STRING_STORE_H_
