// The server's core against bytes made by hand.
#include "framework/edge/grpc_server_session.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "framework/base/random.h"
#include "tests/framework/edge/wire.h"

namespace lockstep::edge {
namespace {

using EventKind = GrpcServerSession::EventKind;

// A driver without fibers: unary calls echo at once, streaming calls echo message by message.
class Peer final {
 public:
  explicit Peer(const GrpcServerLimits& limits = {}) {
    registry_.AddUnary("/test.Echo/Echo",
                       [](Fiber&, const GrpcRequest&, std::string*) { return GrpcStatus(); });
    registry_.AddStreaming("/test.Echo/Chat", [](Fiber&, const GrpcRequest&, GrpcServerStream&) {
      return GrpcStatus();
    });
    session = std::make_unique<GrpcServerSession>(registry_, limits);
  }

  bool Feed(absl::string_view bytes, MonoTime now = MonoTime{1'000'000'000}) {
    const bool is_sane = session->Feed(now, bytes).ok();
    Serve();
    Pull();
    return is_sane;
  }

  void Pull() {
    for (size_t before = sent.size() + 1; before != sent.size();) {
      before = sent.size();
      EXPECT_TRUE(session->Pull(&sent, sent.size() + 100'000).ok());
      Serve();
    }
  }

  void Serve() {
    std::vector<GrpcServerSession::Event> events;
    for (session->TakeEvents(&events); !events.empty(); session->TakeEvents(&events)) {
      for (const auto& event : events) Handle(event.kind, *event.call);
    }
  }

  void Handle(EventKind kind, ServerCall& call) {
    ++seen[kind];
    if (kind == EventKind::kClosed) return session->Recycle(call);
    if (kind == EventKind::kAborted) return;
    if (!call.open() || hold) return;
    deadline = call.deadline();
    if (call.method().unary != nullptr) {
      const std::string message(call.message());
      return session->Respond(call, message);
    }
    std::string message;
    for (;;) {
      const auto outcome = session->Read(call, &message);
      if (outcome == GrpcServerSession::ReadOutcome::kEnd) session->Finish(call, GrpcStatus());
      if (outcome != GrpcServerSession::ReadOutcome::kMessage) return;
      session->Write(call, message);
    }
  }

  std::vector<wire::ParsedFrame> Frames(uint8_t type) const {
    std::vector<wire::ParsedFrame> wanted;
    for (const auto& frame : wire::ParseFrames(sent)) {
      if (frame.type == type) wanted.push_back(frame);
    }
    return wanted;
  }
  // All data sent on a stream.
  std::string Data(uint32_t stream) const {
    std::string data;
    for (const auto& frame : Frames(wire::kData)) {
      if (frame.stream == stream) data += frame.payload;
    }
    return data;
  }
  // Header texts are Huffman-coded or in a table, so statuses are read by an end-to-end client in
  // grpc_test.cc; here only the shape counts.
  bool IsTrailersOnly(uint32_t stream) const {
    int headers = 0;
    bool is_ended = false;
    for (const auto& frame : wire::ParseFrames(sent)) {
      if (frame.stream != stream || frame.type != wire::kHeaders) continue;
      ++headers;
      is_ended = (frame.flags & wire::kEndStream) != 0;
    }
    return headers == 1 && is_ended && Data(stream).empty();
  }

  GrpcRegistry registry_;
  std::unique_ptr<GrpcServerSession> session;
  std::string sent;
  std::map<EventKind, int> seen;
  MonoTime deadline = kNoDeadline;
  bool hold = false;  // leaves calls unanswered
};

TEST(GrpcServerSession, AnswersAUnaryCallWithHeadersDataAndTrailers) {
  Peer peer;
  ASSERT_TRUE(peer.Feed(wire::Hello() + wire::Request(1, "/test.Echo/Echo", "hello")));
  EXPECT_EQ(peer.Data(1), wire::Message("hello"));
  const auto headers = peer.Frames(wire::kHeaders);
  ASSERT_EQ(headers.size(), 2u);
  EXPECT_EQ(headers[0].flags & wire::kEndStream, 0);
  EXPECT_NE(headers[1].flags & wire::kEndStream, 0);
  EXPECT_TRUE(peer.session->calls().empty()) << "the call is recycled";
  EXPECT_EQ(peer.session->request_bytes(), 0u);
  EXPECT_EQ(peer.session->queued_bytes(), 0u);
}

TEST(GrpcServerSession, AnswersTheSameWhereverTheBytesAreSplit) {
  const std::string bytes = wire::Hello() + wire::Request(1, "/test.Echo/Echo", "hello") +
                            wire::Headers(3, wire::RequestHeaders("/test.Echo/Chat")) +
                            wire::Frame(wire::kData, 0, 3, wire::Message("a")) +
                            wire::Frame(wire::kData, 1, 3, wire::Message("b"));
  for (size_t split = 0; split <= bytes.size(); ++split) {
    Peer peer;
    ASSERT_TRUE(peer.Feed(absl::string_view(bytes).substr(0, split)));
    ASSERT_TRUE(peer.Feed(absl::string_view(bytes).substr(split)));
    ASSERT_EQ(peer.Data(1), wire::Message("hello")) << split;
    ASSERT_EQ(peer.Data(3), wire::Message("a") + wire::Message("b")) << split;
    ASSERT_TRUE(peer.session->calls().empty()) << split;
  }
  Peer peer;
  for (const char c : bytes) ASSERT_TRUE(peer.Feed(absl::string_view(&c, 1)));
  EXPECT_EQ(peer.Data(3), wire::Message("a") + wire::Message("b"));
}

TEST(GrpcServerSession, SpeaksOnlyHttp2) {
  Peer peer;
  EXPECT_FALSE(peer.Feed("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
}

TEST(GrpcServerSession, RefusalsAreTrailersOnly) {
  Peer peer;
  peer.Feed(wire::Hello() + wire::Request(1, "/test.Echo/Nothing", "x") +
            wire::Request(3, "/nothing", "x") +
            wire::Request(5, "/test.Echo/Echo", "x", {{"grpc-timeout", "soon"}}) +
            wire::Request(7, "/test.Echo/Echo", "x", {{"client-api-version", "\xC3"}}));
  for (const uint32_t stream : {1u, 3u, 5u, 7u}) EXPECT_TRUE(peer.IsTrailersOnly(stream)) << stream;
  EXPECT_EQ(peer.seen[EventKind::kStarted], 0);
  EXPECT_TRUE(peer.session->calls().empty());
}

TEST(GrpcServerSession, UnaryRequestMustBeExactlyOneWholeMessage) {
  const std::string head = wire::Headers(1, wire::RequestHeaders("/test.Echo/Echo"));
  const std::string bad_bodies[] = {std::string(),
                                    wire::Message("hello").substr(0, 7),
                                    wire::Message("hello") + "x",
                                    wire::Message("a") + wire::Message("b"),
                                    wire::Message("hello", 1),
                                    wire::Message("hello", 7)};
  for (const std::string& body : bad_bodies) {
    Peer peer;
    peer.Feed(wire::Hello() + head + wire::Frame(wire::kData, wire::kEndStream, 1, body));
    EXPECT_TRUE(peer.IsTrailersOnly(1)) << testing::PrintToString(body);
    EXPECT_EQ(peer.seen[EventKind::kStarted], 0);
  }
}

TEST(GrpcServerSession, OversizedMessageIsRefusedByItsPrefixAlone) {
  Peer peer;
  peer.Feed(wire::Hello() + wire::Headers(1, wire::RequestHeaders("/test.Echo/Echo")) +
            wire::Frame(wire::kData, 0, 1, std::string(1, '\0') + wire::Be32(2'097'153)));
  EXPECT_TRUE(peer.IsTrailersOnly(1));
  const auto resets = peer.Frames(wire::kReset);
  ASSERT_EQ(resets.size(), 1u) << "the client is told not to send the rest";
  EXPECT_EQ(resets[0].payload, wire::Be32(0));
  EXPECT_EQ(peer.session->request_bytes(), 0u);
}

TEST(GrpcServerSession, TooManyRequestBytesOnOneConnectionAreRefused) {
  GrpcServerLimits limits;
  limits.request_bytes_max = 90'000;
  Peer peer(limits);
  peer.Feed(wire::Hello());
  for (const uint32_t stream : {1u, 3u, 5u}) {
    peer.Feed(wire::Headers(stream, wire::RequestHeaders("/test.Echo/Echo")) +
              wire::Frame(wire::kData, 0, stream,
                          wire::Message(std::string(30'000, 'x')).substr(0, 16'000)));
  }
  EXPECT_FALSE(peer.IsTrailersOnly(3));
  EXPECT_TRUE(peer.IsTrailersOnly(5));
  EXPECT_LE(peer.session->request_bytes(), 90'000u);
}

// Five requests that arrive a frame of each in turn: as many begin as there is room for when they
// are complete, the others are refused by their first frame.
TEST(GrpcServerSession, OfLargeRequestsOnlyAsManyBeginAsThereIsRoomFor) {
  GrpcServerLimits limits;
  limits.request_bytes_max = 80'000;
  Peer peer(limits);
  peer.Feed(wire::Hello());
  const std::string message = wire::Message(std::string(20'000, 'x'));
  const std::vector<uint32_t> streams = {1, 3, 5, 7, 9};
  for (const uint32_t stream : streams) {
    peer.Feed(wire::Headers(stream, wire::RequestHeaders("/test.Echo/Echo")) +
              wire::Frame(wire::kData, 0, stream, message.substr(0, 10)));
  }
  EXPECT_EQ(peer.session->request_bytes(), 2 * message.size());
  for (const uint32_t stream : streams)
    EXPECT_EQ(peer.IsTrailersOnly(stream), stream > 3) << stream;
  peer.Feed(wire::Request(11, "/test.Echo/Echo", std::string(10'000, 'y')));
  EXPECT_EQ(peer.Data(11).size(), 10'005u) << "what comes in one go has room";
  for (const uint32_t stream : {1u, 3u}) {
    peer.Feed(wire::Frame(wire::kData, 0, stream, message.substr(10, 10'000)) +
              wire::Frame(wire::kData, wire::kEndStream, stream, message.substr(10'010)));
  }
  EXPECT_EQ(peer.Data(1), message);
  EXPECT_EQ(peer.Data(3), message);
  EXPECT_EQ(peer.session->request_bytes(), 0u);
}

TEST(GrpcServerSession, TimeoutBecomesADeadline) {
  Peer peer;
  peer.hold = false;
  peer.Feed(wire::Hello() + wire::Request(1, "/test.Echo/Echo", "x", {{"grpc-timeout", "250m"}}),
            MonoTime{5'000});
  EXPECT_EQ(peer.deadline, MonoTime{5'000} + Milliseconds(250));
}

TEST(GrpcServerSession, ResetClosesTheCall) {
  Peer peer;
  peer.hold = true;
  peer.Feed(wire::Hello() + wire::Request(1, "/test.Echo/Echo", "x"));
  EXPECT_EQ(peer.session->calls().size(), 1u);
  peer.Feed(wire::Frame(wire::kReset, 0, 1, wire::Be32(8)));
  EXPECT_EQ(peer.seen[EventKind::kClosed], 1);
  EXPECT_EQ(peer.session->request_bytes(), 0u);
}

TEST(GrpcServerSession, WhatIsNotAGrpcRequestIsRefusedByHttp) {
  Peer peer;
  wire::HeaderList get = wire::RequestHeaders("/test.Echo/Echo");
  get[0].second = "GET";
  wire::HeaderList json = wire::RequestHeaders("/test.Echo/Echo");
  json[4].second = "application/grpcx";
  wire::HeaderList codec = wire::RequestHeaders("/test.Echo/Echo");
  codec[4].second = "application/grpc+proto";
  peer.Feed(wire::Hello() + wire::Headers(1, get, wire::kEndStream) +
            wire::Headers(3, json, wire::kEndStream) + wire::Headers(5, codec) +
            wire::Frame(wire::kData, wire::kEndStream, 5, wire::Message("ok")));
  EXPECT_TRUE(peer.IsTrailersOnly(1));
  EXPECT_TRUE(peer.IsTrailersOnly(3));
  EXPECT_EQ(peer.Data(5), wire::Message("ok"));
}

TEST(GrpcServerSession, HeadersThatHttpForbidsResetTheCall) {
  const wire::HeaderList bad[] = {{{"Upper", "x"}}, {{"a b", "x"}}, {{"a", "x\ny"}}, {{"", "x"}}};
  for (const wire::HeaderList& more : bad) {
    Peer peer;
    peer.Feed(wire::Hello() + wire::Request(1, "/test.Echo/Echo", "x", more));
    EXPECT_EQ(peer.Frames(wire::kReset).size(), 1u) << more[0].first;
    EXPECT_EQ(peer.seen[EventKind::kStarted], 0);
  }
}

TEST(GrpcServerSession, PingIsAnswered) {
  Peer peer;
  peer.Feed(wire::Hello() + wire::Frame(wire::kPing, 0, 0, "12345678"));
  const auto pings = peer.Frames(wire::kPing);
  ASSERT_EQ(pings.size(), 1u);
  EXPECT_EQ(pings[0].payload, "12345678");
  EXPECT_EQ(pings[0].flags, wire::kAck);
}

TEST(GrpcServerSession, SendsNoMoreThanATinyWindowAllows) {
  Peer peer;
  peer.Feed(wire::Hello(/*window=*/4) + wire::Request(1, "/test.Echo/Echo", "hello"));
  EXPECT_EQ(peer.Data(1), wire::Message("hello").substr(0, 4));
  EXPECT_EQ(peer.session->queued_bytes(), 6u);
  peer.Feed(wire::Frame(wire::kWindowUpdate, 0, 1, wire::Be32(3)));
  EXPECT_EQ(peer.Data(1), wire::Message("hello").substr(0, 7));
  peer.Feed(wire::Frame(wire::kWindowUpdate, 0, 1, wire::Be32(100)));
  EXPECT_EQ(peer.Data(1), wire::Message("hello"));
  EXPECT_TRUE(peer.session->calls().empty());
}

TEST(GrpcServerSession, UnreadStreamHoldsItsSenderBack) {
  GrpcServerLimits limits;
  limits.stream_window_bytes = 1000;
  Peer peer(limits);
  peer.hold = true;
  peer.Feed(wire::Hello());
  peer.Feed(wire::Frame(wire::kSettings, wire::kAck, 0, "") +
            wire::Headers(1, wire::RequestHeaders("/test.Echo/Chat")));
  const auto updates = [&] {
    size_t count = 0;
    for (const auto& frame : peer.Frames(wire::kWindowUpdate)) count += frame.stream == 1;
    return count;
  };
  peer.Feed(wire::Frame(wire::kData, 0, 1, wire::Message(std::string(900, 'x'))));
  EXPECT_EQ(updates(), 0u) << "nobody has read: the window stays closed";
  peer.hold = false;
  peer.Handle(EventKind::kReadable, *peer.session->calls().front());
  peer.Pull();
  EXPECT_GE(updates(), 1u);
}

TEST(GrpcServerSession, GoAwayLetsOpenCallsEnd) {
  Peer peer;
  peer.Feed(wire::Hello() + wire::Headers(1, wire::RequestHeaders("/test.Echo/Chat")));
  peer.session->GoAway();
  peer.Pull();
  ASSERT_EQ(peer.Frames(wire::kGoAway).size(), 1u);
  EXPECT_EQ(peer.Frames(wire::kGoAway)[0].payload.substr(0, 4), wire::Be32(1));
  peer.Feed(wire::Request(3, "/test.Echo/Echo", "late"));
  EXPECT_EQ(peer.Data(3), "") << "a call after it was never processed";
  EXPECT_FALSE(peer.session->finished());
  peer.Feed(wire::Frame(wire::kData, wire::kEndStream, 1, wire::Message("bye")));
  EXPECT_EQ(peer.Data(1), wire::Message("bye"));
  EXPECT_TRUE(peer.session->finished());
}

TEST(GrpcServerSession, ResetFloodEndsTheConnectionAndPatienceRefills) {
  GrpcServerLimits limits;
  limits.resets_burst = 10;
  limits.resets_per_second = 10;
  Peer peer(limits);
  peer.hold = true;
  peer.Feed(wire::Hello());
  MonoTime now{0};
  uint32_t stream = 1;
  const auto open_and_reset = [&] {
    peer.Feed(wire::Request(stream, "/test.Echo/Echo", "x") +
                  wire::Frame(wire::kReset, 0, stream, wire::Be32(8)),
              now);
    stream += 2;
  };
  for (int i = 0; i < 100; ++i, now = now + Milliseconds(110)) open_and_reset();
  EXPECT_EQ(peer.Frames(wire::kGoAway).size(), 0u);
  for (int i = 0; i < 20; ++i) open_and_reset();
  ASSERT_EQ(peer.Frames(wire::kGoAway).size(), 1u);
  EXPECT_EQ(peer.Frames(wire::kGoAway)[0].payload.substr(4, 4), wire::Be32(11));
}

TEST(GrpcServerSession, PingAndSettingsFloodsAreCutOff) {
  for (const std::string& frame :
       {wire::Frame(wire::kPing, 0, 0, "12345678"), wire::Frame(wire::kSettings, 0, 0, "")}) {
    Peer peer;
    peer.Feed(wire::Hello());
    bool is_sane = true;
    for (int i = 0; i < 5000 && is_sane; ++i) is_sane = peer.session->Feed({}, frame).ok();
    EXPECT_FALSE(is_sane) << "nothing was pulled, so the answers would pile up";
  }
}

TEST(GrpcServerSession, HeaderBombIsRefused) {
  Peer peer;
  // One table entry of 4000 bytes, then thousands of one-byte references to it.
  const std::string entry =
      std::string(1, '\x40') + wire::EncodeText("x") + wire::EncodeText(std::string(4000, 'v'));
  const std::string block = wire::EncodeHeaders(wire::RequestHeaders("/test.Echo/Echo")) + entry +
                            std::string(10'000, '\xBE');
  peer.Feed(wire::Hello() + wire::Frame(wire::kHeaders, wire::kEndHeaders, 1, block));
  EXPECT_EQ(peer.seen[EventKind::kStarted], 0);
  EXPECT_EQ(peer.Frames(wire::kReset).size(), 1u);
  EXPECT_TRUE(peer.session->calls().empty());
}

TEST(GrpcServerSession, MoreStreamsThanAllowedAreRefused) {
  GrpcServerLimits limits;
  limits.concurrent_calls_max = 3;
  Peer peer(limits);
  peer.hold = true;
  peer.Feed(wire::Hello());
  for (uint32_t i = 0; i < 5; ++i) peer.Feed(wire::Request(2 * i + 1, "/test.Echo/Echo", "x"));
  EXPECT_EQ(peer.session->calls().size(), 3u);
  EXPECT_EQ(peer.Frames(wire::kReset).size(), 2u);
  // Who has acknowledged the limit and still exceeds it is cut off.
  peer.Feed(wire::Frame(wire::kSettings, wire::kAck, 0, ""));
  peer.Feed(wire::Request(11, "/test.Echo/Echo", "x"));
  EXPECT_EQ(peer.session->calls().size(), 3u);
  EXPECT_EQ(peer.Frames(wire::kGoAway).size(), 1u);
}

// --- hostile bytes: nothing to expect but that nobody crashes and that the sums add up -----------

std::string SampleSession(base::SequentialRandom& random) {
  std::string bytes = wire::Hello(random.Below(2) == 0 ? 0 : 16);
  for (uint32_t stream = 1; stream < 12; stream += 2) {
    const bool is_chat = random.Below(2) == 0;
    bytes += wire::Headers(stream,
                           wire::RequestHeaders(is_chat ? "/test.Echo/Chat" : "/test.Echo/Echo"));
    bytes += wire::Frame(wire::kData, 0, stream, wire::Message(std::string(random.Below(50), 'm')));
    if (random.Below(3) == 0) bytes += wire::Frame(wire::kReset, 0, stream, wire::Be32(8));
    if (random.Below(3) == 0) bytes += wire::Frame(wire::kPing, 0, 0, "12345678");
    if (random.Below(2) == 0) bytes += wire::Frame(wire::kData, wire::kEndStream, stream, "");
    if (random.Below(4) == 0) bytes += wire::Frame(wire::kWindowUpdate, 0, stream, wire::Be32(9));
  }
  return bytes;
}

void FeedInPieces(Peer& peer, absl::string_view bytes, base::SequentialRandom& random) {
  while (!bytes.empty()) {
    const size_t piece = 1 + random.Below(bytes.size());
    if (!peer.Feed(bytes.substr(0, piece))) return;
    bytes.remove_prefix(piece);
  }
}

TEST(GrpcServerSessionFuzz, MutatedSessionsAreSurvived) {
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    base::SequentialRandom random(seed);
    std::string bytes = SampleSession(random);
    const uint64_t mutations = random.Below(8);
    for (uint64_t i = 0; i < mutations; ++i) {
      const size_t at = 24 + random.Below(bytes.size() - 24);
      if (random.Below(4) == 0) {
        bytes.erase(at, random.Below(10));
      } else if (random.Below(4) == 0) {
        bytes.insert(at, bytes.substr(at, random.Below(40)));
      } else {
        bytes[at] = static_cast<char>(random.Next());
      }
      if (bytes.size() <= 30) break;
    }
    Peer peer;
    peer.hold = random.Below(4) == 0;
    FeedInPieces(peer, bytes, random);
    if (peer.session->calls().empty()) {
      EXPECT_EQ(peer.session->request_bytes(), 0u) << seed;
      EXPECT_EQ(peer.session->queued_bytes(), 0u) << seed;
    }
  }
}

TEST(GrpcServerSessionFuzz, RandomBytesAreSurvived) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    base::SequentialRandom random(seed);
    std::string noise;
    for (uint64_t i = 0; i < 200; ++i) noise.push_back(static_cast<char>(random.Next()));
    Peer peer;
    FeedInPieces(peer, seed % 2 == 0 ? wire::Hello() + noise : noise, random);
  }
}

}  // namespace
}  // namespace lockstep::edge
