#include "checkers/models/collections.h"

#include <algorithm>
#include <array>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "framework/base/random.h"

namespace lockstep::checkers {
namespace {

uint64_t HashAll(const std::vector<int64_t>& values) {
  uint64_t hash = values.size();
  for (const int64_t value : values) hash = base::Mix64(hash + static_cast<uint64_t>(value));
  return hash;
}

std::string DescribeValues(const Names& names, const std::vector<int64_t>& values) {
  constexpr size_t kShownMax = 10;
  if (values.empty()) return "nothing";
  std::string text;
  for (size_t i = 0; i < std::min(values.size(), kShownMax); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : " ", names.Name(values[i]));
  }
  if (values.size() <= kShownMax) return text;
  return absl::StrCat(text, " and ", values.size() - kShownMax, " more");
}

absl::Status Expected(const RecordedOperation& op, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("line ", op.line, ": expected ", what,
                                                 ", found :", op.function, " ",
                                                 WriteEdn(op.output).substr(0, 40)));
}

// The part that is the same for every model; false: it did not happen.
template <typename Op>
bool Begin(const RecordedOperation& op, std::vector<Op>* operations) {
  if (op.outcome == Outcome::kFailed) return false;
  Op& typed = operations->emplace_back();
  typed.client = op.client;
  typed.id = operations->size();
  typed.call = op.call;
  typed.returned = op.returned;
  return true;
}

}  // namespace

const QueueWords& WordsOf(Discipline discipline) {
  static constexpr std::array<QueueWords, 3> kWords = {
      {{"queue", "enqueue", "dequeue", "enqueued", "dequeued"},
       {"stack", "push", "pop", "pushed", "popped"},
       {"queue", "insert", "extract", "inserted", "extracted"}}};
  return kWords[static_cast<size_t>(discipline)];
}

std::optional<QueueModel::State> QueueModel::Step(const State& state, const Input& in,
                                                  const Output* out) const {
  State next = state;
  if (in.is_put) {
    const bool is_sorted = discipline_ == Discipline::kSmallestFirst;
    next.insert(is_sorted ? std::upper_bound(next.begin(), next.end(), in.value) : next.end(),
                in.value);
    return next;
  }
  if (out && out->has_value() != !state.empty()) return std::nullopt;
  if (state.empty()) return next;
  const auto taken = discipline_ == Discipline::kLifo ? next.end() - 1 : next.begin();
  if (out && **out != *taken) return std::nullopt;
  next.erase(taken);
  return next;
}

uint64_t QueueModel::Hash(const State& state) const { return HashAll(state); }

std::string QueueModel::Describe(const Input& in, const Output* out) const {
  if (in.is_put) return absl::StrCat(words().put, " of ", values_.Name(in.value));
  if (!out) return words().take;
  return absl::StrCat(words().take, " which found ", *out ? values_.Name(**out) : "nothing");
}

std::string QueueModel::DescribeState(const State& state) const {
  return absl::StrCat("a ", words().noun, " of ", DescribeValues(values_, state));
}

std::optional<LockModel::State> LockModel::Step(const State& state, const Input& in,
                                                const Output*) const {
  if (in.is_acquire) {
    return state ? std::nullopt : std::optional<State>(State(in.client));
  }
  return state == in.client ? std::optional<State>(State()) : std::nullopt;
}

std::string LockModel::DescribeState(const State& state) const {
  return state ? absl::StrCat("held by client ", *state) : std::string("free");
}

std::optional<SetModel::State> SetModel::Step(const State& state, const Input& in,
                                              const Output* out) const {
  if (!in.is_add) return !out || *out == state ? std::optional<State>(state) : std::nullopt;
  State next = state;
  const auto at = std::lower_bound(next.begin(), next.end(), in.value);
  if (at == next.end() || *at != in.value) next.insert(at, in.value);
  return next;
}

uint64_t SetModel::Hash(const State& state) const { return HashAll(state); }

std::string SetModel::Describe(const Input& in, const Output* out) const {
  if (in.is_add) return absl::StrCat("add of ", values_.Name(in.value));
  return absl::StrCat("read", out ? " which found " : "", out ? DescribeValues(values_, *out) : "");
}

std::string SetModel::DescribeState(const State& state) const {
  return absl::StrCat("a set of ", DescribeValues(values_, state));
}

absl::StatusOr<std::pair<QueueModel, std::vector<QueueOperation>>> QueueHistoryOf(
    const RecordedHistory& recorded) {
  Discipline discipline = Discipline::kFifo;
  for (const RecordedOperation& op : recorded.operations) {
    if (op.function == "push" || op.function == "pop") discipline = Discipline::kLifo;
    if (op.function == "insert" || op.function == "extract") {
      discipline = Discipline::kSmallestFirst;
    }
  }
  const QueueWords& words = WordsOf(discipline);
  const bool is_number = discipline == Discipline::kSmallestFirst;
  Names names;
  const auto value_of = [&](const Edn& value) -> std::optional<int64_t> {
    const std::string text = WriteEdn(value);
    if (!is_number) return names.Number(text);
    int64_t number = 0;
    return absl::SimpleAtoi(text, &number) ? std::optional(number) : std::nullopt;
  };
  std::vector<QueueOperation> operations;
  for (const RecordedOperation& op : recorded.operations) {
    const bool is_put = op.function == words.put;
    if (!is_put && op.function != words.take) {
      return Expected(op, absl::StrCat(":", words.put, " or :", words.take));
    }
    if (!Begin(op, &operations)) continue;
    QueueOperation& typed = operations.back();
    typed.input.is_put = is_put;
    const bool found = !is_put && op.returned && !op.output.is_nil();
    if (!is_put && !found) continue;
    const std::optional<int64_t> value = value_of(is_put ? op.input : op.output);
    if (!value) return Expected(op, "a whole number");
    if (is_put) typed.input.value = *value;
    if (found) typed.output = value;
  }
  return std::pair(QueueModel(discipline, std::move(names)), std::move(operations));
}

absl::StatusOr<std::vector<LockOperation>> LockHistoryOf(const RecordedHistory& recorded) {
  std::vector<LockOperation> operations;
  for (const RecordedOperation& op : recorded.operations) {
    const bool is_acquire = op.function == "acquire";
    if (!is_acquire && op.function != "release") return Expected(op, ":acquire or :release");
    if (Begin(op, &operations)) operations.back().input = {is_acquire, op.client};
  }
  return operations;
}

absl::StatusOr<std::pair<SetModel, std::vector<SetOperation>>> SetHistoryOf(
    const RecordedHistory& recorded) {
  Names names;
  std::vector<SetOperation> operations;
  for (const RecordedOperation& op : recorded.operations) {
    const bool is_add = op.function == "add";
    if (!is_add && op.function != "read") return Expected(op, ":add or :read");
    if (!Begin(op, &operations)) continue;
    operations.back().input.is_add = is_add;
    if (is_add) {
      operations.back().input.value = names.Number(WriteEdn(op.input));
    } else if (op.returned) {
      const bool is_list = op.output.is_vector() || op.output.kind == Edn::Kind::kSet;
      if (!is_list && !op.output.is_nil()) return Expected(op, "a set or a list");
      SetOutput& seen = operations.back().output;
      for (const Edn& value : op.output.items) seen.push_back(names.Number(WriteEdn(value)));
      std::sort(seen.begin(), seen.end());
      seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    }
  }
  return std::pair(SetModel(std::move(names)), std::move(operations));
}

}  // namespace lockstep::checkers
