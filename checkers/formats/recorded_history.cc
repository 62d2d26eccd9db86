#include "checkers/formats/recorded_history.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "checkers/history.h"
#include "framework/base/status_macros.h"

namespace lockstep::checkers {
namespace {

absl::Status Expected(size_t line, std::string_view what, std::string_view found) {
  return absl::InvalidArgumentError(
      absl::StrCat("line ", line, ": expected ", absl::string_view(what.data(), what.size()),
                   ", found ", absl::string_view(found.data(), found.size())));
}

// One line of a list of events.
struct Event final {
  size_t line = 0;
  Edn process;
  std::string type;
  std::string function;
  std::optional<Edn> key;
  Edn value;
};

// Joins calls and answers of the same process.
class Assembler final {
 public:
  explicit Assembler(HistoryFormat format) { history_.format = format; }

  absl::Status Add(Event event) {
    // Whoever has a name instead of a number is no client: the nemesis.
    if (!event.process.is_integer()) return absl::OkStatus();
    const int64_t process = event.process.integer;
    ++now_;
    const auto at = open_.find(process);
    if (event.type == "invoke") {
      if (at != open_.end()) {
        return Expected(event.line,
                        absl::StrCat("the answer to what process ", process, " called in line ",
                                     history_.operations[at->second].line),
                        "another call of it");
      }
      open_[process] = history_.operations.size();
      RecordedOperation& op = history_.operations.emplace_back();
      op.client = static_cast<uint64_t>(process);
      op.line = event.line;
      op.call = now_;
      op.function = std::move(event.function);
      op.key = std::move(event.key);
      op.input = std::move(event.value);
      return absl::OkStatus();
    }
    const bool is_unknown = event.type == "info";
    if (!is_unknown && event.type != "ok" && event.type != "fail") {
      return Expected(event.line, "the type :invoke, :ok, :fail or :info", ":" + event.type);
    }
    if (at == open_.end()) {
      if (is_unknown) return absl::OkStatus();  // a remark, not an answer
      return Expected(event.line, absl::StrCat("a call of process ", process), "an answer to it");
    }
    RecordedOperation& op = history_.operations[at->second];
    open_.erase(at);
    if (op.function != event.function) {
      return Expected(event.line, "an answer to :" + op.function, ":" + event.function);
    }
    if (is_unknown) return absl::OkStatus();
    op.returned = now_;
    op.outcome = event.type == "ok" ? Outcome::kOk : Outcome::kFailed;
    op.output = std::move(event.value);
    return absl::OkStatus();
  }

  RecordedHistory Take() { return std::move(history_); }

 private:
  RecordedHistory history_;
  std::map<int64_t, size_t> open_;  // process -> its operation
  int64_t now_ = 0;
};

// [key value], as jepsen.independent writes it, cannot be told from a pair of values; so only
// "key" of the map itself is one here, and models ask for pairs where they know better.
absl::StatusOr<Event> EventOf(size_t line, Edn map) {
  Event event;
  event.line = line;
  constexpr char kWant[] = "a map with :process, :type and :f";
  if (map.kind != Edn::Kind::kMap) return Expected(line, kWant, WriteEdn(map).substr(0, 40));
  const Edn* process = map.Find("process");
  const Edn* type = map.Find("type");
  const Edn* function = map.Find("f");
  if (process == nullptr || type == nullptr || function == nullptr ||
      type->kind != Edn::Kind::kKeyword) {
    return Expected(line, kWant, WriteEdn(map).substr(0, 60));
  }
  event.process = *process;
  event.type = type->text;
  event.function = function->text;
  if (const Edn* key = map.Find("key")) event.key = *key;
  if (const Edn* value = map.Find("value")) event.value = *value;
  return event;
}

absl::StatusOr<RecordedHistory> ReadEdn(std::string_view text) {
  Assembler assembler(HistoryFormat::kEdn);
  EdnReader reader(text);
  reader.EnterVector();
  for (;;) {
    ASSIGN_OR_RETURN(std::optional<Edn> value, reader.Next());
    if (!value) return assembler.Take();
    ASSIGN_OR_RETURN(Event event, EventOf(reader.value_line(), *std::move(value)));
    RETURN_IF_ERROR(assembler.Add(std::move(event)));
  }
}

constexpr std::string_view kLogMark = "jepsen.util - ";

absl::StatusOr<Edn> OneValue(std::string_view text, size_t line) {
  EdnReader reader(text, line);
  ASSIGN_OR_RETURN(std::optional<Edn> value, reader.Next());
  if (!value) return Expected(line, "a value", "nothing");
  return *std::move(value);
}

// "INFO  jepsen.util - 4	:invoke	:write	1"; other lines of a log are passed over.
absl::Status AddLogLine(std::string_view text, size_t line, Assembler* assembler) {
  const size_t mark = text.find(kLogMark);
  if (mark == std::string_view::npos) return absl::OkStatus();
  text.remove_prefix(mark + kLogMark.size());
  const std::vector<std::string> words =
      absl::StrSplit(absl::string_view(text.data(), text.size()), '\t');
  if (words.size() != 4 || words[1].size() < 2 || words[1][0] != ':') return absl::OkStatus();
  Event event;
  event.line = line;
  ASSIGN_OR_RETURN(event.process, OneValue(words[0], line));
  ASSIGN_OR_RETURN(const Edn function, OneValue(words[2], line));
  ASSIGN_OR_RETURN(event.value, OneValue(words[3], line));
  event.type = words[1].substr(1);
  event.function = function.text;
  return assembler->Add(std::move(event));
}

absl::StatusOr<RecordedHistory> ReadLog(std::string_view text) {
  Assembler assembler(HistoryFormat::kJepsenLog);
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    RETURN_IF_ERROR(AddLogLine(text.substr(0, end), ++number, &assembler));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return assembler.Take();
}

absl::StatusOr<RecordedHistory> ReadJsonLines(std::string_view text) {
  RecordedHistory history;
  history.format = HistoryFormat::kJsonLines;
  const auto add = [&](size_t line, TextOperation in) -> absl::Status {
    RecordedOperation& op = history.operations.emplace_back();
    op.client = in.client;
    op.line = line;
    op.call = in.call;
    op.returned = in.returned;
    EdnReader reader(in.input, line);
    ASSIGN_OR_RETURN(std::optional<Edn> function, reader.Next());
    if (!function || function->text.empty()) {
      return Expected(line, "a function in \"input\", as in \"write 5\"", in.input.substr(0, 40));
    }
    op.function = function->text;
    ASSIGN_OR_RETURN(std::optional<Edn> value, reader.Next());
    if (value) op.input = *std::move(value);
    ASSIGN_OR_RETURN(value, reader.Next());
    if (value) return Expected(line, "one value behind the function", in.input.substr(0, 40));
    if (!in.returned) return absl::OkStatus();
    ASSIGN_OR_RETURN(op.output, OneValue(in.output.empty() ? "nil" : in.output, line));
    op.outcome = op.output.IsKeyword("fail") ? Outcome::kFailed : Outcome::kOk;
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(ForEachOperation(text, add));
  return history;
}

// The first line that is neither empty nor a comment.
std::string_view FirstLine(std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    if (!line.empty() && line.front() != ';' && line.front() != '\r') return line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return text;
}

}  // namespace

const char* Name(HistoryFormat format) {
  switch (format) {
    case HistoryFormat::kJsonLines:
      return "JSON Lines";
    case HistoryFormat::kEdn:
      return "EDN";
    case HistoryFormat::kJepsenLog:
      return "Jepsen log";
  }
  return "";
}

absl::StatusOr<HistoryFormat> DetectFormat(std::string_view text) {
  const std::string_view line = FirstLine(text);
  const size_t second = line.find_first_not_of(" \t", 1);
  if (line.starts_with('{') && second != std::string_view::npos && line[second] == '"') {
    return HistoryFormat::kJsonLines;
  }
  if (line.starts_with('{') || line.starts_with('[') || line.starts_with('#')) {
    return HistoryFormat::kEdn;
  }
  if (text.find(kLogMark) != std::string_view::npos) return HistoryFormat::kJepsenLog;
  return Expected(1,
                  "a history: JSON Lines ({\"client\":...), EDN ({:process ...) or a Jepsen log "
                  "(INFO  jepsen.util - ...)",
                  line.empty() ? "an empty text" : line.substr(0, 40));
}

bool HoldsKvRequests(std::string_view text) {
  bool holds = false;
  ForEachOperation(FirstLine(text), [&](size_t, TextOperation op) {
    holds = absl::StartsWith(op.input, "{");
    return absl::OkStatus();
  }).IgnoreError();
  return holds;
}

absl::StatusOr<RecordedHistory> ReadRecordedHistory(std::string_view text) {
  ASSIGN_OR_RETURN(const HistoryFormat format, DetectFormat(text));
  switch (format) {
    case HistoryFormat::kJsonLines:
      return ReadJsonLines(text);
    case HistoryFormat::kEdn:
      return ReadEdn(text);
    case HistoryFormat::kJepsenLog:
      return ReadLog(text);
  }
  return absl::InternalError("no such format");
}

}  // namespace lockstep::checkers
