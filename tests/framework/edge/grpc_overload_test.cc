// Clients that together ask for more than the server may hold.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "framework/edge/grpc_client.h"
#include "framework/edge/grpc_server.h"
#include "tests/framework/edge/memory_network.h"
#include "tests/framework/edge/wire.h"

namespace lockstep::edge {
namespace {

constexpr char kAddress[] = "server:1";
constexpr size_t kMebibyte = 1024 * 1024;

class GrpcOverload : public testing::Test {
 protected:
  GrpcOverload() {
    // As a linearizable read: all that came together go on together.
    registry_.AddUnary("/t.T/Read",
                       [this](Fiber& fiber, const GrpcRequest& request, std::string* out) {
                         fiber.SleepFor(Milliseconds(1));
                         if (!request.room.Reserve(fiber, kMebibyte)) return request.room.Busy();
                         ++made_;
                         out->assign(kMebibyte, 'x');
                         return GrpcStatus();
                       });
    registry_.AddUnary("/t.T/Hold", [](Fiber& fiber, const GrpcRequest& request, std::string*) {
      if (!request.room.Reserve(fiber, kMebibyte)) return request.room.Busy();
      fiber::WaitQueue().Wait(fiber);
      return GrpcStatus();
    });
    registry_.AddUnary("/t.T/Echo", [](Fiber&, const GrpcRequest& request, std::string* out) {
      *out = std::string(request.message);
      return GrpcStatus();
    });
  }

  void Start(const GrpcServerOptions& options = {}) {
    server_ = std::make_unique<GrpcServer>(scheduler_, trace_, registry_, options);
    listener_ = *network_.Listen(kAddress);
    serving_ = std::make_unique<fiber::Scope>(scheduler_);
    serving_->Spawn("serve", [this](Fiber& fiber) { server_->Serve(fiber, *listener_); });
  }

  // A client that sends this and then nothing, and never reads.
  void AddSilentClient(const std::string& bytes) {
    users_.Spawn("silent", [this, bytes](Fiber& fiber) {
      const auto stream = *network_.Dial(fiber, kAddress, kNoDeadline);
      static_cast<void>(stream->Write(fiber, bytes));
      fiber::WaitQueue().Wait(fiber);
    });
  }
  // With windows that leave all limits to the server.
  static std::string Reads(int count, const char* method = "/t.T/Read") {
    std::string bytes = wire::Hello(0x7fffffff);
    bytes += wire::Frame(wire::kWindowUpdate, 0, 0, wire::Be32(0x7fffffff - 65535));
    for (int i = 0; i < count; ++i) {
      bytes += wire::Request(static_cast<uint32_t>(2 * i + 1), method, "");
    }
    return bytes;
  }

  GrpcResult Call(const std::string& method, const std::string& request,
                  Duration timeout = Seconds(20)) {
    GrpcChannel channel(scheduler_, network_, kAddress, {});
    GrpcResult result;
    bool is_done = false;
    fiber::Scope scope(scheduler_);
    scope.Spawn("call", [&](Fiber& fiber) {
      GrpcCallOptions options;
      options.deadline = fiber.now() + timeout;
      result = channel.Call(fiber, method, request, options);
      is_done = true;
    });
    EXPECT_TRUE(Run([&] { return is_done; }));
    return result;
  }

  // Runs until `done` and remembers the most that the server held on the way.
  bool Run(const std::function<bool()>& done, Duration limit = Seconds(60)) {
    return RunUntil(
        scheduler_,
        [&] {
          most_held_ = std::max(most_held_, server_->budget().responses.used_bytes() +
                                                server_->budget().overflow.used_bytes());
          return done();
        },
        limit);
  }

  fiber::Scheduler scheduler_;
  NoTrace trace_;
  MemoryNetwork network_;
  GrpcRegistry registry_;
  int made_ = 0;
  size_t most_held_ = 0;
  std::unique_ptr<GrpcServer> server_;
  std::unique_ptr<runtime::Listener> listener_;
  std::unique_ptr<fiber::Scope> serving_;
  fiber::Scope users_{scheduler_};
};

TEST_F(GrpcOverload, OneClientThatDoesNotReadHasItsOwnBoundEvenIfAllItsCallsHaveBegun) {
  Start();
  AddSilentClient(Reads(100));
  Run([] { return false; }, Seconds(1));
  EXPECT_LE(most_held_, limits::kClientQueueBytesMax + 1000);
  EXPECT_LE(made_, 9);
  EXPECT_EQ(server_->connections(), 1u);
}

TEST_F(GrpcOverload, ManyThatDoNotReadHoldABoundedAmountAndMakeRoomForWhoDoes) {
  Start();
  for (int i = 0; i < 40; ++i) AddSilentClient(Reads(100));
  Run([] { return false; }, Milliseconds(100));
  const MonoTime before = scheduler_.now();
  EXPECT_EQ(Call("/t.T/Read", "").response.size(), kMebibyte);
  EXPECT_LE(scheduler_.now() - before, Seconds(4)) << "its turn is behind one call of each";
  EXPECT_LE(most_held_, limits::kResponseBytesHeldMax + 40 * 1000);
  EXPECT_LT(server_->connections(), 41u) << "somebody had to go";
  EXPECT_TRUE(Run([&] { return server_->connections() == 0; }, Seconds(60)));
  EXPECT_EQ(server_->budget().responses.used_bytes(), 0u);
}

TEST_F(GrpcOverload, RoomThatDoesNotComeInTimeIsRefused) {
  GrpcServerOptions options;
  options.limits.busy_text = "etcdserver: too many requests";
  Start(options);
  for (int i = 0; i < 4; ++i) AddSilentClient(Reads(8, "/t.T/Hold"));
  Run([] { return false; }, Milliseconds(10));
  EXPECT_EQ(Call("/t.T/Echo", "small").response, "small") << "nothing is reserved for this one";
  const MonoTime before = scheduler_.now();
  const GrpcResult refused = Call("/t.T/Read", "");
  EXPECT_EQ(refused.code, GrpcCode::kResourceExhausted);
  EXPECT_EQ(refused.message, "etcdserver: too many requests");
  EXPECT_EQ(scheduler_.now() - before, options.room_timeout + Milliseconds(1));
  EXPECT_EQ(server_->connections(), 5u) << "nobody stalls: their answers are not made yet";
}

TEST_F(GrpcOverload, RequestsBeyondTheBudgetAreRefusedAndWhoLeavesThemHalfSentGoes) {
  GrpcServerOptions options;
  options.budget.request_bytes_max = 4 * kMebibyte;
  Start(options);
  for (int i = 0; i < 8; ++i) {
    std::string bytes = wire::Hello() + wire::Headers(1, wire::RequestHeaders("/t.T/Echo"));
    bytes += wire::Frame(wire::kData, 0, 1,
                         wire::Message(std::string(kMebibyte, 'x')).substr(0, 10'000));
    for (int n = 0; n < 60; ++n) bytes += wire::Frame(wire::kData, 0, 1, std::string(10'000, 'x'));
    AddSilentClient(bytes);
  }
  Run([] { return false; }, Milliseconds(10));
  EXPECT_LE(server_->budget().requests.used_bytes(), options.budget.request_bytes_max + 8 * 16'384);
  const GrpcResult refused = Call("/t.T/Echo", std::string(kMebibyte, 'y'));
  EXPECT_EQ(refused.code, GrpcCode::kResourceExhausted);
  EXPECT_EQ(refused.message, "too many requests");
  Run([] { return false; }, Seconds(4));
  EXPECT_TRUE(Call("/t.T/Echo", std::string(kMebibyte, 'y')).ok());
}

TEST_F(GrpcOverload, RunningCallsAreBoundedToo) {
  GrpcServerOptions options;
  options.budget.request_bytes_max = 64 * 1024;
  Start(options);
  registry_.AddUnary("/t.T/Hang", [](Fiber& fiber, const GrpcRequest&, std::string*) {
    fiber::WaitQueue().Wait(fiber);
    return GrpcStatus();
  });
  AddSilentClient(Reads(30, "/t.T/Hang"));
  Run([] { return false; }, Milliseconds(10));
  EXPECT_EQ(Call("/t.T/Echo", "x").message, "too many requests");
}

TEST_F(GrpcOverload, PingsAreNoExcuseForNotReading) {
  Start();
  users_.Spawn("pings", [&](Fiber& fiber) {
    const auto stream = *network_.Dial(fiber, kAddress, kNoDeadline);
    // The stream windows are tiny, so that the acknowledgements of its pings get through.
    std::string bytes = wire::Hello(/*window=*/1);
    for (uint32_t i = 0; i < 20; ++i) bytes += wire::Request(2 * i + 1, "/t.T/Read", "");
    while (stream->Write(fiber, bytes).ok()) {
      fiber.SleepFor(Seconds(5));
      bytes = wire::Frame(wire::kPing, 0, 0, "12345678");
    }
  });
  Run([] { return false; }, Seconds(1));
  ASSERT_EQ(server_->connections(), 1u);
  EXPECT_TRUE(Run([&] { return server_->connections() == 0; }, Seconds(40)));
}

TEST_F(GrpcOverload, SlowReaderIsLeftAloneWhileNobodyNeedsItsRoom) {
  Start();
  size_t read = 0;
  users_.Spawn("slow", [&](Fiber& fiber) {
    const auto stream = *network_.Dial(fiber, kAddress, kNoDeadline);
    static_cast<void>(stream->Write(fiber, Reads(100)));
    std::vector<char> buffer(64 * 1024);
    for (;;) {
      const auto count = stream->Read(fiber, absl::MakeSpan(buffer));
      if (!count.ok() || *count == 0) return;
      read += *count;
      fiber.SleepFor(Milliseconds(100));
    }
  });
  // What finds no room within its time is refused, and that is all.
  Run([] { return false; }, Seconds(50));
  EXPECT_GT(read, 10 * kMebibyte);
  EXPECT_EQ(server_->connections(), 1u);
}

}  // namespace
}  // namespace lockstep::edge
