#include "checkers/models/collections.h"

#include <algorithm>

#include "absl/status/status.h"
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

std::optional<QueueModel::State> QueueModel::Step(const State& state, const Input& in,
                                                  const Output* out) const {
  State next = state;
  if (in.is_enqueue) {
    next.push_back(in.value);
    return next;
  }
  if (out && out->has_value() != !state.empty()) return std::nullopt;
  if (state.empty()) return next;
  if (out && **out != state.front()) return std::nullopt;
  next.erase(next.begin());
  return next;
}

uint64_t QueueModel::Hash(const State& state) const { return HashAll(state); }

std::string QueueModel::Describe(const Input& in, const Output* out) const {
  if (in.is_enqueue) return absl::StrCat("enqueue of ", values_.Name(in.value));
  if (!out) return "dequeue";
  return absl::StrCat("dequeue which found ", *out ? values_.Name(**out) : "nothing");
}

std::string QueueModel::DescribeState(const State& state) const {
  return absl::StrCat("a queue of ", DescribeValues(values_, state));
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
  Names names;
  std::vector<QueueOperation> operations;
  for (const RecordedOperation& op : recorded.operations) {
    const bool is_enqueue = op.function == "enqueue";
    if (!is_enqueue && op.function != "dequeue") return Expected(op, ":enqueue or :dequeue");
    if (!Begin(op, &operations)) continue;
    operations.back().input.is_enqueue = is_enqueue;
    if (is_enqueue) {
      operations.back().input.value = names.Number(WriteEdn(op.input));
    } else if (op.returned && !op.output.is_nil()) {
      operations.back().output = names.Number(WriteEdn(op.output));
    }
  }
  return std::pair(QueueModel(std::move(names)), std::move(operations));
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
