#include "checkers/transactions/txn_history.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "framework/base/status_macros.h"

namespace lockstep::checkers {
namespace {

absl::Status Expected(const RecordedOperation& op, const std::string& what, const Edn& found) {
  return absl::InvalidArgumentError(absl::StrCat("line ", op.line, ": expected ", what, ", found ",
                                                 WriteEdn(found).substr(0, 60)));
}

class Reader final {
 public:
  explicit Reader(const RecordedHistory& recorded) : recorded_(recorded) {
    history_.workload = Appends(recorded) ? TxnWorkload::kListAppend : TxnWorkload::kRegister;
  }

  absl::StatusOr<TxnHistory> Run() {
    for (const RecordedOperation& op : recorded_.operations) RETURN_IF_ERROR(AddTxn(op));
    history_.keys = static_cast<uint32_t>(history_.key_names.size());
    return std::move(history_);
  }

 private:
  absl::Status AddTxn(const RecordedOperation& op) {
    if (op.function != "txn") {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", op.line, ": expected :txn, found :", op.function));
    }
    const Edn& steps = op.outcome == Outcome::kOk ? op.output : op.input;
    if (!steps.is_vector()) return Expected(op, "a list of [:r key value] and writes", steps);
    Txn txn;
    txn.client = op.client;
    txn.call = op.call;
    txn.returned = op.returned.value_or(Txn::kNever);
    txn.outcome = op.outcome;
    txn.ops_begin = static_cast<uint32_t>(history_.ops.size());
    for (const Edn& step : steps.items) RETURN_IF_ERROR(AddStep(op, step));
    txn.ops_end = static_cast<uint32_t>(history_.ops.size());
    history_.txns.push_back(txn);
    return absl::OkStatus();
  }

  absl::Status AddStep(const RecordedOperation& op, const Edn& step) {
    const bool is_list = history_.workload == TxnWorkload::kListAppend;
    const char* const write = is_list ? "append" : "w";
    const std::string want =
        absl::StrCat("[:r key ", is_list ? "[elements]" : "value", "] or [:", write, " key value]");
    if (!step.is_vector() || step.items.size() != 3) return Expected(op, want, step);
    const Edn& value = step.items[2];
    TxnOp typed;
    typed.key = static_cast<uint32_t>(history_.key_names.Number(WriteEdn(step.items[1])));
    if (step.items[0].text == write) {
      typed.kind = TxnOp::Kind::kWrite;
      typed.value = Number(value);
    } else if (step.items[0].text != "r") {
      return Expected(op, want, step);
    } else if (op.outcome != Outcome::kOk) {
      return absl::OkStatus();
    } else if (!is_list) {
      typed.value = value.is_nil() ? TxnOp::kNothing : Number(value);
    } else if (!value.is_nil()) {
      if (!value.is_vector()) return Expected(op, want, step);
      typed.begin = static_cast<uint32_t>(history_.elements.size());
      typed.length = static_cast<uint32_t>(value.items.size());
      for (const Edn& element : value.items) history_.elements.push_back(Number(element));
    }
    history_.ops.push_back(typed);
    return absl::OkStatus();
  }

  int64_t Number(const Edn& value) { return history_.value_names.Number(WriteEdn(value)); }

  const RecordedHistory& recorded_;
  TxnHistory history_;
};

std::string DescribeOp(const TxnHistory& history, const TxnOp& op) {
  const std::string key = history.key_names.Name(op.key);
  const bool is_list = history.workload == TxnWorkload::kListAppend;
  if (op.kind == TxnOp::Kind::kWrite) {
    const std::string value = history.value_names.Name(op.value);
    return is_list ? absl::StrCat("append ", value, " to ", key)
                   : absl::StrCat("write ", key, " = ", value);
  }
  if (is_list) return absl::StrCat("read ", key, " = ", DescribeList(history, history.ListOf(op)));
  return absl::StrCat("read ", key, " = ",
                      op.value == TxnOp::kNothing ? "nothing" : history.value_names.Name(op.value));
}

}  // namespace

std::string DescribeList(const TxnHistory& history, absl::Span<const int64_t> list) {
  constexpr size_t kShownMax = 12;
  std::string text = "[";
  for (size_t i = 0; i < list.size(); ++i) {
    if (list.size() > kShownMax && i == 3) {
      absl::StrAppend(&text, " ...");
      i = list.size() - (kShownMax - 4);
    }
    absl::StrAppend(&text, i == 0 ? "" : " ", history.value_names.Name(list[i]));
  }
  return text + "]";
}

std::string DescribeOps(const TxnHistory& history, uint32_t txn) {
  constexpr size_t kOpsMax = 8;
  std::string text;
  size_t shown = 0;
  for (const TxnOp& op : history.OpsOf(history.txns[txn])) {
    absl::StrAppend(&text, shown == 0 ? "" : ", ",
                    shown == kOpsMax ? std::string("...") : DescribeOp(history, op));
    if (shown++ == kOpsMax) break;
  }
  return text;
}

std::string DescribeTxn(const TxnHistory& history, uint32_t txn) {
  const Txn& t = history.txns[txn];
  std::string text = absl::StrCat("T", txn, " (client ", t.client, ", called at ", t.call);
  if (t.outcome == Outcome::kUnknown) absl::StrAppend(&text, ", outcome unknown");
  if (t.outcome == Outcome::kFailed) absl::StrAppend(&text, ", failed");
  if (t.returned != Txn::kNever) absl::StrAppend(&text, ", returned at ", t.returned);
  return absl::StrCat(text, ": ", DescribeOps(history, txn), ")");
}

bool Appends(const RecordedHistory& recorded) {
  for (const RecordedOperation& op : recorded.operations) {
    for (const Edn& step : op.input.items) {
      if (step.items.empty()) continue;
      if (step.items[0].text == "append") return true;
      if (step.items[0].text == "w") return false;
      if (step.items.size() == 3 && step.items[2].is_vector()) return true;
    }
  }
  return true;
}

absl::StatusOr<TxnHistory> TxnHistoryOf(const RecordedHistory& recorded) {
  return Reader(recorded).Run();
}

}  // namespace lockstep::checkers
