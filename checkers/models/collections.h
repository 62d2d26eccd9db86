// Queues of three disciplines, locks and growing sets: what clients asked and were told, and the
// sequential models.
#ifndef LOCKSTEP_CHECKERS_MODELS_COLLECTIONS_H_
#define LOCKSTEP_CHECKERS_MODELS_COLLECTIONS_H_

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

// Which value comes out next.
enum class Discipline { kFifo, kLifo, kSmallestFirst };

// How a discipline's operations are called.
struct QueueWords final {
  const char* noun;  // "queue"
  const char* put;   // "enqueue"
  const char* take;  // "dequeue"
  const char* was_put;
  const char* was_taken;
};
const QueueWords& WordsOf(Discipline discipline);

struct QueueInput final {
  bool is_put = false;
  int64_t value = 0;  // of a put
  bool operator==(const QueueInput&) const = default;
};
using QueueOutput = std::optional<int64_t>;  // of a take; absent: there was nothing
using QueueOperation = Operation<QueueInput, QueueOutput>;

class QueueModel final {
 public:
  using Input = QueueInput;
  using Output = QueueOutput;
  using State = std::vector<int64_t>;  // the oldest first; with kSmallestFirst, that

  explicit QueueModel(Discipline discipline = Discipline::kFifo, Names values = {})
      : discipline_(discipline), values_(std::move(values)) {}

  State Initial() const { return {}; }
  std::optional<State> Step(const State& state, const Input& in, const Output* out) const;
  uint64_t Hash(const State& state) const;
  std::string Key(const Input&) const { return ""; }
  bool NeverMutates(const Input& in, const Output* out) const { return !in.is_put && out && !*out; }
  std::string Describe(const Input& in, const Output* out) const;
  std::string DescribeState(const State& state) const;
  std::string Name(int64_t value) const { return values_.Name(value); }
  Discipline discipline() const { return discipline_; }
  const QueueWords& words() const { return WordsOf(discipline_); }

 private:
  Discipline discipline_;
  Names values_;
};

// A lock that whoever acquired it releases.
struct LockInput final {
  bool is_acquire = false;
  uint64_t client = 0;
  bool operator==(const LockInput&) const = default;
};
struct LockOutput final {};
using LockOperation = Operation<LockInput, LockOutput>;

class LockModel final {
 public:
  using Input = LockInput;
  using Output = LockOutput;
  using State = std::optional<uint64_t>;  // the holder

  State Initial() const { return std::nullopt; }
  std::optional<State> Step(const State& state, const Input& in, const Output* out) const;
  uint64_t Hash(const State& state) const { return state ? *state + 1 : 0; }
  std::string Key(const Input&) const { return ""; }
  bool NeverMutates(const Input&, const Output*) const { return false; }
  std::string Describe(const Input& in, const Output*) const {
    return in.is_acquire ? "acquire" : "release";
  }
  std::string DescribeState(const State& state) const;
};

struct SetInput final {
  bool is_add = false;
  int64_t value = 0;  // add
  bool operator==(const SetInput&) const = default;
};
using SetOutput = std::vector<int64_t>;  // read: ascending
using SetOperation = Operation<SetInput, SetOutput>;

class SetModel final {
 public:
  using Input = SetInput;
  using Output = SetOutput;
  using State = std::vector<int64_t>;  // ascending

  SetModel() = default;
  explicit SetModel(Names values) : values_(std::move(values)) {}

  State Initial() const { return {}; }
  std::optional<State> Step(const State& state, const Input& in, const Output* out) const;
  uint64_t Hash(const State& state) const;
  std::string Key(const Input&) const { return ""; }
  bool NeverMutates(const Input& in, const Output*) const { return !in.is_add; }
  std::string Describe(const Input& in, const Output* out) const;
  std::string DescribeState(const State& state) const;
  std::string Name(int64_t value) const { return values_.Name(value); }

 private:
  Names values_;
};

// Functions enqueue and dequeue, push and pop, or insert and extract; the latter answer with a
// value or nil. What is inserted are whole numbers.
absl::StatusOr<std::pair<QueueModel, std::vector<QueueOperation>>> QueueHistoryOf(
    const RecordedHistory& recorded);
// Functions acquire and release.
absl::StatusOr<std::vector<LockOperation>> LockHistoryOf(const RecordedHistory& recorded);
// Functions add and read; a read's answer is a set or a list.
absl::StatusOr<std::pair<SetModel, std::vector<SetOperation>>> SetHistoryOf(
    const RecordedHistory& recorded);

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_MODELS_COLLECTIONS_H_
