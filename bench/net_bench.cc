// Echoes per second over loopback (one thread serves, one asks), and trips to the log lane.
//
//   net_bench [connections] [bytes] [seconds]
//   perf stat -e raw_syscalls:sys_enter net_bench 128     # system calls
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "framework/base/check.h"
#include "framework/fiber/scheduler.h"
#include "framework/fiber/sync.h"
#include "net/loop.h"
#include "net/tcp_network.h"
#include "net/thread_offload.h"

namespace lockstep::net {
namespace {

struct Options final {
  int connections = 128;
  size_t bytes = 256;
  int64_t seconds = 2;
};

struct Shard final {
  Loop loop;
  ThreadOffload offload{loop};
  TcpNetwork network{loop, offload};
};

void Echo(Fiber& fiber, runtime::Stream& stream) {
  char chunk[16384];
  for (;;) {
    const auto n = stream.Read(fiber, absl::MakeSpan(chunk));
    if (!n.ok() || *n == 0) return;
    if (!stream.Write(fiber, absl::string_view(chunk, *n)).ok()) return;
  }
}

void Serve(Shard& shard, runtime::Listener& listener) {
  std::vector<std::unique_ptr<runtime::Stream>> streams;
  fiber::Scope scope(shard.loop.scheduler());
  scope.Spawn("accept", [&](Fiber& fiber) {
    fiber::Scope echoes(fiber.scheduler());
    for (;;) {
      auto stream = listener.Accept(fiber);
      CHECK(stream.ok()) << stream.status().ToString();
      streams.push_back(*std::move(stream));
      echoes.Spawn("echo", [to = streams.back().get()](Fiber& f) { Echo(f, *to); });
    }
  });
  shard.loop.Run();
}

void Ask(Fiber& fiber, runtime::Stream& stream, size_t bytes, MonoTime end, int64_t& echoes) {
  const std::string sent(bytes, 'x');
  char chunk[16384];
  while (fiber.now() < end) {
    CHECK_OK(stream.Write(fiber, sent));
    for (size_t got = 0; got < bytes;) {
      const auto n = stream.Read(fiber, absl::MakeSpan(chunk));
      CHECK(n.ok() && *n > 0);
      got += *n;
    }
    ++echoes;
  }
}

int64_t CountEchoes(Shard& shard, const runtime::Address& server, const Options& options) {
  int64_t echoes = 0;
  fiber::Scope scope(shard.loop.scheduler());
  scope.Spawn("clients", [&](Fiber& fiber) {
    std::vector<std::unique_ptr<runtime::Stream>> streams;
    for (int i = 0; i < options.connections; ++i) {
      auto stream = shard.network.Dial(fiber, server, kNoDeadline);
      CHECK(stream.ok()) << stream.status().ToString();
      streams.push_back(*std::move(stream));
    }
    const MonoTime end = fiber.now() + Seconds(options.seconds);
    fiber::Scope asking(fiber.scheduler());
    for (const auto& stream : streams) {
      asking.Spawn("ask", [&](Fiber& f) { Ask(f, *stream, options.bytes, end, echoes); });
    }
    while (asking.size() > 0) fiber.SleepFor(Milliseconds(10));
    shard.loop.Stop();
  });
  shard.loop.Run();
  return echoes;
}

int64_t CountTrips(Shard& shard, const Options& options) {
  int64_t trips = 0;
  fiber::Scope scope(shard.loop.scheduler());
  scope.Spawn("trips", [&](Fiber& fiber) {
    const MonoTime end = fiber.now() + Seconds(options.seconds);
    for (; fiber.now() < end; ++trips) shard.offload.Run(fiber, runtime::Lane::kLog, [] {});
    shard.loop.Stop();
  });
  shard.loop.Run();
  return trips;
}

void Run(const Options& options) {
  Shard server;
  Shard client;
  auto listener = server.network.Listen("127.0.0.1:0");
  CHECK(listener.ok()) << listener.status().ToString();
  std::thread thread([&] { Serve(server, **listener); });
  const int64_t echoes = CountEchoes(client, (*listener)->address(), options);
  server.loop.Stop();
  thread.join();
  std::printf("%d connections, %zu bytes: %ld echoes/s\n", options.connections, options.bytes,
              echoes / options.seconds);
  std::printf("log lane: %ld trips/s, one at a time\n",
              CountTrips(client, options) / options.seconds);
}

}  // namespace
}  // namespace lockstep::net

int main(int argc, char** argv) {
  lockstep::net::Options options;
  if (argc > 1) options.connections = std::max(1, std::atoi(argv[1]));
  if (argc > 2) options.bytes = static_cast<size_t>(std::max(1, std::atoi(argv[2])));
  if (argc > 3) options.seconds = std::max(1, std::atoi(argv[3]));
  lockstep::net::Run(options);
  return 0;
}
