#include "net/resolver.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"

namespace lockstep::net {

absl::StatusOr<std::vector<SocketAddress>> Resolver::Resolve(Fiber& fiber, const std::string& host,
                                                             MonoTime deadline) {
  Query& query = FindOrStart(host);
  ++query.askers;
  struct LeaveAtEnd {
    Resolver& resolver;
    Query& query;
    ~LeaveAtEnd() { resolver.Leave(query); }
  } leave{*this, query};
  if (!query.answered.Wait(fiber, deadline)) {
    return absl::DeadlineExceededError(absl::StrCat("resolving '", host, "' takes too long"));
  }
  return query.answer;
}

Resolver::Query& Resolver::FindOrStart(const std::string& host) {
  std::unique_ptr<Query>& slot = running_[host];
  if (slot == nullptr) {
    slot = std::make_unique<Query>();
    scope_.Spawn("net.resolve",
                 [this, host, query = slot.get()](Fiber& fiber) { Ask(fiber, host, *query); });
  }
  return *slot;
}

void Resolver::Ask(Fiber& fiber, const std::string& host, Query& query) {
  one_at_a_time_.Acquire(fiber);
  struct ReleaseAtEnd {
    fiber::Semaphore& semaphore;
    ~ReleaseAtEnd() { semaphore.Release(); }
  } release{one_at_a_time_};
  offload_.Run(fiber, runtime::Lane::kGeneral, [&] { query.answer = ResolveBlocking(host); });
  const auto at = running_.find(host);
  CHECK(at != running_.end() && at->second.get() == &query);
  std::unique_ptr<Query> owned = std::move(at->second);
  running_.erase(at);
  if (query.askers == 0) return;
  answered_.push_back(std::move(owned));
  query.answered.Set();
}

void Resolver::Leave(Query& query) {
  CHECK_GT(query.askers, 0);
  if (--query.askers > 0 || !query.answered.is_set()) return;
  const auto at = std::find_if(answered_.begin(), answered_.end(),
                               [&](const auto& one) { return one.get() == &query; });
  CHECK(at != answered_.end());
  answered_.erase(at);
}

}  // namespace lockstep::net
