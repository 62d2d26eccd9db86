#include "checkers/history.h"

#include <algorithm>
#include <boost/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "checkers/json_bytes.h"
#include "framework/base/status_macros.h"

namespace lockstep::checkers {
namespace {

namespace json = boost::json;

absl::Status Expected(size_t line, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": expected ", what));
}

absl::Status NumberExpected(size_t line, std::string_view name) {
  return Expected(line, absl::StrCat("an operation with an integer \"",
                                     absl::string_view(name.data(), name.size()), "\""));
}

absl::StatusOr<int64_t> ReadInteger(size_t line, const json::object& object,
                                    std::string_view name) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  if (value == nullptr || !value->is_int64()) return NumberExpected(line, name);
  return value->get_int64();
}

absl::StatusOr<std::string> ReadBytes(size_t line, const json::object& object,
                                      std::string_view name) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  if (value != nullptr && value->is_string()) {
    const json::string& text = value->get_string();
    std::optional<std::string> bytes = BytesFromUtf8({text.data(), text.size()});
    if (bytes) return *std::move(bytes);
  }
  return Expected(line, absl::StrCat("an operation with a string \"",
                                     absl::string_view(name.data(), name.size()),
                                     "\" of code points up to U+00FF"));
}

absl::StatusOr<TextOperation> ReadOperation(size_t line, const json::object& object) {
  TextOperation op;
  ASSIGN_OR_RETURN(const int64_t client, ReadInteger(line, object, "client"));
  ASSIGN_OR_RETURN(const int64_t id, ReadInteger(line, object, "id"));
  if (client < 0 || id < 0) return Expected(line, "a client and an id of at least 0");
  op.client = static_cast<uint64_t>(client);
  op.id = static_cast<uint64_t>(id);
  ASSIGN_OR_RETURN(op.call, ReadInteger(line, object, "call"));
  ASSIGN_OR_RETURN(op.input, ReadBytes(line, object, "input"));
  const json::value* returned = object.if_contains("return");
  if (returned == nullptr) return NumberExpected(line, "return");
  if (returned->is_null()) return op;
  ASSIGN_OR_RETURN(const int64_t time, ReadInteger(line, object, "return"));
  if (time < op.call) return Expected(line, "a \"return\" that is not before the \"call\"");
  op.returned = time;
  ASSIGN_OR_RETURN(op.output, ReadBytes(line, object, "output"));
  return op;
}

}  // namespace

std::string WriteHistory(const std::vector<TextOperation>& operations) {
  std::string text;
  for (const TextOperation& op : operations) {
    json::object line;
    line["client"] = static_cast<int64_t>(op.client);
    line["id"] = static_cast<int64_t>(op.id);
    line["call"] = op.call;
    line["return"] = op.returned ? json::value(*op.returned) : json::value(nullptr);
    line["input"] = BytesToUtf8(op.input);
    line["output"] = op.returned ? json::value(BytesToUtf8(op.output)) : json::value(nullptr);
    absl::StrAppend(&text, json::serialize(line), "\n");
  }
  return text;
}

absl::Status ForEachOperation(std::string_view text,
                              const std::function<absl::Status(size_t, TextOperation)>& visit) {
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    json::error_code error;
    const json::value value = json::parse({line.data(), line.size()}, error);
    if (error) return Expected(number, "one JSON object (" + error.message() + ")");
    if (!value.is_object()) return Expected(number, "one JSON object");
    ASSIGN_OR_RETURN(TextOperation op, ReadOperation(number, value.get_object()));
    RETURN_IF_ERROR(visit(number, std::move(op)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TextOperation>> ReadHistory(std::string_view text) {
  std::vector<TextOperation> operations;
  RETURN_IF_ERROR(ForEachOperation(text, [&](size_t, TextOperation op) {
    operations.push_back(std::move(op));
    return absl::OkStatus();
  }));
  return operations;
}

}  // namespace lockstep::checkers
