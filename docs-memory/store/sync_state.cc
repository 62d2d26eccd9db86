#include "docs-memory/store/sync_state.h"

#include <algorithm>
#include <utility>

#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/parse.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

absl::Status Damaged(const char* what) {
  return absl::DataLossError(std::string("documents: damaged ") + what);
}

int64_t IntegerIn(std::string_view document, std::string_view name) {
  const auto value = FindField(document, name);
  return value && value->is(Type::kInt64) ? value->int64() : 0;
}

}  // namespace

bool SyncScope::Covers(std::string_view collection) const {
  return collections.empty() ||
         std::binary_search(collections.begin(), collections.end(), collection);
}

Document SyncScope::Describe() const {
  std::string bytes;
  Writer writer(bytes);
  writer.AppendString("tenant", tenant);
  writer.AppendString("ns", space);
  const size_t list = writer.Begin("collections", Type::kArray);
  for (size_t i = 0; i < collections.size(); ++i)
    writer.AppendString(std::to_string(i), collections[i]);
  writer.End(list);
  writer.Append("filter", filter.ref());
  if (filter_id != 0) writer.AppendInt64("filter_id", static_cast<int64_t>(filter_id));
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

SyncScope SyncScope::FromDocument(std::string_view document) {
  SyncScope scope;
  scope.tenant = FindField(document, "tenant")->string();
  scope.space = FindField(document, "ns")->string();
  ElementReader reader(*FindField(document, "collections"));
  Element element;
  while (reader.Next(&element)) scope.collections.emplace_back(element.value.string());
  scope.filter = Document::FromBytes(std::string(FindField(document, "filter")->bytes));
  scope.filter_id = static_cast<uint64_t>(IntegerIn(document, "filter_id"));
  return scope;
}

std::string EncodeSyncState(const SyncState& state) {
  CHECK(state.scope != nullptr);
  std::string bytes;
  Writer writer(bytes);
  writer.Append("scope", state.scope->Describe().ref());
  writer.AppendInt64("next", static_cast<int64_t>(state.next_number));
  writer.AppendInt64("again", static_cast<int64_t>(state.numbered_again));
  writer.AppendInt64("queued", static_cast<int64_t>(state.queued));
  writer.AppendInt64("rejected", static_cast<int64_t>(state.rejected));
  writer.AppendBool("enqueued", state.enqueued);
  writer.Append("cursor", Value::Binary(0, state.enqueue_cursor));
  writer.AppendInt64("epoch", static_cast<int64_t>(state.epoch));
  writer.AppendInt64("checkpoint", static_cast<int64_t>(state.checkpoint));
  writer.AppendBool("reconciling", state.reconciling);
  writer.AppendInt64("offset", state.clock_offset_ms);
  std::string seen;
  state.seen.AppendTo(seen);
  writer.Append("seen", Value::Binary(0, seen));
  writer.Finish();
  return bytes;
}

absl::StatusOr<SyncState> DecodeSyncState(std::string_view row) {
  auto document = ParseDocument(row);
  if (!document.ok() || !document->Find("scope")) return Damaged("state of sync");
  SyncState state;
  const std::string_view bytes = document->view();
  state.scope =
      std::make_shared<const SyncScope>(SyncScope::FromDocument(FindField(bytes, "scope")->bytes));
  state.next_number = static_cast<uint64_t>(IntegerIn(bytes, "next"));
  // (States of earlier versions have none.)
  if (FindField(bytes, "again"))
    state.numbered_again = static_cast<uint64_t>(IntegerIn(bytes, "again"));
  state.queued = static_cast<uint64_t>(IntegerIn(bytes, "queued"));
  state.rejected = static_cast<uint64_t>(IntegerIn(bytes, "rejected"));
  state.enqueued = FindField(bytes, "enqueued")->boolean();
  state.enqueue_cursor = FindField(bytes, "cursor")->bytes.substr(5);
  state.epoch = static_cast<uint64_t>(IntegerIn(bytes, "epoch"));
  state.checkpoint = static_cast<uint64_t>(IntegerIn(bytes, "checkpoint"));
  state.reconciling = FindField(bytes, "reconciling")->boolean();
  state.clock_offset_ms = IntegerIn(bytes, "offset");
  state.seen = Revision::FromBytes(FindField(bytes, "seen")->bytes.substr(5));
  return state;
}

std::string EncodePulled(const PulledDocument& pulled) {
  std::string out(1, static_cast<char>(pulled.kind));
  out += BigEndian32(static_cast<uint32_t>(pulled.dropped.size()));
  for (const uint64_t number : pulled.dropped) out += BigEndian64(number);
  EncodeHeads(pulled.heads, out);
  return out;
}

absl::StatusOr<PulledDocument> DecodePulled(std::string_view bytes) {
  PulledDocument pulled;
  if (bytes.size() < 5) return Damaged("document of the hub");
  pulled.kind = static_cast<PulledDocument::Kind>(bytes[0]);
  const uint64_t count = FromBigEndian(bytes.substr(1, 4));
  bytes.remove_prefix(5);
  if (bytes.size() / 8 < count) return Damaged("document of the hub");
  for (uint64_t i = 0; i < count; ++i) {
    pulled.dropped.push_back(FromBigEndian(bytes.substr(0, 8)));
    bytes.remove_prefix(8);
  }
  ASSIGN_OR_RETURN(pulled.heads, DecodeHeads(bytes));
  return pulled;
}

Edit EditOf(Mutation mutation) {
  Edit edit;
  edit.head.rev = mutation.rev;
  edit.head.deleted = mutation.op != MutationOp::kPut;
  edit.head.time_ms = mutation.time_ms;
  edit.head.expires_ms = mutation.expires_ms;
  edit.head.document = std::move(mutation.document);
  edit.base = mutation.base;
  edit.resolves = std::move(mutation.resolves);
  return edit;
}

Head HeadOf(const Record& record) {
  return {record.meta.rev, record.meta.deleted, record.meta.updated_ms, record.meta.expires_ms,
          std::string(record.document)};
}

std::string EncodeRejected(const RejectedChange& rejected) {
  std::string row;
  Writer writer(row);
  writer.AppendInt64("number", static_cast<int64_t>(rejected.why.number));
  writer.AppendString("code", rejected.why.code);
  writer.AppendString("detail", rejected.why.detail);
  std::string mutation;
  EncodeMutation(rejected.mutation, mutation);
  writer.Append("change", Value::Binary(0, mutation));
  writer.Finish();
  return row;
}

absl::StatusOr<RejectedChange> DecodeRejected(std::string_view row) {
  const auto document = ParseDocument(row);
  if (!document.ok() || !document->Find("change")) return Damaged("dead letter");
  RejectedChange rejected;
  rejected.why.number = static_cast<uint64_t>(IntegerIn(document->view(), "number"));
  rejected.why.code = document->Find("code")->string();
  rejected.why.detail = document->Find("detail")->string();
  ASSIGN_OR_RETURN(rejected.mutation, DecodeMutation(document->Find("change")->bytes.substr(5)));
  return rejected;
}

std::string BaseKey(uint32_t collection, std::string_view id) {
  return std::string(kBasePrefix).append(BigEndian32(collection)).append(id);
}
std::string QueueKey(uint64_t number) {
  return std::string(kQueuePrefix).append(BigEndian64(number));
}
std::string QueuedOfPrefix(uint32_t collection, std::string_view id) {
  return std::string("sd").append(BigEndian32(collection)).append(id);
}
std::string QueuedOfKey(uint32_t collection, std::string_view id, uint64_t number) {
  return QueuedOfPrefix(collection, id).append(BigEndian64(number));
}
std::string RejectedKey(uint64_t ordinal) {
  return std::string(kRejectedPrefix).append(BigEndian64(ordinal));
}

}  // namespace lockstep::docs
