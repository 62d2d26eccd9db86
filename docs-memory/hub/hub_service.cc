#include "docs-memory/hub/hub_service.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "docs-memory/bson/parse.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

// What of a push goes into one entry of the log; the caller pushes the rest again.
constexpr size_t kEntryBytesMax = size_t{1} << 20;
// A document of 1 MiB and what is around it.
constexpr size_t kChangeBytesMax = kEntryBytesMax + 64 * 1024;
// News that come right after each other are told together.
constexpr Duration kNewsPause = Milliseconds(10);
constexpr int64_t kRetryAfterMs = 200;
constexpr size_t kBucketsMax = 100'000;
constexpr std::string_view kBearer = "Bearer ";

HubReply Fail(int status, std::string_view code, std::string_view message,
              bool is_retryable = false) {
  WireError error;
  error.status = status;
  error.code = code;
  error.message = message;
  error.retryable = is_retryable;
  if (is_retryable) error.retry_after_ms = kRetryAfterMs;
  return {status, Encode(error)};
}

HubReply Malformed(const absl::Status& status) {
  return Fail(400, "E_PARSE", std::string(status.message()));
}

// What a failure of the group means to a client, who may always ask again: numbers make pushes
// idempotent.
HubReply Unavailable(const absl::Status& failure) {
  if (absl::IsResourceExhausted(failure))
    return Fail(503, "E_OVERLOADED", std::string(failure.message()), true);
  return Fail(503, "E_NO_LEADER", std::string(failure.message()), true);
}

std::string_view TokenOf(const edge::HttpRequest& request) {
  const auto header = request.headers.Find("Authorization");
  if (!header || header->substr(0, kBearer.size()) != kBearer) return {};
  return header->substr(kBearer.size());
}

std::string_view TypeOf(const edge::HttpRequest& request, std::string_view header) {
  return request.headers.Find(header).value_or(kJsonType);
}

std::optional<HubReply> CheckVersion(const edge::HttpRequest& request) {
  for (const std::string_view header :
       {kProtocolHeader, std::string_view("X-Rango-Protocol-Version")}) {
    const auto version = request.headers.Find(header);
    if (!version) continue;
    if (*version == kProtocolVersion) return std::nullopt;
    return Fail(400, "E_PROTOCOL",
                absl::StrCat("field '", std::string(header), "', value ",
                             std::string(version->substr(0, 20)), ": only 1 is spoken here"));
  }
  return Fail(400, "E_PROTOCOL", "field 'X-Docs-Protocol': is missing; it is 1");
}

// The envelope with as many of its changes as fit into an entry.
Document FirstOf(const Document& envelope) {
  std::string bytes;
  Writer writer(bytes);
  ElementReader reader(envelope.view());
  Element element;
  while (reader.Next(&element)) {
    if (element.name != "mutations" || !element.value.is(Type::kArray)) {
      writer.Append(element);
      continue;
    }
    const size_t list = writer.Begin("mutations", Type::kArray);
    const size_t start = bytes.size();
    ElementReader changes(element.value);
    Element change;
    for (size_t i = 0; changes.Next(&change); ++i) {
      if (i > 0 && bytes.size() - start + change.value.bytes.size() > kEntryBytesMax) break;
      if (change.value.is(Type::kDocument) && change.value.bytes.size() > kChangeBytesMax) {
        const size_t one = writer.Begin(std::to_string(i), Type::kDocument);
        ElementReader fields(change.value);
        Element field;
        while (fields.Next(&field)) {
          if (field.name != "doc" && field.name != "h") writer.Append(field);
        }
        writer.Append("doc", Document().ref());
        writer.AppendBool("oversized", true);
        writer.End(one);
      } else {
        writer.Append(std::to_string(i), change.value);
      }
    }
    writer.End(list);
  }
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

// Of a GET: what the query says, as an envelope.
absl::StatusOr<Document> EnvelopeOfQuery(const edge::HttpRequest& request) {
  std::string bytes;
  Writer writer(bytes);
  for (const char* name : {"tenant", "ns", "node", "since", "consistency"}) {
    ASSIGN_OR_RETURN(const auto value, request.Parameter(name));
    if (value) writer.AppendString(name, *value);
  }
  for (const char* name : {"limit", "max_bytes", "wait_ms", "own_from"}) {
    ASSIGN_OR_RETURN(const auto value, request.Parameter(name));
    if (!value) continue;
    int64_t number = 0;
    if (!absl::SimpleAtoi(*value, &number)) return ParseError(name, *value, "is no number");
    writer.AppendInt64(name, number);
  }
  ASSIGN_OR_RETURN(const auto collections, request.Parameter("coll"));
  if (collections && !collections->empty()) {
    const size_t list = writer.Begin("coll", Type::kArray);
    size_t i = 0;
    for (const absl::string_view one : absl::StrSplit(*collections, ','))
      writer.AppendString(std::to_string(i++), {one.data(), one.size()});
    writer.End(list);
  }
  ASSIGN_OR_RETURN(const auto filter, request.Parameter("filter"));
  if (filter) {
    ASSIGN_OR_RETURN(const Document parsed, ParseEnvelope(*filter, kJsonType));
    writer.Append("filter", parsed.ref());
  }
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

absl::StatusOr<Document> EnvelopeOf(const edge::HttpRequest& request) {
  if (request.method == "GET") return EnvelopeOfQuery(request);
  return ParseEnvelope(request.body, TypeOf(request, "Content-Type"));
}

// "/v1/docs/{coll}/{id}": the id is Extended JSON, or else a string.
absl::StatusOr<Document> EnvelopeOfPath(const edge::HttpRequest& request) {
  ASSIGN_OR_RETURN(const Document query, EnvelopeOfQuery(request));
  const std::vector<std::string> parts = absl::StrSplit(std::string(request.path()), '/');
  std::string bytes;
  Writer writer(bytes);
  ElementReader reader(query.view());
  Element element;
  while (reader.Next(&element)) {
    if (element.name != "coll") writer.Append(element);
  }
  if (parts.size() >= 5) {
    ASSIGN_OR_RETURN(const std::string collection, edge::PercentDecoded(parts[3]));
    ASSIGN_OR_RETURN(const std::string id, edge::PercentDecoded(parts[4]));
    writer.AppendString("coll", collection);
    const auto parsed = FromJson(absl::StrCat("{\"id\": ", id, "}"));
    writer.Append("id", parsed.ok() ? *parsed->Find("id") : Value(id).ref());
  }
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

bool IsEmptyPage(const HubReply& reply) {
  const auto changes = reply.body.Find("changes");
  const auto more = reply.body.Find("more");
  return reply.status == 200 && changes && CountElements(*changes) == 0 && more && !more->boolean();
}

std::string CodeIn(const HubReply& reply) {
  const auto error = reply.body.Find("error");
  const auto code = error ? FindField(*error, "code") : std::nullopt;
  return code ? std::string(code->string()) : std::string();
}

}  // namespace

edge::HttpResponse HubService::Handle(Fiber& fiber, const edge::HttpRequest& request) {
  if (request.path() == "/metrics") return Metrics(fiber);
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
  if (is_post && absl::StartsWith(path, "/v1/tokens")) return Administer(fiber, request);
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
  if (pull->is_linear) {
    const absl::Status caught_up = client_.CatchUp(fiber, fiber.now() + options_.read_timeout);
    if (!caught_up.ok()) return Unavailable(caught_up);
  }
  const MonoTime until = fiber.now() + Milliseconds(pull->wait_ms);
  for (;;) {
    const auto applied = client_.AwaitApplied(fiber, raft::Index(0), until);
    HubReply reply = Ask(fiber, call);
    const bool waits = IsEmptyPage(reply) || CodeIn(reply) == "E_BEHIND";
    if (!waits || !applied.ok() || pull->is_linear) return reply;
    // (Whatever is applied next may be somebody else's.)
    if (fiber.now() < until && client_.AwaitApplied(fiber, *applied + 1, until).ok()) {
      fiber.SleepFor(kNewsPause);
      continue;
    }
    // That there is nothing new is for somebody to say who would know.
    const absl::Status caught_up = client_.CatchUp(fiber, fiber.now() + options_.read_timeout);
    return caught_up.ok() ? Ask(fiber, call) : Unavailable(caught_up);
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

// POST /v1/tokens {claims} makes a token and tells it, once; POST /v1/tokens/revoke {token}.
HubReply HubService::Administer(Fiber& fiber, const edge::HttpRequest& request) {
  const std::string given = TokenHash(TokenOf(request));
  if (options_.admin_token_hash.empty() || !EqualSecrets(given, options_.admin_token_hash))
    return Fail(401, "E_AUTH", "this takes the administrator's token");
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
