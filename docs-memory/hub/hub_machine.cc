#include "docs-memory/hub/hub_machine.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/hub/hub_keys.h"
#include "docs-memory/hub/hub_push.h"
#include "docs-memory/hub/hub_read.h"
#include "docs-memory/sync/fields.h"
#include "framework/base/mutant.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

using machine::Column;

constexpr int64_t kNanosecondsPerMs = 1'000'000;

HubReply Refuse(int status, std::string_view code, std::string_view message) {
  WireError error;
  error.status = status;
  error.code = code;
  error.message = message;
  return {status, Encode(error)};
}
HubReply Refuse(const WireError& error) { return {error.status, Encode(error)}; }
HubReply Malformed(const absl::Status& status) {
  return Refuse(400, "E_PARSE", std::string(status.message()));
}

std::string Encode(const HubReply& reply) {
  return Document{{"status", Value(int64_t{reply.status})}, {"body", Value(reply.body)}}.bytes();
}

absl::StatusOr<HubCall> DecodeCall(std::string_view bytes) {
  ASSIGN_OR_RETURN(const Document document, ParseDocument(bytes));
  Fields fields(document.view());
  HubCall call;
  call.what = fields.String("c");
  const Value hash = fields.Any("t");
  if (hash.type() == Type::kBinary) call.token_hash = hash.ref().bytes.substr(5);
  const auto salt = document.Find("salt");
  const auto now = document.Find("now");
  if (salt && salt->is(Type::kInt64)) call.salt = static_cast<uint64_t>(salt->int64());
  if (now && now->is(Type::kInt64)) call.now_ms = now->int64();
  call.body = fields.DocumentOr("body", {});
  RETURN_IF_ERROR(fields.status());
  return call;
}

struct Admission final {
  HubReply refusal;
  bool is_refused = false;
  Claims claims;
};

Admission Refused(int status, std::string_view code, std::string_view message) {
  return {Refuse(status, code, message), true, {}};
}

absl::StatusOr<Admission> Admit(Fiber& fiber, const machine::StoreView& view, const HubCall& call,
                                int64_t now_ms) {
  ASSIGN_OR_RETURN(const auto row, view.Get(fiber, Column::kPrimary, TokenKey(call.token_hash)));
  if (!row) return Refused(401, "E_AUTH", "the token is not known");
  ASSIGN_OR_RETURN(const Document document, ParseDocument(*row));
  ASSIGN_OR_RETURN(Claims claims, DecodeClaims(document.view()));
  if (claims.not_after_ms != 0 && now_ms > claims.not_after_ms)
    return Refused(401, "E_AUTH", "the token has expired");
  return Admission{{}, false, std::move(claims)};
}

// Whether the token may do that there.
std::optional<HubReply> CheckScope(const Claims& claims, Permission permission,
                                   std::string_view tenant, std::string_view space, uint64_t node) {
  for (const absl::Status& name : {CheckName("tenant", tenant), CheckName("ns", space)}) {
    if (!name.ok()) return Malformed(name);
  }
  // Planted bug M106: whoever has a token is welcome everywhere.
  if (mutant::Enabled(mutant::Id::kM106TenantIgnored)) return std::nullopt;
  if (claims.tenant != tenant) return Refuse(403, "E_TENANT", "the token is not of this tenant");
  if (!claims.Reaches(space))
    return Refuse(403, "E_FORBIDDEN", "the token is not good for this namespace");
  if ((claims.permissions & permission) == 0)
    return Refuse(403, "E_FORBIDDEN", "the token is not good for this");
  if (claims.node != 0 && node != 0 && claims.node != node)
    return Refuse(403, "E_FORBIDDEN", "the token is another node's");
  return std::nullopt;
}

absl::StatusOr<uint64_t> EpochOf(Fiber& fiber, const machine::StoreView& view) {
  ASSIGN_OR_RETURN(const auto row, view.Get(fiber, Column::kPrimary, kHubKey));
  return row ? FromBigEndian(*row) : 0;
}

HubReply PutToken(const HubCall& call, machine::StoreTransaction& store) {
  Fields fields(call.body.view());
  const Value hash = fields.Any("hash");
  const auto claims = DecodeClaims(fields.DocumentOr("claims", {}).view());
  if (hash.type() != Type::kBinary || !claims.ok())
    return Malformed(claims.ok() ? ParseError("hash", "", "is missing") : claims.status());
  store.Put(Column::kPrimary, TokenKey(hash.ref().bytes.substr(5)), Encode(*claims).bytes());
  return {200, Document()};
}

absl::StatusOr<HubReply> RevokeToken(Fiber& fiber, const HubCall& call,
                                     machine::StoreTransaction& store) {
  Fields fields(call.body.view());
  const Value hash = fields.Any("hash");
  if (hash.type() != Type::kBinary) return Malformed(ParseError("hash", "", "is missing"));
  const std::string key = TokenKey(hash.ref().bytes.substr(5));
  ASSIGN_OR_RETURN(const auto row, store.Get(fiber, Column::kPrimary, key));
  if (!row) return Refuse(404, "E_NOT_FOUND", "there is no such token");
  store.Delete(Column::kPrimary, key);
  return HubReply{200, Document()};
}

absl::StatusOr<HubReply> ReadPull(Fiber& fiber, const HubCall& call, const Claims& claims,
                                  const machine::StoreView& view) {
  const auto request = DecodePullRequest(call.body.view());
  if (!request.ok()) return Malformed(request.status());
  if (auto refusal = CheckScope(claims, kMayPull, request->tenant, request->space, request->node)) {
    return *std::move(refusal);
  }
  ASSIGN_OR_RETURN(const uint64_t epoch, EpochOf(fiber, view));
  ASSIGN_OR_RETURN(PullOutcome outcome, Pull(fiber, view, epoch, *request));
  outcome.answer.server_ms = call.now_ms;
  if (!outcome.refusal.code.empty()) return Refuse(outcome.refusal);
  return HubReply{200, Encode(outcome.answer)};
}

// heads, history, conflicts.
absl::StatusOr<HubReply> ReadDocuments(Fiber& fiber, const HubCall& call, const Claims& claims,
                                       const machine::StoreView& view) {
  Fields fields(call.body.view());
  const std::string tenant = fields.String("tenant");
  const std::string space = fields.String("ns");
  const std::string collection = fields.StringOr("coll", "");
  const Value id = fields.Has("id") ? fields.Any("id") : Value();
  const uint64_t limit = std::min<uint64_t>(fields.NumberOr("limit", 100), 1000);
  if (!fields.status().ok()) return Malformed(fields.status());
  if (auto refusal = CheckScope(claims, kMayRead, tenant, space, 0)) return *std::move(refusal);
  const std::string scope = ScopeOf(tenant, space);
  if (call.what == "conflicts") {
    ASSIGN_OR_RETURN(const Document found, ReadHubConflicts(fiber, view, scope, limit));
    return HubReply{200, found};
  }
  if (call.what == "history") {
    ASSIGN_OR_RETURN(const Document found, ReadHubHistory(fiber, view, scope, collection, id));
    return HubReply{200, found};
  }
  PulledChange change;
  change.collection = collection;
  change.id = id;
  ASSIGN_OR_RETURN(change.heads, ReadHubHeads(fiber, view, scope, collection, id));
  if (change.heads.all.empty()) return Refuse(404, "E_NOT_FOUND", "there is no such document");
  PullAnswer page;
  page.changes.push_back(std::move(change));
  const Document envelope = Encode(page);
  return HubReply{
      200, Document::FromBytes(std::string(FindField(*envelope.Find("changes"), "0")->bytes))};
}

}  // namespace

std::string Encode(const HubCall& call) {
  std::string bytes;
  Writer writer(bytes);
  writer.AppendString("c", call.what);
  if (call.token_hash.empty()) {
    writer.AppendBool("t", false);
  } else {
    writer.Append("t", Value::Binary(0, call.token_hash));
  }
  writer.AppendInt64("salt", static_cast<int64_t>(call.salt));
  writer.AppendInt64("now", call.now_ms);
  writer.Append("body", call.body.ref());
  writer.Finish();
  return bytes;
}

absl::StatusOr<HubReply> DecodeReply(std::string_view bytes) {
  ASSIGN_OR_RETURN(const Document document, ParseDocument(bytes));
  Fields fields(document.view());
  HubReply reply;
  reply.status = static_cast<int>(fields.Number("status"));
  reply.body = fields.DocumentOr("body", {});
  RETURN_IF_ERROR(fields.status());
  return reply;
}

absl::StatusOr<std::string> HubMachine::Apply(Fiber& fiber, std::string_view command,
                                              machine::ApplyContext& context) {
  const auto call = DecodeCall(command);
  if (!call.ok()) return Encode(Malformed(call.status()));
  machine::StoreTransaction& store = context.store();
  if (call->what == "token") return Encode(PutToken(*call, store));
  if (call->what == "revoke") {
    ASSIGN_OR_RETURN(const HubReply reply, RevokeToken(fiber, *call, store));
    return Encode(reply);
  }
  if (call->what != "push") return Encode(Refuse(404, "E_NOT_FOUND", "there is no such command"));
  ASSIGN_OR_RETURN(const HubReply reply, Push(fiber, *call, context));
  return Encode(reply);
}

absl::StatusOr<HubReply> HubMachine::Push(Fiber& fiber, const HubCall& call,
                                          machine::ApplyContext& context) {
  machine::StoreTransaction& store = context.store();
  const int64_t now_ms = context.time().ns / kNanosecondsPerMs;
  ASSIGN_OR_RETURN(const Admission admission, Admit(fiber, store, call, now_ms));
  if (admission.is_refused) return admission.refusal;
  const auto request = DecodePushRequest(call.body.view());
  if (!request.ok()) return Malformed(request.status());
  if (auto refusal =
          CheckScope(admission.claims, kMayPush, request->tenant, request->space, request->node)) {
    return *std::move(refusal);
  }
  ASSIGN_OR_RETURN(uint64_t epoch, EpochOf(fiber, store));
  if (epoch == 0) {
    epoch = std::max<uint64_t>(call.salt, 1);
    store.Put(Column::kPrimary, kHubKey, BigEndian64(epoch));
  }
  HubPush push(store, epoch, now_ms);
  ASSIGN_OR_RETURN(const PushOutcome outcome, push.Run(fiber, *request));
  if (!outcome.refusal.code.empty()) return Refuse(outcome.refusal);
  return HubReply{200, Encode(outcome.answer)};
}

absl::StatusOr<std::string> HubMachine::Query(Fiber& fiber, std::string_view request,
                                              const machine::StoreView& view) {
  const auto call = DecodeCall(request);
  if (!call.ok()) return Encode(Malformed(call.status()));
  ASSIGN_OR_RETURN(const HubReply reply, Answer(fiber, *call, view));
  return Encode(reply);
}

absl::StatusOr<HubReply> HubMachine::Answer(Fiber& fiber, const HubCall& call,
                                            const machine::StoreView& view) {
  ASSIGN_OR_RETURN(const Admission admission, Admit(fiber, view, call, call.now_ms));
  if (admission.is_refused) return admission.refusal;
  if (call.what == "claims") return HubReply{200, Encode(admission.claims)};
  if (call.what == "pull") return ReadPull(fiber, call, admission.claims, view);
  return ReadDocuments(fiber, call, admission.claims, view);
}

absl::Status HubMachine::Load(Fiber&, const machine::StoreView&) { return absl::OkStatus(); }

absl::Status HubMachine::CheckInvariants(Fiber& fiber, const machine::StoreView& view) {
  return VerifyHub(fiber, view);
}

}  // namespace lockstep::docs
