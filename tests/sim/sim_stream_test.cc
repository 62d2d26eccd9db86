#include <gtest/gtest.h>

#include <optional>

#include "tests/sim/support.h"

namespace lockstep::sim {
namespace {

using runtime::Environment;
using runtime::Listener;
using runtime::Stream;

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 256);
  return bytes;
}

// Node 1 accepts one connection and does `serve`; node 2 dials it and does `call`.
class Pair final : public CalmUniverse {
 public:
  using Half = std::function<void(Fiber&, Environment&, Stream&)>;

  explicit Pair(const FaultProfile& profile = CalmProfile(), uint64_t seed = 1)
      : CalmUniverse(2, seed, 1, profile) {}

  void Start(Half serve, Half call) {
    Boot(1, [serve = std::move(serve)](Fiber& fiber, Environment& env) {
      auto listener = env.network.Listen("n1:80");
      ASSERT_TRUE(listener.ok());
      auto stream = (*listener)->Accept(fiber);
      ASSERT_TRUE(stream.ok());
      serve(fiber, env, **stream);
    });
    Boot(2, [call = std::move(call)](Fiber& fiber, Environment& env) {
      auto stream = env.network.Dial(fiber, "n1:80", kNoDeadline);
      ASSERT_TRUE(stream.ok()) << stream.status();
      call(fiber, env, **stream);
    });
  }
};

TEST(SimStream, BytesArriveInOrderWhateverTheNetworkDoesToTheirTiming) {
  FaultProfile profile = DefaultProfile();
  profile.reset_ppm.on_ppm = 0;
  profile.connect_black_hole_ppm.on_ppm = 0;
  profile.connect_refused_ppm.on_ppm = 0;
  profile.accept_error_ppm.on_ppm = 0;
  uint64_t partial = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Pair pair(profile, seed);
    const std::string sent = Pattern(200'000);
    std::string received;
    pair.Start([&](Fiber& fiber, Environment&, Stream& s) { received = ReadAll(fiber, s); },
               [&](Fiber& fiber, Environment&, Stream& s) {
                 EXPECT_TRUE(s.Write(fiber, sent).ok());
                 s.CloseWrite();
               });
    pair.world.RunFor(Seconds(300));
    EXPECT_EQ(received, sent) << "seed " << seed;
    partial += pair.world.faults().of(FaultClass::kPartialRead);
  }
  EXPECT_GT(partial, 0u);
}

TEST(SimStream, AWriterWaitsForItsReader) {
  Pair pair;
  const size_t window = pair.world.rates().window_bytes;
  bool written = false;
  size_t read = 0;
  fiber::Event go;
  pair.Start(
      [&](Fiber& fiber, Environment&, Stream& s) {
        go.Wait(fiber);
        read = ReadAll(fiber, s).size();
      },
      [&](Fiber& fiber, Environment&, Stream& s) {
        EXPECT_TRUE(s.Write(fiber, std::string(3 * window, 'x')).ok());
        written = true;
        s.CloseWrite();
      });
  pair.world.RunFor(Seconds(10));
  EXPECT_FALSE(written);
  go.Set();
  pair.world.RunFor(Seconds(10));
  EXPECT_TRUE(written);
  EXPECT_EQ(read, 3 * window);
}

TEST(SimStream, HalfCloseLeavesTheOtherDirectionOpen) {
  Pair pair;
  std::string answer;
  pair.Start(
      [&](Fiber& fiber, Environment&, Stream& s) {
        const std::string question = ReadAll(fiber, s);  // until the caller's end
        EXPECT_TRUE(s.Write(fiber, question + "!").ok());
        s.CloseWrite();
      },
      [&](Fiber& fiber, Environment&, Stream& s) {
        EXPECT_TRUE(s.Write(fiber, "hello").ok());
        s.CloseWrite();
        EXPECT_FALSE(s.Write(fiber, "more").ok());
        answer = ReadAll(fiber, s);
      });
  pair.world.RunFor(Seconds(1));
  EXPECT_EQ(answer, "hello!");
}

TEST(SimStream, DestroyedStreamStillDeliversWhatWasWritten) {
  CalmUniverse u(2);
  std::string received;
  u.Boot(1, [&](Fiber& fiber, Environment& env) {
    auto listener = env.network.Listen("0.0.0.0:80");
    auto stream = (*listener)->Accept(fiber);
    fiber.SleepFor(Seconds(1));
    received = ReadAll(fiber, **stream);
  });
  u.Boot(2, [&](Fiber& fiber, Environment& env) {
    auto stream = env.network.Dial(fiber, "n1:80", kNoDeadline);
    EXPECT_TRUE((*stream)->Write(fiber, "last words").ok());
  });
  u.world.RunFor(Seconds(2));
  EXPECT_EQ(received, "last words");
}

TEST(SimStream, ReadAndWriteDeadlinesPass) {
  Pair pair;
  absl::Status read, write;
  pair.Start([&](Fiber& fiber, Environment&, Stream&) { fiber.SleepFor(Seconds(100)); },
             [&](Fiber& fiber, Environment& env, Stream& s) {
               char c;
               s.SetReadDeadline(env.clock.Monotonic() + Milliseconds(50));
               read = s.Read(fiber, absl::MakeSpan(&c, 1)).status();
               s.SetWriteDeadline(env.clock.Monotonic() + Milliseconds(50));
               write = s.Write(fiber, std::string(10'000'000, 'x'));
             });
  pair.world.RunFor(Seconds(1));
  EXPECT_TRUE(absl::IsDeadlineExceeded(read)) << read;
  EXPECT_TRUE(absl::IsDeadlineExceeded(write)) << write;
}

TEST(SimStream, AbortCancelsTheLocalReaderAndResetsThePeer) {
  CalmUniverse u(2);
  absl::Status local, remote;
  u.Boot(1, [&](Fiber& fiber, Environment& env) {
    auto listener = env.network.Listen("n1:80");
    auto stream = (*listener)->Accept(fiber);
    char c;
    remote = (*stream)->Read(fiber, absl::MakeSpan(&c, 1)).status();
  });
  u.Boot(2, [&](Fiber& fiber, Environment& env) {
    auto stream = env.network.Dial(fiber, "n1:80", kNoDeadline);
    fiber::Scope scope(fiber.scheduler());
    scope.Spawn("reader", [&](Fiber& reader) {
      char c;
      local = (*stream)->Read(reader, absl::MakeSpan(&c, 1)).status();
    });
    fiber.SleepFor(Milliseconds(10));
    (*stream)->Abort();
    fiber.SleepFor(Seconds(10));
  });
  u.world.RunFor(Seconds(1));
  EXPECT_TRUE(absl::IsCancelled(local)) << local;
  EXPECT_TRUE(absl::IsUnavailable(remote)) << remote;
}

TEST(SimStream, PartitionHoldsBytesUntilItHeals) {
  Pair pair;
  std::string received;
  pair.Start([&](Fiber& fiber, Environment&, Stream& s) { received = ReadAll(fiber, s); },
             [&](Fiber& fiber, Environment&, Stream& s) {
               for (int i = 0; i < 100; ++i) {
                 EXPECT_TRUE(s.Write(fiber, absl::StrCat(i, ",")).ok());
                 fiber.SleepFor(Milliseconds(10));
               }
               s.CloseWrite();
             });
  const HostId from = pair.node(2).host();
  const HostId to = pair.node(1).host();
  pair.world.RunFor(Milliseconds(300));
  pair.network.Cut(from, to);
  pair.world.RunFor(Seconds(5));
  EXPECT_EQ(received, "");
  EXPECT_GT(pair.world.faults().of(FaultClass::kPartition), 0u);
  pair.network.Restore(from, to);
  pair.world.RunFor(Seconds(1));
  std::string expected;
  for (int i = 0; i < 100; ++i) absl::StrAppend(&expected, i, ",");
  EXPECT_EQ(received, expected);
}

TEST(SimStream, OneWayCutLetsTheOtherWayThrough) {
  Pair pair;
  std::string to_caller;
  std::string to_server;
  const auto talk = [](std::string* heard) {
    return [heard](Fiber& fiber, Environment&, Stream& s) {
      fiber.SleepFor(Milliseconds(100));
      EXPECT_TRUE(s.Write(fiber, "hi").ok());
      char buffer[10];
      const auto n = s.Read(fiber, absl::MakeSpan(buffer));
      if (n.ok()) heard->assign(buffer, *n);
      fiber.SleepFor(Seconds(100));
    };
  };
  pair.Start(talk(&to_server), talk(&to_caller));
  pair.world.RunFor(Milliseconds(50));
  pair.network.Cut(pair.node(2).host(), pair.node(1).host());
  pair.world.RunFor(Seconds(2));
  EXPECT_EQ(to_caller, "hi");
  EXPECT_EQ(to_server, "");
}

TEST(SimStream, PartitionOfAFullWindowHeals) {
  Pair pair;
  const size_t total = 10 * pair.world.rates().window_bytes;
  size_t received = 0;
  pair.Start([&](Fiber& fiber, Environment&, Stream& s) { received = ReadAll(fiber, s).size(); },
             [&](Fiber& fiber, Environment&, Stream& s) {
               EXPECT_TRUE(s.Write(fiber, std::string(total, 'x')).ok());
               s.CloseWrite();
             });
  // The credits go the other way: cutting that is enough to stop the writer.
  pair.world.RunFor(Microseconds(300));
  pair.network.Cut(pair.node(1).host(), pair.node(2).host());
  pair.world.RunFor(Seconds(5));
  EXPECT_EQ(received, 0u);
  pair.network.RestoreAll();
  pair.world.RunFor(Seconds(5));
  EXPECT_EQ(received, total);
}

TEST(SimStream, ClogDelaysAndKeepsOrder) {
  Pair pair;
  std::string received;
  std::optional<VirtualTime> when;
  pair.Start(
      [&](Fiber& fiber, Environment&, Stream& s) {
        received = ReadAll(fiber, s);
        when = pair.world.now();
      },
      [&](Fiber& fiber, Environment&, Stream& s) {
        pair.network.Clog(pair.node(2).host(), pair.node(1).host(), Seconds(3));
        EXPECT_TRUE(s.Write(fiber, "one ").ok());
        EXPECT_TRUE(s.Write(fiber, "two").ok());
        s.CloseWrite();
      });
  pair.world.RunFor(Seconds(10));
  EXPECT_EQ(received, "one two");
  ASSERT_TRUE(when.has_value());
  EXPECT_GT(*when, VirtualTime{Seconds(3).count()});
  EXPECT_GT(pair.world.faults().of(FaultClass::kClog), 0u);
}

TEST(SimStream, ResetFailsBothSides) {
  Pair pair;
  absl::Status server, caller;
  const auto read = [](absl::Status* out) {
    return [out](Fiber& fiber, Environment&, Stream& s) {
      char c;
      *out = s.Read(fiber, absl::MakeSpan(&c, 1)).status();
    };
  };
  pair.Start(read(&server), read(&caller));
  pair.world.RunFor(Seconds(1));
  pair.network.ResetAll(pair.node(1).host(), pair.node(2).host());
  pair.world.RunFor(Seconds(1));
  EXPECT_TRUE(absl::IsUnavailable(server));
  EXPECT_TRUE(absl::IsUnavailable(caller));
}

TEST(SimStream, KilledPeerEndsTheStreamAndPowerLossIsSilent) {
  for (const bool power : {false, true}) {
    Pair pair;
    std::optional<absl::StatusOr<size_t>> read;
    pair.Start([](Fiber& fiber, Environment&, Stream&) { fiber.SleepFor(Seconds(1000)); },
               [&](Fiber& fiber, Environment&, Stream& s) {
                 char c;
                 read = s.Read(fiber, absl::MakeSpan(&c, 1));
               });
    pair.world.RunFor(Seconds(1));
    power ? pair.node(1).PowerLoss() : pair.node(1).Kill();
    pair.world.RunFor(Seconds(60));
    EXPECT_EQ(read.has_value(), !power);
  }
}

TEST(SimStream, RebootedPeerAnswersOldStreamsWithAReset) {
  Pair pair;
  absl::Status status;
  pair.Start([](Fiber& fiber, Environment&, Stream&) { fiber.SleepFor(Seconds(1000)); },
             [&](Fiber& fiber, Environment&, Stream& s) {
               fiber.SleepFor(Seconds(2));
               EXPECT_TRUE(s.Write(fiber, "are you there?").ok());
               char c;
               status = s.Read(fiber, absl::MakeSpan(&c, 1)).status();
             });
  pair.world.RunFor(Seconds(1));
  pair.node(1).PowerLoss();
  pair.Boot(1, [](Fiber&, Environment&) {});
  pair.world.RunFor(Seconds(10));
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST(Dial, SaysWhyItFailed) {
  CalmUniverse u(3);
  u.Boot(1, [](Fiber&, Environment&) {});
  absl::Status refused, unknown, dark, cut, nonsense;
  u.network.CutBoth(u.node(2).host(), u.node(1).host());
  u.Run(2, [&](Fiber& fiber, Environment& env) {
    const auto dial = [&](const char* address) {
      return env.network.Dial(fiber, address, env.clock.Monotonic() + Seconds(3)).status();
    };
    cut = dial("n1:80");
    u.network.RestoreAll();
    refused = dial("n1:80");
    dark = dial("n3:80");  // never booted
    unknown = dial("n9:80");
    nonsense = dial("n1");
  });
  EXPECT_TRUE(absl::IsDeadlineExceeded(cut)) << cut;
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_TRUE(absl::IsDeadlineExceeded(dark)) << dark;
  EXPECT_TRUE(absl::IsUnavailable(unknown)) << unknown;
  EXPECT_TRUE(absl::IsInvalidArgument(nonsense)) << nonsense;
}

TEST(Dial, IsRetriedUntilThePartitionHeals) {
  CalmUniverse u(2);
  u.Boot(1, [](Fiber& fiber, Environment& env) {
    auto listener = env.network.Listen("n1:80");
    auto stream = (*listener)->Accept(fiber);
    fiber.SleepFor(Seconds(1000));
  });
  u.network.Cut(u.node(1).host(), u.node(2).host());
  bool connected = false;
  u.Boot(2, [&](Fiber& fiber, Environment& env) {
    connected = env.network.Dial(fiber, "n1:80", kNoDeadline).ok();
  });
  u.world.RunFor(Seconds(2));
  EXPECT_FALSE(connected);
  u.network.RestoreAll();
  u.world.RunFor(Seconds(8));
  EXPECT_TRUE(connected);
}

TEST(Listen, OwnsItsPortWhileItLives) {
  CalmUniverse u(1);
  u.Run(1, [&](Fiber& fiber, Environment& env) {
    auto first = env.network.Listen("n1:80");
    ASSERT_TRUE(first.ok());
    EXPECT_TRUE(absl::IsAlreadyExists(env.network.Listen("n1:80").status()));
    absl::Status accepted;
    fiber::Scope scope(fiber.scheduler());
    scope.Spawn("acceptor",
                [&](Fiber& acceptor) { accepted = (*first)->Accept(acceptor).status(); });
    fiber.Yield();
    first->reset();
    fiber.Yield();
    EXPECT_TRUE(absl::IsCancelled(accepted)) << accepted;
    EXPECT_TRUE(env.network.Listen("n1:80").ok());
    auto any = env.network.Listen("127.0.0.1:0");
    ASSERT_TRUE(any.ok());
    EXPECT_NE((*any)->address(), "n1:0");
    EXPECT_TRUE(env.network.Dial(fiber, (*any)->address(), kNoDeadline).ok());
  });
}

}  // namespace
}  // namespace lockstep::sim
