// Changes as server-sent events. [HTML Living Standard, 9.2]
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "docs-memory/hub/hub_request.h"
#include "docs-memory/hub/hub_service.h"
#include "docs-memory/hub/mutants.h"
#include "docs-memory/sync/fields.h"

namespace lockstep::docs {
namespace {

// A client that is gone is found out by then.
constexpr int64_t kHeartbeatMs = 10'000;
constexpr char kComment[] = ":\n\n";

std::string IdLine(uint64_t epoch, uint64_t sequence) {
  return absl::StrCat("id: ", HexOf(epoch), ".", sequence, "\n");
}

std::string ErrorEvent(const HubReply& reply) {
  return absl::StrCat("event: error\ndata: ", RenderJson(reply.body), "\n\n");
}

// One event per change, under the checkpoint that resumes behind it. What the page has looked at
// and not told moves the checkpoint, too. Nothing: a comment. `pull` goes on behind the page.
std::string EventsOf(const HubReply& reply, PullRequest& pull) {
  std::string text;
  Fields fields(reply.body.view());
  const uint64_t epoch = fields.Hex("epoch");
  const uint64_t checkpoint = CheckpointOf(fields.String("checkpoint"));
  uint64_t told = pull.since;
  fields.ForEach("changes", [&](ValueRef value) -> absl::Status {
    Fields change(value.bytes);
    told = change.Number("seq");
    // Planted bug M206: whoever resumes misses the rest of the page.
    const bool skips = mutant::Enabled(mutant::kM206EventsResumeTooFar);
    absl::StrAppend(&text, IdLine(epoch, skips ? checkpoint : told),
                    "event: ", change.String("kind"),
                    "\ndata: ", RenderJson(Document::FromBytes(std::string(value.bytes))), "\n\n");
    return change.status();
  });
  // (Whoever begins at 0 passes below the floor on the way.)
  if (pull.since == 0) pull.floor = fields.NumberOr("floor", 0);
  pull.epoch = epoch;
  pull.since = checkpoint;
  if (checkpoint > told) absl::StrAppend(&text, IdLine(epoch, checkpoint), "\n");
  return text.empty() ? kComment : text;
}

}  // namespace

edge::HttpResponse HubService::Stream(Fiber& fiber, const edge::HttpRequest& request) {
  const auto refuse = [&](const HubReply& reply) {
    Count(reply);
    edge::HttpResponse response;
    response.status = reply.status;
    response.headers.Add("Content-Type", kJsonType);
    response.body = RenderJson(reply.body);
    return response;
  };
  if (const auto wrong = CheckVersion(request)) return refuse(*wrong);
  const auto envelope = EnvelopeOfQuery(request);
  if (!envelope.ok()) return refuse(Malformed(envelope.status()));
  auto pull = DecodePullRequest(envelope->view());
  if (!pull.ok()) return refuse(Malformed(pull.status()));
  if (const auto last = request.headers.Find("Last-Event-ID")) {
    const Document since{
        {"tenant", Value(pull->tenant)}, {"ns", Value(pull->space)}, {"since", Value(*last)}};
    const auto resumed = DecodePullRequest(since.view());
    if (!resumed.ok()) return refuse(Malformed(resumed.status()));
    pull->epoch = resumed->epoch;
    pull->since = resumed->since;
  }
  HubCall call;
  call.what = "pull";
  call.token_hash = TokenHash(TokenOf(request));
  if (const auto too_fast = Throttle(fiber, call.token_hash)) return refuse(*too_fast);
  pull->wait_ms = 0;
  call.body = Encode(*pull);
  const HubReply first = AwaitNews(fiber, call, *pull);
  if (first.status != 200) return refuse(first);
  Count(first);
  edge::HttpResponse response;
  response.headers.Add("Content-Type", "text/event-stream");
  response.headers.Add("Cache-Control", "no-cache");
  response.body = EventsOf(first, *pull);
  pull->wait_ms = kHeartbeatMs;
  // (A std::function wants copies.)
  response.more = [this, state = std::make_shared<PullRequest>(*std::move(pull)),
                   again = std::make_shared<HubCall>(std::move(call)),
                   is_over = std::make_shared<bool>(false)](Fiber& streaming) {
    return Continue(streaming, *state, *again, *is_over);
  };
  return response;
}

std::optional<std::string> HubService::Continue(Fiber& fiber, PullRequest& pull, HubCall& call,
                                                bool& is_over) {
  if (is_over) return std::nullopt;
  call.body = Encode(pull);
  const HubReply reply = AwaitNews(fiber, call, pull);
  Count(reply);
  if (reply.status == 200) return EventsOf(reply, pull);
  // (Another node may know more: whoever listens asks there.)
  if (reply.status == 503) return std::nullopt;
  is_over = true;
  return ErrorEvent(reply);
}

}  // namespace lockstep::docs
