#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framework/edge/tls_context.h"
#include "framework/edge/tls_issuer.h"
#include "framework/edge/tls_network.h"
#include "framework/edge/tls_stream.h"
#include "memory_network.h"

namespace lockstep::edge {
namespace {

constexpr Duration kDay = Seconds(86'400);
constexpr WallTime kNow{1'800'000'000'000'000'000};

class SettableClock final : public runtime::Clock {
 public:
  MonoTime Monotonic() override { return {}; }
  WallTime Wall() override { return wall; }
  WallTime wall = kNow;
};

TlsSubject Named(const std::string& name, std::vector<std::string> hosts = {}) {
  return {name, std::move(hosts), kNow + -30 * kDay, kNow + 30 * kDay};
}

const TlsIssuer& Authority() {
  static const TlsIssuer issuer = TlsIssuer::Create(Named("test authority"));
  return issuer;
}

TlsPolicy Mutual() {
  TlsPolicy policy;
  policy.requires_client_certificate = true;
  return policy;
}

std::shared_ptr<const TlsContext> Context(const TlsCredentials& credentials,
                                          const TlsPolicy& policy = Mutual()) {
  auto context = TlsContext::Make(credentials, policy);
  EXPECT_TRUE(context.ok()) << context.status();
  return *context;
}

// Two ends of a connection, each with its own clock and context.
class TlsTest : public testing::Test {
 protected:
  TlsTest() : scope(scheduler) {}

  void Connect(std::shared_ptr<const TlsContext> client_context,
               std::shared_ptr<const TlsContext> server_context, std::string host = "n2.example") {
    auto [client_below, server_below] = network.Pair();
    client_raw = client_below.get();
    server_raw = server_below.get();
    client = std::make_unique<TlsStream>(
        std::move(client_below), std::move(client_context), scheduler, client_clock,
        TlsStreamOptions{TlsSide::kClient, std::move(host), scheduler.now() + Seconds(5)});
    server = std::make_unique<TlsStream>(
        std::move(server_below), std::move(server_context), scheduler, server_clock,
        TlsStreamOptions{TlsSide::kServer, "", scheduler.now() + Seconds(5)});
  }
  void ConnectMembers() {
    Connect(Context(Authority().Issue(Named("n1", {"n1.example"}))),
            Context(Authority().Issue(Named("n2", {"n2.example", "127.0.0.1"}))));
  }
  // What both sides say after the client has shaken hands and read to the end, or failed to.
  struct Outcome {
    absl::Status client;
    absl::Status server;
  };
  Outcome ShakeHands() {
    Outcome outcome;
    int done = 0;
    scope.Spawn("client", [&](Fiber& fiber) {
      outcome.client = client->Handshake(fiber);
      // With TLS 1.3 a client learns by its first read that the server refused it.
      char byte = 0;
      if (outcome.client.ok()) outcome.client = client->Read(fiber, {&byte, 1}).status();
      ++done;
    });
    scope.Spawn("server", [&](Fiber& fiber) {
      outcome.server = server->Handshake(fiber);
      if (outcome.server.ok()) outcome.server = server->Write(fiber, "!");
      if (!outcome.server.ok()) server.reset();
      ++done;
    });
    EXPECT_TRUE(RunUntil(scheduler, [&] { return done == 2; }));
    return outcome;
  }
  // Runs one fiber to its end.
  void Run(const std::function<void(Fiber&)>& body) {
    bool done = false;
    scope.Spawn("test", [&](Fiber& fiber) {
      body(fiber);
      done = true;
    });
    ASSERT_TRUE(RunUntil(scheduler, [&] { return done; }));
  }
  static std::string ReadAll(Fiber& fiber, runtime::Stream& stream, absl::Status* end) {
    std::string all;
    for (;;) {
      char part[1000];
      const auto count = stream.Read(fiber, absl::MakeSpan(part));
      *end = count.status();
      if (!count.ok() || *count == 0) return all;
      all.append(part, *count);
    }
  }

  fiber::Scheduler scheduler;
  MemoryNetwork network;
  SettableClock client_clock;
  SettableClock server_clock;
  std::unique_ptr<TlsStream> client;
  std::unique_ptr<TlsStream> server;
  MemoryStream* client_raw = nullptr;
  MemoryStream* server_raw = nullptr;
  fiber::Scope scope;
};

bool Says(const absl::Status& status, const std::string& words) {
  return status.message().find(words) != absl::string_view::npos;
}

TEST_F(TlsTest, BothSidesProveWhoTheyAre) {
  ConnectMembers();
  const Outcome outcome = ShakeHands();
  EXPECT_TRUE(outcome.client.ok()) << outcome.client;
  EXPECT_TRUE(outcome.server.ok()) << outcome.server;
  EXPECT_EQ(client->common_name(), "n2");
  EXPECT_EQ(server->common_name(), "n1");
}

TEST_F(TlsTest, BytesArriveInBothDirectionsAtOnceThroughSmallPipes) {
  network.pipe_bytes = 700;
  network.chunk_bytes_max = 13;
  ConnectMembers();
  std::string up, down;
  for (int i = 0; i < 200'000; ++i) up += static_cast<char>(i * 7 + i / 256);
  down.assign(up.rbegin(), up.rend());
  std::string got_up, got_down;
  absl::Status end_up, end_down;
  int done = 0;
  const auto writer = [&](TlsStream& stream, const std::string& text) {
    scope.Spawn("writer", [&](Fiber& fiber) {
      EXPECT_TRUE(stream.Write(fiber, text).ok());
      stream.CloseWrite();
      ++done;
    });
  };
  const auto reader = [&](TlsStream& stream, std::string& text, absl::Status& end) {
    scope.Spawn("reader", [&](Fiber& fiber) {
      text = ReadAll(fiber, stream, &end);
      ++done;
    });
  };
  writer(*client, up);
  reader(*client, got_down, end_down);
  writer(*server, down);
  reader(*server, got_up, end_up);
  ASSERT_TRUE(RunUntil(scheduler, [&] { return done == 4; }));
  EXPECT_TRUE(end_up.ok() && end_down.ok()) << end_up << end_down;
  EXPECT_TRUE(got_up == up);
  EXPECT_TRUE(got_down == down);
}

TEST_F(TlsTest, NothingOfThePlainTextIsOnTheWire) {
  ConnectMembers();
  ASSERT_TRUE(ShakeHands().client.ok());
  const std::string secret = "a secret of some length";
  Run([&](Fiber& fiber) {
    EXPECT_TRUE(client->Write(fiber, secret).ok());
    char record[200];
    const auto count = server_raw->Read(fiber, absl::MakeSpan(record));
    ASSERT_TRUE(count.ok());
    EXPECT_GT(*count, secret.size());
    EXPECT_EQ(std::string(record, *count).find("secret"), std::string::npos);
  });
}

TEST_F(TlsTest, CertificateThatEndedByTheOwnClockIsRefused) {
  client_clock.wall = kNow + 31 * kDay;
  ConnectMembers();
  EXPECT_TRUE(Says(ShakeHands().client, "certificate has expired"));
}

TEST_F(TlsTest, ClockThatIsBehindRefusesANewCertificate) {
  server_clock.wall = kNow + -31 * kDay;
  ConnectMembers();
  const Outcome outcome = ShakeHands();
  EXPECT_TRUE(Says(outcome.server, "not yet valid")) << outcome.server;
  EXPECT_FALSE(outcome.client.ok());
}

TEST_F(TlsTest, ServerHasToProveTheNameThatWasDialed) {
  Connect(Context(Authority().Issue(Named("n1"))),
          Context(Authority().Issue(Named("n2", {"elsewhere.example"}))));
  const Outcome outcome = ShakeHands();
  EXPECT_TRUE(Says(outcome.client, "hostname mismatch")) << outcome.client;
  EXPECT_FALSE(outcome.server.ok());
}

TEST_F(TlsTest, AddressesAreNamesToo) {
  Connect(Context(Authority().Issue(Named("n1"))),
          Context(Authority().Issue(Named("n2", {"127.0.0.1"}))), "127.0.0.1");
  EXPECT_TRUE(ShakeHands().client.ok());
  Connect(Context(Authority().Issue(Named("n1"))),
          Context(Authority().Issue(Named("n2", {"127.0.0.1"}))), "127.0.0.2");
  EXPECT_TRUE(Says(ShakeHands().client, "IP address mismatch"));
}

TEST_F(TlsTest, AnotherAuthoritysSignatureIsWorthNothing) {
  const TlsIssuer other = TlsIssuer::Create(Named("test authority"));
  TlsCredentials stranger = other.Issue(Named("n1"));
  stranger.trusted = Authority().certificate();
  Connect(Context(stranger), Context(Authority().Issue(Named("n2", {"n2.example"}))));
  const Outcome outcome = ShakeHands();
  EXPECT_TRUE(Says(outcome.server, "refused")) << outcome.server;
  EXPECT_FALSE(outcome.client.ok());
}

TEST_F(TlsTest, ClientWithoutACertificateIsRefusedWhenOneIsRequired) {
  const auto anonymous = Context({"", "", Authority().certificate()}, TlsPolicy{});
  const TlsCredentials n2 = Authority().Issue(Named("n2", {"n2.example"}));
  Connect(anonymous, Context(n2));
  const Outcome refused = ShakeHands();
  EXPECT_TRUE(Says(refused.server, "did not return a certificate")) << refused.server;
  EXPECT_FALSE(refused.client.ok());
  Connect(anonymous, Context(n2, TlsPolicy{}));
  EXPECT_TRUE(ShakeHands().client.ok());
  EXPECT_EQ(server->common_name(), "");
}

TEST_F(TlsTest, OnlyAllowedNamesMayConnect) {
  TlsPolicy policy = Mutual();
  policy.allowed_names = {"n1", "n3.example"};
  const auto members_only = Context(Authority().Issue(Named("n2", {"n2.example"})), policy);
  Connect(Context(Authority().Issue(Named("n1"))), members_only);
  EXPECT_TRUE(ShakeHands().server.ok());
  Connect(Context(Authority().Issue(Named("n9", {"n3.example"}))), members_only);
  EXPECT_TRUE(ShakeHands().server.ok());
  Connect(Context(Authority().Issue(Named("n9", {"n9.example"}))), members_only);
  const Outcome outcome = ShakeHands();
  EXPECT_TRUE(Says(outcome.server, "the certificate of n9 has none of the allowed names n1,n3"));
}

TEST_F(TlsTest, PlainTextIsNotTls) {
  auto [plain, below] = network.Pair();
  server = std::make_unique<TlsStream>(
      std::move(below), Context(Authority().Issue(Named("n2"))), scheduler, server_clock,
      TlsStreamOptions{TlsSide::kServer, "", scheduler.now() + Seconds(5)});
  Run([&, plain = plain.get()](Fiber& fiber) {
    EXPECT_TRUE(plain->Write(fiber, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").ok());
    const absl::Status status = server->Handshake(fiber);
    EXPECT_TRUE(Says(status, "TLS handshake: ")) << status;
    EXPECT_EQ(server->Handshake(fiber), status) << "and stays failed";
  });
}

TEST_F(TlsTest, HandshakeThatIsCutOffOrStallsEnds) {
  ConnectMembers();
  Run([&](Fiber& fiber) {
    client_raw->CloseWrite();
    EXPECT_TRUE(Says(server->Handshake(fiber), "ended during the TLS handshake"));
  });
  ConnectMembers();
  const MonoTime start = scheduler.now();
  Run([&](Fiber& fiber) {
    server->SetReadDeadline(kNoDeadline);
    EXPECT_TRUE(absl::IsDeadlineExceeded(server->Handshake(fiber)));
  });
  EXPECT_EQ(scheduler.now() - start, Seconds(5));
}

TEST_F(TlsTest, EndWithoutFarewellIsAnErrorAndWithOneIsNot) {
  ConnectMembers();
  ASSERT_TRUE(ShakeHands().client.ok());
  absl::Status end;
  Run([&](Fiber& fiber) {
    EXPECT_TRUE(client->Write(fiber, "almost").ok());
    client_raw->CloseWrite();
    EXPECT_EQ(ReadAll(fiber, *server, &end), "almost");
  });
  EXPECT_TRUE(Says(end, "cut off")) << end;
  ConnectMembers();
  ASSERT_TRUE(ShakeHands().client.ok());
  Run([&](Fiber& fiber) {
    EXPECT_TRUE(client->Write(fiber, "all").ok());
    client->CloseWrite();
    EXPECT_TRUE(absl::IsUnavailable(client->Write(fiber, "more")));
    EXPECT_EQ(ReadAll(fiber, *server, &end), "all");
    EXPECT_TRUE(server->Write(fiber, "thanks").ok()) << "the other direction goes on";
    char word[10];
    EXPECT_EQ(*client->Read(fiber, absl::MakeSpan(word)), 6u);
  });
  EXPECT_TRUE(end.ok()) << end;
}

TEST_F(TlsTest, BytesThatWereTamperedWithAreNoticed) {
  ConnectMembers();
  ASSERT_TRUE(ShakeHands().client.ok());
  Run([&](Fiber& fiber) {
    const std::string forged(
        "\x17\x03\x03\x00\x20"
        "0123456789abcdef0123456789abcdef",
        37);
    EXPECT_TRUE(client_raw->Write(fiber, forged).ok());
    char byte = 0;
    EXPECT_TRUE(Says(server->Read(fiber, {&byte, 1}).status(), "decryption failed or bad record"));
  });
}

TEST_F(TlsTest, HandshakeOfAFiberThatIsUnwoundIsFinishedByTheNext) {
  ConnectMembers();
  bool done = false;
  auto first = std::make_unique<fiber::Scope>(scheduler);
  first->Spawn("first", [&](Fiber& fiber) { client->Handshake(fiber).IgnoreError(); });
  while (scheduler.ready_count() > 0) scheduler.RunOne();
  first.reset();
  scope.Spawn("server", [&](Fiber& fiber) { EXPECT_TRUE(server->Handshake(fiber).ok()); });
  scope.Spawn("second", [&](Fiber& fiber) {
    EXPECT_TRUE(client->Handshake(fiber).ok());
    done = true;
  });
  EXPECT_TRUE(RunUntil(scheduler, [&] { return done; }));
}

TEST_F(TlsTest, ProtocolsAreAgreedOn) {
  TlsPolicy h2 = Mutual();
  h2.protocols = {"h2"};
  Connect(Context(Authority().Issue(Named("n1")), h2),
          Context(Authority().Issue(Named("n2", {"n2.example"})), h2));
  EXPECT_TRUE(ShakeHands().client.ok());
  EXPECT_EQ(client->protocol(), "h2");
  EXPECT_EQ(server->protocol(), "h2");
  TlsPolicy other = Mutual();
  other.protocols = {"http/1.1"};
  Connect(Context(Authority().Issue(Named("n1")), other),
          Context(Authority().Issue(Named("n2", {"n2.example"})), h2));
  EXPECT_FALSE(ShakeHands().client.ok());
}

TEST(TlsContextTest, SaysWhatIsWrongWithCredentials) {
  const TlsCredentials good = Authority().Issue(Named("n1"));
  const auto refusal = [](const TlsCredentials& credentials, const TlsPolicy& policy = Mutual()) {
    const auto context = TlsContext::Make(credentials, policy);
    EXPECT_TRUE(absl::IsInvalidArgument(context.status())) << context.status();
    return context.status();
  };
  EXPECT_TRUE(Says(refusal({"nonsense", good.private_key, good.trusted}), "no certificate in PEM"));
  EXPECT_TRUE(Says(refusal({good.certificate_chain, "", good.trusted}), "no private key in PEM"));
  const TlsCredentials other = Authority().Issue(Named("n2"));
  EXPECT_TRUE(Says(refusal({good.certificate_chain, other.private_key, good.trusted}),
                   "the private key is not the certificate's"));
  EXPECT_TRUE(Says(refusal({good.certificate_chain, good.private_key, "nonsense"}),
                   "trusted certificates are damaged"));
  EXPECT_TRUE(Says(refusal({good.certificate_chain, good.private_key, ""}),
                   "without trusted certificates"));
  TlsPolicy policy;
  policy.cipher_suites = {"NO-SUCH-SUITE"};
  EXPECT_TRUE(Says(refusal(good, policy), "NO-SUCH-SUITE"));
  policy.cipher_suites = {"TLS_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                          "ECDHE-ECDSA-CHACHA20-POLY1305"};
  EXPECT_TRUE(TlsContext::Make(good, policy).ok());
  std::string cut = good.certificate_chain + good.certificate_chain;
  cut.resize(cut.size() - 40);
  EXPECT_TRUE(Says(refusal({cut, good.private_key, good.trusted}), "chain of certificates"));
  EXPECT_EQ(Context(good)->valid_until(), kNow + 30 * kDay);
}

TEST(TlsIssuerTest, AnAuthorityIsSavedAndGoesOn) {
  auto again = TlsIssuer::Load(Authority().certificate(), Authority().private_key());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(TlsContext::Make(again->Issue(Named("n3", {"::1", "n3"})), Mutual()).ok());
  const TlsCredentials leaf = Authority().Issue(Named("n1"));
  EXPECT_TRUE(Says(TlsIssuer::Load(leaf.certificate_chain, leaf.private_key).status(),
                   "not that of an authority"));
  EXPECT_TRUE(Says(TlsIssuer::Load(leaf.certificate_chain, Authority().private_key()).status(),
                   "not its certificate's"));
  EXPECT_FALSE(TlsIssuer::Load("", "").ok());
}

TEST(HostOfTest, TakesTheHostOfAnAddress) {
  EXPECT_EQ(HostOf("example.org:2380"), "example.org");
  EXPECT_EQ(HostOf("[::1]:2380"), "::1");
  EXPECT_EQ(HostOf("10.0.0.1:1"), "10.0.0.1");
}

}  // namespace
}  // namespace lockstep::edge
