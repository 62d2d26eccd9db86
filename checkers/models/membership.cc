#include "checkers/models/membership.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lockstep::checkers {
namespace {

using Kind = MembershipInput::Kind;

std::optional<Kind> KindOf(const std::string& function) {
  if (function == "add") return Kind::kAdd;
  if (function == "remove") return Kind::kRemove;
  if (function == "contains") return Kind::kContains;
  return std::nullopt;
}

}  // namespace

std::optional<MembershipModel::State> MembershipModel::Step(State state, const Input& in,
                                                            const Output* out) const {
  const bool is_there = state != 0;
  if (in.kind == Kind::kContains) {
    return !out || *out == is_there ? std::optional(state) : std::nullopt;
  }
  const bool adds = in.kind == Kind::kAdd;
  const bool changes = is_there != adds;
  if (out && out->has_value() && **out != changes) return std::nullopt;
  return adds ? State{1} : State{0};
}

std::string MembershipModel::Describe(const Input& in, const Output* out) const {
  const char* const what = in.kind == Kind::kAdd      ? "add of "
                           : in.kind == Kind::kRemove ? "removal of "
                                                      : "question for ";
  const bool tells = out && out->has_value();
  return absl::StrCat(what, elements_.Name(in.element), tells ? (**out ? ": yes" : ": no") : "");
}

absl::StatusOr<std::pair<MembershipModel, std::vector<MembershipOperation>>> MembershipHistoryOf(
    const RecordedHistory& recorded) {
  Names names;
  std::vector<MembershipOperation> operations;
  for (const RecordedOperation& op : recorded.operations) {
    const std::optional<Kind> kind = KindOf(op.function);
    if (!kind) {
      return absl::InvalidArgumentError(absl::StrCat(
          "line ", op.line, ": expected :add, :remove or :contains, found :", op.function));
    }
    if (op.outcome == Outcome::kFailed) continue;
    MembershipOperation typed{op.client, operations.size() + 1, op.call, op.returned, {}, {}};
    typed.input = {*kind, names.Number(WriteEdn(op.input))};
    const std::string answer = WriteEdn(op.output);
    if (op.returned && (answer == "true" || answer == "false")) typed.output = answer == "true";
    if (op.returned && *kind == Kind::kContains && !typed.output) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", op.line, ": expected true or false, found ", answer.substr(0, 40)));
    }
    operations.push_back(std::move(typed));
  }
  return std::pair(MembershipModel(std::move(names)), std::move(operations));
}

}  // namespace lockstep::checkers
