// Client against server over streams in memory.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "framework/base/random.h"
#include "framework/edge/grpc_client.h"
#include "framework/edge/grpc_health.h"
#include "framework/edge/grpc_server.h"
#include "tests/framework/edge/memory_network.h"
#include "tests/framework/edge/wire.h"

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

TEST_F(GrpcEndToEnd, UnknownMethodsAndServicesAreNamed) {
  Start();
  const GrpcResult method = Call("/test.Echo/Nothing", "");
  EXPECT_EQ(method.code, GrpcCode::kUnimplemented);
  EXPECT_EQ(method.message, "unknown method Nothing for service test.Echo");
  const GrpcResult service = Call("/test.Other/Echo", "");
  EXPECT_EQ(service.code, GrpcCode::kUnimplemented);
  EXPECT_EQ(service.message, "unknown service test.Other");
}

TEST_F(GrpcEndToEnd, OversizedRequestIsResourceExhausted) {
  Start();
  const GrpcResult result = Call("/test.Echo/Echo", std::string(2'097'153, 'x'));
  EXPECT_EQ(result.code, GrpcCode::kResourceExhausted);
  EXPECT_EQ(result.message, "grpc: received message larger than max (2097153 vs. 2097152)");
  const std::string largest(2'097'152, 'y');
  EXPECT_EQ(Call("/test.Echo/Echo", largest).response, largest);
}

TEST_F(GrpcEndToEnd, ManyConcurrentCallsOverOneByteReadsAndTinyPipes) {
  network_.pipe_bytes = 50;
  network_.chunk_bytes_max = 1;
  Start();
  int answered = 0;
  for (int i = 0; i < 40; ++i) {
    users_.Spawn("caller", [&, i](Fiber& fiber) {
      const std::string request(static_cast<size_t>(i) * 37, static_cast<char>('a' + i % 26));
      const GrpcResult result = channel_->Call(fiber, "/test.Echo/Echo", request);
      answered += result.ok() && result.response == request;
    });
  }
  EXPECT_TRUE(RunUntil(scheduler_, [&] { return answered == 40; }));
  EXPECT_EQ(network_.dials, 1);
}

TEST_F(GrpcEndToEnd, DeadlineEndsTheCallOnBothSides) {
  Start();
  const GrpcResult result = Call("/test.Echo/Hang", "", Milliseconds(100));
  EXPECT_EQ(result.code, GrpcCode::kDeadlineExceeded);
  EXPECT_TRUE(RunUntil(
      scheduler_, [&] { return server_->open_calls() == 0; }, Seconds(1)));
  EXPECT_EQ(hanging_, 0);
}

TEST_F(GrpcEndToEnd, ServerEndsAnExpiredCallByItself) {
  Start();
  ASSERT_TRUE(Run([&](Fiber& fiber) {
    // The stream's own side waits on; only grpc-timeout tells the server.
    GrpcCallOptions options;
    options.deadline = fiber.now() + Milliseconds(100);
    auto stream = *channel_->OpenStream(fiber, "/test.Echo/Chat", options);
    std::string message;
    EXPECT_FALSE(stream->Read(fiber, &message));
    EXPECT_EQ(stream->status().code, GrpcCode::kDeadlineExceeded);
    EXPECT_EQ(stream->outcome(), GrpcOutcome::kAnswered);
  }));
}

TEST_F(GrpcEndToEnd, CallerThatIsUnwoundResetsItsCall) {
  Start();
  {
    fiber::Scope impatient(scheduler_);
    impatient.Spawn("caller", [&](Fiber& fiber) { channel_->Call(fiber, "/test.Echo/Hang", ""); });
    ASSERT_TRUE(RunUntil(scheduler_, [&] { return hanging_ == 1; }));
  }
  EXPECT_TRUE(RunUntil(scheduler_, [&] { return hanging_ == 0; }));
}

TEST_F(GrpcEndToEnd, RefusedDialMeansNeverSentAndLaterCallsReconnect) {
  channel_ = std::make_unique<GrpcChannel>(scheduler_, network_, kAddress);
  const GrpcResult refused = Call("/test.Echo/Echo", "x");
  EXPECT_EQ(refused.code, GrpcCode::kUnavailable);
  EXPECT_EQ(refused.outcome, GrpcOutcome::kNeverSent);
  Start();
  EXPECT_TRUE(Call("/test.Echo/Echo", "x").ok());
}

TEST_F(GrpcEndToEnd, LostConnectionLeavesTheOutcomeUnknownAndTheNextCallReconnects) {
  Start();
  GrpcResult result;
  bool is_done = false;
  users_.Spawn("caller", [&](Fiber& fiber) {
    result = channel_->Call(fiber, "/test.Echo/Hang", "");
    is_done = true;
  });
  ASSERT_TRUE(RunUntil(scheduler_, [&] { return hanging_ == 1; }));
  StopServer();
  EXPECT_EQ(hanging_, 0);
  ASSERT_TRUE(RunUntil(scheduler_, [&] { return is_done; }));
  EXPECT_EQ(result.code, GrpcCode::kUnavailable);
  EXPECT_EQ(result.outcome, GrpcOutcome::kUnknown);
  server_ = std::make_unique<GrpcServer>(scheduler_, trace_, registry_);
  listener_ = *network_.Listen(kAddress);
  serving_ = std::make_unique<fiber::Scope>(scheduler_);
  serving_->Spawn("serve", [this](Fiber& fiber) { server_->Serve(fiber, *listener_); });
  EXPECT_TRUE(Call("/test.Echo/Echo", "x").ok());
}

TEST_F(GrpcEndToEnd, ConnectionThatIsDroppedUnansweredHasSeenNoCall) {
  listener_ = *network_.Listen(kAddress);
  channel_ = std::make_unique<GrpcChannel>(scheduler_, network_, kAddress);
  serving_ = std::make_unique<fiber::Scope>(scheduler_);
  std::string heard(1024, '\0');
  serving_->Spawn("drop", [&](Fiber& fiber) {
    const auto stream = *listener_->Accept(fiber);
    const auto n = stream->Read(fiber, absl::MakeSpan(heard));
    heard.resize(n.ok() ? *n : 0);
  });
  const GrpcResult result = Call("/test.Echo/Echo", "a call that nobody takes");
  EXPECT_EQ(result.code, GrpcCode::kUnavailable);
  EXPECT_EQ(result.outcome, GrpcOutcome::kNeverSent);
  EXPECT_FALSE(heard.empty());
  EXPECT_EQ(heard.find("a call that nobody takes"), std::string::npos);
}

TEST_F(GrpcEndToEnd, ShutdownLeavesNoCallInDoubt) {
  Start();
  ASSERT_TRUE(Call("/test.Echo/Echo", "the connection is there").ok());
  std::vector<GrpcResult> results;
  bool is_stopping = false;
  for (int i = 0; i < 20; ++i) {
    users_.Spawn("caller", [&](Fiber& fiber) {
      // Also after it was told that the server goes away, which is news to it later.
      while (!is_stopping || results.size() < 100) {
        results.push_back(
            channel_->Call(fiber, "/test.Echo/Echo", "x", {fiber.now() + Seconds(5)}));
        fiber.SleepFor(Milliseconds(1));
      }
    });
  }
  ASSERT_TRUE(Run([&](Fiber& fiber) {
    fiber.SleepFor(Milliseconds(3));
    is_stopping = true;
    serving_.reset();
    listener_.reset();
    server_->Shutdown(fiber, fiber.now() + Seconds(3));
    fiber.SleepFor(Seconds(1));
  }));
  for (const GrpcResult& result : results) EXPECT_NE(result.outcome, GrpcOutcome::kUnknown);
}

TEST_F(GrpcEndToEnd, ShutdownWaitsForOpenCallsAndCutsOffTheRest) {
  Start();
  GrpcResult hung;
  users_.Spawn("caller",
               [&](Fiber& fiber) { hung = channel_->Call(fiber, "/test.Echo/Hang", ""); });
  ASSERT_TRUE(RunUntil(scheduler_, [&] { return hanging_ == 1; }));
  const MonoTime before = scheduler_.now();
  ASSERT_TRUE(Run([&](Fiber& fiber) { server_->Shutdown(fiber, fiber.now() + Seconds(3)); }));
  EXPECT_GE(scheduler_.now() - before, Seconds(3));
  EXPECT_EQ(hanging_, 0);
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(GrpcEndToEnd, ShutdownOfAnIdleServerIsPrompt) {
  Start();
  EXPECT_TRUE(Call("/test.Echo/Echo", "x").ok());
  const MonoTime before = scheduler_.now();
  ASSERT_TRUE(Run([&](Fiber& fiber) { server_->Shutdown(fiber, fiber.now() + Seconds(60)); }));
  EXPECT_LE(scheduler_.now() - before, Seconds(2));
}

TEST_F(GrpcEndToEnd, StreamThatNobodyReadsHoldsItsWriterBack) {
  size_t written = 0;
  registry_.AddStreaming("/test.Echo/Pour",
                         [&](Fiber& fiber, const GrpcRequest&, GrpcServerStream& stream) {
                           for (const std::string chunk(10'000, 'x');;) {
                             stream.Write(fiber, chunk);
                             written += chunk.size();
                           }
                           return GrpcStatus();
                         });
  Start();
  ASSERT_TRUE(Run([&](Fiber& fiber) {
    auto stream = *channel_->OpenStream(fiber, "/test.Echo/Pour");
    fiber.SleepFor(Seconds(5));
    const size_t at_rest = written;
    // The server's queue, the client's window and the pipe.
    EXPECT_LE(at_rest, 2'500'000u);
    std::string message;
    for (int i = 0; i < 500; ++i) EXPECT_TRUE(stream->Read(fiber, &message));
    fiber.SleepFor(Seconds(5));
    EXPECT_GE(written, at_rest + 3'000'000u);
    // Other calls are not held up by it.
    EXPECT_TRUE(channel_->Call(fiber, "/test.Echo/Echo", "x").ok());
  }));
}

TEST_F(GrpcEndToEnd, HealthIsCheckedAndWatched) {
  GrpcHealth health = GrpcHealth::kServing;
  AddHealthService(registry_, [&](absl::string_view service) {
    return service.empty() ? health : GrpcHealth::kServiceUnknown;
  });
  Start();
  EXPECT_EQ(Call("/grpc.health.v1.Health/Check", "").response, std::string("\x08\x01"));
  EXPECT_EQ(Call("/grpc.health.v1.Health/Check", "\x0A\x01x").code, GrpcCode::kNotFound);
  EXPECT_EQ(Call("/grpc.health.v1.Health/Check", "\x0A\x05x").code, GrpcCode::kInternal);
  ASSERT_TRUE(Run([&](Fiber& fiber) {
    auto stream = *channel_->OpenStream(fiber, "/grpc.health.v1.Health/Watch");
    std::string status;
    stream->Write(fiber, "");
    ASSERT_TRUE(stream->Read(fiber, &status));
    EXPECT_EQ(status, "\x08\x01");
    health = GrpcHealth::kNotServing;
    ASSERT_TRUE(stream->Read(fiber, &status));
    EXPECT_EQ(status, "\x08\x02");
  }));
}

TEST_F(GrpcEndToEnd, MetadataReachesTheHandler) {
  std::string token;
  registry_.AddUnary("/test.Echo/Token", [&](Fiber&, const GrpcRequest& request, std::string*) {
    token = std::string(request.metadata.Find("token").value_or("none"));
    return GrpcStatus();
  });
  Start();
  ASSERT_TRUE(Run([&](Fiber& fiber) {
    Metadata metadata;
    metadata.Add("token", "secret.1");
    GrpcCallOptions options;
    options.metadata = &metadata;
    EXPECT_TRUE(channel_->Call(fiber, "/test.Echo/Token", "", options).ok());
  }));
  EXPECT_EQ(token, "secret.1");
}

// --- clients that misbehave, on a raw stream
// ------------------------------------------------------

class GrpcHostileClient : public GrpcEndToEnd {
 protected:
  // Sends `bytes` and reads nothing; true once the server has hung up.
  bool IsHungUpOn(const std::string& bytes, Duration limit) {
    const bool is_over = Run(
        [&](Fiber& fiber) {
          auto stream = *network_.Dial(fiber, kAddress, kNoDeadline);
          if (!stream->Write(fiber, bytes).ok()) return;
          while (server_->connections() == 0) fiber.Yield();
          while (server_->connections() > 0) fiber.SleepFor(Milliseconds(100));
        },
        limit);
    return is_over;
  }
};

TEST_F(GrpcHostileClient, SilentOneIsCutOffBeforeThePreface) {
  Start();
  EXPECT_TRUE(IsHungUpOn("PRI * HT", Seconds(12)));
}

TEST_F(GrpcHostileClient, DeadOneIsFoundByPings) {
  Start();
  EXPECT_TRUE(IsHungUpOn(wire::Hello(), Seconds(85)));
}

TEST_F(GrpcHostileClient, StalledReaderIsCutOffAndItsCallsDoNotBegin) {
  int started = 0;
  registry_.AddUnary("/test.Echo/Big", [&](Fiber&, const GrpcRequest&, std::string* out) {
    ++started;
    out->assign(1'000'000, 'x');
    return GrpcStatus();
  });
  Start();
  std::string bytes = wire::Hello(/*window=*/1);
  for (uint32_t i = 0; i < 100; ++i) bytes += wire::Request(2 * i + 1, "/test.Echo/Big", "");
  EXPECT_TRUE(IsHungUpOn(bytes, Seconds(60)));
  EXPECT_LE(started, 10) << "what is queued to one client is bounded";
}

TEST_F(GrpcHostileClient, FloodThatIsNotReadIsCutOff) {
  Start();
  std::string bytes = wire::Hello();
  for (int i = 0; i < 20'000; ++i) bytes += wire::Frame(wire::kPing, 0, 0, "12345678");
  EXPECT_TRUE(IsHungUpOn(bytes, Seconds(60)));
}

TEST_F(GrpcHostileClient, MutatedSessionsLeaveTheServerFitForOthers) {
  Start();
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    base::SequentialRandom random(seed);
    std::string bytes = wire::Hello();
    for (const uint32_t stream : {1u, 3u, 5u, 7u}) {
      const char* methods[] = {"/test.Echo/Echo", "/test.Echo/Chat", "/test.Echo/Hang"};
      bytes += wire::Headers(stream, wire::RequestHeaders(methods[random.Below(3)]));
      bytes += wire::Frame(wire::kData, random.Below(2) == 0 ? wire::kEndStream : uint8_t{0},
                           stream, wire::Message("message"));
      if (random.Below(3) == 0) bytes += wire::Frame(wire::kReset, 0, stream, wire::Be32(8));
    }
    const uint64_t mutations = random.Below(6);
    for (uint64_t i = 0; i < mutations; ++i) {
      bytes[24 + random.Below(bytes.size() - 24)] = static_cast<char>(random.Next());
    }
    ASSERT_TRUE(Run([&](Fiber& fiber) {
      auto stream = *network_.Dial(fiber, kAddress, kNoDeadline);
      static_cast<void>(stream->Write(fiber, absl::string_view(bytes).substr(0, bytes.size() / 2)));
      fiber.SleepFor(Microseconds(10));
      static_cast<void>(stream->Write(fiber, absl::string_view(bytes).substr(bytes.size() / 2)));
      fiber.SleepFor(Microseconds(10));
    })) << seed;
  }
  EXPECT_TRUE(Call("/test.Echo/Echo", "x").ok());
  EXPECT_TRUE(RunUntil(
      scheduler_, [&] { return server_->connections() == 1; }, Seconds(5)));
  EXPECT_EQ(hanging_, 0);
}

TEST_F(GrpcHostileClient, ConnectionsBeyondTheLimitAreRefused) {
  GrpcServerOptions options;
  options.connections_max = 2;
  Start(options);
  ASSERT_TRUE(Run([&](Fiber& fiber) {
    std::vector<std::unique_ptr<runtime::Stream>> streams;
    for (int i = 0; i < 3; ++i) streams.push_back(*network_.Dial(fiber, kAddress, kNoDeadline));
    char byte = 0;
    fiber.SleepFor(Milliseconds(1));
    EXPECT_EQ(server_->connections(), 2u);
    const absl::StatusOr<size_t> end = streams[2]->Read(fiber, absl::MakeSpan(&byte, 1));
    EXPECT_TRUE(!end.ok() || *end == 0);
  }));
}

}  // namespace
}  // namespace lockstep::edge
