// Client against server over streams in memory.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "framework/edge/grpc_client.h"
#include "framework/edge/grpc_health.h"
#include "framework/edge/grpc_server.h"
#include "tests/framework/edge/memory_network.h"

namespace lockstep::edge {
namespace {

constexpr char kAddress[] = "server:1";

class GrpcEndToEnd : public testing::Test {
 protected:
  GrpcEndToEnd() {
    registry_.AddUnary("/test.Echo/Echo", [](Fiber&, const GrpcRequest& request, std::string* out) {
      *out = std::string(request.message);
      return GrpcStatus();
    });
    registry_.AddUnary("/test.Echo/Fail", [](Fiber&, const GrpcRequest& request, std::string*) {
      return GrpcStatus(GrpcCode::kOutOfRange, std::string(request.message));
    });
    registry_.AddUnary("/test.Echo/Hang", [this](Fiber& fiber, const GrpcRequest&, std::string*) {
      const Count in(&hanging_);
      fiber::WaitQueue().Wait(fiber);
      return GrpcStatus();
    });
    registry_.AddStreaming("/test.Echo/Chat",
                           [](Fiber& fiber, const GrpcRequest&, GrpcServerStream& stream) {
                             std::string message;
                             while (stream.Read(fiber, &message))
                               stream.Write(fiber, "re: " + message);
                             return GrpcStatus(GrpcCode::kAborted, "bye");
                           });
  }

  struct Count {
    explicit Count(int* c) : counter(c) { ++*counter; }
    ~Count() { --*counter; }
    int* counter;
  };

  void Start(const GrpcServerOptions& server = {}, const GrpcChannelOptions& channel = {}) {
    server_ = std::make_unique<GrpcServer>(scheduler_, trace_, registry_, server);
    listener_ = *network_.Listen(kAddress);
    serving_ = std::make_unique<fiber::Scope>(scheduler_);
    serving_->Spawn("serve", [this](Fiber& fiber) { server_->Serve(fiber, *listener_); });
    channel_ = std::make_unique<GrpcChannel>(scheduler_, network_, kAddress, channel);
  }

  void StopServer() {
    serving_.reset();
    listener_.reset();
    server_.reset();
  }

  // Runs `body` in a fiber to its end.
  bool Run(std::function<void(Fiber&)> body, Duration limit = Seconds(600)) {
    bool is_done = false;
    users_.Spawn("test", [&](Fiber& fiber) {
      body(fiber);
      is_done = true;
    });
    return RunUntil(
        scheduler_, [&] { return is_done; }, limit);
  }

  GrpcResult Call(const std::string& method, const std::string& request,
                  Duration timeout = Seconds(5)) {
    GrpcResult result;
    EXPECT_TRUE(Run([&](Fiber& fiber) {
      GrpcCallOptions options;
      options.deadline = fiber.now() + timeout;
      result = channel_->Call(fiber, method, request, options);
    }));
    return result;
  }

  fiber::Scheduler scheduler_;
  NoTrace trace_;
  MemoryNetwork network_;
  GrpcRegistry registry_;
  int hanging_ = 0;
  std::unique_ptr<GrpcServer> server_;
  std::unique_ptr<runtime::Listener> listener_;
  std::unique_ptr<fiber::Scope> serving_;
  std::unique_ptr<GrpcChannel> channel_;
  fiber::Scope users_{scheduler_};
};

TEST_F(GrpcEndToEnd, UnaryCallReturnsTheResponse) {
  Start();
  const GrpcResult result = Call("/test.Echo/Echo", "hello");
  EXPECT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.response, "hello");
  EXPECT_EQ(result.outcome, GrpcOutcome::kAnswered);
}

TEST_F(GrpcEndToEnd, StatusMessageArrivesByteForByte) {
  Start();
  const std::string message = "100% etcdserver: \xC3\xA9\n\x01 done";
  const GrpcResult result = Call("/test.Echo/Fail", message);
  EXPECT_EQ(result.code, GrpcCode::kOutOfRange);
  EXPECT_EQ(result.message, message);
  EXPECT_EQ(result.outcome, GrpcOutcome::kAnswered);
}

TEST_F(GrpcEndToEnd, BidirectionalStreamAnswersEachMessageAndEndsWithAStatus) {
  Start();
  std::vector<std::string> answers;
  GrpcStatus status;
  ASSERT_TRUE(Run([&](Fiber& fiber) {
    auto stream = *channel_->OpenStream(fiber, "/test.Echo/Chat");
    std::string answer;
    for (const char* word : {"a", "b", "c"}) {
      stream->Write(fiber, word);
      if (stream->Read(fiber, &answer)) answers.push_back(answer);
    }
    stream->EndWrites();
    EXPECT_FALSE(stream->Read(fiber, &answer));
    status = stream->status();
  }));
  EXPECT_EQ(answers, (std::vector<std::string>{"re: a", "re: b", "re: c"}));
  EXPECT_EQ(status, GrpcStatus(GrpcCode::kAborted, "bye"));
}

}  // namespace
}  // namespace lockstep::edge
