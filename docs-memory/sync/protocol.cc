#include "docs-memory/sync/protocol.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/sync/fields.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/edge/digest.h"

namespace lockstep::docs {
namespace {

constexpr std::string_view kVerdictNames[] = {"applied", "duplicate", "rejected"};
constexpr size_t kHashBytes = 8;

Value Int(uint64_t value) { return Value(static_cast<int64_t>(value)); }

void AppendRev(Writer& writer, std::string_view name, const Revision& rev) {
  if (!rev.none()) writer.AppendString(name, rev.ToText());
}

// "<epoch>.<sequence>"
std::string CheckpointText(uint64_t epoch, uint64_t sequence) {
  return absl::StrCat(HexOf(epoch), ".", sequence);
}

absl::Status ParseCheckpoint(std::string_view field, std::string_view text, uint64_t* epoch,
                             uint64_t* sequence) {
  *epoch = *sequence = 0;
  if (text.empty() || text == "0") return absl::OkStatus();
  const size_t dot = text.find('.');
  const std::string_view digits =
      dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
  const bool is_number =
      !digits.empty() && digits.size() <= 18 &&
      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) return ParseError(field, text, "a checkpoint is EPOCH.SEQUENCE");
  ASSIGN_OR_RETURN(*epoch, FromHex(field, text.substr(0, dot)));
  for (const char c : digits) *sequence = *sequence * 10 + static_cast<uint64_t>(c - '0');
  return absl::OkStatus();
}

void AppendMeta(Writer& writer, const Head& head) {
  const size_t meta = writer.Begin("meta", Type::kDocument);
  // (Clocks may be before 1970; what has expired then has expired.)
  writer.AppendInt64("updated_at", std::max<int64_t>(head.time_ms, 0));
  if (head.expires_ms != 0) writer.AppendInt64("expires_at", std::max<int64_t>(head.expires_ms, 1));
  writer.End(meta);
}

void AppendDocument(Writer& writer, const Head& head) {
  if (head.deleted) return;
  writer.Append("doc", {Type::kDocument, head.document});
  writer.Append("h", Value::Binary(0, BodyHash(head.document)));
}

// The times and the document of a version. False: its hash is not the document's.
bool TakeBody(Fields& fields, Head& head) {
  const Document meta = fields.DocumentOr("meta", {});
  Fields inner(meta.view());
  head.time_ms = static_cast<int64_t>(inner.NumberOr("updated_at", 0));
  head.expires_ms = static_cast<int64_t>(inner.NumberOr("expires_at", 0));
  if (!inner.status().ok()) fields.Fail("meta", "has a bad time");
  if (head.deleted) return true;
  if (!fields.Has("doc")) fields.Fail("doc", "is missing");
  head.document = fields.DocumentOr("doc", {}).bytes();
  if (!fields.Has("h")) return true;
  const Value hash = fields.Any("h");
  return hash.type() == Type::kBinary && hash.ref().bytes.substr(5) == BodyHash(head.document);
}

void Append(Writer& writer, const ChangeVerdict& verdict) {
  writer.Append("nseq", Int(verdict.number));
  writer.AppendString("status", NameOf(verdict.verdict));
  writer.Append("seq", Int(verdict.sequence));
  if (!verdict.code.empty()) writer.AppendString("code", verdict.code);
  if (!verdict.detail.empty()) writer.AppendString("detail", verdict.detail);
  AppendRev(writer, "rev", verdict.rev);
  AppendRev(writer, "winner", verdict.winner);
  writer.Append("conflicts", Int(verdict.conflicts));
  if (verdict.base_unknown) writer.AppendBool("base_unknown", true);
}

void AppendVerdicts(Writer& writer, std::string_view name,
                    const std::vector<ChangeVerdict>& verdicts) {
  const size_t list = writer.Begin(name, Type::kArray);
  size_t i = 0;
  for (const ChangeVerdict& verdict : verdicts) {
    const size_t one = writer.Begin(std::to_string(i++), Type::kDocument);
    Append(writer, verdict);
    writer.End(one);
  }
  writer.End(list);
}

void TakeVerdicts(Fields& fields, std::string_view name, std::vector<ChangeVerdict>& verdicts) {
  fields.ForEach(name, [&](ValueRef value) -> absl::Status {
    Fields one(value.bytes);
    ChangeVerdict& verdict = verdicts.emplace_back();
    verdict.number = one.Number("nseq");
    const std::string status = one.String("status");
    const auto* const found = std::find(std::begin(kVerdictNames), std::end(kVerdictNames), status);
    if (found == std::end(kVerdictNames)) {
      one.Fail("status", "is unknown");
    } else {
      verdict.verdict = static_cast<Verdict>(found - std::begin(kVerdictNames) + 1);
    }
    verdict.sequence = one.NumberOr("seq", 0);
    verdict.code = one.StringOr("code", "");
    verdict.detail = one.StringOr("detail", "");
    verdict.rev = one.RevOr("rev", {});
    verdict.winner = one.RevOr("winner", {});
    verdict.conflicts = one.NumberOr("conflicts", 0);
    verdict.base_unknown = one.BoolOr("base_unknown", false);
    return one.status();
  });
}

template <typename Body>
Document Envelope(Body body) {
  std::string bytes;
  Writer writer(bytes);
  body(writer);
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

void TakeStrings(Fields& fields, std::string_view name, std::vector<std::string>& strings) {
  fields.ForEach(name, [&](ValueRef value) -> absl::Status {
    if (!value.is(Type::kString)) return ParseError(name, ToText(value), "is no string");
    strings.emplace_back(value.string());
    return absl::OkStatus();
  });
}

}  // namespace

std::string_view NameOf(Verdict verdict) { return kVerdictNames[static_cast<size_t>(verdict) - 1]; }

absl::Status ParseError(std::string_view field, std::string_view value, std::string_view reason) {
  std::string text = absl::StrCat("E_PARSE: field '", std::string(field), "'");
  if (!value.empty()) absl::StrAppend(&text, ", value ", std::string(value.substr(0, 120)));
  return absl::InvalidArgumentError(absl::StrCat(text, ": ", std::string(reason)));
}

std::string HexOf(uint64_t value) { return absl::StrCat(absl::Hex(value, absl::kZeroPad16)); }

absl::StatusOr<uint64_t> FromHex(std::string_view field, std::string_view text) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (text.size() != 16 || !std::all_of(text.begin(), text.end(), is_digit))
    return ParseError(field, text, "is not 16 lower-case hexadecimal digits");
  uint64_t value = 0;
  for (const char c : text)
    value = value << 4 | static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  return value;
}

uint64_t CheckpointOf(std::string_view text) {
  uint64_t epoch = 0;
  uint64_t sequence = 0;
  return ParseCheckpoint("since", text, &epoch, &sequence).ok() ? sequence : 0;
}

std::string BodyHash(std::string_view document) {
  return edge::Sha256(document).substr(0, kHashBytes);
}

absl::Status CheckName(std::string_view field, std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const bool fits = !name.empty() && name.size() <= 64 && is_letter(name[0]) &&
                    std::all_of(name.begin(), name.end(), [&](char c) {
                      return is_letter(c) || c == '_' || c == '.' || c == '-';
                    });
  if (fits) return absl::OkStatus();
  return ParseError(field, name, "is not 1 to 64 letters, digits, '_', '.', '-'");
}

Document Encode(const PushRequest& request) {
  return Envelope([&](Writer& writer) {
    writer.AppendString("node", HexOf(request.node));
    writer.AppendString("tenant", request.tenant);
    writer.AppendString("ns", request.space);
    if (request.epoch != 0) writer.AppendString("epoch", HexOf(request.epoch));
    writer.Append("confirmed", Int(request.confirmed));
    writer.Append("checkpoint", Int(request.checkpoint));
    const size_t list = writer.Begin("mutations", Type::kArray);
    size_t i = 0;
    for (const PushChange& change : request.changes) {
      const size_t one = writer.Begin(std::to_string(i++), Type::kDocument);
      writer.Append("nseq", Int(change.number));
      writer.AppendString("coll", change.collection);
      writer.Append("id", change.id);
      AppendRev(writer, "rev", change.edit.head.rev);
      AppendRev(writer, "base", change.edit.base);
      const size_t resolves = writer.Begin("resolves", Type::kArray);
      for (size_t r = 0; r < change.edit.resolves.size(); ++r)
        writer.AppendString(std::to_string(r), change.edit.resolves[r].ToText());
      writer.End(resolves);
      const char* const op = change.edit.head.deleted ? "delete" : "put";
      writer.AppendString("op", change.is_skipped ? "skip" : op);
      if (change.is_again) writer.AppendBool("again", true);
      AppendDocument(writer, change.edit.head);
      AppendMeta(writer, change.edit.head);
      writer.End(one);
    }
    writer.End(list);
  });
}

absl::StatusOr<PushRequest> DecodePushRequest(std::string_view envelope) {
  Fields fields(envelope);
  PushRequest request;
  request.node = fields.Hex("node");
  request.tenant = fields.String("tenant");
  request.space = fields.String("ns");
  request.epoch = fields.HexOr("epoch", 0);
  request.confirmed = fields.NumberOr("confirmed", 0);
  request.checkpoint = fields.NumberOr("checkpoint", 0);
  fields.ForEach("mutations", [&](ValueRef value) -> absl::Status {
    if (!value.is(Type::kDocument)) return ParseError("mutations", ToText(value), "no document");
    if (request.changes.size() == kPushCountMax)
      return ParseError("mutations", "", "are more than 1000");
    Fields one(value.bytes);
    PushChange& change = request.changes.emplace_back();
    change.number = one.Number("nseq");
    change.collection = one.String("coll");
    change.id = one.Any("id");
    if (!one.Has("rev")) one.Fail("rev", "is missing");
    change.edit.head.rev = one.RevOr("rev", {});
    change.edit.base = one.RevOr("base", {});
    one.ForEach("resolves", [&](ValueRef rev) -> absl::Status {
      const auto parsed = rev.is(Type::kString) ? Revision::FromText(rev.string()) : std::nullopt;
      if (!parsed) return ParseError("resolves", ToText(rev), "is no revision");
      change.edit.resolves.push_back(*parsed);
      return absl::OkStatus();
    });
    const std::string op = one.String("op");
    change.is_skipped = op == "skip";
    change.edit.head.deleted = op == "delete" || change.is_skipped;
    if (op != "put" && op != "resolve" && !change.edit.head.deleted) one.Fail("op", "is unknown");
    change.is_again = one.BoolOr("again", false);
    change.is_oversized = one.BoolOr("oversized", false);
    change.is_lossy = !TakeBody(one, change.edit.head);
    return one.status();
  });
  RETURN_IF_ERROR(fields.status());
  return request;
}

Document Encode(const PushAnswer& answer) {
  return Envelope([&](Writer& writer) {
    writer.AppendString("epoch", HexOf(answer.epoch));
    AppendVerdicts(writer, "results", answer.verdicts);
    writer.Append("last_nseq", Int(answer.last_number));
    writer.AppendInt64("server_time", answer.server_ms);
  });
}

absl::StatusOr<PushAnswer> DecodePushAnswer(std::string_view envelope) {
  Fields fields(envelope);
  PushAnswer answer;
  answer.epoch = fields.Hex("epoch");
  TakeVerdicts(fields, "results", answer.verdicts);
  answer.last_number = fields.Number("last_nseq");
  answer.server_ms = static_cast<int64_t>(fields.Number("server_time"));
  RETURN_IF_ERROR(fields.status());
  return answer;
}

Document Encode(const PullRequest& request) {
  return Envelope([&](Writer& writer) {
    writer.AppendString("tenant", request.tenant);
    writer.AppendString("ns", request.space);
    if (request.node != 0) writer.AppendString("node", HexOf(request.node));
    if (request.epoch != 0)
      writer.AppendString("since", CheckpointText(request.epoch, request.since));
    writer.AppendInt64("limit", request.count_max);
    writer.AppendInt64("max_bytes", request.bytes_max);
    writer.AppendInt64("wait_ms", request.wait_ms);
    const size_t list = writer.Begin("coll", Type::kArray);
    for (size_t i = 0; i < request.collections.size(); ++i)
      writer.AppendString(std::to_string(i), request.collections[i]);
    writer.End(list);
    if (!request.filter.empty()) writer.Append("filter", request.filter.ref());
    if (request.filter_id != 0) writer.AppendString("filter_id", HexOf(request.filter_id));
    writer.Append("own_from", Int(request.own_from));
    if (request.floor != 0) writer.Append("floor", Int(request.floor));
    if (request.is_linear) writer.AppendString("consistency", "linear");
  });
}

absl::StatusOr<PullRequest> DecodePullRequest(std::string_view envelope) {
  Fields fields(envelope);
  PullRequest request;
  request.tenant = fields.String("tenant");
  request.space = fields.String("ns");
  request.node = fields.HexOr("node", 0);
  const std::string since = fields.StringOr("since", "");
  request.count_max = static_cast<int64_t>(fields.NumberOr("limit", kPullCountDefault));
  request.bytes_max = static_cast<int64_t>(fields.NumberOr("max_bytes", kPullBytesMax));
  request.wait_ms = static_cast<int64_t>(fields.NumberOr("wait_ms", 0));
  if (request.count_max < 1 || request.count_max > kPullCountMax)
    fields.Fail("limit", "is not 1 to 1000");
  if (request.bytes_max > kPullBytesMax) fields.Fail("max_bytes", "is more than 4 MiB");
  if (request.wait_ms > kPullWaitMsMax) fields.Fail("wait_ms", "is more than 30000");
  TakeStrings(fields, "coll", request.collections);
  std::sort(request.collections.begin(), request.collections.end());
  request.filter = fields.DocumentOr("filter", {});
  request.filter_id = fields.HexOr("filter_id", 0);
  if (request.filter_id != 0 && !request.filter.empty())
    fields.Fail("filter_id", "excludes a filter of one's own");
  request.own_from = fields.NumberOr("own_from", 0);
  request.floor = fields.NumberOr("floor", 0);
  const std::string consistency = fields.StringOr("consistency", "bounded");
  request.is_linear = consistency == "linear";
  if (!request.is_linear && consistency != "bounded")
    fields.Fail("consistency", "is neither bounded nor linear");
  RETURN_IF_ERROR(fields.status());
  RETURN_IF_ERROR(ParseCheckpoint("since", since, &request.epoch, &request.since));
  return request;
}

namespace {

void Append(Writer& writer, const PulledChange& change) {
  writer.Append("seq", Int(change.heads.sequence));
  writer.AppendString("coll", change.collection);
  writer.Append("id", change.id);
  const bool is_state = change.kind == PulledChange::Kind::kState;
  writer.AppendString("kind", is_state ? "state" : "remove");
  if (!is_state) return;
  const size_t heads = writer.Begin("heads", Type::kArray);
  for (size_t i = 0; i < change.heads.all.size(); ++i) {
    const Head& head = change.heads.all[i];
    const size_t one = writer.Begin(std::to_string(i), Type::kDocument);
    AppendRev(writer, "rev", head.rev);
    writer.AppendBool("deleted", head.deleted);
    AppendDocument(writer, head);
    AppendMeta(writer, head);
    writer.End(one);
  }
  writer.End(heads);
  writer.Append("evicted", Int(change.heads.evicted));
}

absl::Status TakeChange(ValueRef value, PulledChange& change) {
  if (!value.is(Type::kDocument)) return ParseError("changes", ToText(value), "no document");
  Fields one(value.bytes);
  change.heads.sequence = one.Number("seq");
  change.collection = one.String("coll");
  change.id = one.Any("id");
  const std::string kind = one.String("kind");
  if (kind != "state" && kind != "remove") one.Fail("kind", "is unknown");
  change.kind = kind == "state" ? PulledChange::Kind::kState : PulledChange::Kind::kRemove;
  one.ForEach("heads", [&](ValueRef each) -> absl::Status {
    if (!each.is(Type::kDocument) || change.heads.all.size() == kHeadsMax)
      return ParseError("heads", "", "are no heads");
    Fields fields(each.bytes);
    Head& head = change.heads.all.emplace_back();
    head.rev = fields.RevOr("rev", {});
    head.deleted = fields.BoolOr("deleted", false);
    if (!TakeBody(fields, head))
      fields.Fail("h", "the document is not what the hub hashed (E_WIRE_LOSSY)");
    const size_t count = change.heads.all.size();
    if (head.rev.none() || (count > 1 && change.heads.all[count - 2].rev <= head.rev))
      fields.Fail("rev", "does not fall");
    return fields.status();
  });
  change.heads.evicted = one.NumberOr("evicted", 0);
  if (kind == "state" && change.heads.all.empty()) one.Fail("heads", "are missing");
  return one.status();
}

}  // namespace

Document Encode(const PullAnswer& answer) {
  return Envelope([&](Writer& writer) {
    writer.AppendString("epoch", HexOf(answer.epoch));
    const size_t list = writer.Begin("changes", Type::kArray);
    size_t i = 0;
    for (const PulledChange& change : answer.changes) {
      const size_t one = writer.Begin(std::to_string(i++), Type::kDocument);
      Append(writer, change);
      writer.End(one);
    }
    writer.End(list);
    writer.AppendString("checkpoint", CheckpointText(answer.epoch, answer.checkpoint));
    writer.AppendBool("more", answer.more);
    AppendVerdicts(writer, "own", answer.own);
    writer.Append("floor", Int(answer.floor));
    writer.AppendInt64("server_time", answer.server_ms);
  });
}

absl::StatusOr<PullAnswer> DecodePullAnswer(std::string_view envelope) {
  Fields fields(envelope);
  PullAnswer answer;
  answer.epoch = fields.Hex("epoch");
  fields.ForEach("changes",
                 [&](ValueRef value) { return TakeChange(value, answer.changes.emplace_back()); });
  const std::string checkpoint = fields.String("checkpoint");
  answer.more = fields.BoolOr("more", false);
  TakeVerdicts(fields, "own", answer.own);
  answer.floor = fields.NumberOr("floor", 0);
  answer.server_ms = static_cast<int64_t>(fields.Number("server_time"));
  RETURN_IF_ERROR(fields.status());
  uint64_t epoch = 0;
  RETURN_IF_ERROR(ParseCheckpoint("checkpoint", checkpoint, &epoch, &answer.checkpoint));
  if (epoch != answer.epoch) return ParseError("checkpoint", checkpoint, "is of another epoch");
  return answer;
}

Document Encode(const WireError& error) {
  return Envelope([&](Writer& writer) {
    const size_t inner = writer.Begin("error", Type::kDocument);
    writer.AppendString("code", error.code);
    writer.AppendString("message", error.message);
    writer.AppendBool("retryable", error.retryable);
    if (error.retry_after_ms != 0) writer.AppendInt64("retry_after_ms", error.retry_after_ms);
    if (error.expected_number != 0) writer.Append("expected_nseq", Int(error.expected_number));
    if (error.server_ms != 0) writer.AppendInt64("server_time", error.server_ms);
    writer.End(inner);
  });
}

absl::StatusOr<WireError> DecodeError(std::string_view envelope, int status) {
  Fields fields(envelope);
  const Document inner = fields.DocumentOr("error", {});
  if (inner.empty()) fields.Fail("error", "is missing");
  RETURN_IF_ERROR(fields.status());
  Fields one(inner.view());
  WireError error;
  error.status = status;
  error.code = one.String("code");
  error.message = one.StringOr("message", "");
  error.retryable = one.BoolOr("retryable", false);
  error.retry_after_ms = static_cast<int64_t>(one.NumberOr("retry_after_ms", 0));
  error.expected_number = one.NumberOr("expected_nseq", 0);
  error.server_ms = static_cast<int64_t>(one.NumberOr("server_time", 0));
  RETURN_IF_ERROR(one.status());
  return error;
}

}  // namespace lockstep::docs
