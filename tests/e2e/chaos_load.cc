#include "tests/e2e/chaos_load.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/fiber/sync.h"
#include "kv/testing/kv_call.h"

namespace lockstep::e2e {
namespace {

constexpr char kPrefix[] = "chaos/";
constexpr char kPrefixEnd[] = "chaos0";  // '0' follows '/'
constexpr Duration kFinalReadTimeout = Seconds(30);
constexpr Duration kPause = Milliseconds(20);

}  // namespace

ChaosLoad::ChaosLoad(fiber::Scheduler& scheduler, runtime::Clock& clock, runtime::Network& network,
                     const ChaosOptions& options)
    : scheduler_(scheduler), clock_(clock), network_(network), options_(options) {}

ChaosLoad::Channels ChaosLoad::Dial() const {
  Channels channels;
  for (const std::string& endpoint : options_.endpoints) {
    channels.push_back(std::make_unique<edge::GrpcChannel>(scheduler_, network_, endpoint));
  }
  return channels;
}

bool ChaosLoad::Run(Fiber& fiber) {
  fiber::Event all_done;
  uint32_t running = options_.clients;
  {
    fiber::Scope scope(scheduler_);
    for (uint32_t i = 0; i < options_.clients; ++i) {
      scope.Spawn("chaos.client", [&, i](Fiber& client) {
        RunClient(client, i);
        if (--running == 0) all_done.Set();
      });
    }
    all_done.Wait(fiber);
  }
  const MonoTime deadline = clock_.Monotonic() + kFinalReadTimeout;
  for (const auto& channel : Dial()) {
    checkers::KvResponse response;
    while (!RunOne(fiber, *channel, options_.clients, checkers::RangeRequest(kPrefix, kPrefixEnd),
                   &response)) {
      if (clock_.Monotonic() > deadline) return false;
      fiber.SleepUntil(clock_.Monotonic() + kPause);
    }
  }
  return true;
}

void ChaosLoad::RunClient(Fiber& fiber, uint64_t index) {
  Client client{index, base::SequentialRandom(base::Mix64(options_.seed * 1000 + index)), 0, 1, {}};
  const Channels channels = Dial();
  size_t endpoint = index % channels.size();
  while (!is_stopping_) {
    checkers::KvRequest request = NextRequest(client);
    checkers::KvResponse response;
    if (!RunOne(fiber, *channels[endpoint], index, request, &response)) {
      endpoint = (endpoint + 1) % channels.size();
      fiber.SleepUntil(clock_.Monotonic() + kPause);
      continue;
    }
    client.revision = std::max(client.revision, response.revision);
    for (const checkers::KvOpResult& result : response.results) {
      for (const checkers::KvPair& pair : result.kvs) client.seen[pair.key] = pair.value;
    }
    const auto mean = static_cast<uint64_t>(options_.think_time.count());
    fiber.SleepUntil(clock_.Monotonic() +
                     Nanoseconds(static_cast<int64_t>(client.random.Below(2 * mean + 1))));
  }
}

bool ChaosLoad::RunOne(Fiber& fiber, edge::GrpcChannel& channel, uint64_t client,
                       checkers::KvRequest request, checkers::KvResponse* response) {
  const uint64_t id = recorder_.Call(client, clock_.Monotonic().ns, request);
  const kv::CallResult result =
      kv::CallKv(fiber, channel, request, clock_.Monotonic() + options_.request_timeout);
  if (result.outcome != kv::CallOutcome::kAnswered && !result.is_sent_again) {
    ++counts_.failures[result.error];
  }
  switch (result.outcome) {
    case kv::CallOutcome::kAnswered:
      recorder_.Return(id, clock_.Monotonic().ns, result.response);
      *response = result.response;
      ++counts_.answered;
      return true;
    case kv::CallOutcome::kNothing:
      recorder_.Refused(id);
      ++counts_.refused;
      return false;
    case kv::CallOutcome::kUnknown:
      ++counts_.unknown;
      return false;
  }
  return false;
}

std::string ChaosLoad::Key(Client& client) const {
  return absl::StrCat(kPrefix, client.random.Below(options_.keys));
}

checkers::KvRequest ChaosLoad::NextRequest(Client& client) const {
  const uint64_t dice = client.random.Below(100);
  if (dice < 40) {
    return checkers::PutRequest(Key(client), absl::StrCat(client.index, ".", ++client.values));
  }
  if (dice < 45) return checkers::DeleteRequest(Key(client));
  if (dice < 60) return NextSwap(client);
  checkers::KvRequest read =
      dice < 90 ? checkers::GetRequest(Key(client)) : checkers::RangeRequest(kPrefix, kPrefixEnd);
  if (dice >= 80 && dice < 90) read.serializable = true;
  // The past does not change.
  if (dice >= 97 && client.revision > 1) {
    const auto back = static_cast<int64_t>(client.random.Below(10));
    read.success.front().revision = std::max<int64_t>(1, client.revision - back);
  }
  return read;
}

// Replaces the value that this client saw last, if it is still there; reads what is, if not.
checkers::KvRequest ChaosLoad::NextSwap(Client& client) const {
  const std::string key = Key(client);
  checkers::KvRequest swap =
      checkers::PutRequest(key, absl::StrCat(client.index, ".", ++client.values));
  checkers::KvCompare compare;
  compare.key = key;
  compare.value = client.seen[key];
  swap.compares.push_back(compare);
  swap.failure = checkers::GetRequest(key).success;
  return swap;
}

}  // namespace lockstep::e2e
