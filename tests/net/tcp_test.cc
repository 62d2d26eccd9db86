#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "framework/base/random.h"
#include "framework/fiber/sync.h"
#include "net/socket_address.h"
#include "net/unique_fd.h"
#include "tests/net/support.h"

namespace lockstep::net {
namespace {

using runtime::Listener;
using runtime::Stream;

// Bytes that differ everywhere, so that a lost or doubled piece is noticed.
std::string Pattern(size_t bytes, uint64_t seed) {
  base::SequentialRandom random(seed);
  std::string text;
  text.reserve(bytes + 8);
  while (text.size() < bytes) {
    const uint64_t word = random.Next();
    text.append(reinterpret_cast<const char*>(&word), sizeof(word));
  }
  text.resize(bytes);
  return text;
}

void Echo(Fiber& fiber, Stream& stream) {
  char chunk[16384];
  for (;;) {
    const auto n = stream.Read(fiber, absl::MakeSpan(chunk));
    CHECK(n.ok()) << n.status().ToString();
    if (*n == 0) break;
    CHECK_OK(stream.Write(fiber, absl::string_view(chunk, *n)));
  }
  stream.CloseWrite();
}

// Writes `sent` and reads what comes back at the same time.
std::string RoundTrip(Fiber& fiber, Stream& stream, const std::string& sent) {
  fiber::Scope scope(fiber.scheduler());
  scope.Spawn("writer", [&](Fiber& writer) {
    CHECK_OK(stream.Write(writer, sent));
    stream.CloseWrite();
  });
  std::string all = ReadToEnd(fiber, stream);
  return all;
}

void ServeEchoes(Fiber& fiber, Listener& listener, int connections) {
  fiber::Scope scope(fiber.scheduler());
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < connections; ++i) {
    streams.push_back(MustAccept(fiber, listener));
    scope.Spawn("echo", [stream = streams.back().get()](Fiber& f) { Echo(f, *stream); });
  }
  JoinAll(fiber, scope);
}

TEST(TcpNetwork, EchoesManyConnectionsAtOnce) {
  constexpr int kConnections = 200;
  TestShard shard;
  const auto listener = ListenLocally(shard);
  int done = 0;
  const Body clients = [&](Fiber& fiber) {
    fiber::Scope scope(fiber.scheduler());
    for (int i = 0; i < kConnections; ++i) {
      scope.Spawn("client", [&, i](Fiber& f) {
        const auto stream = MustDial(f, shard, listener->address());
        const std::string sent = Pattern(5000, static_cast<uint64_t>(i));
        CHECK(RoundTrip(f, *stream, sent) == sent);
        ++done;
      });
    }
    JoinAll(fiber, scope);
  };
  RunFibers(shard.loop, {[&](Fiber& f) { ServeEchoes(f, *listener, kConnections); }, clients});
  EXPECT_EQ(done, kConnections);
}

TEST(TcpNetwork, CarriesLargeTransfersWhole) {
  TestShard shard;
  const auto listener = ListenLocally(shard);
  const std::string sent = Pattern(32 << 20, 7);
  std::string received;
  RunFibers(shard.loop, {[&](Fiber& f) { ServeEchoes(f, *listener, 1); },
                         [&](Fiber& f) {
                           const auto stream = MustDial(f, shard, listener->address());
                           received = RoundTrip(f, *stream, sent);
                         }});
  EXPECT_TRUE(received == sent);
}

TEST(TcpNetwork, WorksOverIpv6AndByName) {
  TestShard shard;
  auto v6 = shard.network.Listen("[::1]:0");
  auto named = shard.network.Listen("localhost:0");
  ASSERT_TRUE(v6.ok() && named.ok()) << v6.status() << named.status();
  EXPECT_TRUE(absl::StartsWith((*v6)->address(), "[::1]:"));
  const std::string port = (*named)->address().substr((*named)->address().rfind(':'));
  RunFibers(shard.loop, {[&](Fiber& f) {
              const auto by_literal = MustDial(f, shard, (*v6)->address());
              EXPECT_EQ(by_literal->peer(), (*v6)->address());
              const auto by_name = MustDial(f, shard, "localhost" + port);
              MustAccept(f, **v6);
              MustAccept(f, **named);
            }});
}

TEST(TcpNetwork, ListensOnEveryLocalAddressWhenThereIsNoHost) {
  TestShard shard;
  auto listener = shard.network.Listen(":0");
  ASSERT_TRUE(listener.ok()) << listener.status();
  const std::string port = (*listener)->address().substr((*listener)->address().rfind(':'));
  RunFibers(shard.loop, {[&](Fiber& f) {
              const auto dialed = MustDial(f, shard, "127.0.0.1" + port);
              MustAccept(f, **listener);
            }});
}

TEST(TcpNetwork, RefusesAddressesThatMakeNoSense) {
  TestShard shard;
  RunFibers(shard.loop, {[&](Fiber& f) {
              for (const char* address :
                   {"", "localhost", "host:", "host:65536", "host:-1", "host: 1", "::1:80",
                    "[::1:80", "[name]:80", "a b:80", "127.0.0.1:0", ":80"}) {
                const auto dialed = shard.network.Dial(f, address, kNoDeadline);
                EXPECT_TRUE(absl::IsInvalidArgument(dialed.status())) << address << dialed.status();
              }
            }});
  EXPECT_TRUE(absl::IsInvalidArgument(shard.network.Listen("nonsense").status()));
}

TEST(TcpNetwork, DialOfAPortThatNobodyListensOnIsUnavailable) {
  TestShard shard;
  auto listener = ListenLocally(shard);
  const std::string address = listener->address();
  listener.reset();
  RunFibers(shard.loop, {[&](Fiber& f) {
              const auto dialed = shard.network.Dial(f, address, f.now() + kPatience);
              EXPECT_TRUE(absl::IsUnavailable(dialed.status())) << dialed.status();
              EXPECT_TRUE(absl::StrContains(dialed.status().message(), address)) << dialed.status();
              const auto nowhere =
                  shard.network.Dial(f, "no-such-host.invalid:1", f.now() + kPatience);
              EXPECT_TRUE(absl::IsUnavailable(nowhere.status())) << nowhere.status();
            }});
}

TEST(TcpNetwork, DialGivesUpAtItsDeadline) {
  TestShard shard;
  RunFibers(shard.loop, {[&](Fiber& f) {
              const auto passed = shard.network.Dial(f, "127.0.0.1:1", f.now());
              // Either the refusal or the deadline came first; nobody waits.
              EXPECT_FALSE(passed.ok());
              const auto slow_name = shard.network.Dial(f, "some-name.invalid:1", f.now());
              EXPECT_TRUE(absl::IsDeadlineExceeded(slow_name.status())) << slow_name.status();
            }});
}

TEST(TcpNetwork, DialOfSomebodyWhoDoesNotAnswerEndsAtTheDeadline) {
  TestShard shard;
  // A listener that accepts nobody: once its short queue is full, the kernel answers nobody.
  const UniqueFd deaf(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const SocketAddress any = *ParseLiteral({"127.0.0.1", 0});
  ASSERT_EQ(bind(deaf.get(), any.get(), any.size()), 0);
  ASSERT_EQ(listen(deaf.get(), 0), 0);
  const std::string address = SocketAddress::OfSocket(deaf.get()).ToString();
  RunFibers(shard.loop, {[&](Fiber& f) {
              std::vector<std::unique_ptr<Stream>> queued;
              auto dialed = shard.network.Dial(f, address, f.now() + Milliseconds(30));
              for (; dialed.ok() && queued.size() < 10;
                   dialed = shard.network.Dial(f, address, f.now() + Milliseconds(30))) {
                queued.push_back(*std::move(dialed));
              }
              EXPECT_TRUE(absl::IsDeadlineExceeded(dialed.status())) << dialed.status();
            }});
}

TEST(TcpNetwork, ASecondListenerOnAPortIsToldWhichOneIsTaken) {
  TestShard shard;
  const auto first = ListenLocally(shard);
  const auto second = shard.network.Listen(first->address());
  EXPECT_TRUE(absl::IsAlreadyExists(second.status())) << second.status();
  EXPECT_TRUE(absl::StrContains(second.status().message(), first->address())) << second.status();
}

TEST(TcpNetwork, AListenerFreesItsPort) {
  TestShard shard;
  auto first = ListenLocally(shard);
  const std::string address = first->address();
  RunFibers(shard.loop, {[&](Fiber& f) {
              const auto client = MustDial(f, shard, address);
              MustAccept(f, *first);
            }});
  first.reset();
  EXPECT_TRUE(shard.network.Listen(address).ok());
}

TEST(TcpListener, TellsAWaitingFiberThatItWasClosed) {
  TestShard shard;
  auto listener = ListenLocally(shard);
  absl::Status status;
  RunFibers(shard.loop, {[&](Fiber& f) { status = listener->Accept(f).status(); },
                         [&](Fiber& f) {
                           f.Yield();
                           listener.reset();
                         }});
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

TEST(TcpListener, SurvivesRunningOutOfDescriptors) {
  TestShard shard;
  const auto listener = ListenLocally(shard);
  RunFibers(shard.loop, {[&](Fiber& f) {
              const auto client = MustDial(f, shard, listener->address());
              rlimit before{};
              ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
              const int next_free = open("/dev/null", O_RDONLY | O_CLOEXEC);
              close(next_free);
              const rlimit none_left{static_cast<rlim_t>(next_free), before.rlim_max};
              ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none_left), 0);
              const auto refused = listener->Accept(f);
              ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
              EXPECT_TRUE(absl::IsResourceExhausted(refused.status())) << refused.status();
              const auto accepted = MustAccept(f, *listener);
              CHECK_OK(accepted->Write(f, "here"));
              accepted->CloseWrite();
              EXPECT_EQ(ReadToEnd(f, *client), "here");
            }});
}

TEST(TcpStream, AWriterWaitsForASlowReader) {
  TestShard shard;
  const std::string sent = Pattern(64 << 20, 3);
  bool written = false;
  RunFibers(shard.loop, {[&](Fiber& fiber) {
              const Pair pair = Connect(fiber, shard);
              fiber::Scope scope(fiber.scheduler());
              scope.Spawn("writer", [&](Fiber& writer) {
                CHECK_OK(pair.client->Write(writer, sent));
                written = true;
                pair.client->CloseWrite();
              });
              LetOthersRun(fiber);
              EXPECT_FALSE(written) << "64 MiB fit into no send buffer";
              EXPECT_TRUE(ReadToEnd(fiber, *pair.server) == sent);
              EXPECT_TRUE(written);
            }});
}

TEST(TcpStream, HalfCloseLeavesTheOtherDirectionOpen) {
  TestShard shard;
  RunFibers(shard.loop, {[&](Fiber& f) {
              const Pair pair = Connect(f, shard);
              CHECK_OK(pair.client->Write(f, "question"));
              pair.client->CloseWrite();
              EXPECT_EQ(ReadToEnd(f, *pair.server), "question");
              CHECK_OK(pair.server->Write(f, "answer"));
              pair.server->CloseWrite();
              EXPECT_EQ(ReadToEnd(f, *pair.client), "answer");
              EXPECT_TRUE(absl::IsUnavailable(pair.client->Write(f, "more")));
            }});
}

TEST(TcpStream, ADeadlineEndsAWaitingRead) {
  TestShard shard;
  RunFibers(shard.loop, {[&](Fiber& f) {
              const Pair pair = Connect(f, shard);
              char byte;
              const MonoTime deadline = f.now() + Milliseconds(20);
              pair.server->SetReadDeadline(deadline);
              const auto late = pair.server->Read(f, absl::MakeSpan(&byte, 1));
              EXPECT_TRUE(absl::IsDeadlineExceeded(late.status())) << late.status();
              EXPECT_GE(ReadMonotonicClock(), deadline);
              // The connection is as good as before.
              pair.server->SetReadDeadline(kNoDeadline);
              CHECK_OK(pair.client->Write(f, "x"));
              EXPECT_EQ(*pair.server->Read(f, absl::MakeSpan(&byte, 1)), 1u);
            }});
}

TEST(TcpStream, ADeadlineSetMeanwhileReachesAReadThatWaits) {
  TestShard shard;
  RunFibers(shard.loop, {[&](Fiber& f) {
              const Pair pair = Connect(f, shard);
              fiber::Scope scope(f.scheduler());
              scope.Spawn("impatient",
                          [&](Fiber& other) { pair.server->SetReadDeadline(other.now()); });
              char byte;
              const auto late = pair.server->Read(f, absl::MakeSpan(&byte, 1));
              EXPECT_TRUE(absl::IsDeadlineExceeded(late.status())) << late.status();
            }});
}

TEST(TcpStream, ADeadlineEndsAWriteThatNobodyReads) {
  TestShard shard;
  const std::string much = Pattern(64 << 20, 5);
  RunFibers(shard.loop, {[&](Fiber& f) {
              const Pair pair = Connect(f, shard);
              pair.client->SetWriteDeadline(f.now() + Milliseconds(20));
              const absl::Status late = pair.client->Write(f, much);
              EXPECT_TRUE(absl::IsDeadlineExceeded(late)) << late;
            }});
}

TEST(TcpStream, AbortEndsWaitingReadsAndWrites) {
  TestShard shard;
  const std::string much = Pattern(64 << 20, 9);
  absl::Status read;
  absl::Status written;
  RunFibers(shard.loop, {[&](Fiber& f) {
              const Pair pair = Connect(f, shard);
              fiber::Scope scope(f.scheduler());
              scope.Spawn("reader", [&](Fiber& reader) {
                char byte;
                read = pair.client->Read(reader, absl::MakeSpan(&byte, 1)).status();
              });
              scope.Spawn("writer",
                          [&](Fiber& writer) { written = pair.client->Write(writer, much); });
              LetOthersRun(f);
              EXPECT_EQ(scope.size(), 2u) << "both wait";
              pair.client->Abort();
              JoinAll(f, scope);
              EXPECT_TRUE(absl::IsCancelled(pair.client->Write(f, "x")));
            }});
  EXPECT_TRUE(absl::IsCancelled(read)) << read;
  EXPECT_TRUE(absl::IsCancelled(written)) << written;
}

TEST(TcpStream, AbortIsUnavailableToThePeer) {
  TestShard shard;
  RunFibers(shard.loop, {[&](Fiber& f) {
              const Pair pair = Connect(f, shard);
              pair.client->Abort();
              char byte;
              const auto reset = pair.server->Read(f, absl::MakeSpan(&byte, 1));
              EXPECT_TRUE(absl::IsUnavailable(reset.status())) << reset.status();
              EXPECT_TRUE(absl::IsUnavailable(pair.server->Write(f, "to nobody")));
            }});
}

TEST(TcpStream, UnwindingAReaderLeavesTheStreamUsable) {
  TestShard shard;
  RunFibers(shard.loop, {[&](Fiber& f) {
              const Pair pair = Connect(f, shard);
              {
                fiber::Scope scope(f.scheduler());
                scope.Spawn("reader", [&](Fiber& reader) {
                  char byte;
                  pair.server->Read(reader, absl::MakeSpan(&byte, 1)).IgnoreError();
                  ADD_FAILURE() << "nothing was sent";
                });
                f.Yield();
              }
              CHECK_OK(pair.client->Write(f, "late"));
              pair.client->CloseWrite();
              EXPECT_EQ(ReadToEnd(f, *pair.server), "late");
            }});
}

TEST(TcpStream, WhatWasWrittenArrivesThoughTheWriterIsGoneAndThePeerStillSends) {
  TestShard shard;
  const std::string reply = Pattern(3 << 20, 11);
  RunFibers(shard.loop, {[&](Fiber& f) {
              Pair pair = Connect(f, shard);
              fiber::Scope scope(f.scheduler());
              scope.Spawn("server", [&](Fiber& server) {
                CHECK_OK(pair.server->Write(server, reply));
                pair.server.reset();
              });
              // The request that the server never reads; without lingering it resets the
              // connection.
              for (int i = 0; i < 100; ++i) {
                CHECK_OK(pair.client->Write(f, Pattern(1000, 1)));
                f.Yield();
              }
              EXPECT_TRUE(ReadToEnd(f, *pair.client) == reply);
            }});
}

TEST(TcpStream, AStreamThatIsAlwaysReadyLetsOthersRun) {
  TestShard shard;
  RunFibers(shard.loop, {[&](Fiber& f) {
              const Pair pair = Connect(f, shard);
              CHECK_OK(pair.client->Write(f, Pattern(1000, 1)));
              int turns_of_others = 0;
              fiber::Scope scope(f.scheduler());
              scope.Spawn("other", [&](Fiber& other) {
                for (;;) {
                  ++turns_of_others;
                  other.Yield();
                }
              });
              LetOthersRun(f);
              const int before = turns_of_others;
              char byte;
              for (int i = 0; i < 1000; ++i)
                ASSERT_EQ(*pair.server->Read(f, absl::MakeSpan(&byte, 1)), 1u);
              EXPECT_GE(turns_of_others - before, 30);
            }});
}

}  // namespace
}  // namespace lockstep::net
