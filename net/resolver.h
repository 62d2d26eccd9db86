// Resolver: host names to addresses, without holding up the loop or a caller's deadline.
#ifndef LOCKSTEP_NET_RESOLVER_H_
#define LOCKSTEP_NET_RESOLVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "framework/base/time.h"
#include "framework/fiber/scheduler.h"
#include "framework/fiber/sync.h"
#include "framework/runtime/offload.h"
#include "net/socket_address.h"

namespace lockstep::net {

// Whoever asks for a name while it is being asked for shares the answer. One query runs at a time:
// a name server that does not answer takes one thread of the pool and not all. Nothing is kept,
// since a name may move. Owned by TcpNetwork.
class Resolver final {
 public:
  Resolver(fiber::Scheduler& scheduler, runtime::Offload& offload)
      : offload_(offload), scope_(scheduler) {}

  // DEADLINE_EXCEEDED leaves the query running, for the next one who asks.
  absl::StatusOr<std::vector<SocketAddress>> Resolve(Fiber& fiber, const std::string& host,
                                                     MonoTime deadline);

 private:
  struct Query final {
    absl::StatusOr<std::vector<SocketAddress>> answer;
    fiber::Event answered;
    int askers = 0;
  };

  Query& FindOrStart(const std::string& host);
  void Ask(Fiber& fiber, const std::string& host, Query& query);
  void Leave(Query& query);

  runtime::Offload& offload_;
  absl::btree_map<std::string, std::unique_ptr<Query>> running_;
  std::vector<std::unique_ptr<Query>> answered_;  // until the last asker has read it
  fiber::Semaphore one_at_a_time_{1};
  fiber::Scope scope_;
};

}  // namespace lockstep::net

#endif  // LOCKSTEP_NET_RESOLVER_H_
