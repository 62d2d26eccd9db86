// Registers under keys, with read, write and compare-and-set. They start without a value.
#ifndef LOCKSTEP_CHECKERS_MODELS_REGISTER_H_
#define LOCKSTEP_CHECKERS_MODELS_REGISTER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "checkers/formats/recorded_history.h"
#include "checkers/history.h"
#include "checkers/models/names.h"

namespace lockstep::checkers {

inline constexpr int64_t kNoValue = INT64_MIN;

struct RegisterInput final {
  enum class Kind : uint8_t { kRead, kWrite, kCas };
  Kind kind = Kind::kRead;
  uint32_t key = 0;
  int64_t from = 0;  // cas
  int64_t to = 0;    // write, cas
  bool operator==(const RegisterInput&) const = default;
};

struct RegisterOutput final {
  bool succeeded = true;     // cas
  int64_t value = kNoValue;  // read
  bool operator==(const RegisterOutput&) const = default;
};

using RegisterOperation = Operation<RegisterInput, RegisterOutput>;

class RegisterModel final {
 public:
  using Input = RegisterInput;
  using Output = RegisterOutput;
  using State = int64_t;

  RegisterModel() = default;
  RegisterModel(Names keys, Names values) : keys_(std::move(keys)), values_(std::move(values)) {}

  State Initial() const { return kNoValue; }
  std::optional<State> Step(State state, const Input& in, const Output* out) const;
  uint64_t Hash(State state) const { return static_cast<uint64_t>(state); }
  std::string Key(const Input& in) const { return keys_.Name(in.key); }
  bool NeverMutates(const Input& in, const Output* out) const;
  std::string Describe(const Input& in, const Output* out) const;
  std::string DescribeState(State state) const;

  // What ObservingModel asks.
  std::optional<State> Observed(const Input& in, const Output& out) const;
  bool Overwrites(const Input& in) const { return in.kind == Input::Kind::kWrite; }

 private:
  Names keys_;
  Names values_;
};

struct RegisterHistory final {
  RegisterModel model;
  std::vector<RegisterOperation> operations;
};

// Functions read, write and cas, the latter with [from to]. If reads are asked with [key nil],
// every value is a pair of key and value, as jepsen.independent has it.
absl::StatusOr<RegisterHistory> RegisterHistoryOf(const RecordedHistory& recorded);

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_MODELS_REGISTER_H_
