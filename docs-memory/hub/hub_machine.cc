#include "docs-memory/hub/hub_machine.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/hub/hub_audit.h"
#include "docs-memory/hub/hub_keys.h"
#include "docs-memory/hub/hub_push.h"
#include "docs-memory/hub/hub_read.h"
#include "docs-memory/hub/hub_retention.h"
#include "docs-memory/hub/mutants.h"
#include "docs-memory/query/filter.h"
#include "docs-memory/sync/fields.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

using machine::Column;

constexpr int64_t kNanosecondsPerMs = 1'000'000;
constexpr int64_t kRetentionMsMax = int64_t{100} * 366 * 24 * 3600 * 1000;
// Between two steps; and how long the leader believes that nothing falls due.
constexpr Duration kRetentionPause = Milliseconds(250);
constexpr Duration kRetentionTimeout = Seconds(5);
constexpr int64_t kRetentionWaitMsMax = int64_t{3600} * 1000;

HubReply Refuse(int status, std::string_view code, std::string_view message) {
  WireError error;
  error.status = status;
  error.code = code;
  error.message = message;
  return {status, Encode(error)};
}
HubReply Refuse(const WireError& error) { return {error.status, Encode(error)}; }
std::string CodeIn(const HubReply& reply) {
  const auto error = reply.body.Find("error");
  const auto code = error ? FindField(*error, "code") : std::nullopt;
  return code ? std::string(code->string()) : std::string();
}
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
  if (mutant::Enabled(mutant::kM106TenantIgnored)) return std::nullopt;
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

// The hub's first, with its first command that has something to make it of.
absl::Status BeginEpoch(Fiber& fiber, uint64_t salt, machine::StoreTransaction& store) {
  if (salt == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const uint64_t epoch, EpochOf(fiber, store));
  if (epoch == 0) store.Put(Column::kPrimary, kHubKey, BigEndian64(salt));
  return absl::OkStatus();
}

AuditedAct ActOf(int64_t now_ms, std::string_view actor, std::string_view action) {
  AuditedAct act;
  act.time_ms = now_ms;
  act.actor = actor;
  act.action = action;
  return act;
}

// Enough to tell tokens apart, and of no use to anybody.
std::string Hint(std::string_view token_hash) { return std::string(token_hash.substr(0, 6)); }

absl::StatusOr<HubReply> PutToken(Fiber& fiber, const HubCall& call, int64_t now_ms,
                                  machine::StoreTransaction& store) {
  Fields fields(call.body.view());
  const Value hash = fields.Any("hash");
  const auto claims = DecodeClaims(fields.DocumentOr("claims", {}).view());
  if (hash.type() != Type::kBinary || !claims.ok())
    return Malformed(claims.ok() ? ParseError("hash", "", "is missing") : claims.status());
  const std::string_view key = hash.ref().bytes.substr(5);
  store.Put(Column::kPrimary, TokenKey(key), Encode(*claims).bytes());
  AuditedAct act = ActOf(now_ms, "administrator", "token");
  act.token = Hint(key);
  RETURN_IF_ERROR(AppendAudit(fiber, store, claims->tenant, act));
  return HubReply{200, Document()};
}

absl::StatusOr<HubReply> RevokeToken(Fiber& fiber, const HubCall& call, int64_t now_ms,
                                     machine::StoreTransaction& store) {
  Fields fields(call.body.view());
  const Value hash = fields.Any("hash");
  if (hash.type() != Type::kBinary) return Malformed(ParseError("hash", "", "is missing"));
  const std::string key = TokenKey(hash.ref().bytes.substr(5));
  ASSIGN_OR_RETURN(const auto row, store.Get(fiber, Column::kPrimary, key));
  if (!row) return Refuse(404, "E_NOT_FOUND", "there is no such token");
  store.Delete(Column::kPrimary, key);
  ASSIGN_OR_RETURN(const Document document, ParseDocument(*row));
  ASSIGN_OR_RETURN(const Claims claims, DecodeClaims(document.view()));
  AuditedAct act = ActOf(now_ms, "administrator", "revoke");
  act.token = Hint(hash.ref().bytes.substr(5));
  RETURN_IF_ERROR(AppendAudit(fiber, store, claims.tenant, act));
  return HubReply{200, Document()};
}

absl::StatusOr<HubPolicy> ReadPolicy(Fiber& fiber, const machine::StoreView& view) {
  ASSIGN_OR_RETURN(const auto row, view.Get(fiber, Column::kPrimary, kPolicyKey));
  if (!row) return HubPolicy();
  return DecodeHubPolicy(*row);
}

Document Describe(const HubPolicy& policy) {
  return Document{{"tombstones_ms", Value(policy.tombstones_ms)},
                  {"node_ttl_ms", Value(policy.node_ttl_ms)},
                  {"history_ms", Value(policy.history_ms)},
                  {"versions_max", Value(static_cast<int64_t>(policy.versions_max))}};
}

absl::StatusOr<HubReply> PutPolicy(Fiber& fiber, const HubCall& call, int64_t now_ms,
                                   machine::StoreTransaction& store) {
  Fields fields(call.body.view());
  ASSIGN_OR_RETURN(HubPolicy policy, ReadPolicy(fiber, store));
  struct Line {
    const char* name;
    int64_t* ms;
  };
  for (const Line& line :
       {Line{"tombstones_ms", &policy.tombstones_ms}, Line{"node_ttl_ms", &policy.node_ttl_ms},
        Line{"history_ms", &policy.history_ms}}) {
    *line.ms = static_cast<int64_t>(fields.NumberOr(line.name, static_cast<uint64_t>(*line.ms)));
    if (*line.ms < 1 || *line.ms > kRetentionMsMax)
      fields.Fail(line.name, "is not 1 ms to 100 years");
  }
  policy.versions_max = fields.NumberOr("versions_max", policy.versions_max);
  if (policy.versions_max < kHeadsMax || policy.versions_max > 1'000'000)
    fields.Fail("versions_max", "is not 11 to 1000000");
  // (Who is waited for no more may come back before its tombstones are gone, not after.)
  if (policy.node_ttl_ms > policy.tombstones_ms)
    fields.Fail("node_ttl_ms", "is more than tombstones_ms");
  if (!fields.status().ok()) return Malformed(fields.status());
  store.Put(Column::kPrimary, kPolicyKey, EncodeHubPolicy(policy));
  RETURN_IF_ERROR(AppendAudit(fiber, store, "", ActOf(now_ms, "administrator", "policy")));
  return HubReply{200, Describe(policy)};
}

// Sequences go on; but nobody may compare one from before with one from now.
absl::StatusOr<HubReply> ChangeEpoch(Fiber& fiber, const HubCall& call, int64_t now_ms,
                                     machine::StoreTransaction& store) {
  const uint64_t epoch = std::max<uint64_t>(call.salt, 1);
  store.Put(Column::kPrimary, kHubKey, BigEndian64(epoch));
  RETURN_IF_ERROR(AppendAudit(fiber, store, "", ActOf(now_ms, "administrator", "epoch")));
  return HubReply{200, Document{{"epoch", Value(HexOf(epoch))}}};
}

absl::StatusOr<HubReply> ReadTrail(Fiber& fiber, const HubCall& call, const Claims& claims,
                                   const machine::StoreView& view) {
  Fields fields(call.body.view());
  const std::string tenant = fields.String("tenant");
  const uint64_t after = fields.NumberOr("after", 0);
  const uint64_t limit = std::min<uint64_t>(fields.NumberOr("limit", 100), 1000);
  if (!fields.status().ok()) return Malformed(fields.status());
  if (claims.tenant != tenant) return Refuse(403, "E_TENANT", "the token is not of this tenant");
  if ((claims.permissions & kMayAudit) == 0)
    return Refuse(403, "E_FORBIDDEN", "the token is not good for this");
  ASSIGN_OR_RETURN(const Document trail, ReadHubAudit(fiber, view, tenant, after, limit));
  return HubReply{200, trail};
}

absl::StatusOr<HubReply> ReadPull(Fiber& fiber, const HubCall& call, const Claims& claims,
                                  const machine::StoreView& view) {
  auto request = DecodePullRequest(call.body.view());
  if (!request.ok()) return Malformed(request.status());
  if (auto refusal = CheckScope(claims, kMayPull, request->tenant, request->space, request->node)) {
    return *std::move(refusal);
  }
  if (!claims.filters.empty() && std::find(claims.filters.begin(), claims.filters.end(),
                                           request->filter_id) == claims.filters.end()) {
    return Refuse(403, "E_FORBIDDEN", "the token is not good for this filter");
  }
  if (request->filter_id != 0) {
    const std::string key = FilterKey(ScopeOf(request->tenant, request->space), request->filter_id);
    ASSIGN_OR_RETURN(const auto row, view.Get(fiber, Column::kPrimary, key));
    if (!row) return Refuse(404, "E_FILTER", "there is no such filter");
    ASSIGN_OR_RETURN(request->filter, ParseDocument(*row));
  }
  ASSIGN_OR_RETURN(const uint64_t epoch, EpochOf(fiber, view));
  ASSIGN_OR_RETURN(PullOutcome outcome, Pull(fiber, view, epoch, *request));
  outcome.answer.server_ms = call.now_ms;
  if (!outcome.refusal.code.empty()) return Refuse(outcome.refusal);
  return HubReply{200, Encode(outcome.answer)};
}

// Its id is made of what it says: the same filter is registered once, and never changes.
absl::StatusOr<HubReply> PutFilter(Fiber& fiber, const HubCall& call, const Claims& claims,
                                   int64_t now_ms, machine::StoreTransaction& store) {
  Fields fields(call.body.view());
  const std::string tenant = fields.String("tenant");
  const std::string space = fields.String("ns");
  const Document filter = fields.DocumentOr("filter", {});
  if (!fields.status().ok()) return Malformed(fields.status());
  if (auto refusal = CheckScope(claims, kMayAdmin, tenant, space, 0)) return *std::move(refusal);
  if (const auto parsed = Filter::Parse(filter.view()); !parsed.ok())
    return Malformed(parsed.status());
  const uint64_t id = std::max<uint64_t>(FromBigEndian(BodyHash(filter.view())), 1);
  store.Put(Column::kPrimary, FilterKey(ScopeOf(tenant, space), id), filter.bytes());
  AuditedAct act = ActOf(now_ms, "token", "filter");
  act.token = Hint(call.token_hash);
  act.space = space;
  RETURN_IF_ERROR(AppendAudit(fiber, store, tenant, act));
  return HubReply{200, Document{{"id", Value(HexOf(id))}}};
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
  RETURN_IF_ERROR(BeginEpoch(fiber, call->salt, context.store()));
  ASSIGN_OR_RETURN(const HubReply reply, Execute(fiber, *call, context));
  return Encode(reply);
}

absl::StatusOr<HubReply> HubMachine::Execute(Fiber& fiber, const HubCall& call,
                                             machine::ApplyContext& context) {
  machine::StoreTransaction& store = context.store();
  const int64_t now_ms = context.time().ns / kNanosecondsPerMs;
  if (call.what == "push") return Push(fiber, call, context);
  if (call.what == "retention") return Retain(fiber, context);
  if (call.what == "token") return PutToken(fiber, call, now_ms, store);
  if (call.what == "revoke") return RevokeToken(fiber, call, now_ms, store);
  if (call.what == "epoch") {
    // (There may be another state altogether.)
    NoteDue(0);
    return ChangeEpoch(fiber, call, now_ms, store);
  }
  if (call.what == "filter") {
    ASSIGN_OR_RETURN(const Admission admission, Admit(fiber, store, call, now_ms));
    if (admission.is_refused) return admission.refusal;
    return PutFilter(fiber, call, admission.claims, now_ms, store);
  }
  if (call.what != "policy") return Refuse(404, "E_NOT_FOUND", "there is no such command");
  NoteDue(0);
  return PutPolicy(fiber, call, now_ms, store);
}

absl::StatusOr<HubReply> HubMachine::Push(Fiber& fiber, const HubCall& call,
                                          machine::ApplyContext& context) {
  machine::StoreTransaction& store = context.store();
  const int64_t now_ms = context.time().ns / kNanosecondsPerMs;
  ASSIGN_OR_RETURN(const Admission admission, Admit(fiber, store, call, now_ms));
  if (admission.is_refused) return admission.refusal;
  const auto request = DecodePushRequest(call.body.view());
  if (!request.ok()) return Malformed(request.status());
  AuditedAct act = ActOf(now_ms, absl::StrCat("node ", HexOf(request->node)), "push");
  act.token = Hint(call.token_hash);
  act.space = request->space;
  const auto refuse = [&](HubReply reply) -> absl::StatusOr<HubReply> {
    act.code = CodeIn(reply);
    RETURN_IF_ERROR(AppendAudit(fiber, store, admission.claims.tenant, act));
    return reply;
  };
  if (auto refusal =
          CheckScope(admission.claims, kMayPush, request->tenant, request->space, request->node)) {
    return refuse(*std::move(refusal));
  }
  ASSIGN_OR_RETURN(const uint64_t epoch, EpochOf(fiber, store));
  ASSIGN_OR_RETURN(const HubPolicy policy, ReadPolicy(fiber, store));
  HubPush push(store, policy, epoch, now_ms);
  ASSIGN_OR_RETURN(PushOutcome outcome, push.Run(fiber, *request));
  if (!outcome.refusal.code.empty()) return refuse(Refuse(outcome.refusal));
  NoteDue(outcome.due_ms);
  act.count = outcome.processed;
  act.changes = std::move(outcome.audited);
  if (act.count > 0) RETURN_IF_ERROR(AppendAudit(fiber, store, admission.claims.tenant, act));
  return HubReply{200, Encode(outcome.answer)};
}

absl::StatusOr<HubReply> HubMachine::Retain(Fiber& fiber, machine::ApplyContext& context) {
  const int64_t now_ms = context.time().ns / kNanosecondsPerMs;
  ASSIGN_OR_RETURN(const HubPolicy policy, ReadPolicy(fiber, context.store()));
  HubRetention retention(context.store(), policy, now_ms);
  ASSIGN_OR_RETURN(const RetentionOutcome outcome, retention.Run(fiber));
  due_ms_ = outcome.due_ms;
  const int64_t wait_ms = outcome.due_ms == kNeverMs ? kRetentionMsMax : outcome.due_ms - now_ms;
  return HubReply{200, Document{{"expired", Value(static_cast<int64_t>(outcome.expired))},
                                {"trimmed", Value(static_cast<int64_t>(outcome.trimmed))},
                                {"purged", Value(static_cast<int64_t>(outcome.purged))},
                                {"more", Value(outcome.more)},
                                {"wait_ms", Value(wait_ms)}}};
}

void HubMachine::NoteDue(int64_t due_ms) {
  if (due_ms >= due_ms_) return;
  due_ms_ = due_ms;
  sooner_.Set();
}

void HubMachine::LeaderDuty(Fiber& fiber, machine::Proposer& proposer) {
  HubCall call;
  call.what = "retention";
  for (;;) {
    sooner_.Reset();
    const auto outcome = proposer.Propose(fiber, Encode(call), fiber.now() + kRetentionTimeout);
    const auto reply = outcome.ok() ? DecodeReply(*outcome) : outcome.status();
    const auto wait = reply.ok() ? reply->body.Find("wait_ms") : std::nullopt;
    const auto more = reply.ok() ? reply->body.Find("more") : std::nullopt;
    // Not applied, or not known to be: once too often does no harm.
    fiber.SleepFor(kRetentionPause);
    if (!wait || !more || more->boolean()) continue;
    const Duration quiet = Milliseconds(std::clamp<int64_t>(wait->int64(), 0, kRetentionWaitMsMax));
    sooner_.Wait(fiber, fiber.now() + quiet);
  }
}

// What a device does not give back is damage to whoever asks, and others have it: that is not to be
// taken for a node without a leader.
absl::StatusOr<std::string> HubMachine::Query(Fiber& fiber, std::string_view request,
                                              const machine::StoreView& view) {
  auto reply = Read(fiber, request, view);
  if (!absl::IsUnavailable(reply.status())) return reply;
  return absl::DataLossError(reply.status().message());
}

absl::StatusOr<std::string> HubMachine::Read(Fiber& fiber, std::string_view request,
                                             const machine::StoreView& view) {
  const auto call = DecodeCall(request);
  if (!call.ok()) return Encode(Malformed(call.status()));
  if (call->what == "policy") {
    ASSIGN_OR_RETURN(const HubPolicy policy, ReadPolicy(fiber, view));
    return Encode(HubReply{200, Describe(policy)});
  }
  if (call->what == "stats") {
    ASSIGN_OR_RETURN(const HubPolicy policy, ReadPolicy(fiber, view));
    ASSIGN_OR_RETURN(const Document stats,
                     ReadHubStats(fiber, view, call->now_ms - policy.node_ttl_ms));
    return Encode(HubReply{200, stats});
  }
  ASSIGN_OR_RETURN(const HubReply reply, Answer(fiber, *call, view));
  return Encode(reply);
}

absl::StatusOr<HubReply> HubMachine::Answer(Fiber& fiber, const HubCall& call,
                                            const machine::StoreView& view) {
  ASSIGN_OR_RETURN(const Admission admission, Admit(fiber, view, call, call.now_ms));
  if (admission.is_refused) return admission.refusal;
  if (call.what == "claims") return HubReply{200, Encode(admission.claims)};
  if (call.what == "pull") return ReadPull(fiber, call, admission.claims, view);
  if (call.what == "audit") return ReadTrail(fiber, call, admission.claims, view);
  return ReadDocuments(fiber, call, admission.claims, view);
}

absl::Status HubMachine::Load(Fiber&, const machine::StoreView&) {
  // Whoever leads looks once.
  NoteDue(0);
  return absl::OkStatus();
}

absl::Status HubMachine::CheckInvariants(Fiber& fiber, const machine::StoreView& view) {
  return VerifyHub(fiber, view);
}

}  // namespace lockstep::docs
