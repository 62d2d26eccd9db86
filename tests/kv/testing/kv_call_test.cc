#include "kv/testing/kv_call.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "framework/edge/grpc_server.h"
#include "kv/proto/rpc.pb.h"
#include "tests/sim/support.h"

namespace lockstep::kv {
namespace {

using edge::GrpcCode;
using edge::GrpcRequest;
using edge::GrpcStatus;

using Handler = std::function<GrpcStatus(Fiber&, const GrpcRequest&, std::string*)>;

// Asks a server that answers `method` with `handler`, and nothing else; without a handler there is
// no server.
CallResult Ask(const char* method, Handler handler, const checkers::KvRequest& request) {
  sim::CalmUniverse u(2);
  edge::GrpcRegistry registry;
  if (handler) {
    registry.AddUnary(method, handler);
    u.Boot(1, [&](Fiber& fiber, runtime::Environment& env) {
      const auto listener = env.network.Listen("n1:1");
      edge::GrpcServer server(env.scheduler, env.trace, registry);
      server.Serve(fiber, **listener);
    });
  }
  CallResult result;
  u.Run(2, [&](Fiber& fiber, runtime::Environment& env) {
    edge::GrpcChannel channel(env.scheduler, env.network, "n1:1");
    result = CallKv(fiber, channel, request, fiber.now() + Seconds(2));
  });
  for (auto& node : u.nodes) node->Kill();
  return result;
}

Handler Refuse(GrpcCode code, const std::string& message) {
  return [=](Fiber&, const GrpcRequest&, std::string*) { return GrpcStatus(code, message); };
}

Handler Hang() {
  return [](Fiber& fiber, const GrpcRequest&, std::string*) {
    fiber.SleepFor(Seconds(100));
    return GrpcStatus();
  };
}

constexpr char kPut[] = "/etcdserverpb.KV/Put";
constexpr char kRange[] = "/etcdserverpb.KV/Range";
constexpr char kTxn[] = "/etcdserverpb.KV/Txn";

TEST(KvCall, APutThatIsAnsweredCarriesItsRevision) {
  const CallResult result = Ask(
      kPut,
      [](Fiber&, const GrpcRequest& request, std::string* response) {
        etcdserverpb::PutRequest put;
        EXPECT_TRUE(put.ParseFromString(std::string(request.message)));
        EXPECT_EQ(put.key(), "k");
        EXPECT_EQ(put.value(), "v");
        etcdserverpb::PutResponse answer;
        answer.mutable_header()->set_revision(7);
        answer.SerializeToString(response);
        return GrpcStatus();
      },
      checkers::PutRequest("k", "v"));
  EXPECT_EQ(result.outcome, CallOutcome::kAnswered) << result.error;
  EXPECT_EQ(result.response.revision, 7);
}

TEST(KvCall, ReadsThatFailHaveNoEffect) {
  EXPECT_EQ(Ask(kRange, Hang(), checkers::GetRequest("k")).outcome, CallOutcome::kNothing);
  EXPECT_EQ(
      Ask(kRange, Refuse(GrpcCode::kUnavailable, "no leader"), checkers::GetRequest("k")).outcome,
      CallOutcome::kNothing);
}

TEST(KvCall, WritesWithoutAnAnswerMayHaveHappened) {
  EXPECT_EQ(Ask(kPut, Hang(), checkers::PutRequest("k", "v")).outcome, CallOutcome::kUnknown);
  EXPECT_EQ(Ask(kPut, Refuse(GrpcCode::kUnavailable, "?"), checkers::PutRequest("k", "v")).outcome,
            CallOutcome::kUnknown);
}

TEST(KvCall, WritesThatNobodySawDidNotHappen) {
  EXPECT_EQ(Ask(kPut, nullptr, checkers::PutRequest("k", "v")).outcome, CallOutcome::kNothing);
}

TEST(KvCall, RefusedForWantOfRoomMeansNotProposed) {
  EXPECT_EQ(Ask(kPut, Refuse(GrpcCode::kResourceExhausted, "too many requests"),
                checkers::PutRequest("k", "v"))
                .outcome,
            CallOutcome::kNothing);
}

TEST(KvCall, CompactedAndFutureRevisionsAreAnswers) {
  checkers::KvRequest read = checkers::GetRequest("k");
  read.success[0].revision = 3;
  const CallResult compacted =
      Ask(kRange,
          Refuse(GrpcCode::kOutOfRange, "etcdserver: mvcc: required revision has been compacted"),
          read);
  EXPECT_EQ(compacted.outcome, CallOutcome::kAnswered);
  EXPECT_EQ(compacted.response.error, checkers::KvError::kCompacted);
  const CallResult future =
      Ask(kRange,
          Refuse(GrpcCode::kOutOfRange, "etcdserver: mvcc: required revision is a future revision"),
          read);
  EXPECT_EQ(future.response.error, checkers::KvError::kFutureRevision);
}

TEST(KvCall, TransactionsKeepTheirComparesAndBothBranches) {
  checkers::KvRequest request;
  checkers::KvCompare compare;
  compare.target = checkers::KvCompare::Target::kValue;
  compare.key = "k";
  compare.value = "old";
  request.compares.push_back(compare);
  request.success = checkers::PutRequest("k", "new").success;
  request.failure = checkers::GetRequest("k").success;
  const CallResult result = Ask(
      kTxn,
      [](Fiber&, const GrpcRequest& grpc, std::string* response) {
        etcdserverpb::TxnRequest txn;
        EXPECT_TRUE(txn.ParseFromString(std::string(grpc.message)));
        EXPECT_EQ(txn.compare_size(), 1);
        EXPECT_EQ(txn.compare(0).value(), "old");
        EXPECT_EQ(txn.success(0).request_put().value(), "new");
        EXPECT_EQ(txn.failure(0).request_range().key(), "k");
        etcdserverpb::TxnResponse answer;
        answer.mutable_header()->set_revision(9);
        auto* kv = answer.add_responses()->mutable_response_range()->add_kvs();
        kv->set_key("k");
        kv->set_value("other");
        answer.SerializeToString(response);
        return GrpcStatus();
      },
      request);
  ASSERT_EQ(result.outcome, CallOutcome::kAnswered) << result.error;
  EXPECT_FALSE(result.response.succeeded);
  ASSERT_EQ(result.response.results.size(), 1u);
  EXPECT_EQ(result.response.results[0].kvs[0].value, "other");
}

}  // namespace
}  // namespace lockstep::kv
