#include "bench/load_generator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::bench {
namespace {

// One word per kind of failure: messages that name an address or a number would be one each.
constexpr size_t kFailureKindsMax = 32;

}  // namespace

LoadGenerator::LoadGenerator(const Parts& parts, const LoadOptions& options,
                             std::function<void(const std::string&)> progress)
    : parts_(parts), options_(options), progress_(std::move(progress)), workload_(options) {
  CHECK(!options_.endpoints.empty());
  CHECK_GT(options_.connections, 0u);
  CHECK_GT(options_.clients, 0u);
  for (size_t i = 0; i < options_.connections; ++i) {
    const std::string& endpoint = options_.endpoints[i % options_.endpoints.size()];
    channels_.push_back(
        std::make_unique<edge::GrpcChannel>(parts_.scheduler, parts_.network, endpoint));
  }
}

absl::Status LoadGenerator::Run(Fiber& fiber) {
  RETURN_IF_ERROR(Connect(fiber));
  if (options_.preload) RETURN_IF_ERROR(Preload(fiber));
  start_ = parts_.clock.Monotonic();
  measure_start_ = start_ + options_.warm_up;
  if (options_.count == 0) end_ = measure_start_ + options_.duration;
  turns_ = 0;
  {
    fiber::Scope reporting(parts_.scheduler);
    reporting.Spawn("bench.progress", [this](Fiber& reporter) { ReportProgress(reporter); });
    RunClients(fiber,
               [this](Fiber& client, edge::GrpcChannel& channel) { RunClient(client, channel); });
  }
  report_.elapsed = std::max(Duration(0), parts_.clock.Monotonic() - measure_start_);
  return absl::OkStatus();
}

// A call that every etcd v3 server answers: what it answers does not matter.
absl::Status LoadGenerator::Connect(Fiber& fiber) {
  for (const auto& channel : channels_) {
    edge::GrpcCallOptions call;
    call.deadline = fiber.now() + options_.timeout;
    const edge::GrpcResult result =
        channel->Call(fiber, "/etcdserverpb.Maintenance/Status", "", call);
    if (result.outcome == edge::GrpcOutcome::kAnswered) continue;
    return absl::UnavailableError(absl::StrCat(channel->address(), ": ", result.message));
  }
  return absl::OkStatus();
}

absl::Status LoadGenerator::Preload(Fiber& fiber) {
  uint64_t next = 0;
  absl::Status status;
  RunClients(fiber, [&](Fiber& client, edge::GrpcChannel& channel) {
    Operation operation;
    while (next < options_.keys && status.ok() && !is_stopping_) {
      workload_.Preload(next++, &operation);
      edge::GrpcCallOptions call;
      call.deadline = client.now() + options_.timeout;
      const edge::GrpcResult result =
          channel.Call(client, operation.method, operation.request, call);
      if (!result.ok()) status = absl::InternalError(absl::StrCat("preload: ", result.message));
    }
  });
  return status;
}

void LoadGenerator::RunClients(Fiber& fiber,
                               const std::function<void(Fiber&, edge::GrpcChannel&)>& client) {
  size_t running = options_.clients;
  fiber::WaitQueue ended;
  fiber::Scope scope(parts_.scheduler);
  for (size_t i = 0; i < options_.clients; ++i) {
    edge::GrpcChannel& channel = *channels_[i % channels_.size()];
    scope.Spawn("bench.client", [&](Fiber& own) {
      client(own, channel);
      --running;
      ended.WakeAll();
    });
  }
  while (running > 0) ended.Wait(fiber);
}

void LoadGenerator::RunClient(Fiber& fiber, edge::GrpcChannel& channel) {
  Operation operation;
  MonoTime due;
  while (TakeTurn(&due)) {
    if (due > parts_.clock.Monotonic()) fiber.SleepUntil(due);
    if (is_stopping_) return;
    workload_.Next(&operation);
    edge::GrpcCallOptions call;
    call.deadline = std::max(due, fiber.now()) + options_.timeout;
    Record(operation, channel.Call(fiber, operation.method, operation.request, call), due);
  }
}

bool LoadGenerator::TakeTurn(MonoTime* due) {
  if (is_stopping_) return false;
  *due = parts_.clock.Monotonic();
  if (options_.rate > 0) {
    const auto ns = static_cast<unsigned __int128>(turns_) * 1'000'000'000 / options_.rate;
    *due = start_ + Duration(static_cast<int64_t>(ns));
  }
  if (*due >= end_) return false;
  // Warm-up is extra: only what is measured counts.
  if (options_.count > 0 && *due >= measure_start_) {
    if (measured_turns_ >= options_.count) return false;
    ++measured_turns_;
  }
  ++turns_;
  return true;
}

void LoadGenerator::Record(const Operation& operation, const edge::GrpcResult& result,
                           MonoTime due) {
  const MonoTime now = parts_.clock.Monotonic();
  // What was due before the end counts even if the answer comes after it: leaving it out would
  // hide the slowest.
  const bool is_measured = due >= measure_start_;
  for (LoadReport* report : {&last_second_, &report_}) {
    if (report == &report_ && !is_measured) continue;
    if (result.ok()) {
      (operation.is_read ? report->reads : report->writes).Record(now - due);
      continue;
    }
    ++report->failed;
    std::string kind = absl::StrCat(edge::GrpcCodeName(result.code), ": ", result.message);
    if (report->failures.size() >= kFailureKindsMax) kind = "others";
    ++report->failures[kind];
  }
}

void LoadGenerator::ReportProgress(Fiber& fiber) {
  const MonoTime began = fiber.now();
  for (MonoTime last = began;;) {
    fiber.SleepFor(Seconds(1));
    progress_(FormatProgress(fiber.now() - began, fiber.now() - last, last_second_));
    last_second_ = LoadReport();
    last = fiber.now();
  }
}

}  // namespace lockstep::bench
