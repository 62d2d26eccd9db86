// LoadGenerator: clients that call an etcd v3 endpoint and time the answers.
#ifndef LOCKSTEP_BENCH_LOAD_GENERATOR_H_
#define LOCKSTEP_BENCH_LOAD_GENERATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/load_options.h"
#include "bench/load_report.h"
#include "bench/workload.h"
#include "framework/base/time.h"
#include "framework/edge/grpc_client.h"
#include "framework/fiber/scheduler.h"
#include "framework/fiber/sync.h"
#include "framework/runtime/clock.h"
#include "framework/runtime/network.h"

namespace lockstep::bench {

// With a rate, operation i is due at start + i / rate whether or not earlier ones were answered,
// and its latency counts from then: a server that stalls cannot hide it by being asked less.
// Without, each client sends its next operation when the last was answered.
class LoadGenerator final {
 public:
  struct Parts {
    fiber::Scheduler& scheduler;
    runtime::Clock& clock;  // read at every operation: finer than the scheduler's instant
    runtime::Network& network;
  };
  // Borrows all of it. `progress` gets a line every second.
  LoadGenerator(const Parts& parts, const LoadOptions& options,
                std::function<void(const std::string&)> progress);
  LoadGenerator(const LoadGenerator&) = delete;
  LoadGenerator& operator=(const LoadGenerator&) = delete;

  // Everything from connecting to the last answer. Suspends. UNAVAILABLE: an endpoint cannot be
  // reached; another error: the preload failed.
  absl::Status Run(Fiber& fiber);
  // Ends the run early. Does not suspend.
  void Stop() { is_stopping_ = true; }
  const LoadReport& report() const { return report_; }

 private:
  absl::Status Connect(Fiber& fiber);
  absl::Status Preload(Fiber& fiber);
  void RunClients(Fiber& fiber, const std::function<void(Fiber&, edge::GrpcChannel&)>& client);
  void RunClient(Fiber& fiber, edge::GrpcChannel& channel);
  // Takes the next operation; when it is due. False: there is none left.
  bool TakeTurn(MonoTime* due);
  void Record(const Operation& operation, const edge::GrpcResult& result, MonoTime due);
  void ReportProgress(Fiber& fiber);

  Parts parts_;
  const LoadOptions& options_;
  std::function<void(const std::string&)> progress_;
  Workload workload_;
  std::vector<std::unique_ptr<edge::GrpcChannel>> channels_;
  MonoTime start_;
  MonoTime measure_start_;
  MonoTime end_ = kNoDeadline;
  uint64_t turns_ = 0;
  uint64_t measured_turns_ = 0;
  LoadReport report_;
  LoadReport last_second_;
  bool is_stopping_ = false;
};

}  // namespace lockstep::bench

#endif  // LOCKSTEP_BENCH_LOAD_GENERATOR_H_
