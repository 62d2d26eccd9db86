#include "docs-memory/hub/token.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "docs-memory/bson/parse.h"
#include "docs-memory/sync/fields.h"
#include "docs-memory/sync/protocol.h"
#include "framework/base/status_macros.h"
#include "framework/edge/digest.h"

namespace lockstep::docs {
namespace {

struct Named final {
  std::string_view name;
  Permission permission;
};
constexpr Named kPermissions[] = {{"push", kMayPush},
                                  {"pull", kMayPull},
                                  {"read", kMayRead},
                                  {"admin", kMayAdmin},
                                  {"audit", kMayAudit}};
constexpr size_t kTokenWords = 4;
constexpr std::string_view kTokenPrefix = "lsd_";

}  // namespace

bool Claims::Reaches(std::string_view space) const {
  return std::any_of(spaces.begin(), spaces.end(), [&](const std::string& allowed) {
    return allowed == "*" || allowed == space;
  });
}

absl::StatusOr<Claims> DecodeClaims(std::string_view envelope) {
  Fields fields(envelope);
  Claims claims;
  claims.tenant = fields.String("tenant");
  const auto string = [](std::string_view field, ValueRef value) -> absl::StatusOr<std::string> {
    if (value.is(Type::kString)) return std::string(value.string());
    return ParseError(field, ToText(value), "is no string");
  };
  fields.ForEach("ns", [&](ValueRef value) -> absl::Status {
    ASSIGN_OR_RETURN(std::string space, string("ns", value));
    if (space != "*") RETURN_IF_ERROR(CheckName("ns", space));
    claims.spaces.push_back(std::move(space));
    return absl::OkStatus();
  });
  fields.ForEach("perms", [&](ValueRef value) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string name, string("perms", value));
    for (const Named& one : kPermissions) {
      if (one.name != name) continue;
      claims.permissions = static_cast<uint8_t>(claims.permissions | one.permission);
      return absl::OkStatus();
    }
    return ParseError("perms", name, "is none of push, pull, read, admin, audit");
  });
  fields.ForEach("filters", [&](ValueRef value) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string text, string("filters", value));
    ASSIGN_OR_RETURN(claims.filters.emplace_back(), FromHex("filters", text));
    return absl::OkStatus();
  });
  claims.node = fields.HexOr("node", 0);
  claims.not_after_ms = static_cast<int64_t>(fields.NumberOr("not_after", 0));
  claims.rate = static_cast<int64_t>(fields.NumberOr("rate", 0));
  RETURN_IF_ERROR(fields.status());
  RETURN_IF_ERROR(CheckName("tenant", claims.tenant));
  if (claims.spaces.empty()) return ParseError("ns", "", "is empty");
  if (claims.permissions == 0) return ParseError("perms", "", "is empty");
  return claims;
}

Document Encode(const Claims& claims) {
  std::string bytes;
  Writer writer(bytes);
  writer.AppendString("tenant", claims.tenant);
  const size_t spaces = writer.Begin("ns", Type::kArray);
  for (size_t i = 0; i < claims.spaces.size(); ++i)
    writer.AppendString(std::to_string(i), claims.spaces[i]);
  writer.End(spaces);
  const size_t permissions = writer.Begin("perms", Type::kArray);
  size_t i = 0;
  for (const Named& one : kPermissions) {
    if ((claims.permissions & one.permission) != 0)
      writer.AppendString(std::to_string(i++), one.name);
  }
  writer.End(permissions);
  if (claims.node != 0) writer.AppendString("node", HexOf(claims.node));
  writer.AppendInt64("not_after", claims.not_after_ms);
  writer.AppendInt64("rate", claims.rate);
  const size_t filters = writer.Begin("filters", Type::kArray);
  for (size_t f = 0; f < claims.filters.size(); ++f)
    writer.AppendString(std::to_string(f), HexOf(claims.filters[f]));
  writer.End(filters);
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

std::string DrawToken(runtime::Random& random) {
  std::string token(kTokenPrefix);
  for (size_t i = 0; i < kTokenWords; ++i) token += HexOf(random.Draw("docs.token"));
  return token;
}

std::string TokenHash(std::string_view token) { return edge::Sha256(token); }

bool EqualSecrets(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  uint8_t difference = 0;
  for (size_t i = 0; i < a.size(); ++i)
    difference = static_cast<uint8_t>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

}  // namespace lockstep::docs
