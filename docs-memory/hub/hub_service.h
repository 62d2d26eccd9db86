// HubService: protocol v1 over HTTP, on any node of the hub.
#ifndef LOCKSTEP_DOCS_MEMORY_HUB_HUB_SERVICE_H_
#define LOCKSTEP_DOCS_MEMORY_HUB_HUB_SERVICE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "docs-memory/hub/hub_machine.h"
#include "framework/edge/http_types.h"
#include "framework/replica/group_client.h"
#include "framework/runtime/environment.h"

namespace lockstep::docs {

struct HubServiceOptions final {
  // SHA-256 of the token that may make and revoke tokens; empty: nobody may.
  std::string admin_token_hash;
  Duration push_timeout = Seconds(10);
  Duration read_timeout = Seconds(5);
};

// What a node has been asked, for /metrics.
struct HubCounters final {
  uint64_t pushes = 0;
  uint64_t pulls = 0;
  uint64_t changes_applied = 0;
  uint64_t changes_duplicate = 0;
  uint64_t changes_rejected = 0;
  uint64_t changes_pulled = 0;
  uint64_t conflicts = 0;                   // changes after which a document had losers
  std::map<std::string, uint64_t> refused;  // by code
};

// Authenticates nothing by itself but administrators: tokens travel to the state machine, as
// hashes. Pulls are answered by this node's state, unless the caller asks for a linear one, and may
// wait for news. Borrows client and environment. Handlers suspend.
class HubService final : public edge::HttpHandler {
 public:
  HubService(replica::GroupClient& client, runtime::Environment& environment,
             HubServiceOptions options)
      : client_(client), environment_(environment), options_(std::move(options)) {}
  HubService(const HubService&) = delete;
  HubService& operator=(const HubService&) = delete;

  edge::HttpResponse Handle(Fiber& fiber, const edge::HttpRequest& request) override;
  edge::HttpResponse Refuse(const edge::HttpRefusal& refusal) override;

 private:
  // A token bucket.
  struct Bucket final {
    int64_t tokens = 0;  // in thousandths
    MonoTime filled;
  };

  HubReply Route(Fiber& fiber, const edge::HttpRequest& request);
  HubReply Push(Fiber& fiber, const edge::HttpRequest& request);
  HubReply Pull(Fiber& fiber, const edge::HttpRequest& request);
  // The changes as they come, until the client goes: server-sent events.
  edge::HttpResponse Stream(Fiber& fiber, const edge::HttpRequest& request);
  // The next piece of it.
  std::optional<std::string> Continue(Fiber& fiber, PullRequest& pull, HubCall& call,
                                      bool& is_over);
  HubReply Read(Fiber& fiber, const edge::HttpRequest& request, std::string_view what);
  HubReply Administer(Fiber& fiber, const edge::HttpRequest& request);
  HubReply AdministerTokens(Fiber& fiber, const edge::HttpRequest& request);
  HubReply RegisterFilter(Fiber& fiber, const edge::HttpRequest& request);
  HubReply Ready(Fiber& fiber);
  edge::HttpResponse Metrics(Fiber& fiber);

  HubReply Propose(Fiber& fiber, const HubCall& call);
  HubReply Ask(Fiber& fiber, HubCall call);
  // A page that is not empty, or the one at the end of the wait.
  HubReply AwaitNews(Fiber& fiber, const HubCall& call, const PullRequest& pull);
  // After a round with the leader: whoever claims to know more knows a hub that is no more.
  HubReply AskFreshly(Fiber& fiber, const HubCall& call);
  // Nothing, or why not now: the token's own limit.
  std::optional<HubReply> Throttle(Fiber& fiber, const std::string& token_hash);
  void Count(const HubReply& reply);

  replica::GroupClient& client_;
  runtime::Environment& environment_;
  const HubServiceOptions options_;
  HubCounters counters_;
  std::map<std::string, Bucket> buckets_;  // by token hash
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_HUB_HUB_SERVICE_H_
