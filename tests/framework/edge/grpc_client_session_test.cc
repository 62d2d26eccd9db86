// The client's core against the server's core and against bytes made by hand.
#include "framework/edge/grpc_client_session.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "framework/base/random.h"
#include "tests/framework/edge/wire.h"

namespace lockstep::edge {
namespace {

constexpr char kMethod[] = "/test.Echo/Echo";

class GrpcClientSessionTest : public testing::Test {
 protected:
  std::string Pull() {
    std::string out;
    EXPECT_TRUE(session_.Pull(&out, 1'000'000).ok());
    return out;
  }
  // The server's first words and the answer to the client's.
  void Greet() { EXPECT_TRUE(session_.Feed(wire::Frame(wire::kSettings, 0, 0, "")).ok()); }

  static std::string OkResponse(uint32_t stream, absl::string_view message) {
    return wire::Headers(stream, {{":status", "200"}, {"content-type", "application/grpc"}}) +
           wire::Frame(wire::kData, 0, stream, wire::Message(message)) +
           wire::Headers(stream, {{"grpc-status", "0"}}, wire::kEndStream);
  }

  GrpcClientSession session_{"server:1", {}};
};

TEST_F(GrpcClientSessionTest, CallThatWasNotPulledWasNeverSent) {
  ClientCall& call = session_.OpenUnary({kMethod}, "hello");
  session_.FailAll("connection closed");
  EXPECT_TRUE(call.done());
  EXPECT_EQ(call.outcome(), GrpcOutcome::kNeverSent);
  EXPECT_EQ(call.status().code, GrpcCode::kUnavailable);
  session_.Release(call);
}

TEST_F(GrpcClientSessionTest, CallThatWasPulledHasAnUnknownOutcome) {
  Greet();
  ClientCall& call = session_.OpenUnary({kMethod}, "hello");
  EXPECT_NE(Pull().find(wire::Message("hello")), std::string::npos);
  session_.FailAll("connection closed");
  EXPECT_EQ(call.outcome(), GrpcOutcome::kUnknown);
  session_.Release(call);
}

TEST_F(GrpcClientSessionTest, CallBeyondGoAwayWasNeverProcessed) {
  Greet();
  ClientCall& first = session_.OpenUnary({kMethod}, "1");
  ClientCall& second = session_.OpenUnary({kMethod}, "2");
  Pull();
  EXPECT_TRUE(session_.Feed(wire::Frame(wire::kGoAway, 0, 0, wire::Be32(1) + wire::Be32(0))).ok());
  EXPECT_TRUE(session_.is_going_away());
  EXPECT_FALSE(first.done());
  ASSERT_TRUE(second.done());
  EXPECT_EQ(second.outcome(), GrpcOutcome::kNeverSent);
  EXPECT_TRUE(session_.Feed(OkResponse(1, "one")).ok());
  ASSERT_TRUE(first.done());
  EXPECT_EQ(first.Front(), "one");
  session_.Release(first);
  session_.Release(second);
}

TEST_F(GrpcClientSessionTest, RefusedStreamWasNeverProcessed) {
  Greet();
  ClientCall& call = session_.OpenUnary({kMethod}, "1");
  Pull();
  EXPECT_TRUE(session_.Feed(wire::Frame(wire::kReset, 0, 1, wire::Be32(7))).ok());
  EXPECT_EQ(call.outcome(), GrpcOutcome::kNeverSent);
  session_.Release(call);
}

TEST_F(GrpcClientSessionTest, ProxyErrorIsMappedFromItsHttpStatus) {
  Greet();
  ClientCall& call = session_.OpenUnary({kMethod}, "1");
  Pull();
  EXPECT_TRUE(session_.Feed(wire::Headers(1, {{":status", "503"}}, wire::kEndStream)).ok());
  EXPECT_EQ(call.status().code, GrpcCode::kUnavailable);
  EXPECT_EQ(call.outcome(), GrpcOutcome::kUnknown);
  session_.Release(call);
}

TEST_F(GrpcClientSessionTest, OkWithoutAMessageIsInternal) {
  Greet();
  ClientCall& call = session_.OpenUnary({kMethod}, "1");
  Pull();
  EXPECT_TRUE(
      session_.Feed(wire::Headers(1, {{":status", "200"}, {"grpc-status", "0"}}, wire::kEndStream))
          .ok());
  EXPECT_EQ(call.status().code, GrpcCode::kInternal);
  session_.Release(call);
}

TEST_F(GrpcClientSessionTest, ReleasingAnOpenCallResetsItAndItsNumberIsNotUsedAgain) {
  Greet();
  ClientCall& call = session_.OpenUnary({kMethod}, "1");
  Pull();
  session_.Release(call);
  const std::vector<wire::ParsedFrame> frames = wire::ParseFrames(Pull());
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].type, wire::kReset);
  EXPECT_EQ(frames[0].payload, wire::Be32(8));
  ClientCall& next = session_.OpenUnary({kMethod}, "2");
  Pull();
  EXPECT_TRUE(session_.Feed(OkResponse(1, "late")).ok()) << "an answer that nobody waits for";
  EXPECT_FALSE(next.done());
  EXPECT_TRUE(session_.Feed(OkResponse(3, "two")).ok());
  EXPECT_EQ(next.Front(), "two");
  session_.Release(next);
}

TEST_F(GrpcClientSessionTest, ReleasingACallThatWasNotPulledSendsNothingOfIt) {
  Greet();
  Pull();
  ClientCall& call = session_.OpenUnary({kMethod}, "secret");
  session_.Release(call);
  EXPECT_EQ(Pull().find("secret"), std::string::npos);
}

TEST(GrpcClientSessionFuzz, MutatedAnswersAreSurvived) {
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    base::SequentialRandom random(seed);
    std::string bytes = wire::Frame(wire::kSettings, 0, 0, "");
    for (const uint32_t stream : {1u, 3u, 5u}) {
      bytes += wire::Headers(stream, {{":status", "200"}, {"content-type", "application/grpc"}}) +
               wire::Frame(wire::kData, 0, stream, wire::Message("message")) +
               wire::Headers(stream, {{"grpc-status", "0"}, {"grpc-message", "a%20b"}},
                             wire::kEndStream);
    }
    const uint64_t mutations = random.Below(6);
    for (uint64_t i = 0; i < mutations; ++i) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Next());
    }
    GrpcClientSession session("server:1", {});
    std::vector<ClientCall*> calls = {&session.OpenUnary({kMethod}, "1"),
                                      &session.OpenStream({kMethod}),
                                      &session.OpenUnary({kMethod}, "3")};
    std::string out;
    EXPECT_TRUE(session.Pull(&out, 1'000'000).ok());
    for (absl::string_view rest = bytes; !rest.empty();) {
      const size_t piece = 1 + random.Below(rest.size());
      if (!session.Feed(rest.substr(0, piece)).ok()) break;
      rest.remove_prefix(piece);
      if (calls[1]->HasMessage()) session.PopMessage(*calls[1]);
      static_cast<void>(session.Pull(&out, 2'000'000));
    }
    session.FailAll("end");
    for (ClientCall* call : calls) {
      EXPECT_TRUE(call->done());
      session.Release(*call);
    }
  }
}

}  // namespace
}  // namespace lockstep::edge
