#include "checkers/documents/document_history.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "framework/base/status_macros.h"

namespace lockstep::checkers {
namespace {

namespace json = boost::json;
using Kind = DocumentEvent::Kind;
using Status = DocumentEvent::Status;

constexpr std::array<const char*, 9> kKinds = {"scope",      "write",  "verdict", "state", "read",
                                               "checkpoint", "remove", "purge",   "quiet"};
constexpr std::array<const char*, 3> kStatuses = {"applied", "duplicate", "rejected"};

template <size_t kSize>
std::optional<size_t> Place(const std::array<const char*, kSize>& names, const std::string& name) {
  const auto at = std::find(names.begin(), names.end(), name);
  return at == names.end() ? std::nullopt : std::optional<size_t>(at - names.begin());
}

// The fields of one object; remembers the first that is not as it should be.
class Fields final {
 public:
  explicit Fields(const json::object& object) : object_(object) {}

  std::string Text(const char* name, bool is_needed = true) {
    const json::value* value = object_.if_contains(name);
    if (value != nullptr && value->is_string()) return std::string(value->get_string());
    if (is_needed || (value != nullptr && !value->is_null())) Fail(name, "a text");
    return "";
  }
  int64_t Number(const char* name, bool is_needed = true) {
    const json::value* value = object_.if_contains(name);
    if (value != nullptr && value->is_int64()) return value->get_int64();
    if (is_needed || value != nullptr) Fail(name, "a whole number");
    return 0;
  }
  bool Flag(const char* name, bool otherwise) {
    const json::value* value = object_.if_contains(name);
    if (value == nullptr) return otherwise;
    if (!value->is_bool()) Fail(name, "true or false");
    return value->is_bool() && value->get_bool();
  }
  const json::array& List(const char* name, bool is_needed) {
    static const json::array none;
    const json::value* value = object_.if_contains(name);
    if (value != nullptr && value->is_array()) return value->get_array();
    if (is_needed || value != nullptr) Fail(name, "a list");
    return none;
  }
  void Fail(const std::string& name, const std::string& expected) {
    if (problem_.empty()) problem_ = absl::StrCat("expected ", expected, " as \"", name, "\"");
  }
  const std::string& problem() const { return problem_; }

 private:
  const json::object& object_;
  std::string problem_;
};

void ReadRevision(Fields& fields, DocumentEvent* event) {
  event->rev = fields.Text("rev", event->kind != Kind::kRead);
  event->deleted = fields.Flag("deleted", false);
  event->body = fields.Text("body", !event->deleted && !event->rev.empty());
}

void ReadWrite(Fields& fields, DocumentEvent* event) {
  ReadRevision(fields, event);
  event->number = fields.Number("nseq");
  event->base = fields.Text("base", false);
  event->durable = fields.Flag("durable", true);
  for (const json::value& rev : fields.List("resolves", false)) {
    if (!rev.is_string()) return fields.Fail("resolves", "a list of revisions");
    event->resolves.emplace_back(rev.get_string());
  }
}

void ReadState(Fields& fields, DocumentEvent* event) {
  event->seq = fields.Number("seq");
  event->evicted = fields.Number("evicted", false);
  for (const json::value& value : fields.List("heads", true)) {
    if (!value.is_object()) return fields.Fail("heads", "a list of heads");
    Fields head(value.get_object());
    DocumentHead& read = event->heads.emplace_back();
    read.rev = head.Text("rev");
    read.deleted = head.Flag("deleted", false);
    read.body = head.Text("body", !read.deleted);
    if (!head.problem().empty()) return fields.Fail("heads", "{\"rev\", \"body\" or \"deleted\"}");
  }
}

void ReadVerdict(Fields& fields, DocumentEvent* event) {
  event->number = fields.Number("nseq");
  const std::optional<size_t> status = Place(kStatuses, fields.Text("status"));
  if (!status) return fields.Fail("status", absl::StrJoin(kStatuses, ", "));
  event->status = static_cast<Status>(*status);
  if (event->status != Status::kRejected) event->seq = fields.Number("seq");
}

absl::StatusOr<DocumentEvent> ReadEvent(const json::object& object, size_t line) {
  Fields fields(object);
  DocumentEvent event;
  event.line = line;
  const std::optional<size_t> kind = Place(kKinds, fields.Text("event"));
  if (!kind) fields.Fail("event", absl::StrCat("one of ", absl::StrJoin(kKinds, ", ")));
  if (kind) event.kind = static_cast<Kind>(*kind);
  if (event.kind != Kind::kQuiet) {
    if (event.kind != Kind::kPurge) event.node = fields.Text("node");
    const bool has_tenant = event.kind != Kind::kVerdict && event.kind != Kind::kCheckpoint;
    if (has_tenant) event.tenant = fields.Text("tenant");
    if (has_tenant && event.kind != Kind::kScope) event.doc = fields.Text("doc");
  }
  if (event.kind == Kind::kRead) ReadRevision(fields, &event);
  if (event.kind == Kind::kWrite) ReadWrite(fields, &event);
  if (event.kind == Kind::kState) ReadState(fields, &event);
  if (event.kind == Kind::kVerdict) ReadVerdict(fields, &event);
  if (event.kind == Kind::kCheckpoint) {
    event.seq = fields.Number("seq");
    event.epoch = fields.Text("epoch", false);
  }
  if (fields.problem().empty()) return event;
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", fields.problem()));
}

}  // namespace

absl::StatusOr<DocumentHistory> ReadDocumentHistory(std::string_view text) {
  DocumentHistory history;
  for (size_t line = 1; !text.empty(); ++line) {
    const std::string_view row = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(row.size() + 1, text.size()));
    if (row.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    boost::system::error_code error;
    const json::value value = json::parse(json::string_view(row.data(), row.size()), error);
    if (error || !value.is_object()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", line, ": expected a JSON object with \"event\""));
    }
    ASSIGN_OR_RETURN(DocumentEvent event, ReadEvent(value.get_object(), line));
    history.push_back(std::move(event));
  }
  return history;
}

bool HoldsDocumentEvents(std::string_view text) {
  const std::string_view row = text.substr(0, text.find('\n'));
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(row.data(), row.size()), error);
  return !error && value.is_object() && value.get_object().contains("event");
}

}  // namespace lockstep::checkers
