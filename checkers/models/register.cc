#include "checkers/models/register.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "framework/base/status_macros.h"

namespace lockstep::checkers {
namespace {

using Kind = RegisterInput::Kind;

class Reader final {
 public:
  explicit Reader(const RecordedHistory& recorded) : recorded_(recorded) {
    is_keyed_ = std::any_of(
        recorded.operations.begin(), recorded.operations.end(), [](const RecordedOperation& op) {
          return op.function == "read" && op.input.is_vector() && op.input.items.size() == 2;
        });
  }

  absl::StatusOr<RegisterHistory> Run() {
    RegisterHistory history;
    for (const RecordedOperation& op : recorded_.operations) {
      // In Jepsen's words a failed operation did not happen. Of a log we know that a failed cas
      // was answered: its compare did not hold.
      const bool failed = op.outcome == Outcome::kFailed;
      if (failed && (op.function != "cas" || recorded_.format == HistoryFormat::kEdn)) continue;
      RegisterOperation& typed = history.operations.emplace_back();
      typed.client = op.client;
      typed.id = history.operations.size();
      typed.call = op.call;
      typed.returned = op.returned;
      typed.output.succeeded = !failed;
      RETURN_IF_ERROR(ReadInput(op, &typed));
    }
    history.model = RegisterModel(std::move(keys_), std::move(values_));
    return history;
  }

 private:
  static absl::Status Expected(const RecordedOperation& op, const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat("line ", op.line, ": expected ", what,
                                                   ", found :", op.function, " ",
                                                   WriteEdn(op.input).substr(0, 60)));
  }

  int64_t Value(const Edn& value) {
    return value.is_nil() ? kNoValue : values_.Number(WriteEdn(value));
  }

  absl::Status ReadInput(const RecordedOperation& op, RegisterOperation* typed) {
    const Edn* value = &op.input;
    const Edn* result = &op.output;
    std::string key = op.key ? WriteEdn(*op.key) : "";
    if (is_keyed_) {
      if (!value->is_vector() || value->items.size() != 2) return Expected(op, "[key value]");
      key = WriteEdn(value->items[0]);
      value = &value->items[1];
      if (result->is_vector() && result->items.size() == 2) result = &result->items[1];
    }
    typed->input.key = static_cast<uint32_t>(keys_.Number(key));
    if (op.function == "read") {
      typed->input.kind = Kind::kRead;
      if (op.returned) typed->output.value = Value(*result);
    } else if (op.function == "write") {
      typed->input.kind = Kind::kWrite;
      typed->input.to = Value(*value);
    } else if (op.function == "cas") {
      if (!value->is_vector() || value->items.size() != 2) return Expected(op, ":cas [from to]");
      typed->input.kind = Kind::kCas;
      typed->input.from = Value(value->items[0]);
      typed->input.to = Value(value->items[1]);
    } else {
      return Expected(op, ":read, :write or :cas");
    }
    return absl::OkStatus();
  }

  const RecordedHistory& recorded_;
  bool is_keyed_ = false;
  Names keys_;
  Names values_;
};

}  // namespace

std::optional<RegisterModel::State> RegisterModel::Step(State state, const Input& in,
                                                        const Output* out) const {
  switch (in.kind) {
    case Kind::kRead:
      return !out || out->value == state ? std::optional<State>(state) : std::nullopt;
    case Kind::kWrite:
      return in.to;
    case Kind::kCas:
      break;
  }
  const bool holds = state == in.from;
  if (out && out->succeeded != holds) return std::nullopt;
  return holds ? in.to : state;
}

bool RegisterModel::NeverMutates(const Input& in, const Output* out) const {
  return in.kind == Kind::kRead || (in.kind == Kind::kCas && out && !out->succeeded);
}

std::string RegisterModel::Describe(const Input& in, const Output* out) const {
  const std::string key = Key(in);
  const std::string of = key.empty() ? "" : absl::StrCat(" of ", key);
  switch (in.kind) {
    case Kind::kRead:
      return absl::StrCat("read", of, out ? " = " : "", out ? DescribeState(out->value) : "");
    case Kind::kWrite:
      return absl::StrCat("write", of, " = ", DescribeState(in.to));
    case Kind::kCas:
      break;
  }
  return absl::StrCat("cas", of, " from ", DescribeState(in.from), " to ", DescribeState(in.to),
                      out && !out->succeeded ? ", which did not hold" : "");
}

std::string RegisterModel::DescribeState(State state) const {
  return state == kNoValue ? "nothing" : values_.Name(state);
}

std::optional<RegisterModel::State> RegisterModel::Observed(const Input& in,
                                                            const Output& out) const {
  return in.kind == Kind::kRead ? std::optional<State>(out.value) : std::nullopt;
}

absl::StatusOr<RegisterHistory> RegisterHistoryOf(const RecordedHistory& recorded) {
  return Reader(recorded).Run();
}

}  // namespace lockstep::checkers
