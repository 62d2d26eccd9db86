#include "docs-memory/hub/hub_request.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/sync/protocol.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

// What of a push goes into one entry of the log; the caller pushes the rest again.
constexpr size_t kEntryBytesMax = size_t{1} << 20;
// A document of 1 MiB and what is around it.
constexpr size_t kChangeBytesMax = kEntryBytesMax + 64 * 1024;
constexpr int64_t kRetryAfterMs = 200;
constexpr std::string_view kBearer = "Bearer ";

}  // namespace

HubReply Fail(int status, std::string_view code, std::string_view message, bool is_retryable) {
  WireError error;
  error.status = status;
  error.code = code;
  error.message = message;
  error.retryable = is_retryable;
  if (is_retryable) error.retry_after_ms = kRetryAfterMs;
  return {status, Encode(error)};
}

HubReply Malformed(const absl::Status& status) {
  return Fail(400, "E_PARSE", std::string(status.message()));
}

HubReply Unavailable(const absl::Status& failure) {
  if (absl::IsResourceExhausted(failure))
    return Fail(503, "E_OVERLOADED", std::string(failure.message()), true);
  // (Other nodes have a store of their own.)
  if (absl::IsDataLoss(failure))
    return Fail(503, "E_DAMAGED", std::string(failure.message()), true);
  return Fail(503, "E_NO_LEADER", std::string(failure.message()), true);
}

std::string_view TokenOf(const edge::HttpRequest& request) {
  const auto header = request.headers.Find("Authorization");
  if (!header || header->substr(0, kBearer.size()) != kBearer) return {};
  return header->substr(kBearer.size());
}

std::string_view TypeOf(const edge::HttpRequest& request, std::string_view header) {
  return request.headers.Find(header).value_or(kJsonType);
}

std::optional<HubReply> CheckVersion(const edge::HttpRequest& request) {
  for (const std::string_view header :
       {kProtocolHeader, std::string_view("X-Rango-Protocol-Version")}) {
    const auto version = request.headers.Find(header);
    if (!version) continue;
    if (*version == kProtocolVersion) return std::nullopt;
    return Fail(400, "E_PROTOCOL",
                absl::StrCat("field '", std::string(header), "', value ",
                             std::string(version->substr(0, 20)), ": only 1 is spoken here"));
  }
  return Fail(400, "E_PROTOCOL", "field 'X-Docs-Protocol': is missing; it is 1");
}

Document FirstOf(const Document& envelope) {
  std::string bytes;
  Writer writer(bytes);
  ElementReader reader(envelope.view());
  Element element;
  while (reader.Next(&element)) {
    if (element.name != "mutations" || !element.value.is(Type::kArray)) {
      writer.Append(element);
      continue;
    }
    const size_t list = writer.Begin("mutations", Type::kArray);
    const size_t start = bytes.size();
    ElementReader changes(element.value);
    Element change;
    for (size_t i = 0; changes.Next(&change); ++i) {
      if (i > 0 && bytes.size() - start + change.value.bytes.size() > kEntryBytesMax) break;
      if (change.value.is(Type::kDocument) && change.value.bytes.size() > kChangeBytesMax) {
        const size_t one = writer.Begin(std::to_string(i), Type::kDocument);
        ElementReader fields(change.value);
        Element field;
        while (fields.Next(&field)) {
          if (field.name != "doc" && field.name != "h") writer.Append(field);
        }
        writer.Append("doc", Document().ref());
        writer.AppendBool("oversized", true);
        writer.End(one);
      } else {
        writer.Append(std::to_string(i), change.value);
      }
    }
    writer.End(list);
  }
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

absl::StatusOr<Document> EnvelopeOfQuery(const edge::HttpRequest& request) {
  std::string bytes;
  Writer writer(bytes);
  for (const char* name : {"tenant", "ns", "node", "since", "consistency", "filter_id"}) {
    ASSIGN_OR_RETURN(const auto value, request.Parameter(name));
    if (value) writer.AppendString(name, *value);
  }
  for (const char* name : {"limit", "max_bytes", "wait_ms", "own_from", "floor", "after"}) {
    ASSIGN_OR_RETURN(const auto value, request.Parameter(name));
    if (!value) continue;
    int64_t number = 0;
    if (!absl::SimpleAtoi(*value, &number)) return ParseError(name, *value, "is no number");
    writer.AppendInt64(name, number);
  }
  ASSIGN_OR_RETURN(const auto collections, request.Parameter("coll"));
  if (collections && !collections->empty()) {
    const size_t list = writer.Begin("coll", Type::kArray);
    size_t i = 0;
    for (const absl::string_view one : absl::StrSplit(*collections, ','))
      writer.AppendString(std::to_string(i++), {one.data(), one.size()});
    writer.End(list);
  }
  ASSIGN_OR_RETURN(const auto filter, request.Parameter("filter"));
  if (filter) {
    ASSIGN_OR_RETURN(const Document parsed, ParseEnvelope(*filter, kJsonType));
    writer.Append("filter", parsed.ref());
  }
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

absl::StatusOr<Document> EnvelopeOf(const edge::HttpRequest& request) {
  if (request.method == "GET") return EnvelopeOfQuery(request);
  return ParseEnvelope(request.body, TypeOf(request, "Content-Type"));
}

absl::StatusOr<Document> EnvelopeOfPath(const edge::HttpRequest& request) {
  ASSIGN_OR_RETURN(const Document query, EnvelopeOfQuery(request));
  const std::vector<std::string> parts = absl::StrSplit(std::string(request.path()), '/');
  std::string bytes;
  Writer writer(bytes);
  ElementReader reader(query.view());
  Element element;
  while (reader.Next(&element)) {
    if (element.name != "coll") writer.Append(element);
  }
  if (parts.size() >= 5) {
    ASSIGN_OR_RETURN(const std::string collection, edge::PercentDecoded(parts[3]));
    ASSIGN_OR_RETURN(const std::string id, edge::PercentDecoded(parts[4]));
    writer.AppendString("coll", collection);
    const auto parsed = FromJson(absl::StrCat("{\"id\": ", id, "}"));
    writer.Append("id", parsed.ok() ? *parsed->Find("id") : Value(id).ref());
  }
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

bool IsEmptyPage(const HubReply& reply) {
  const auto changes = reply.body.Find("changes");
  const auto more = reply.body.Find("more");
  return reply.status == 200 && changes && CountElements(*changes) == 0 && more && !more->boolean();
}

std::string CodeIn(const HubReply& reply) {
  const auto error = reply.body.Find("error");
  const auto code = error ? FindField(*error, "code") : std::nullopt;
  return code ? std::string(code->string()) : std::string();
}

}  // namespace lockstep::docs
