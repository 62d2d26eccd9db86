#include "checkers/history.h"

#include <boost/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "checkers/json_bytes.h"

namespace lockstep::checkers {
namespace {

namespace json = boost::json;

bool ReadInteger(const json::object& object, std::string_view name, int64_t* out) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  if (value == nullptr || !value->is_int64()) return false;
  *out = value->get_int64();
  return true;
}

bool ReadBytes(const json::object& object, std::string_view name, std::string* out) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  if (value == nullptr || !value->is_string()) return false;
  const json::string& text = value->get_string();
  std::optional<std::string> bytes = BytesFromUtf8({text.data(), text.size()});
  if (!bytes) return false;
  *out = *std::move(bytes);
  return true;
}

// False if the line is not one operation.
bool ReadOperation(const json::object& object, TextOperation* op) {
  int64_t client = 0;
  int64_t id = 0;
  if (!ReadInteger(object, "client", &client) || client < 0) return false;
  if (!ReadInteger(object, "id", &id) || id < 0) return false;
  if (!ReadInteger(object, "call", &op->call)) return false;
  if (!ReadBytes(object, "input", &op->input)) return false;
  op->client = static_cast<uint64_t>(client);
  op->id = static_cast<uint64_t>(id);
  const json::value* returned = object.if_contains("return");
  if (returned == nullptr) return false;
  if (returned->is_null()) return true;
  int64_t time = 0;
  if (!ReadInteger(object, "return", &time) || time < op->call) return false;
  op->returned = time;
  return ReadBytes(object, "output", &op->output);
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

absl::StatusOr<std::vector<TextOperation>> ReadHistory(std::string_view text) {
  std::vector<TextOperation> operations;
  int number = 0;
  const std::vector<std::string> lines =
      absl::StrSplit(absl::string_view(text.data(), text.size()), '\n');
  for (const std::string& line : lines) {
    ++number;
    if (line.empty()) continue;
    json::error_code error;
    const json::value value = json::parse(line, error);
    if (error) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", error.message()));
    }
    TextOperation op;
    if (!value.is_object() || !ReadOperation(value.get_object(), &op)) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": not an operation"));
    }
    operations.push_back(std::move(op));
  }
  return operations;
}

}  // namespace lockstep::checkers
