#include "docs-memory/hub/hub_keys.h"

#include <algorithm>
#include <utility>

#include "docs-memory/store/record.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

absl::Status Damaged(const char* what) {
  return absl::DataLossError(std::string("hub: a damaged row of a ") + what);
}

void PutCounted(std::string_view bytes, std::string& out) {
  out += BigEndian32(static_cast<uint32_t>(bytes.size()));
  out += bytes;
}

// Takes from the front; false once anything is missing.
class Rows final {
 public:
  explicit Rows(std::string_view row) : rest_(row) {}
  std::string_view Bytes(size_t count) {
    ok_ = ok_ && count <= rest_.size();
    if (!ok_) return {};
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  uint64_t Number() { return FromBigEndian(Bytes(8)); }
  std::string_view Counted() { return Bytes(FromBigEndian(Bytes(4))); }
  Revision Rev() {
    const std::string_view bytes = Bytes(kRevisionBytes);
    return ok_ ? Revision::FromBytes(bytes) : Revision();
  }
  bool ok() const { return ok_; }
  std::string_view rest() const { return rest_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::string Scoped(char kind, std::string_view scope) { return std::string(1, kind).append(scope); }

// (Times before 1970 are as good as 1970.)
std::string Timed(std::string_view kind, int64_t ms) {
  return std::string(kind).append(BigEndian64(static_cast<uint64_t>(std::max<int64_t>(ms, 0))));
}

}  // namespace

std::string ScopeOf(std::string_view tenant, std::string_view space) {
  std::string scope(tenant);
  scope.push_back('\0');
  scope += space;
  scope.push_back('\0');
  return scope;
}

std::string TenantOf(std::string_view scope) {
  return std::string(scope.substr(0, scope.find('\0')));
}
std::string SpaceOf(std::string_view scope) {
  const size_t tenant_end = scope.find('\0');
  return std::string(scope.substr(tenant_end + 1, scope.size() - tenant_end - 2));
}
std::string ScopeOfKey(std::string_view key) {
  const size_t tenant_end = key.find('\0', 1);
  CHECK(tenant_end != std::string_view::npos);
  const size_t end = key.find('\0', tenant_end + 1);
  CHECK(end != std::string_view::npos);
  return std::string(key.substr(1, end));
}

std::string TokenKey(std::string_view hash) { return Scoped('t', hash); }
std::string ScopeKey(std::string_view scope) { return Scoped('s', scope); }
std::string HubDocumentPrefix(std::string_view scope) { return Scoped('d', scope); }
std::string HubDocumentKey(std::string_view scope, std::string_view collection,
                           std::string_view id) {
  std::string key = HubDocumentPrefix(scope).append(collection);
  key.push_back('\0');
  return key.append(id);
}
std::string NodePrefix(std::string_view scope) { return Scoped('n', scope); }
std::string NodeKey(std::string_view scope, uint64_t node) {
  return NodePrefix(scope).append(BigEndian64(node));
}
std::string VerdictPrefix(std::string_view scope, uint64_t node) {
  return Scoped('r', scope).append(BigEndian64(node));
}
std::string VerdictKey(std::string_view scope, uint64_t node, uint64_t number) {
  return VerdictPrefix(scope, node).append(BigEndian64(number));
}
std::string RefusedKey(std::string_view scope, uint64_t node, const Revision& rev) {
  std::string key = Scoped('x', scope).append(BigEndian64(node));
  rev.AppendTo(key);
  return key;
}
std::string ChangePrefix(std::string_view scope) { return Scoped('c', scope); }
std::string ChangeKey(std::string_view scope, uint64_t sequence) {
  return ChangePrefix(scope).append(BigEndian64(sequence));
}
std::string GravePrefixOf(std::string_view scope) { return Scoped('g', scope); }
std::string GraveKey(std::string_view scope, uint64_t sequence) {
  return GravePrefixOf(scope).append(BigEndian64(sequence));
}
std::string HubExpiryKey(int64_t ms, std::string_view document_key) {
  return Timed(kHubExpiryPrefix, ms).append(document_key);
}
std::string ReplacedKey(int64_t ms, std::string_view version_key) {
  return Timed(kReplacedPrefix, ms).append(version_key);
}
std::string HubVersionPrefix(std::string_view document_key) {
  return std::string("v").append(document_key);
}
std::string HubVersionKey(std::string_view document_key, const Revision& rev) {
  std::string key = HubVersionPrefix(document_key);
  rev.AppendTo(key);
  return key;
}
std::string FilterKey(std::string_view scope, uint64_t id) {
  return Scoped('f', scope).append(BigEndian64(id));
}
std::string HubAuditHeadKey(std::string_view tenant) {
  return std::string(kHubAuditHeadPrefix).append(tenant);
}
std::string HubAuditPrefix(std::string_view tenant) {
  std::string key = std::string(kHubAuditPrefix).append(tenant);
  key.push_back('\0');
  return key;
}
std::string HubAuditKey(std::string_view tenant, uint64_t number) {
  return HubAuditPrefix(tenant).append(BigEndian64(number));
}

std::string EncodeHubPolicy(const HubPolicy& policy) {
  std::string row;
  for (const int64_t ms : {policy.tombstones_ms, policy.node_ttl_ms, policy.history_ms})
    row += BigEndian64(static_cast<uint64_t>(ms));
  return row + BigEndian64(policy.versions_max);
}

absl::StatusOr<HubPolicy> DecodeHubPolicy(std::string_view row) {
  Rows rows(row);
  HubPolicy policy;
  for (int64_t* const ms : {&policy.tombstones_ms, &policy.node_ttl_ms, &policy.history_ms})
    *ms = static_cast<int64_t>(rows.Number());
  policy.versions_max = rows.Number();
  if (!rows.ok()) return Damaged("policy");
  return policy;
}

std::string EncodeHubScope(const HubScope& scope) {
  std::string row = BigEndian64(scope.last) + BigEndian64(scope.floor);
  scope.grave.AppendTo(row);
  return row;
}

absl::StatusOr<HubScope> DecodeHubScope(std::string_view row) {
  Rows rows(row);
  HubScope scope;
  scope.last = rows.Number();
  // (Rows of earlier versions end here.)
  if (rows.ok() && rows.at_end()) return scope;
  scope.floor = rows.Number();
  scope.grave = rows.Rev();
  if (!rows.ok()) return Damaged("scope");
  return scope;
}

absl::StatusOr<HubScope> ReadScope(Fiber& fiber, const machine::StoreView& view,
                                   std::string_view scope) {
  ASSIGN_OR_RETURN(const auto row, view.Get(fiber, machine::Column::kPrimary, ScopeKey(scope)));
  if (!row) return HubScope();
  return DecodeHubScope(*row);
}

std::string EncodeHubDocument(const HubDocument& document) {
  std::string row;
  PutCounted(document.collection, row);
  row.push_back(static_cast<char>(document.id.type()));
  PutCounted(document.id.ref().bytes, row);
  EncodeHeads(document.heads, row);
  row += BigEndian32(static_cast<uint32_t>(document.versions));
  if (!document.grave.none()) document.grave.AppendTo(row);
  return row;
}

absl::StatusOr<HubDocument> DecodeHubDocument(std::string_view row) {
  Rows rows(row);
  HubDocument document;
  document.collection = rows.Counted();
  const std::string_view type = rows.Bytes(1);
  const std::string_view bytes = rows.Counted();
  if (!rows.ok()) return Damaged("document");
  document.id = Value::Of(static_cast<Type>(static_cast<uint8_t>(type[0])), std::string(bytes));
  std::string_view rest = rows.rest();
  ASSIGN_OR_RETURN(document.heads, TakeHeads(rest));
  // (Rows of earlier versions end here.)
  document.versions = rest.empty() ? document.heads.all.size() : FromBigEndian(rest.substr(0, 4));
  if (rest.size() == 4 + kRevisionBytes) {
    document.grave = Revision::FromBytes(rest.substr(4));
  } else if (!rest.empty() && rest.size() != 4) {
    return Damaged("document");
  }
  return document;
}

std::string EncodeHubNode(const HubNode& node) {
  return BigEndian64(node.last) + BigEndian64(node.confirmed) + BigEndian64(node.checkpoint) +
         BigEndian64(static_cast<uint64_t>(node.seen_ms)) + BigEndian64(node.refused);
}

absl::StatusOr<HubNode> DecodeHubNode(std::string_view row) {
  Rows rows(row);
  HubNode node;
  node.last = rows.Number();
  node.confirmed = rows.Number();
  node.checkpoint = rows.Number();
  node.seen_ms = static_cast<int64_t>(rows.Number());
  // (Rows of earlier versions end here: there may have been some.)
  node.refused = rows.ok() && rows.at_end() ? 1 : rows.Number();
  if (!rows.ok()) return Damaged("node");
  return node;
}

std::string EncodeHubVerdict(const HubVerdict& verdict) {
  std::string row;
  verdict.rev.AppendTo(row);
  row.push_back(static_cast<char>(verdict.verdict.verdict));
  row += BigEndian64(verdict.verdict.sequence);
  PutCounted(verdict.verdict.code, row);
  PutCounted(verdict.verdict.detail, row);
  return row;
}

absl::StatusOr<HubVerdict> DecodeHubVerdict(std::string_view row, uint64_t number) {
  Rows rows(row);
  HubVerdict verdict;
  verdict.rev = rows.Rev();
  const std::string_view kind = rows.Bytes(1);
  verdict.verdict.number = number;
  verdict.verdict.sequence = rows.Number();
  verdict.verdict.code = rows.Counted();
  verdict.verdict.detail = rows.Counted();
  if (!rows.ok()) return Damaged("verdict");
  verdict.verdict.verdict = static_cast<Verdict>(kind[0]);
  return verdict;
}

std::string EncodeHubVersion(const HubVersion& version) {
  std::string row =
      BigEndian64(version.sequence) + BigEndian64(static_cast<uint64_t>(version.time_ms));
  version.base.AppendTo(row);
  row += BigEndian32(static_cast<uint32_t>(version.resolves.size()));
  for (const Revision& rev : version.resolves) rev.AppendTo(row);
  Heads one;
  one.all.push_back(version.head);
  EncodeHeads(one, row);
  return row;
}

absl::StatusOr<HubVersion> DecodeHubVersion(std::string_view row) {
  Rows rows(row);
  HubVersion version;
  version.sequence = rows.Number();
  version.time_ms = static_cast<int64_t>(rows.Number());
  version.base = rows.Rev();
  const uint64_t resolves = FromBigEndian(rows.Bytes(4));
  for (uint64_t i = 0; i < resolves && rows.ok(); ++i) version.resolves.push_back(rows.Rev());
  if (!rows.ok()) return Damaged("version");
  ASSIGN_OR_RETURN(Heads one, DecodeHeads(rows.rest()));
  if (one.all.size() != 1) return Damaged("version");
  version.head = std::move(one.all[0]);
  return version;
}

}  // namespace lockstep::docs
