#include "framework/replica/peer_transport.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/framework/edge/memory_network.h"
#include "tests/framework/replica/log_test_support.h"

namespace lockstep::replica {
namespace {

constexpr ClusterId kCluster(7);
constexpr NodeId kSelf(1);
constexpr NodeId kPeer(2);

class FixedRandom final : public runtime::Random {
 public:
  uint64_t Draw(std::string_view) override { return 12345; }
};

// Node 1's transport; the test is node 2, byte by byte.
class PeerTransportTest : public testing::Test, protected PeerHandler {
 protected:
  PeerTransportTest() {
    transport_ = std::make_unique<PeerTransport>(environment_, static_cast<PeerHandler&>(*this),
                                                 PeerTransportOptions{});
    transport_->SetPeers({{kPeer, "peer:1"}});
    scope_ = std::make_unique<fiber::Scope>(scheduler_);
    listener_ = *network_.Listen("self:1");
    scope_->Spawn("serve", [this](Fiber& fiber) { (void)transport_->Serve(fiber, *listener_); });
  }
  ~PeerTransportTest() override { scope_.reset(); }

  static wire::Hello GoodHello() {
    return {wire::kProtocolVersion,
            kCluster,
            kPeer,
            ShardId(0),
            wire::Purpose::kRaft,
            kSelf,
            22,
            0,
            "peer:1"};
  }
  static std::string Bytes(const wire::Frame& frame) {
    std::string bytes;
    wire::EncodeFrame(frame, &bytes);
    return bytes;
  }
  static wire::Frame HeartbeatFrom(NodeId from, NodeId to = kSelf) {
    wire::RaftMessages messages;
    messages.messages.push_back({GroupId(1), {from, to, raft::Term(3), raft::Heartbeat{}}});
    return messages;
  }

  // Sends bytes on a connection of their own; says whether node 1 has closed it soon after.
  bool ClosedAfter(const std::string& bytes, Duration patience = Seconds(1)) {
    bool closed = false;
    bool over = false;
    fiber::Scope scope(scheduler_);
    scope.Spawn("dial", [&](Fiber& fiber) {
      auto stream = network_.Dial(fiber, "self:1", kNoDeadline);
      CHECK_OK(stream.status());
      (void)(*stream)->Write(fiber, bytes);
      (*stream)->SetReadDeadline(fiber.now() + patience);
      char byte = 0;
      const auto n = (*stream)->Read(fiber, absl::MakeSpan(&byte, 1));
      closed = !absl::IsDeadlineExceeded(n.status());
      over = true;
    });
    CHECK(edge::RunUntil(scheduler_, [&] { return over; }));
    return closed;
  }

  wire::HelloAnswer Admit(Fiber&, const wire::Hello& hello) override {
    if (hello.purpose == wire::Purpose::kJoin) return {wire::HelloRefusal::kNone, {}, "info"};
    if (hello.node == kPeer && hello.cluster == kCluster) return {};
    return {wire::HelloRefusal::kRemoved, "go away", {}};
  }
  bool StillAdmits(const wire::Hello&) override { return still_admits_; }
  wire::Hello MakeHello(NodeId to, wire::Purpose purpose) override {
    return {wire::kProtocolVersion, kCluster, kSelf, ShardId(0), purpose, to, 11, 0, "self:1"};
  }
  void OnConnected(NodeId) override {}
  void OnHeard(NodeId) override {}
  void OnRefused(NodeId peer, const wire::HelloAnswer& answer) override {
    heard_.push_back(absl::StrCat("refused by ", peer.value(), ": ", answer.error));
  }
  void OnMessage(GroupId, raft::Message message) override {
    heard_.push_back(absl::StrCat("message from ", message.from.value()));
    version_then_ = transport_->VersionOf(message.from);
  }
  void OnForward(NodeId from, wire::Forward) override {
    heard_.push_back(absl::StrCat("forward from ", from.value()));
  }
  void OnForwardRefused(const wire::ForwardRefused&) override { heard_.push_back("refused"); }
  void OnUnreachable(NodeId peer) override {
    heard_.push_back(absl::StrCat("unreachable ", peer.value()));
  }
  void OnConnectionLost(NodeId peer) override {
    heard_.push_back(absl::StrCat("lost ", peer.value()));
  }
  void TakeSnapshot(Fiber&, const wire::Hello& from, runtime::Stream&,
                    wire::FrameDecoder&) override {
    heard_.push_back(absl::StrCat("snapshot from ", from.node.value()));
  }

  fiber::Scheduler scheduler_;
  edge::MemoryNetwork network_;
  Forbidden forbidden_;
  FixedRandom random_;
  MemoryDisk disk_;
  NoTrace trace_;
  runtime::Environment environment_{kSelf, ShardId(0), scheduler_, forbidden_, random_, network_,
                                    disk_, forbidden_, forbidden_, forbidden_, trace_};
  bool still_admits_ = true;
  std::vector<std::string> heard_;
  uint32_t version_then_ = 0;  // that the sender of the last message spoke
  std::unique_ptr<PeerTransport> transport_;
  std::unique_ptr<runtime::Listener> listener_;
  std::unique_ptr<fiber::Scope> scope_;
};

TEST_F(PeerTransportTest, AMembersMessagesArrive) {
  EXPECT_FALSE(ClosedAfter(Bytes(GoodHello()) + Bytes(HeartbeatFrom(kPeer)) +
                           Bytes(wire::Forward{GroupId(1), SessionId(5), {}, {}})));
  ASSERT_GE(heard_.size(), 2u);
  EXPECT_EQ(heard_[0], "message from 2");
  EXPECT_EQ(heard_[1], "forward from 2");
}

TEST_F(PeerTransportTest, TheEndOfAPeersConnectionIsReported) {
  ClosedAfter(Bytes(GoodHello()));
  edge::RunUntil(scheduler_, [&] { return !heard_.empty(); });
  EXPECT_EQ(heard_, std::vector<std::string>{"lost 2"});
}

TEST_F(PeerTransportTest, AHelloThatIsNotMeantForThisShardIsRefused) {
  wire::Hello other_cluster = GoodHello();
  other_cluster.cluster = ClusterId(8);
  wire::Hello other_version = GoodHello();
  other_version.protocol_version = wire::kProtocolVersion + 1;
  wire::Hello stranger = GoodHello();
  stranger.node = NodeId(9);
  wire::Hello too_old = GoodHello();
  too_old.protocol_version = wire::kProtocolVersionMin - 1;
  for (const wire::Hello& hello : {other_cluster, other_version, too_old, stranger}) {
    EXPECT_TRUE(ClosedAfter(Bytes(hello) + Bytes(HeartbeatFrom(hello.node))));
  }
  EXPECT_TRUE(heard_.empty()) << heard_.front();
}

TEST_F(PeerTransportTest, WhatAPeerSpeaksIsKnownWhileItIsConnected) {
  EXPECT_EQ(transport_->VersionOf(kPeer), 0u);
  wire::Hello hello = GoodHello();
  hello.version_max = wire::kProtocolVersion + 6;
  ClosedAfter(Bytes(hello) + Bytes(HeartbeatFrom(kPeer)));
  EXPECT_EQ(version_then_, wire::kProtocolVersion + 6);
  edge::RunUntil(scheduler_, [&] { return heard_.back() == "lost 2"; });
  EXPECT_EQ(transport_->VersionOf(kPeer), 0u);
  // Programs of before do not say.
  hello.protocol_version = wire::kProtocolVersionMin;
  hello.version_max = 0;
  ClosedAfter(Bytes(hello) + Bytes(HeartbeatFrom(kPeer)));
  EXPECT_EQ(version_then_, wire::kProtocolVersionMin);
}

TEST_F(PeerTransportTest, AConnectionThatDoesNotBeginWithHelloIsClosed) {
  EXPECT_TRUE(ClosedAfter(Bytes(HeartbeatFrom(kPeer))));
  EXPECT_TRUE(heard_.empty());
}

TEST_F(PeerTransportTest, GarbageIsClosedBeforeAndAfterHello) {
  EXPECT_TRUE(ClosedAfter("GET / HTTP/1.1\r\nHost: me\r\n\r\n"));
  EXPECT_TRUE(heard_.empty());
  EXPECT_TRUE(ClosedAfter(Bytes(GoodHello()) + std::string(64, '\xff')));
  EXPECT_EQ(heard_, std::vector<std::string>{"lost 2"});
}

TEST_F(PeerTransportTest, ADamagedFrameEndsItsConnection) {
  std::string frame = Bytes(HeartbeatFrom(kPeer));
  frame.back() = static_cast<char>(frame.back() ^ 1);
  EXPECT_TRUE(ClosedAfter(Bytes(GoodHello()) + frame + Bytes(HeartbeatFrom(kPeer))));
  EXPECT_EQ(heard_, std::vector<std::string>{"lost 2"});
}

TEST_F(PeerTransportTest, WhoSaysNothingIsHungUpOn) {
  EXPECT_TRUE(ClosedAfter("", Seconds(60)));
  EXPECT_TRUE(ClosedAfter(Bytes(GoodHello()).substr(0, 10), Seconds(60)));
}

TEST_F(PeerTransportTest, AConnectionSpeaksForItsOwnNodeOnly) {
  ClosedAfter(Bytes(GoodHello()) + Bytes(HeartbeatFrom(NodeId(3))) +
              Bytes(HeartbeatFrom(kPeer, NodeId(3))));
  EXPECT_EQ(std::count(heard_.begin(), heard_.end(), "message from 2"), 0);
  EXPECT_EQ(std::count(heard_.begin(), heard_.end(), "message from 3"), 0);
}

TEST_F(PeerTransportTest, WhoIsNoLongerAdmittedIsNotListenedTo) {
  still_admits_ = false;
  EXPECT_TRUE(ClosedAfter(Bytes(GoodHello()) + Bytes(HeartbeatFrom(kPeer))));
  EXPECT_EQ(heard_, std::vector<std::string>{"lost 2"});
}

TEST_F(PeerTransportTest, ARefusalIsAnsweredAndAJoinerIsToldWhatItAsks) {
  std::vector<wire::HelloAnswer> answers;
  fiber::Scope scope(scheduler_);
  scope.Spawn("dial", [&](Fiber& fiber) {
    wire::Hello stranger = GoodHello();
    stranger.node = NodeId(9);
    wire::Hello joiner = GoodHello();
    joiner.purpose = wire::Purpose::kJoin;
    for (const wire::Hello& hello : {stranger, joiner}) {
      auto stream = network_.Dial(fiber, "self:1", kNoDeadline);
      CHECK_OK(stream.status());
      CHECK_OK((*stream)->Write(fiber, Bytes(hello)));
      wire::FrameDecoder decoder;
      const auto frame = ReadFrame(fiber, **stream, decoder);
      CHECK_OK(frame.status());
      answers.push_back(std::get<wire::HelloAnswer>(*frame));
    }
  });
  ASSERT_TRUE(edge::RunUntil(scheduler_, [&] { return answers.size() == 2; }));
  EXPECT_EQ(answers[0].refusal, wire::HelloRefusal::kRemoved);
  EXPECT_EQ(answers[0].error, "go away");
  EXPECT_EQ(answers[1].info, "info");
}

TEST_F(PeerTransportTest, WhoIsRefusedHearsWhy) {
  const auto listener = *network_.Listen("peer:1");
  scope_->Spawn("run", [this](Fiber& fiber) { transport_->Run(fiber); });
  scope_->Spawn("peer", [&](Fiber& fiber) {
    auto stream = listener->Accept(fiber);
    CHECK_OK(stream.status());
    const wire::HelloAnswer no{wire::HelloRefusal::kRemoved, "you were removed", {}};
    (void)(*stream)->Write(fiber, Bytes(no));
    fiber.SleepFor(Seconds(1));
  });
  const std::string expected = "refused by 2: you were removed";
  EXPECT_TRUE(edge::RunUntil(
      scheduler_, [&] { return std::count(heard_.begin(), heard_.end(), expected) == 1; }));
}

TEST_F(PeerTransportTest, PeersComeMoveAndGoWhileItRuns) {
  std::vector<std::string> dialed;
  const auto old_place = *network_.Listen("peer:1");
  const auto new_place = *network_.Listen("peer:2");
  const auto other = *network_.Listen("other:1");
  const auto accept = [&](runtime::Listener& listener, const std::string& name) {
    scope_->Spawn("accept", [&, name](Fiber& fiber) {
      std::vector<std::unique_ptr<runtime::Stream>> held;
      for (;;) {
        auto stream = listener.Accept(fiber);
        if (!stream.ok()) return;
        held.push_back(*std::move(stream));
        dialed.push_back(name);
      }
    });
  };
  accept(*old_place, "old");
  accept(*new_place, "new");
  accept(*other, "other");
  scope_->Spawn("run", [this](Fiber& fiber) { transport_->Run(fiber); });
  ASSERT_TRUE(edge::RunUntil(scheduler_, [&] { return dialed.size() == 1; }));
  transport_->SetPeers({{kPeer, "peer:2"}, {NodeId(3), "other:1"}});
  ASSERT_TRUE(edge::RunUntil(scheduler_, [&] { return dialed.size() == 3; }));
  EXPECT_EQ(dialed, (std::vector<std::string>{"old", "new", "other"}));
  transport_->SetPeers({});
  transport_->Send(kPeer, HeartbeatFrom(kSelf, kPeer));
  EXPECT_EQ(transport_->dropped_messages(), 1u);
}

TEST_F(PeerTransportTest, ASnapshotGetsItsConnectionToItself) {
  wire::Hello hello = GoodHello();
  hello.purpose = wire::Purpose::kSnapshot;
  EXPECT_TRUE(ClosedAfter(Bytes(hello)));
  EXPECT_EQ(heard_, std::vector<std::string>{"snapshot from 2"});
}

TEST_F(PeerTransportTest, WhatIsSentWhileNobodyIsConnectedIsDropped) {
  transport_->Send(kPeer, HeartbeatFrom(kSelf, kPeer));
  transport_->Send(NodeId(9), HeartbeatFrom(kSelf, NodeId(9)));
  EXPECT_EQ(transport_->dropped_messages(), 2u);
}

TEST_F(PeerTransportTest, APeerIsDialedAgainAfterItsConnectionBroke) {
  const auto listener = *network_.Listen("peer:1");
  int hellos = 0;
  scope_->Spawn("run", [this](Fiber& fiber) { transport_->Run(fiber); });
  scope_->Spawn("peer", [&](Fiber& fiber) {
    for (;;) {
      auto stream = listener->Accept(fiber);
      CHECK_OK(stream.status());
      wire::FrameDecoder decoder;
      const auto frame = ReadFrame(fiber, **stream, decoder);
      const auto* hello = frame.ok() ? std::get_if<wire::Hello>(&*frame) : nullptr;
      if (hello != nullptr && hello->node == kSelf && hello->cluster == kCluster) ++hellos;
    }
  });
  EXPECT_TRUE(edge::RunUntil(scheduler_, [&] { return hellos == 3; }));
  EXPECT_GE(std::count(heard_.begin(), heard_.end(), "unreachable 2"), 2);
}

TEST_F(PeerTransportTest, APeerThatReadsOlderVersionsOnlyIsDialedSoUntilItComesWithANewerOne) {
  const auto listener = *network_.Listen("peer:1");
  std::vector<uint32_t> versions;
  scope_->Spawn("run", [this](Fiber& fiber) { transport_->Run(fiber); });
  scope_->Spawn("peer", [&](Fiber& fiber) {
    for (;;) {
      auto stream = listener->Accept(fiber);
      CHECK_OK(stream.status());
      wire::FrameDecoder decoder;
      const auto frame = ReadFrame(fiber, **stream, decoder);
      CHECK_OK(frame.status());
      versions.push_back(std::get<wire::Hello>(*frame).protocol_version);
      if (versions.back() > wire::kProtocolVersionMin) {
        const wire::HelloAnswer no{wire::HelloRefusal::kUnreadable, "too new", {}};
        (void)(*stream)->Write(fiber, Bytes(no));
        fiber.SleepFor(Milliseconds(10));
      }
    }
  });
  ASSERT_TRUE(edge::RunUntil(scheduler_, [&] { return versions.size() == 4; }));
  EXPECT_EQ(versions,
            (std::vector<uint32_t>{wire::kProtocolVersion, wire::kProtocolVersionMin,
                                   wire::kProtocolVersionMin, wire::kProtocolVersionMin}));
  // The peer was upgraded.
  const size_t before = versions.size();
  ClosedAfter(Bytes(GoodHello()));
  ASSERT_TRUE(edge::RunUntil(scheduler_, [&] { return versions.size() > before + 2; }));
  EXPECT_EQ(std::count(versions.begin() + static_cast<ptrdiff_t>(before), versions.end(),
                       wire::kProtocolVersion),
            1)
      << "and back, since it refuses";
}

TEST_F(PeerTransportTest, AHelloOfTheVersionBeforeIsUnderstood) {
  wire::Hello older = GoodHello();
  older.protocol_version = wire::kProtocolVersionMin;
  EXPECT_FALSE(ClosedAfter(Bytes(older) + Bytes(HeartbeatFrom(kPeer))));
  ASSERT_FALSE(heard_.empty());
  EXPECT_EQ(heard_[0], "message from 2");
}

}  // namespace
}  // namespace lockstep::replica
