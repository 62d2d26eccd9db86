#include "checkers/models/counter.h"

#include "absl/status/status.h"
#include "absl/strings/numbers.h"

namespace lockstep::checkers {

absl::StatusOr<std::pair<CounterModel, std::vector<CounterOperation>>> CounterHistoryOf(
    const RecordedHistory& recorded) {
  std::vector<CounterOperation> operations;
  for (const RecordedOperation& op : recorded.operations) {
    const bool is_read = op.function == "read";
    const bool is_decrement = op.function == "decrement";
    if (!is_read && !is_decrement && op.function != "increment") {
      return absl::InvalidArgumentError(absl::StrCat(
          "line ", op.line, ": expected :increment, :decrement or :read, found :", op.function));
    }
    if (op.outcome == Outcome::kFailed) continue;
    CounterOperation typed{op.client, operations.size() + 1, op.call, op.returned, {}, {}};
    typed.input.is_read = is_read;
    const Edn& value = is_read ? op.output : op.input;
    int64_t number = 1;
    const bool is_told = is_read ? op.returned.has_value() : !value.is_nil();
    if (is_told && !absl::SimpleAtoi(WriteEdn(value), &number)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "line ", op.line, ": expected a whole number, found ", WriteEdn(value).substr(0, 40)));
    }
    if (is_read && is_told) typed.output = number;
    if (!is_read) typed.input.delta = is_decrement ? -number : number;
    operations.push_back(std::move(typed));
  }
  return std::pair(CounterModel(), std::move(operations));
}

}  // namespace lockstep::checkers
