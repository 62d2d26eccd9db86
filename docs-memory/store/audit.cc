#include "docs-memory/store/audit.h"

#include <algorithm>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/crypto/primitives.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

using machine::Column;

constexpr size_t kChangesMax = 100;
constexpr char kPrefix = 'a';

std::string AuditKey(uint64_t number) { return kPrefix + BigEndian64(number); }

std::string_view NameOf(MutationOp op) {
  switch (op) {
    case MutationOp::kPut:
      return "put";
    case MutationOp::kDelete:
      return "delete";
    case MutationOp::kPurge:
      return "purge";
    case MutationOp::kCreateIndex:
      return "create_index";
    case MutationOp::kDropIndex:
      return "drop_index";
    case MutationOp::kSetPolicy:
      return "set_policy";
    default:
      return "other";
  }
}

// A row of the trail, taken apart.
struct Row final {
  uint64_t number = 0;
  std::string_view hash;
  std::string_view document;
};

absl::Status Broken(uint64_t number, std::string_view what) {
  return absl::DataLossError(absl::StrCat("audit: record ", number, " ", std::string(what)));
}

// From `from` on, until `visit` says false.
absl::Status ForEachRow(Fiber& fiber, const machine::StoreView& view, uint64_t from,
                        absl::FunctionRef<absl::StatusOr<bool>(const Row&)> visit) {
  const auto rows = view.NewIterator(Column::kHistory);
  for (rows->Seek(fiber, AuditKey(from)); rows->Valid(); rows->Next(fiber)) {
    if (rows->key()[0] != kPrefix) break;
    Row row;
    row.number = FromBigEndian(rows->key().substr(1));
    if (rows->value().size() < kAuditHashBytes) return Broken(row.number, "is damaged");
    row.hash = rows->value().substr(0, kAuditHashBytes);
    row.document = rows->value().substr(kAuditHashBytes);
    ASSIGN_OR_RETURN(const bool goes_on, visit(row));
    if (!goes_on) break;
  }
  return rows->status();
}

std::string HashOf(const AuditHead& before, std::string_view document) {
  return Sha256((before.hash + BigEndian64(before.count + 1)).append(document));
}

}  // namespace

Document DescribeWrite(int64_t now_ms, std::string_view actor, std::string_view action,
                       std::string_view collection, const std::vector<Mutation>& mutations,
                       size_t first, const absl::Status& outcome) {
  std::string bytes;
  Writer writer(bytes);
  writer.Append("time", Value::Date(now_ms));
  writer.AppendString("actor", actor);
  writer.AppendString("action", action);
  writer.AppendString("collection", collection);
  writer.AppendString("decision", outcome.ok() ? "allow" : "reject");
  if (!outcome.ok()) writer.AppendString("code", CodeOf(outcome));
  writer.AppendInt64("count", static_cast<int64_t>(mutations.size() - first));
  const size_t changes = writer.Begin("changes", Type::kArray);
  const size_t end = std::min(mutations.size(), first + kChangesMax);
  for (size_t i = first; i < end; ++i) {
    const size_t inner = writer.Begin(std::to_string(i - first), Type::kDocument);
    if (mutations[i].of_document()) writer.Append("id", mutations[i].id);
    writer.AppendString("rev", mutations[i].rev.ToText());
    writer.AppendString("op", NameOf(mutations[i].op));
    writer.End(inner);
  }
  writer.End(changes);
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

AuditRow NextAuditRow(const AuditHead& head, std::string_view document) {
  AuditRow row;
  row.head = {head.count + 1, HashOf(head, document)};
  row.key = AuditKey(row.head.count);
  row.value = row.head.hash;
  row.value += document;
  return row;
}

std::string EncodeAuditHead(const AuditHead& head) { return BigEndian64(head.count) + head.hash; }

absl::StatusOr<AuditHead> DecodeAuditHead(std::string_view row) {
  if (row.size() != 8 + kAuditHashBytes) return absl::DataLossError("audit: a damaged head");
  return AuditHead{FromBigEndian(row.substr(0, 8)), std::string(row.substr(8))};
}

absl::StatusOr<std::vector<AuditRecord>> ReadAudit(Fiber& fiber, const machine::StoreView& view,
                                                   const AuditQuery& query) {
  std::vector<AuditRecord> records;
  const auto is = [](std::string_view document, const char* field, const std::string& wanted) {
    return wanted.empty() || FindField(document, field)->string() == wanted;
  };
  RETURN_IF_ERROR(
      ForEachRow(fiber, view, query.after + 1, [&](const Row& row) -> absl::StatusOr<bool> {
        ASSIGN_OR_RETURN(Document document, ParseDocument(row.document));
        if (is(row.document, "collection", query.collection) &&
            is(row.document, "actor", query.actor)) {
          records.push_back({row.number, std::move(document)});
        }
        return query.limit == 0 || records.size() < query.limit;
      }));
  return records;
}

absl::Status VerifyAudit(Fiber& fiber, const machine::StoreView& view) {
  AuditHead head;
  RETURN_IF_ERROR(ForEachRow(fiber, view, 0, [&](const Row& row) -> absl::StatusOr<bool> {
    if (row.number != head.count + 1) return Broken(head.count + 1, "is missing");
    const std::string hash = HashOf(head, row.document);
    if (hash != row.hash) return Broken(row.number, "was changed");
    head = {row.number, hash};
    return true;
  }));
  ASSIGN_OR_RETURN(const auto stored, view.Get(fiber, Column::kSystem, kAuditHeadKey));
  if (!stored && head.count == 0) return absl::OkStatus();
  if (!stored) return Broken(head.count, "is behind the end of the chain");
  ASSIGN_OR_RETURN(const AuditHead end, DecodeAuditHead(*stored));
  if (end.count == head.count && end.hash == head.hash) return absl::OkStatus();
  return Broken(head.count, "is not the end of the chain");
}

}  // namespace lockstep::docs
