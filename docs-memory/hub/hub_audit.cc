#include "docs-memory/hub/hub_audit.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/hub/hub_keys.h"
#include "framework/base/status_macros.h"
#include "framework/edge/digest.h"

namespace lockstep::docs {
namespace {

using machine::Column;

constexpr size_t kChangesMax = 100;
constexpr size_t kHashBytes = 32;

// Where a chain ends.
struct TrailEnd final {
  uint64_t count = 0;
  std::string hash = std::string(kHashBytes, '\0');
};

absl::Status Broken(uint64_t number, std::string_view what) {
  return absl::DataLossError(absl::StrCat("hub: audit record ", number, " ", std::string(what)));
}

absl::StatusOr<TrailEnd> DecodeTrailEnd(std::string_view row) {
  if (row.size() != 8 + kHashBytes) return absl::DataLossError("hub: a damaged head of an audit");
  return TrailEnd{FromBigEndian(row.substr(0, 8)), std::string(row.substr(8))};
}

std::string HashOf(const TrailEnd& before, std::string_view document) {
  return edge::Sha256((before.hash + BigEndian64(before.count + 1)).append(document));
}

std::string Hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    text.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
  }
  return text;
}

void AppendChange(Writer& writer, const AuditedChange& change) {
  writer.AppendString("coll", change.collection);
  writer.Append("id", change.id);
  writer.AppendString("rev", change.rev.ToText());
  writer.AppendString("op", change.what);
  if (!change.verdict.empty()) writer.AppendString("status", change.verdict);
  if (!change.code.empty()) writer.AppendString("code", change.code);
}

}  // namespace

Document Describe(const AuditedAct& act) {
  std::string bytes;
  Writer writer(bytes);
  writer.Append("time", Value::Date(act.time_ms));
  writer.AppendString("actor", act.actor);
  writer.AppendString("token", Hex(act.token));
  writer.AppendString("action", act.action);
  writer.AppendString("ns", act.space);
  writer.AppendString("decision", act.code.empty() ? "allow" : "reject");
  if (!act.code.empty()) writer.AppendString("code", act.code);
  writer.AppendInt64("count", static_cast<int64_t>(act.count));
  const size_t changes = writer.Begin("changes", Type::kArray);
  for (size_t i = 0; i < std::min(act.changes.size(), kChangesMax); ++i) {
    const size_t inner = writer.Begin(std::to_string(i), Type::kDocument);
    AppendChange(writer, act.changes[i]);
    writer.End(inner);
  }
  writer.End(changes);
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

absl::Status AppendAudit(Fiber& fiber, machine::StoreTransaction& store, std::string_view tenant,
                         const AuditedAct& act) {
  ASSIGN_OR_RETURN(const auto row, store.Get(fiber, Column::kPrimary, HubAuditHeadKey(tenant)));
  TrailEnd head;
  if (row) {
    ASSIGN_OR_RETURN(head, DecodeTrailEnd(*row));
  }
  const Document document = Describe(act);
  head.hash = HashOf(head, document.view());
  ++head.count;
  store.Put(Column::kHistory, HubAuditKey(tenant, head.count), head.hash + document.bytes());
  store.Put(Column::kPrimary, HubAuditHeadKey(tenant), BigEndian64(head.count) + head.hash);
  return absl::OkStatus();
}

absl::StatusOr<Document> ReadHubAudit(Fiber& fiber, const machine::StoreView& view,
                                      std::string_view tenant, uint64_t after, uint64_t count_max) {
  const std::string prefix = HubAuditPrefix(tenant);
  std::string bytes;
  Writer writer(bytes);
  const size_t list = writer.Begin("records", Type::kArray);
  uint64_t last = after;
  size_t met = 0;
  const auto rows = view.NewIterator(Column::kHistory);
  for (rows->Seek(fiber, HubAuditKey(tenant, after + 1)); rows->Valid() && met < count_max;
       rows->Next(fiber)) {
    if (rows->key().substr(0, prefix.size()) != prefix) break;
    last = FromBigEndian(rows->key().substr(prefix.size()));
    if (rows->value().size() < kHashBytes) return Broken(last, "is damaged");
    ASSIGN_OR_RETURN(const Document act, ParseDocument(rows->value().substr(kHashBytes)));
    const size_t one = writer.Begin(std::to_string(met++), Type::kDocument);
    writer.AppendInt64("n", static_cast<int64_t>(last));
    writer.AppendString("hash", Hex(rows->value().substr(0, kHashBytes)));
    writer.Append("act", act.ref());
    writer.End(one);
  }
  RETURN_IF_ERROR(rows->status());
  writer.End(list);
  writer.AppendInt64("last", static_cast<int64_t>(last));
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

absl::Status VerifyHubAudit(Fiber& fiber, const machine::StoreView& view) {
  std::map<std::string, TrailEnd> chains;  // by key without the number
  const auto rows = view.NewIterator(Column::kHistory);
  for (rows->Seek(fiber, kHubAuditPrefix); rows->Valid(); rows->Next(fiber)) {
    if (rows->key().substr(0, kHubAuditPrefix.size()) != kHubAuditPrefix) break;
    TrailEnd& head = chains[std::string(rows->key().substr(0, rows->key().size() - 8))];
    const uint64_t number = FromBigEndian(rows->key().substr(rows->key().size() - 8));
    if (number != head.count + 1) return Broken(head.count + 1, "is missing");
    if (rows->value().size() < kHashBytes) return Broken(number, "is damaged");
    const std::string hash = HashOf(head, rows->value().substr(kHashBytes));
    if (hash != rows->value().substr(0, kHashBytes)) return Broken(number, "was changed");
    head = {number, hash};
  }
  RETURN_IF_ERROR(rows->status());
  size_t met = 0;
  const auto heads = view.NewIterator(Column::kPrimary);
  for (heads->Seek(fiber, kHubAuditHeadPrefix); heads->Valid(); heads->Next(fiber), ++met) {
    if (heads->key().substr(0, kHubAuditHeadPrefix.size()) != kHubAuditHeadPrefix) break;
    const std::string_view tenant = heads->key().substr(kHubAuditHeadPrefix.size());
    ASSIGN_OR_RETURN(const TrailEnd end, DecodeTrailEnd(heads->value()));
    const auto chain = chains.find(HubAuditPrefix(tenant));
    if (chain == chains.end() || chain->second.count != end.count ||
        chain->second.hash != end.hash) {
      return Broken(end.count, "is not the end of its chain");
    }
  }
  RETURN_IF_ERROR(heads->status());
  return met == chains.size() ? absl::OkStatus() : Broken(0, "belongs to no chain");
}

}  // namespace lockstep::docs
