// Envelopes as JSON, and bodies as envelopes.
#include <utility>

#include "absl/strings/str_cat.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/sync/protocol.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

bool IsExtended(std::string_view name) { return name == "doc" || name == "id" || name == "filter"; }

// {"v": VALUE} without what is around the value.
std::string Inner(const std::string& json) {
  const size_t colon = json.find(':');
  const size_t end = json.rfind('}');
  return json.substr(colon + 1, end - colon - 1);
}

std::string Canonical(ValueRef value) {
  return Inner(ToCanonicalJson(Document{{"v", Value(value)}}));
}

void Render(ValueRef value, std::string& out) {
  if (value.is(Type::kInt64)) {
    absl::StrAppend(&out, value.int64());
  } else if (value.is(Type::kInt32)) {
    absl::StrAppend(&out, value.int32());
  } else if (value.is_container()) {
    const bool is_array = value.is(Type::kArray);
    out += is_array ? "[" : "{";
    ElementReader reader(value);
    Element element;
    for (bool first = true; reader.Next(&element); first = false) {
      if (!first) out += ",";
      // (Names of envelopes are ours, and plain.)
      if (!is_array) out.append("\"").append(element.name).append("\":");
      if (!is_array && IsExtended(element.name)) {
        out += Canonical(element.value);
      } else {
        Render(element.value, out);
      }
    }
    out += is_array ? "]" : "}";
  } else {
    out += Canonical(value);
  }
}

}  // namespace

std::string RenderJson(const Document& envelope) {
  std::string out;
  out.reserve(envelope.bytes().size() * 2);
  Render(envelope.ref(), out);
  return out;
}

absl::StatusOr<Document> ParseEnvelope(std::string_view body, std::string_view content_type) {
  const bool is_bson = content_type.substr(0, kBsonType.size()) == kBsonType;
  auto envelope = is_bson ? ParseDocument(body) : FromJson(body);
  if (envelope.ok()) return envelope;
  return absl::InvalidArgumentError(
      absl::StrCat("E_PARSE: the body is no ", is_bson ? "BSON" : "JSON", ": ",
                   std::string(envelope.status().message()).substr(0, 200)));
}

}  // namespace lockstep::docs
