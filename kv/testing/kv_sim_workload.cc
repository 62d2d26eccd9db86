#include "kv/testing/kv_sim_workload.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "checkers/linearizability.h"
#include "checkers/revision_certificate.h"
#include "framework/base/check.h"
#include "kv/kv_node.h"
#include "kv/proto/rpc.pb.h"
#include "kv/testing/kv_call.h"
#include "kv/verdict.h"

namespace lockstep::kv {
namespace {

using checkers::KvCompare;
using checkers::KvOp;
using checkers::KvRequest;

// The certificate of revisions has judged most of the history by then; what the search adds is not
// worth more than a moment, and many writes without an answer could make it take for ever.
checkers::LinearizabilityLimits SearchLimits() {
  checkers::LinearizabilityLimits limits;
  limits.configurations_max = 5'000;
  limits.frontier_max = 500;
  return limits;
}

// Of a client's turns, one is an alarm; how often it tries to put meanwhile.
constexpr uint64_t kTurnsPerAlarm = 200;
constexpr int kPutsPerAlarm = 3;

etcdserverpb::AlarmRequest AlarmOf(etcdserverpb::AlarmRequest::AlarmAction action,
                                   uint64_t member) {
  etcdserverpb::AlarmRequest request;
  request.set_action(action);
  request.set_memberid(member);
  request.set_alarm(etcdserverpb::NOSPACE);
  return request;
}
etcdserverpb::AlarmRequest Raise(uint64_t member) {
  return AlarmOf(etcdserverpb::AlarmRequest::ACTIVATE, member);
}
etcdserverpb::AlarmRequest TakeBack(uint64_t member) {
  return AlarmOf(etcdserverpb::AlarmRequest::DEACTIVATE, member);
}

KvOp Put(std::string key, std::string value) {
  KvOp op;
  op.kind = KvOp::Kind::kPut;
  op.key = std::move(key);
  op.value = std::move(value);
  return op;
}

bool OnlyReads(const KvRequest& request) {
  return request.kind != KvRequest::Kind::kCompact && !checkers::MayWrite(request);
}

// For people: "k1 = c2-7 at revision 12, now 15".
std::string DescribeAnswer(const KvRequest& request, const checkers::KvResponse& response) {
  if (response.error == checkers::KvError::kCompacted) return "error: compacted";
  if (response.error == checkers::KvError::kFutureRevision) return "error: future revision";
  std::string text;
  if (!request.compares.empty()) text = response.succeeded ? "held; " : "did not hold; ";
  const std::vector<KvOp>& branch = checkers::TakenBranch(request, response);
  for (size_t i = 0; i < branch.size() && i < response.results.size(); ++i) {
    const checkers::KvOpResult& result = response.results[i];
    if (branch[i].kind == KvOp::Kind::kDelete) absl::StrAppend(&text, result.count, " deleted, ");
    if (branch[i].kind != KvOp::Kind::kRange) continue;
    if (result.kvs.empty()) absl::StrAppend(&text, branch[i].key, " is absent, ");
    for (const checkers::KvPair& pair : result.kvs) {
      absl::StrAppend(&text, pair.key, " = ", pair.value, " of revision ", pair.mod_revision, ", ");
    }
  }
  return absl::StrCat(text, "revision ", response.revision);
}

KvOp Get(std::string key) {
  KvOp op;
  op.key = std::move(key);
  return op;
}

}  // namespace

void KvSimWorkload::Configure(replica::NodeOptions& options) {
  KvNodeOptions kv;
  kv.cluster = options.cluster;
  kv::Configure(options, std::move(kv));
}

// The first key is hot and never deleted, so that it comes to have many versions.
std::string KvSimWorkload::Key(Client& client) const {
  const uint64_t drawn = client.random.Below(options_.keys + options_.keys / 4);
  return absl::StrCat("k", drawn < options_.keys ? drawn : 0);
}

std::string KvSimWorkload::MortalKey(Client& client) const {
  return absl::StrCat("k", 1 + client.random.Below(options_.keys - 1));
}

// Unique, so that one value stands for one write; and the same whether or not there were others.
std::string KvSimWorkload::Value(Client& client) const {
  std::string value = absl::StrCat("c", client.plan.index + 1, "-", client.plan.turns->number());
  if (client.values++ > 0) absl::StrAppend(&value, "b");
  return value;
}

KvRequest KvSimWorkload::NextRequest(Client& client) const {
  const uint64_t dice = client.random.Below(100);
  if (dice < 35) return checkers::PutRequest(Key(client), Value(client));
  if (dice < 60) return checkers::GetRequest(Key(client));
  if (dice < 66) return checkers::RangeRequest("k", "l");
  if (dice < 74) return checkers::DeleteRequest(MortalKey(client));
  if (dice < 76) return checkers::DeleteRequest("k2", "k5");
  if (dice < 92) return NextTransaction(client);
  if (dice < 99) {
    // Of the past, or of whatever this replica has.
    KvRequest read = checkers::GetRequest(Key(client));
    if (dice < 95) {
      read.serializable = true;
    } else {
      read.success[0].revision =
          1 + static_cast<int64_t>(client.random.Below(static_cast<uint64_t>(client.revision) + 1));
    }
    return read;
  }
  const int64_t back = static_cast<int64_t>(client.random.Below(20));
  return checkers::CompactRequest(std::max<int64_t>(1, client.revision - back));
}

KvRequest KvSimWorkload::NextTransaction(Client& client) const {
  KvRequest request;
  const std::string key = Key(client);
  if (client.random.Below(4) == 0) {
    // Several keys at once, and a read that must see the writes before it.
    const std::string other = absl::StrCat("k", client.random.Below(options_.keys));
    request.success.push_back(Put(key, Value(client)));
    if (other != key) request.success.push_back(Put(other, Value(client)));
    request.success.push_back(Get(key));
    return request;
  }
  // Compare and swap, with what was last read or with absence.
  KvCompare compare;
  compare.key = key;
  const auto seen = client.seen.find(key);
  if (seen == client.seen.end() || client.random.Below(5) == 0) {
    compare.target = KvCompare::Target::kVersion;
    compare.number = 0;
  } else {
    compare.target = KvCompare::Target::kValue;
    compare.value = seen->second;
  }
  request.compares.push_back(std::move(compare));
  request.success.push_back(Put(key, Value(client)));
  request.failure.push_back(Get(key));
  return request;
}

void KvSimWorkload::RunClient(Fiber& fiber, runtime::Environment& environment,
                              const sim::ClientPlan& plan) {
  Client client{plan, base::SequentialRandom(plan.seed), 0, 1, {}, {}, {}, 0};
  CHECK(plan.turns != nullptr);
  const bool is_patient = plan.index % 2 == 0 || plan.nothing_fails;
  client.timeout = is_patient ? options_.request_timeout : options_.short_timeout;
  client.channels.resize(plan.endpoints.size());
  client.endpoint = plan.index % plan.endpoints.size();
  while (plan.turns->Await(fiber, ThinkTime(client))) {
    client.random = plan.turns->Random();
    client.values = 0;
    if (IsAlarmTurn(client)) {
      RunAlarm(fiber, environment, client);
      continue;
    }
    edge::GrpcChannel& channel = ChooseChannel(environment, client);
    if (RunOne(fiber, channel, client, NextRequest(client))) continue;
    client.channels[client.endpoint].reset();
    client.endpoint = (client.endpoint + 1) % plan.endpoints.size();
  }
}

Duration KvSimWorkload::ThinkTime(Client& client) {
  if (client.random.Below(4) == 0) return Duration(0);
  // The mean over all operations is think_time.
  const auto most = static_cast<uint64_t>(client.plan.think_time.count()) * 8 / 3;
  return Nanoseconds(static_cast<int64_t>(client.random.Below(most + 1)));
}

edge::GrpcChannel& KvSimWorkload::ChooseChannel(runtime::Environment& environment, Client& client) {
  if (client.random.Below(4) == 0) client.endpoint = client.random.Below(client.channels.size());
  std::unique_ptr<edge::GrpcChannel>& channel = client.channels[client.endpoint];
  if (channel == nullptr) {
    channel = std::make_unique<edge::GrpcChannel>(environment.scheduler, environment.network,
                                                  client.plan.endpoints[client.endpoint]);
  }
  return *channel;
}

Duration KvSimWorkload::DrawStaleness(const Client& client, const KvRequest& request) {
  base::SequentialRandom dice = client.random;
  if (!OnlyReads(request) || request.success[0].revision != 0 || dice.Below(5) != 0)
    return Duration(0);
  constexpr int64_t kAllowedMs[] = {1, 50, 500, 5000};
  return Milliseconds(kAllowedMs[dice.Below(4)]);
}

void KvSimWorkload::CheckStaleness(const Client& client, int64_t called_ns, Duration allowed,
                                   const KvRequest& request, const CallResult& result) {
  if (result.outcome != CallOutcome::kAnswered ||
      result.response.error != checkers::KvError::kNone) {
    return;
  }
  const sim::ClockBudget& clocks = client.plan.clocks;
  // (By a clock that stands still nothing gets old.)
  if (allowed > Duration(0) && !clocks.freezes && !certain_) {
    certain_ = staleness_.Check(called_ns, allowed, clocks.drift_ppm, result.response.revision,
                                checkers::DescribeRequest(request));
    is_told_first_ = certain_.has_value();
  }
  staleness_.OnKnown(client.plan.universe_ns(), result.response.revision);
}

bool KvSimWorkload::RunOne(Fiber& fiber, edge::GrpcChannel& channel, Client& client,
                           const KvRequest& request) {
  ++invoked_;
  const uint64_t began = alarms_.Now();
  const int64_t called_ns = client.plan.universe_ns();
  const Duration allowed = DrawStaleness(client, request);
  KvRequest judged = request;
  // Of the past, if that was allowed, or if the clocks are worse than the product was told.
  if (allowed > Duration(0) || (!client.plan.clocks.leases_hold && OnlyReads(request))) {
    judged.serializable = true;
  }
  const uint64_t id = recorder_.Call(client.plan.index, called_ns, judged);
  monitor_.OnCall(id, client.plan.index, recorder_.operations().back().call, judged);
  if (client.plan.recorder != nullptr) TellInvoked(client, id, request);
  CallResult result = CallKv(fiber, channel, request, fiber.now() + client.timeout, allowed);
  CheckStaleness(client, called_ns, allowed, request, result);
  CheckAnswered(client, request, result);
  if (client.plan.recorder != nullptr) TellReturned(client, id, request, result);
  NoteForAlarms(began, request, result);
  Record(id, client.plan.universe_ns(), result);
  if (result.error == kNoSpace.text) {
    for (const uint64_t stray : alarms_.Stray()) {
      static_cast<void>(ChangeAlarm(fiber, channel, client, TakeBack(stray)));
    }
    return true;
  }
  if (result.outcome != CallOutcome::kAnswered) return false;
  ++completed_;
  client.revision = std::max(client.revision, result.response.revision);
  for (const checkers::KvOpResult& one : result.response.results) {
    for (const checkers::KvPair& pair : one.kvs) client.seen[pair.key] = pair.value;
  }
  return true;
}

void KvSimWorkload::CheckAnswered(const Client& client, const KvRequest& request,
                                  const CallResult& result) {
  if (!client.plan.nothing_fails || certain_) return;
  if (result.outcome == CallOutcome::kAnswered || result.is_sent_again) return;
  if (result.error == kNoSpace.text) return;
  certain_ = checkers::Violation{"availability",
                                 absl::StrCat("client c", client.plan.index + 1, " called ",
                                              checkers::DescribeRequest(request), " and was told: ",
                                              result.error, ", although nothing is broken"),
                                 client.plan.endpoints[client.endpoint]};
  is_told_first_ = true;
}

void KvSimWorkload::Record(uint64_t id, int64_t now, const CallResult& result) {
  if (result.outcome == CallOutcome::kNothing) recorder_.Refused(id);
  if (result.outcome == CallOutcome::kAnswered) recorder_.Return(id, now, result.response);
  if (certain_) return;
  switch (result.outcome) {
    case CallOutcome::kNothing:
      certain_ = monitor_.OnRefused(id);
      break;
    case CallOutcome::kUnknown:
      certain_ = monitor_.OnUnknown(id);
      break;
    case CallOutcome::kAnswered:
      certain_ = monitor_.OnReturn(id, *recorder_.operations()[id - 1].returned, result.response);
      break;
  }
}

bool KvSimWorkload::IsAlarmTurn(const Client& client) {
  base::SequentialRandom dice = client.random;
  return dice.Below(kTurnsPerAlarm) == 0;
}

void KvSimWorkload::RunAlarm(Fiber& fiber, runtime::Environment& environment, Client& client) {
  const uint64_t episode = alarms_.Raising();
  if (ChangeAlarm(fiber, ChooseChannel(environment, client), client, Raise(episode))) {
    alarms_.Raised(episode);
  }
  for (int i = 0; i < kPutsPerAlarm; ++i) {
    const KvRequest request =
        i % 2 == 0 ? NextTransaction(client) : checkers::PutRequest(Key(client), Value(client));
    static_cast<void>(RunOne(fiber, ChooseChannel(environment, client), client, request));
  }
  alarms_.TakingBack(episode);
  InsistOn(fiber, environment, client, TakeBack(episode));
  alarms_.TookBack(episode);
}

void KvSimWorkload::InsistOn(Fiber& fiber, runtime::Environment& environment, Client& client,
                             const etcdserverpb::AlarmRequest& request) {
  while (!ChangeAlarm(fiber, ChooseChannel(environment, client), client, request)) {
    client.channels[client.endpoint].reset();
    client.endpoint = (client.endpoint + 1) % client.channels.size();
    fiber.SleepFor(Milliseconds(20));
  }
}

bool KvSimWorkload::ChangeAlarm(Fiber& fiber, edge::GrpcChannel& channel, const Client& client,
                                const etcdserverpb::AlarmRequest& request) {
  return channel
      .Call(fiber, "/etcdserverpb.Maintenance/Alarm", request.SerializeAsString(),
            {fiber.now() + client.timeout, nullptr})
      .ok();
}

void KvSimWorkload::NoteForAlarms(uint64_t began, const KvRequest& request,
                                  const CallResult& result) {
  const auto puts = [](const std::vector<KvOp>& branch) {
    return std::any_of(branch.begin(), branch.end(),
                       [](const KvOp& op) { return op.kind == KvOp::Kind::kPut; });
  };
  if (result.error == kNoSpace.text) {
    alarms_.PutRefused(began, checkers::DescribeRequest(request));
  } else if (result.outcome == CallOutcome::kAnswered &&
             result.response.error == checkers::KvError::kNone &&
             (puts(request.success) || puts(request.failure))) {
    alarms_.PutAnswered(began, checkers::DescribeRequest(request));
  }
}

void KvSimWorkload::TellInvoked(const Client& client, uint64_t id, const KvRequest& request) {
  sim::OperationFacts facts;
  facts.id = id;
  facts.client = client.plan.index;
  facts.endpoint = client.plan.endpoints[client.endpoint];
  facts.words = checkers::DescribeRequest(request);
  for (const KvOp& op : request.success) {
    facts.keys.push_back(op.key);
    if (facts.token.empty()) facts.token = op.value;
  }
  client.plan.recorder->OnInvoked({client.plan.universe_ns()}, facts);
}

void KvSimWorkload::TellReturned(const Client& client, uint64_t id, const KvRequest& request,
                                 const CallResult& result) {
  std::string answer;
  if (result.outcome == CallOutcome::kNothing) answer = "refused";
  if (result.outcome == CallOutcome::kAnswered) {
    answer = DescribeAnswer(request, result.response);
  }
  client.plan.recorder->OnReturned({client.plan.universe_ns()}, id, answer);
}

std::optional<checkers::Violation> KvSimWorkload::Check() {
  const checkers::KvHistory history = recorder_.Take();
  if (alarms_.violation()) return alarms_.violation();
  if (is_told_first_) return certain_;
  if (auto certificate = checkers::CheckRevisions(history); certificate.violation) {
    return certificate.violation;
  }
  const checkers::KvModel model(history);
  const auto verdict = checkers::CheckLinearizability(model, model.Judged(history), SearchLimits());
  if (verdict.violation) return verdict.violation;
  // (The monitor judges what the others do, in other words.)
  return certain_;
}

}  // namespace lockstep::kv
