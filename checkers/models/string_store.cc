#include "checkers/models/string_store.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "framework/base/checksum.h"

namespace lockstep::checkers {
namespace {

using Kind = StringInput::Kind;

std::string Shown(const std::string& text) {
  constexpr size_t kShownMax = 80;
  if (text.size() <= kShownMax) return absl::StrCat("\"", text, "\"");
  return absl::StrCat("\"", text.substr(0, 20), "...", text.substr(text.size() - kShownMax + 20),
                      "\" (", text.size(), " bytes)");
}

std::string TextOf(const Edn& value) {
  return value.kind == Edn::Kind::kString ? value.text : value.is_nil() ? "" : WriteEdn(value);
}

}  // namespace

std::optional<StringModel::State> StringModel::Step(const State& state, const Input& in,
                                                    const Output* out) const {
  if (in.kind == Kind::kPut) return in.value;
  if (in.kind == Kind::kAppend) return state + in.value;
  return !out || *out == state ? std::optional<State>(state) : std::nullopt;
}

uint64_t StringModel::Hash(const State& state) const { return base::Checksum64(state); }

std::string StringModel::Describe(const Input& in, const Output* out) const {
  switch (in.kind) {
    case Kind::kGet:
      return absl::StrCat("get of ", in.key, out ? " = " : "", out ? Shown(*out) : "");
    case Kind::kPut:
      return absl::StrCat("put of ", in.key, " = ", Shown(in.value));
    case Kind::kAppend:
      break;
  }
  return absl::StrCat("append to ", in.key, " of ", Shown(in.value));
}

std::string StringModel::DescribeState(const State& state) const { return Shown(state); }

std::optional<StringModel::State> StringModel::Observed(const Input& in, const Output& out) const {
  return in.kind == Kind::kGet ? std::optional<State>(out) : std::nullopt;
}

absl::StatusOr<std::vector<StringOperation>> StringHistoryOf(const RecordedHistory& recorded) {
  std::vector<StringOperation> operations;
  for (const RecordedOperation& op : recorded.operations) {
    if (op.outcome == Outcome::kFailed) continue;
    StringOperation typed{op.client, operations.size() + 1, op.call, op.returned, {}, {}};
    if (op.function != "get" && op.function != "put" && op.function != "append") {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", op.line, ": expected :get, :put or :append, found :", op.function));
    }
    typed.input.kind = op.function == "get"   ? Kind::kGet
                       : op.function == "put" ? Kind::kPut
                                              : Kind::kAppend;
    if (op.key) typed.input.key = TextOf(*op.key);
    typed.input.value = TextOf(op.input);
    typed.output = TextOf(op.output);
    operations.push_back(std::move(typed));
  }
  return operations;
}

}  // namespace lockstep::checkers
