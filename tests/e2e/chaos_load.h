// ChaosLoad: clients that hammer a handful of keys of a real cluster and record every answer.
#ifndef LOCKSTEP_TESTS_E2E_CHAOS_LOAD_H_
#define LOCKSTEP_TESTS_E2E_CHAOS_LOAD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "checkers/kv_history.h"
#include "framework/base/random.h"
#include "framework/base/time.h"
#include "framework/edge/grpc_client.h"
#include "framework/fiber/scheduler.h"
#include "framework/runtime/clock.h"
#include "framework/runtime/network.h"

namespace lockstep::e2e {

struct ChaosOptions final {
  std::vector<std::string> endpoints;
  uint32_t clients = 8;
  uint32_t keys = 8;
  uint64_t seed = 1;
  Duration think_time = Milliseconds(10);
  Duration request_timeout = Seconds(2);
};

struct ChaosCounts final {
  uint64_t answered = 0;
  uint64_t refused = 0;  // surely without effect
  uint64_t unknown = 0;
  // Of both: what etcd's client would not have sent again by itself, by what was said.
  std::map<std::string, uint64_t> failures;
};

// Use: Run in a fiber, Stop from anywhere on its thread. The devices are borrowed.
class ChaosLoad final {
 public:
  ChaosLoad(fiber::Scheduler& scheduler, runtime::Clock& clock, runtime::Network& network,
            const ChaosOptions& options);
  ChaosLoad(const ChaosLoad&) = delete;
  ChaosLoad& operator=(const ChaosLoad&) = delete;

  // Clients work until Stop; then every endpoint is asked for everything, so that what was lost is
  // missed. False: an endpoint did not give that answer within 30 s. Suspends.
  bool Run(Fiber& fiber);
  void Stop() { is_stopping_ = true; }

  const ChaosCounts& counts() const { return counts_; }
  checkers::KvHistory TakeHistory() { return recorder_.Take(); }

 private:
  struct Client {
    uint64_t index;
    base::SequentialRandom random;
    uint64_t values = 0;
    int64_t revision = 1;                     // the newest that it was told
    std::map<std::string, std::string> seen;  // values that it read, to compare with
  };
  using Channels = std::vector<std::unique_ptr<edge::GrpcChannel>>;

  Channels Dial() const;
  void RunClient(Fiber& fiber, uint64_t index);
  // One operation, recorded. False: try another endpoint.
  bool RunOne(Fiber& fiber, edge::GrpcChannel& channel, uint64_t client,
              checkers::KvRequest request, checkers::KvResponse* response);
  checkers::KvRequest NextRequest(Client& client) const;
  checkers::KvRequest NextSwap(Client& client) const;
  std::string Key(Client& client) const;

  fiber::Scheduler& scheduler_;
  runtime::Clock& clock_;
  runtime::Network& network_;
  const ChaosOptions options_;
  bool is_stopping_ = false;
  checkers::KvRecorder recorder_;
  ChaosCounts counts_;
};

}  // namespace lockstep::e2e

#endif  // LOCKSTEP_TESTS_E2E_CHAOS_LOAD_H_
