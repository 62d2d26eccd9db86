#include "docs-memory/hub/hub_keys.h"

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

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::string Scoped(char kind, std::string_view scope) { return std::string(1, kind).append(scope); }

}  // namespace

std::string ScopeOf(std::string_view tenant, std::string_view space) {
  std::string scope(tenant);
  scope.push_back('\0');
  scope += space;
  scope.push_back('\0');
  return scope;
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
std::string HubVersionKey(std::string_view document_key, const Revision& rev) {
  std::string key("v");
  key += document_key;
  rev.AppendTo(key);
  return key;
}

std::string EncodeHubDocument(const HubDocument& document) {
  std::string row;
  PutCounted(document.collection, row);
  row.push_back(static_cast<char>(document.id.type()));
  PutCounted(document.id.ref().bytes, row);
  EncodeHeads(document.heads, row);
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
  ASSIGN_OR_RETURN(document.heads, DecodeHeads(rows.rest()));
  return document;
}

std::string EncodeHubNode(const HubNode& node) {
  return BigEndian64(node.last) + BigEndian64(node.confirmed) + BigEndian64(node.checkpoint) +
         BigEndian64(static_cast<uint64_t>(node.seen_ms));
}

absl::StatusOr<HubNode> DecodeHubNode(std::string_view row) {
  Rows rows(row);
  HubNode node;
  node.last = rows.Number();
  node.confirmed = rows.Number();
  node.checkpoint = rows.Number();
  node.seen_ms = static_cast<int64_t>(rows.Number());
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
