#include "docs-memory/hub/hub_service.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "docs-memory/hub/hub_request.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

// News that come right after each other are told together.
constexpr Duration kNewsPause = Milliseconds(10);
constexpr size_t kBucketsMax = 100'000;

}  // namespace

edge::HttpResponse HubService::Handle(Fiber& fiber, const edge::HttpRequest& request) {
  if (request.path() == "/metrics") return Metrics(fiber);
  const bool is_stream =
      absl::StartsWith(std::string(TypeOf(request, "Accept")), "text/event-stream");
  if (is_stream && request.path() == "/v1/changes" && request.method == "GET")
    return Stream(fiber, request);
  const HubReply reply = Route(fiber, request);
  Count(reply);
  edge::HttpResponse response;
  response.status = reply.status;
  const bool is_bson =
      absl::StartsWith(std::string(TypeOf(request, "Accept")), std::string(kBsonType));
  response.headers.Add("Content-Type", is_bson ? kBsonType : kJsonType);
  const auto error = reply.body.Find("error");
  const auto wait = error ? FindField(*error, "retry_after_ms") : std::nullopt;
  if (wait) response.headers.Add("Retry-After", absl::StrCat((wait->int64() + 999) / 1000));
  response.body = is_bson ? reply.body.bytes() : RenderJson(reply.body);
  return response;
}

edge::HttpResponse HubService::Refuse(const edge::HttpRefusal& refusal) {
  std::string_view code = "E_PARSE";
  if (refusal.status == 413) code = "E_TOO_LARGE";
  if (refusal.status == 503) code = "E_OVERLOADED";
  if (refusal.status == 408) code = "E_TIMEOUT";
  const HubReply reply =
      Fail(refusal.status, code, refusal.reason, refusal.status == 503 || refusal.status == 408);
  Count(reply);
  edge::HttpResponse response;
  response.status = reply.status;
  response.headers.Add("Content-Type", kJsonType);
  response.body = RenderJson(reply.body);
  return response;
}

HubReply HubService::Route(Fiber& fiber, const edge::HttpRequest& request) {
  const std::string path(request.path());
  const bool is_get = request.method == "GET";
  const bool is_post = request.method == "POST";
  if (path == "/health" && is_get) return {200, Document{{"status", Value("healthy")}}};
  if (path == "/ready" && is_get) return Ready(fiber);
  if (auto wrong = CheckVersion(request)) return *std::move(wrong);
  const bool is_push = path == "/v1/push" || path == "/push";
  const bool is_pull = path == "/v1/pull" || path == "/pull" || path == "/v1/changes";
  if (is_push && is_post) return Push(fiber, request);
  if (is_pull && (is_get || is_post)) return Pull(fiber, request);
  if (is_get && absl::StartsWith(path, "/v1/docs/")) return Read(fiber, request, "heads");
  if (is_get && absl::StartsWith(path, "/v1/history/")) return Read(fiber, request, "history");
  if (is_get && path == "/v1/conflicts") return Read(fiber, request, "conflicts");
  if (is_get && path == "/v1/audit") return Read(fiber, request, "audit");
  if (is_post && path == "/v1/filters") return RegisterFilter(fiber, request);
  const bool is_admin = absl::StartsWith(path, "/v1/tokens") || path == "/v1/epoch";
  if ((is_post && is_admin) || path == "/v1/retention") return Administer(fiber, request);
  if (is_push || is_pull) return Fail(405, "E_METHOD", "not with this method");
  return Fail(404, "E_NOT_FOUND", "there is nothing under this path");
}

HubReply HubService::Propose(Fiber& fiber, const HubCall& call) {
  const auto result = client_.Propose(fiber, Encode(call), fiber.now() + options_.push_timeout);
  if (!result.ok()) return Unavailable(result.status());
  auto reply = DecodeReply(*result);
  return reply.ok() ? *std::move(reply) : Malformed(reply.status());
}

HubReply HubService::Ask(Fiber& fiber, HubCall call) {
  call.now_ms = environment_.clock.Wall().ns / 1'000'000;
  for (bool is_fresh = false;; is_fresh = true) {
    const MonoTime deadline = fiber.now() + options_.read_timeout;
    const auto result =
        client_.Query(fiber, Encode(call), replica::Consistency::kSerializable, deadline);
    if (!result.ok()) return Unavailable(result.status());
    auto reply = DecodeReply(*result);
    if (!reply.ok()) return Malformed(reply.status());
    if (reply->status != 401 || is_fresh) return *std::move(reply);
    // A token that was made just now may not have come here yet.
    const absl::Status caught_up = client_.CatchUp(fiber, deadline);
    if (!caught_up.ok()) return Unavailable(caught_up);
  }
}

HubReply HubService::Push(Fiber& fiber, const edge::HttpRequest& request) {
  ++counters_.pushes;
  const auto envelope = EnvelopeOf(request);
  if (!envelope.ok()) return Malformed(envelope.status());
  HubCall call;
  call.what = "push";
  call.token_hash = TokenHash(TokenOf(request));
  call.salt = environment_.random.Draw("hub.epoch") >> 1;
  if (auto too_fast = Throttle(fiber, call.token_hash)) return *std::move(too_fast);
  call.body = FirstOf(*envelope);
  return Propose(fiber, call);
}

HubReply HubService::Pull(Fiber& fiber, const edge::HttpRequest& request) {
  ++counters_.pulls;
  auto envelope = EnvelopeOf(request);
  if (!envelope.ok()) return Malformed(envelope.status());
  const auto pull = DecodePullRequest(envelope->view());
  if (!pull.ok()) return Malformed(pull.status());
  HubCall call;
  call.what = "pull";
  call.token_hash = TokenHash(TokenOf(request));
  call.body = *std::move(envelope);
  if (auto too_fast = Throttle(fiber, call.token_hash)) return *std::move(too_fast);
  return pull->is_linear ? AskFreshly(fiber, call) : AwaitNews(fiber, call, *pull);
}

HubReply HubService::AskFreshly(Fiber& fiber, const HubCall& call) {
  const absl::Status caught_up = client_.CatchUp(fiber, fiber.now() + options_.read_timeout);
  if (!caught_up.ok()) return Unavailable(caught_up);
  HubReply reply = Ask(fiber, call);
  if (CodeIn(reply) != "E_BEHIND") return reply;
  return Fail(409, "E_EPOCH", "the checkpoint is ahead of the hub, which was restored, it seems");
}

HubReply HubService::AwaitNews(Fiber& fiber, const HubCall& call, const PullRequest& pull) {
  const MonoTime until = fiber.now() + Milliseconds(pull.wait_ms);
  for (;;) {
    const auto applied = client_.AwaitApplied(fiber, raft::Index(0), until);
    HubReply reply = Ask(fiber, call);
    // (A node that has not heard of a restore yet would send everybody back.)
    if (CodeIn(reply) == "E_EPOCH") return AskFreshly(fiber, call);
    const bool waits = IsEmptyPage(reply) || CodeIn(reply) == "E_BEHIND";
    if (!waits || !applied.ok()) return reply;
    // (Whatever is applied next may be somebody else's.)
    if (fiber.now() < until && client_.AwaitApplied(fiber, *applied + 1, until).ok()) {
      fiber.SleepFor(kNewsPause);
      continue;
    }
    // That there is nothing new is for somebody to say who would know.
    return AskFreshly(fiber, call);
  }
}

HubReply HubService::Read(Fiber& fiber, const edge::HttpRequest& request, std::string_view what) {
  auto envelope = EnvelopeOfPath(request);
  if (!envelope.ok()) return Malformed(envelope.status());
  HubCall call;
  call.what = what;
  call.token_hash = TokenHash(TokenOf(request));
  call.body = *std::move(envelope);
  const absl::Status caught_up = client_.CatchUp(fiber, fiber.now() + options_.read_timeout);
  if (!caught_up.ok()) return Unavailable(caught_up);
  return Ask(fiber, std::move(call));
}

// Whoever may administer the namespace says what parts of it there are.
HubReply HubService::RegisterFilter(Fiber& fiber, const edge::HttpRequest& request) {
  auto envelope = EnvelopeOf(request);
  if (!envelope.ok()) return Malformed(envelope.status());
  HubCall call;
  call.what = "filter";
  call.token_hash = TokenHash(TokenOf(request));
  call.body = *std::move(envelope);
  return Propose(fiber, call);
}

// POST /v1/retention {...}, or GET; POST /v1/epoch {} after the hub was restored from a backup; and
// tokens.
HubReply HubService::Administer(Fiber& fiber, const edge::HttpRequest& request) {
  const std::string given = TokenHash(TokenOf(request));
  if (options_.admin_token_hash.empty() || !EqualSecrets(given, options_.admin_token_hash))
    return Fail(401, "E_AUTH", "this takes the administrator's token");
  if (absl::StartsWith(std::string(request.path()), "/v1/tokens"))
    return AdministerTokens(fiber, request);
  auto envelope = EnvelopeOf(request);
  if (!envelope.ok()) return Malformed(envelope.status());
  HubCall call;
  call.what = request.path() == "/v1/epoch" ? "epoch" : "policy";
  call.salt = environment_.random.Draw("hub.epoch") >> 1;
  call.body = *std::move(envelope);
  if (request.method == "POST") return Propose(fiber, call);
  if (request.method != "GET") return Fail(405, "E_METHOD", "not with this method");
  const absl::Status caught_up = client_.CatchUp(fiber, fiber.now() + options_.read_timeout);
  return caught_up.ok() ? Ask(fiber, std::move(call)) : Unavailable(caught_up);
}

// POST /v1/tokens {claims} makes a token and tells it, once; POST /v1/tokens/revoke {token}.
HubReply HubService::AdministerTokens(Fiber& fiber, const edge::HttpRequest& request) {
  const auto envelope = EnvelopeOf(request);
  if (!envelope.ok()) return Malformed(envelope.status());
  HubCall call;
  if (request.path() == "/v1/tokens/revoke") {
    const auto token = envelope->Find("token");
    if (!token || !token->is(Type::kString))
      return Malformed(ParseError("token", "", "is missing"));
    call.what = "revoke";
    call.body = Document{{"hash", Value::Binary(0, TokenHash(token->string()))}};
    return Propose(fiber, call);
  }
  if (request.path() != "/v1/tokens") return Fail(404, "E_NOT_FOUND", "there is nothing there");
  const std::string token = DrawToken(environment_.random);
  call.what = "token";
  call.salt = environment_.random.Draw("hub.epoch") >> 1;
  call.body = Document{{"hash", Value::Binary(0, TokenHash(token))}, {"claims", Value(*envelope)}};
  HubReply reply = Propose(fiber, call);
  if (reply.status == 200) reply.body = Document{{"token", Value(token)}};
  return reply;
}

std::optional<HubReply> HubService::Throttle(Fiber& fiber, const std::string& token_hash) {
  HubCall call;
  call.what = "claims";
  call.token_hash = token_hash;
  const HubReply reply = Ask(fiber, std::move(call));
  const auto rate = reply.body.Find("rate");
  if (reply.status != 200 || !rate || rate->int64() <= 0) return std::nullopt;
  const int64_t full = rate->int64() * 1000;
  auto found = buckets_.find(token_hash);
  if (found == buckets_.end()) {
    if (buckets_.size() >= kBucketsMax) buckets_.clear();
    found = buckets_.emplace(token_hash, Bucket{full, fiber.now()}).first;
  }
  Bucket& bucket = found->second;
  const int64_t passed_ms = (fiber.now() - bucket.filled) / Milliseconds(1);
  bucket.tokens =
      std::min(full, bucket.tokens + std::min<int64_t>(passed_ms, 1000) * rate->int64());
  bucket.filled = bucket.filled + Milliseconds(passed_ms);
  if (bucket.tokens < 1000) return Fail(429, "E_RATE", "the token's rate is used up", true);
  bucket.tokens -= 1000;
  return std::nullopt;
}

HubReply HubService::Ready(Fiber& fiber) {
  const auto status = client_.Status(fiber, fiber.now() + Seconds(1));
  std::string reason;
  if (!status.ok()) {
    reason = std::string(status.status().message());
  } else if (status->leader == NodeId(0)) {
    reason = "there is no leader";
  } else if (status->no_space) {
    reason = "the disk is full";
  } else if (status->awaits_state) {
    reason = "the state is being fetched from the leader";
  }
  if (reason.empty()) return {200, Document{{"status", Value("ready")}}};
  return {503, Document{{"status", Value("not_ready")}, {"reason", Value(reason)}}};
}

void HubService::Count(const HubReply& reply) {
  if (reply.status != 200) {
    const std::string code = CodeIn(reply);
    if (!code.empty()) ++counters_.refused[code];
    return;
  }
  if (const auto changes = reply.body.Find("changes"); changes && changes->is(Type::kArray))
    counters_.changes_pulled += CountElements(*changes);
  const auto results = reply.body.Find("results");
  if (!results) return;
  ElementReader reader(*results);
  Element element;
  while (reader.Next(&element)) {
    const std::string_view status = FindField(element.value, "status")->string();
    counters_.changes_applied += status == "applied" ? 1 : 0;
    counters_.changes_duplicate += status == "duplicate" ? 1 : 0;
    counters_.changes_rejected += status == "rejected" ? 1 : 0;
    const auto conflicts = FindField(element.value, "conflicts");
    counters_.conflicts += status == "applied" && conflicts && conflicts->int64() > 0 ? 1 : 0;
  }
}

// [Prometheus text format 0.0.4.]
edge::HttpResponse HubService::Metrics(Fiber& fiber) {
  std::string text;
  const auto counter = [&](std::string_view name, uint64_t value) {
    absl::StrAppend(&text, "# TYPE ", std::string(name), " counter\n", std::string(name), " ",
                    value, "\n");
  };
  counter("docs_hub_pushes_total", counters_.pushes);
  counter("docs_hub_pulls_total", counters_.pulls);
  counter("docs_hub_changes_applied_total", counters_.changes_applied);
  counter("docs_hub_changes_duplicate_total", counters_.changes_duplicate);
  counter("docs_hub_changes_rejected_total", counters_.changes_rejected);
  counter("docs_hub_changes_pulled_total", counters_.changes_pulled);
  counter("docs_hub_conflicts_total", counters_.conflicts);
  HubCall stats;
  stats.what = "stats";
  const HubReply held = Ask(fiber, std::move(stats));
  for (const char* name : {"scopes", "nodes", "sequence", "lag", "verdicts"}) {
    const auto value = held.body.Find(name);
    if (!value) continue;
    absl::StrAppend(&text, "# TYPE docs_hub_", name, " gauge\ndocs_hub_", name, " ", value->int64(),
                    "\n");
  }
  text += "# TYPE docs_hub_refused_total counter\n";
  for (const auto& [code, count] : counters_.refused)
    absl::StrAppend(&text, "docs_hub_refused_total{code=\"", code, "\"} ", count, "\n");
  const auto status = client_.Status(fiber, fiber.now() + Seconds(1));
  if (status.ok()) {
    absl::StrAppend(&text, "# TYPE docs_hub_applied_index gauge\ndocs_hub_applied_index ",
                    status->applied.value(), "\n# TYPE docs_hub_has_leader gauge\n",
                    "docs_hub_has_leader ", status->leader == NodeId(0) ? 0 : 1,
                    "\n# TYPE docs_hub_is_leader gauge\ndocs_hub_is_leader ",
                    status->leader == environment_.node ? 1 : 0, "\n");
  }
  edge::HttpResponse response;
  response.headers.Add("Content-Type", "text/plain; version=0.0.4");
  response.body = std::move(text);
  return response;
}

}  // namespace lockstep::docs
